"""A provider with rules of its own: 3 connections, 20 messages on each, 50 messages a second, and no word when it closes.

The short form runs always; the long one (60 s) with tests/integration/run --full -k provider. What is used of the rate is printed.
"""

import subprocess

import pytest

from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold, Waits
from lab.process import Lab, wait_until
from lab.providers import MAX_WAIT, Figures, Provider

PROVIDER = Provider("provider", 3, 20, rate=50, silent=True)
SESSIONS = 40  # far more than the provider takes at a time


def load(target: str, messages: int, *switches: str, sessions: int = SESSIONS) -> subprocess.Popen:
    """Postfix's load generator: as many sessions as asked for, without any regard for the other side."""
    return subprocess.Popen(["smtp-source", *switches, "-d", "-s", str(sessions), "-m", str(messages), "-l", "2000", "-f",
                             "sender@example.com", "-t", "someone@example.org", target])


@pytest.mark.parametrize("seconds", [12, pytest.param(60, marks=[pytest.mark.full, pytest.mark.slow])])
def test_a_full_backlog_breaks_no_rule_and_uses_what_the_rules_allow(seconds: int, lab: Lab):
    server = Fakemx(lab, PROVIDER.script(0))
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "lmtp": {"max_wait": MAX_WAIT, "slots": 5000},
                              "site": {PROVIDER.name: {**PROVIDER.site(), "domains": ["example.org"], "tls": "none",
                                                       "max_waiting": 1000}}}).start()
    waits = Waits(manager)
    with load(f"unix:{manager.lmtp_socket}", PROVIDER.rate * seconds, "-L") as generator:
        wait_until(lambda: waits.look() or generator.poll() is not None, 10 * seconds + 60, "the backlog is done")
    manager.process.stop()  # which ends its connections, so that they are counted
    figures = Figures.of(server)
    print(f"{PROVIDER.use(figures, 0)}; waited for: {sorted(waits.at[PROVIDER.name])}")
    assert generator.returncode == 0, "every message was answered 250"
    assert len(server.accepted()) == PROVIDER.rate * seconds
    assert server.violations() == 0, server.stats()
    assert figures.most_messages == PROVIDER.messages
    assert PROVIDER.is_used_up(figures, waits.at[PROVIDER.name])
    assert not PROVIDER.others_of(waits.at[PROVIDER.name]), "nothing but its own rules holds mail back"


def test_a_plain_load_generator_is_caught(lab: Lab):
    """The negative control: what keeps no rules breaks these."""
    server = Fakemx(lab, PROVIDER.script(0))
    load(server.address, 200, sessions=10).wait(timeout=60)
    assert server.violations() > 0


def test_a_limit_set_too_high_is_caught(lab: Lab):
    """And the provider would see mailpoold, too, if it did not keep its limits."""
    server = Fakemx(lab, PROVIDER.script(0))
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "lmtp": {"max_wait": "5s"},
                              "smtp": {"max_connections": 20, "tls": "none"}}).start()
    load(f"unix:{manager.lmtp_socket}", 400, "-L").wait(timeout=60)
    assert server.violations() > 0
