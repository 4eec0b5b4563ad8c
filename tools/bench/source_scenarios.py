"""A provider that judges by the address that connects: what is used of what it allows each, and what one address' trouble costs the others."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from common import Scenarios, say
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold, Value, program
from lab.process import Lab

CONNECTIONS, MESSAGES, RATE = 5, 20, 50  # of each address
STRICT = f"set rtt 40ms\nset without STARTTLS\nset per-client yes\nset max-connections {CONNECTIONS}\nset max-messages {MESSAGES}\nset rate {RATE}/s"
WINDOW = 60.0
BACK_WITHIN = 180.0
PATIENCE = 3.0  # until all connections are open


class Field:
    """The provider, and mailpoold with a source for each weight."""

    def __init__(self, lab: Lab, weights: list[int], **more: Value):
        self.lab = lab
        self.provider = Fakemx(lab, STRICT)
        self.names = [f"s{number}" for number in range(len(weights))]
        self.addresses = {name: f"127.0.0.{number}" for number, name in enumerate(self.names, 11)}
        sources = {name: {"address": address, "ehlo_name": f"{name}.example"} for name, address in self.addresses.items()}
        self.pool = Mailpoold(lab, {
            "smtp": {"max_connections": CONNECTIONS, "max_messages": MESSAGES, "rate": f"{RATE}/s, burst {RATE // 2}", "source": "all", **more},
            "source": sources, "pool": {"all": {"sources": dict(zip(self.names, weights, strict=True))}}, "route": {"*": [self.provider.address]},
            "lmtp": {"max_connections": 2000, "slots": 20000, "max_wait": "2m"}, "log": {"to": "/dev/null", "level": "error"}}).start()

    @contextmanager
    def load(self, *arguments: str) -> Iterator[subprocess.Popen]:
        argv = [program("mailpool-load"), "--to", self.pool.lmtp_socket, "--lmtp", "--size", "2048", "--domains", "50", "--timeout", "300", *arguments]
        with subprocess.Popen([str(word) for word in argv], stdout=subprocess.DEVNULL) as generator:
            time.sleep(PATIENCE)
            yield generator
            generator.kill()

    def taken(self, seconds: float) -> dict[str, float]:
        """Messages a second that the provider takes of each source in the next so many seconds."""
        self.provider.ask("reset")
        began = time.monotonic()
        time.sleep(seconds)
        clients, seconds = self.provider.stats()["clients"], time.monotonic() - began
        return {name: clients.get(address, {"messages": 0})["messages"] / seconds for name, address in self.addresses.items()}


def sources(lab: Lab) -> None:
    """Eight sources to a provider that judges by the address: the least that is used of one's allowance, all backlogged; violations."""
    field = Field(lab, [1] * 8)
    with field.load("--messages", "40000", "--sessions", "300"):
        used = field.taken(WINDOW)
        violations = sum(field.provider.stats()["violations"].values())
    say("eight sources, of eight times what one address is allowed", f"{sum(used.values()) / (8 * RATE):.1%}", "at least 95 %")
    say("the least that is used of one's allowance", f"{min(used.values()) / RATE:.1%}", "at least 95 %")
    say("violations in that minute", str(violations), "0")


def weights(lab: Lab) -> None:
    """Weights 4, 3, 2 and 1, half of what they allow together comes: the part of each against its weight."""
    parts = [4, 3, 2, 1]
    field = Field(lab, parts)
    with field.load("--messages", "40000", "--sessions", "40", "--rate", "100"):
        used = field.taken(WINDOW)
    total = sum(used.values())
    off = max(abs(used[name] / total - part / sum(parts)) for name, part in zip(field.names, parts, strict=True))
    say("weights 4, 3, 2, 1: the furthest that a part of the messages is off", f"{off:.2%}", "at most 2 %")


def one_of_eight(lab: Lab) -> None:
    """One of eight addresses is answered 421 4.7.28 for a minute: what the others lose, and when the one is back."""
    field = Field(lab, [1] * 8)
    disliked, *others = field.names
    with field.load("--messages", "200000", "--sessions", "300"):
        before = field.taken(WINDOW)
        field.provider.ask(f"rule mail helo={disliked}.example -> 421 4.7.28 Our system has detected an unusual rate of mail from your IP address")
        meanwhile = field.taken(WINDOW)
        field.provider.ask("clear")
        began, used = time.monotonic(), 0.0
        while time.monotonic() - began < BACK_WITHIN and used < 0.95 * RATE:
            used = field.taken(5)[disliked]
    lost = 1 - sum(meanwhile[name] for name in others) / sum(before[name] for name in others)
    say("one of eight addresses is refused: what the other seven lose", f"{max(lost, 0):.2%}", "less than 1 %")
    say("until that one has 95 % of its allowance again", f"{time.monotonic() - began:.0f} s", f"at most {BACK_WITHIN:.0f} s")


SCENARIOS: Scenarios = {scenario.__name__: scenario for scenario in (sources, weights, one_of_eight)}
