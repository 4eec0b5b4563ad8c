"""A provider with rules of its own: 3 connections, 20 messages on each, 50 messages a second, and no word when it closes.

The short form runs always; the long one (60 s) with tests/integration/run --full -k provider.
"""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.process import Lab

RATE, CONNECTIONS, MESSAGES = 50, 3, 20
RULES = (f"set rtt 10ms\nset max-connections {CONNECTIONS}\nset max-messages {MESSAGES}\n"
         f"set max-messages-how silent\nset rate {RATE}/s\n")
SESSIONS = 40  # far more than the provider takes at a time


@dataclass(frozen=True)
class Load:
    exit_code: int
    messages: int
    seconds: float

    @property
    def use(self) -> float:
        """The share of what the provider allows in that time: its rate, and the second's worth that it gives at the start."""
        return self.messages / (RATE * (self.seconds + 1))


def load(target: str, messages: int, *switches: str, sessions: int = SESSIONS) -> Load:
    """Postfix's load generator: as many sessions as asked for, without any regard for the other side."""
    began = time.monotonic()
    done = subprocess.run(["smtp-source", *switches, "-d", "-s", str(sessions), "-m", str(messages), "-l", "2000", "-f",
                           "sender@example.com", "-t", "someone@example.org", target], capture_output=True, check=False,
                          timeout=messages / RATE * 3 + 60)
    return Load(done.returncode, messages, time.monotonic() - began)


def deliver_all(lab: Lab, messages: int) -> tuple[Fakemx, Load]:
    provider = Fakemx(lab, RULES)
    manager = Mailpoold(lab, {"route": {"*": [provider.address]},
                              "site": {"provider": {"domains": ["example.org"], "max_connections": CONNECTIONS,
                                                    "max_messages": MESSAGES, "rate": f"{RATE}/s", "tls": "none",
                                                    "max_waiting": 1000}},
                              "lmtp": {"max_wait": "60s"}}).start()
    return provider, load(f"unix:{manager.lmtp_socket}", messages, "-L")


@pytest.mark.parametrize("seconds", [12, pytest.param(60, marks=[pytest.mark.full, pytest.mark.slow])])
def test_a_full_backlog_breaks_no_rule_and_uses_what_the_rules_allow(seconds: int, lab: Lab):
    provider, done = deliver_all(lab, RATE * seconds)
    print(f"{done.messages} messages in {done.seconds:.1f} s: {done.use:.1%} of what the provider allows; "
          f"{provider.connections()} connections, {provider.violations()} violations")
    assert done.exit_code == 0, "every message was answered 250"
    assert len(provider.accepted()) == done.messages
    assert provider.violations() == 0, provider.stats()
    assert done.use >= 0.95, f"{done.use:.1%} of what the provider allows"


def test_a_plain_load_generator_is_caught(lab: Lab):
    """The negative control: what keeps no rules breaks these."""
    provider = Fakemx(lab, RULES)
    load(provider.address, 200, sessions=10)
    assert provider.violations() > 0


def test_a_limit_set_too_high_is_caught(lab: Lab):
    """And the provider would see mailpoold, too, if it did not keep its limits."""
    provider = Fakemx(lab, RULES)
    manager = Mailpoold(lab, {"route": {"*": [provider.address]}, "lmtp": {"max_wait": "5s"},
                              "smtp": {"max_connections": 20, "tls": "none"}}).start()
    load(f"unix:{Path(manager.lmtp_socket)}", 400, "-L")
    assert provider.violations() > 0
