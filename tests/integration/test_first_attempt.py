"""Hosts that are dead, silent or slow, real Postfix in front, all options as they ship, in real time: each message goes at the MTA's first attempt."""

import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.postfix import MAILPOOL_SERVICE, Postfix
from lab.process import Lab, wait_until

SENDER = "sender@example.com"
MX_PORT = 25
# What the lab shortens, as Postfix has it.
POSTFIX_DEFAULTS = {"minimal_backoff_time": "300s", "maximal_backoff_time": "4000s", "queue_run_delay": "300s"}


@dataclass(frozen=True)
class Case:
    """A domain whose mail arrives within so many seconds."""

    domain: str
    within: int


# The next host is tried after connect_timeout (30s), the next address of a host after half a second, a lone host has its greeting_timeout (5m).
CASES = (Case("dead-first-mx.example.org", 60), Case("dead-aaaa.example.org", 30), Case("silent-first-mx.example.org", 60),
         Case("greets-late.example.org", 70))


def drop_syns(stack: ExitStack, address: str) -> None:
    """Whoever connects there hears nothing: the backlog is full."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = stack.enter_context(socket.socket(family))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, MX_PORT))
    listener.listen(0)
    for _ in range(3):
        filler = stack.enter_context(socket.socket(family))
        filler.setblocking(False)
        filler.connect_ex((address, MX_PORT))
    time.sleep(0.2)
    probe = stack.enter_context(socket.socket(family))
    probe.settimeout(0.5)
    with pytest.raises(TimeoutError):
        probe.connect((address, MX_PORT))


def test_each_message_goes_at_the_first_attempt(lab: Lab, dns: Dns):
    with ExitStack() as stack:
        drop_syns(stack, "127.0.0.31")
        drop_syns(stack, "::1")
        good = Fakemx(lab, host="127.0.0.32", port=MX_PORT, tls=False)
        Fakemx(lab, "connect -> hang", host="127.0.0.33", port=MX_PORT, tls=False)
        late = Fakemx(lab, "connect -> delay 35s; normal", host="127.0.0.34", port=MX_PORT, tls=False)
        dns.a("dead.example.net", "127.0.0.31")
        dns.a("good.example.net", "127.0.0.32")
        dns.a("both.example.net", "::1", "127.0.0.32")
        dns.a("silent.example.net", "127.0.0.33")
        dns.a("late.example.net", "127.0.0.34")
        dns.mx("dead-first-mx.example.org", "dead.example.net", "good.example.net")
        dns.mx("dead-aaaa.example.org", "both.example.net")
        dns.mx("silent-first-mx.example.org", "silent.example.net", "good.example.net")
        dns.mx("greets-late.example.org", "late.example.net")
        sender = Postfix(lab, "sender", {"default_transport": "mailpool:unix:mailpool/lmtp.sock", **POSTFIX_DEFAULTS}, MAILPOOL_SERVICE)
        Mailpoold(lab, {"dns": {"servers": dns.servers, "trust_anchor": ""}, "smtp": {"prohibited": []}}, sender).start()
        sender.start()
        began = time.monotonic()
        for case in CASES:
            sender.submit(SENDER, [f"u@{case.domain}"], message(b"x\r\n"))
        took = {}

        def all_have_arrived() -> bool:
            for delivery in sender.deliveries():
                took.setdefault(delivery.recipient.partition("@")[2], time.monotonic() - began)
            return len(took) == len(CASES)
        wait_until(all_have_arrived, 100, "every message has an outcome", interval=0.2)
        first = {delivery.recipient.partition("@")[2]: delivery for delivery in reversed(sender.deliveries())}
        for case in CASES:
            print(f"{case.domain}: {took[case.domain]:.1f} s, {first[case.domain].text}")
            assert first[case.domain].status == "sent", first[case.domain]
            assert took[case.domain] < case.within
        assert len(good.accepted()) == 3 and len(late.accepted()) == 1
        assert took["greets-late.example.org"] > 34
