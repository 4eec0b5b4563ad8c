"""Eight strict providers, 400 customer domains in the DNS, a backlog for all of them: no rule is broken, and none is left unused.

The long form, one minute and 50,000 messages, is tools/bench/run providers.
"""

import time

from lab.process import Lab, wait_until
from lab.providers import PROVIDERS, Town

WINDOW = 8
THINKS = 0.25  # seconds that a provider takes for each message


def test_every_provider_is_used_to_what_it_allows_and_not_beyond(lab: Lab):
    town = Town(lab, THINKS)
    manager = town.manager()
    messages = round(sum(provider.allows(THINKS) for provider in PROVIDERS) * (WINDOW + 12))
    backlog = town.backlog(manager.lmtp_socket, messages)
    wait_until(lambda: all(site["delivered"] > 0 for site in manager.status()["sites"]) and len(manager.status()["sites"]) == 8,
               20, "mail reaches every provider, its site found by its MX hosts")
    time.sleep(1)
    uses = town.uses(WINDOW)
    assert backlog.is_running(), "the backlog was too short"
    print(*uses, sep="\n")
    assert all(use.share >= 0.95 for use in uses)
    reports = backlog.reports()
    assert town.violations() == {provider.name: 0 for provider in PROVIDERS}
    assert sum(report["complete"] for report in reports) == messages
    assert {site["site"]: site["domains"] for site in manager.status()["sites"]} == {provider.name: 50 for provider in PROVIDERS}


def test_every_provider_catches_a_plain_load_generator(lab: Lab):
    """The negative control: what knows no limits breaks those of each."""
    town = Town(lab, THINKS)
    generator = town.backlog(None, 5000)
    wait_until(lambda: all(count > 0 for count in town.violations().values()), 20, "every provider has caught it")
    generator.stop()
