"""Eight strict providers, 400 customer domains in the DNS, a backlog for all of them: no rule is broken, and none is left unused.

What is asserted are counts: how much of what a provider allows in a second is used depends on the machine, and is printed.
The long form, one minute and 50,000 messages, is tools/bench/run providers.
"""

from lab.mailpool import Waits
from lab.process import Lab, wait_until
from lab.providers import DOMAINS_EACH, PROVIDERS, Provider, Town

THINKS = 0.05  # seconds that a provider takes for each message
BURSTS = 6  # of a provider's rate


def backlog_for(provider: Provider) -> int:
    """Enough to use up what its connections carry and its rate allows, several times."""
    if provider.rate:
        return provider.rate * BURSTS
    return 2 * provider.connections * provider.messages


def test_every_provider_is_used_to_what_it_allows_and_not_beyond(lab: Lab):
    town = Town(lab, THINKS)
    manager = town.manager()
    messages = {provider: backlog_for(provider) for provider in PROVIDERS}
    backlog = town.backlog(manager.lmtp_socket, messages)
    waits = Waits(manager)
    wait_until(lambda: waits.look() or backlog.is_over(), 240, "the backlog is done")
    reports = backlog.reports()
    domains = {site["site"]: site["domains"] for site in manager.status()["sites"]}
    manager.process.stop()  # which ends its connections, so that they are counted
    found = town.figures()
    for provider, figures in found.items():
        print(f"{provider.use(figures, THINKS)}; waited for: {sorted(waits.at[provider.name])}")
    assert town.violations() == {provider.name: 0 for provider in PROVIDERS}
    assert [report["complete"] for report in reports] == [messages[provider] for provider in PROVIDERS]
    assert domains == {provider.name: DOMAINS_EACH for provider in PROVIDERS}, "each is found by its MX hosts"
    assert {p.name: p.is_used_up(figures, waits.at[p.name]) for p, figures in found.items()} == {
        provider.name: True for provider in PROVIDERS}
    assert {p.name: p.others_of(waits.at[p.name]) for p in PROVIDERS} == {p.name: set() for p in PROVIDERS}, (
        "nothing but the provider's own limits holds mail back")


def test_every_provider_catches_a_plain_load_generator(lab: Lab):
    """The negative control: what knows no limits breaks those of each."""
    town = Town(lab, THINKS)
    generator = town.backlog(None, town.in_proportion(5000))
    wait_until(lambda: all(count > 0 for count in town.violations().values()), 60, "every provider has caught it")
    generator.stop()
