"""Eight mailbox providers with limits like those of real ones, each a strict server, and 50 customer domains at each.

A provider counts what breaks its rules. What it allows in a second is its rate, or what its connections carry if each is
followed by the next one without a pause, whichever is less; what is used of it is what it accepted, over a window of time
in which enough is waiting.
"""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .dns import Dns
from .fakemx import Fakemx
from .mailpool import Mailpoold, Value, program
from .process import Lab, free_port

DOMAINS_EACH = 50
ROUND_TRIP = 0.010
MAX_WAIT = "2m"


@dataclass(frozen=True)
class Provider:
    """Limits as a provider keeps them."""

    name: str
    connections: int
    messages: int  # on each connection
    rate: int = 0  # messages a second; 0: as many as its connections carry
    silent: bool = False  # closes without a word after the last message of a connection, instead of 421 to the next

    def script(self, delay: float) -> str:
        rate = f"set rate {self.rate}/s\n" if self.rate else ""
        how = "silent" if self.silent else "421"
        return (f"set rtt {ROUND_TRIP * 1000:.0f}ms\nset without STARTTLS\nset max-connections {self.connections}\n"
                f"set max-messages {self.messages}\nset max-messages-how {how}\n{rate}end -> delay {delay * 1000:.0f}ms\n")

    def site(self) -> dict[str, Value]:
        """What its section in mailpool.toml says: its MX hosts and its limits, and of no customer domain a word."""
        limits: dict[str, Value] = {"mx": [f".{self.mx_domain}"], "max_connections": self.connections,
                                    "max_messages": self.messages}
        return {**limits, "rate": self.rate_kept} if self.rate else limits

    @property
    def rate_kept(self) -> str:
        """With half of the burst that the provider allows: a busy machine may be late with the first of what was sent apart."""
        return f"{self.rate}/s, burst {self.rate // 2}"

    @property
    def mx_domain(self) -> str:
        return f"{self.name}-mail.example.com"

    def domain(self, number: int | str) -> str:
        return f"d{number}.{self.name}-customer.example.com"

    def allows(self, delay: float) -> float:
        """Messages a second, at most. A connection costs three round trips before its first message (TCP, greeting, EHLO) and
        one after its last (QUIT), if the provider has not closed it; a message one, and the time that the provider thinks."""
        around = (3 if self.silent else 4) * ROUND_TRIP
        carried = self.connections * self.messages / (self.messages * (delay + ROUND_TRIP) + around)
        return min(self.rate, carried) if self.rate else carried

    @property
    def rate_reached(self) -> str:
        return f"{self.name}: rate reached ({self.rate_kept})"

    def is_used_up(self, figures: "Figures", waits: set[str]) -> bool:
        """As many connections as it allows and as many messages on one of them, or its rate: counts, on any machine the same."""
        if self.rate_reached in waits:
            return True
        return (figures.most_connections, figures.most_messages) == (self.connections, self.messages)

    def use(self, figures: "Figures", delay: float) -> str:
        """What was used of it, in words; of a rate, so much goes at once, too."""
        allowed = self.allows(delay) * figures.seconds + self.rate // 2
        return (f"{self.name}: {figures.messages} messages in {figures.seconds:.1f} s, {figures.messages / allowed:.1%} of what it allows; "
                f"{figures.most_connections} connections, {figures.most_messages} messages on one")

    def others_of(self, waits: set[str]) -> set[str]:
        """What held mail for it back, in the manager's words, beside its own limits and connections that are being opened."""
        words = {f"{self.name}: max_connections reached ({self.connections})"}
        own = words | {self.rate_reached} if self.rate else words
        return {wait for wait in waits - own if not wait.startswith(f"{self.name}: no connection yet")}


PROVIDERS = (
    Provider("fifty", 5, 50),  # as Google
    Provider("twenty", 10, 20, silent=True),  # as Yahoo
    Provider("two", 2, 100),  # as Orange
    Provider("ten-a-second", 2, 20, rate=10),  # as Yahoo Japan
    Provider("four", 4, 20, rate=20),  # as GMX
    Provider("eight-each", 4, 8, silent=True),  # as QQ
    Provider("five-each", 10, 5),  # as Apple
    Provider("many", 25, 1000, rate=50),  # as Comcast
)


@dataclass(frozen=True)
class Use:
    """What a provider saw in a window."""

    provider: Provider
    accepted: int
    allowed: float
    mean_open: float
    violations: int  # since its start

    @property
    def share(self) -> float:
        return self.accepted / self.allowed

    def __str__(self) -> str:
        rules = f"{self.provider.connections} connections, {self.provider.messages} messages on each"
        rate = f", {self.provider.rate}/s" if self.provider.rate else ""
        return (f"{self.provider.name} ({rules}{rate}): {self.accepted} of {self.allowed:.0f} messages, {self.share:.1%}; "
                f"{self.mean_open:.1f} connections open, {self.violations} violations")


@dataclass(frozen=True)
class Figures:
    """What a provider has counted; true on any machine, but for the time."""

    messages: int
    seconds: float  # from the first to the last of them
    most_connections: int  # open at the same time
    most_messages: int  # on one connection that was closed

    @classmethod
    def of(cls, server: Fakemx) -> "Figures":
        stats = server.stats()
        return cls(stats["messages"], stats["last_message"] - stats["first_message"], stats["connections"]["max"],
                   max(map(int, stats["transactions_per_connection"]), default=0))


class Town:
    """All of them as running servers, with a name server that knows their customers."""

    def __init__(self, lab: Lab, delay: float, is_strict: bool = True):
        self.lab = lab
        self.delay = delay
        self.port = free_port()
        self.dns = Dns()
        lab.at_close(self.dns.close)
        self.servers = {provider: Fakemx(lab, provider.script(delay) if is_strict else "set without STARTTLS", host=f"127.0.1.{number}", port=self.port)
                        for number, provider in enumerate(PROVIDERS, 1)}
        for provider, server in self.servers.items():
            self.dns.a(f"mx1.{provider.mx_domain}", server.host, ttl=3600)
            for number in range(DOMAINS_EACH):
                self.dns.mx(provider.domain(number), f"mx1.{provider.mx_domain}", ttl=3600)

    def settings(self, is_limited: bool = True) -> dict[str, Value]:
        """What mailpool.toml says of them."""
        return {"dns": {"servers": self.dns.servers, "trust_anchor": "", "timeout": "10s"},
                "smtp": {"port": self.port, "prohibited": [], "tls": "none"},
                "site": {provider.name: provider.site() if is_limited else {"mx": [f".{provider.mx_domain}"]} for provider in PROVIDERS}}

    def manager(self, **more: Value) -> Mailpoold:
        return Mailpoold(self.lab, {
            **self.settings(), "lmtp": {"max_connections": 2000, "slots": 20000, "max_wait": MAX_WAIT}, "log": {"to": "/dev/null", "level": "error"}, **more}).start()

    def in_proportion(self, total: int) -> dict[Provider, int]:
        """So many messages, divided among the providers as what they allow in a second."""
        allowed = {provider: provider.allows(self.delay) for provider in PROVIDERS}
        messages = {provider: round(total * each / sum(allowed.values())) for provider, each in allowed.items()}
        messages[PROVIDERS[-1]] += total - sum(messages.values())
        return messages

    def backlog(self, to: Path | str | None, messages: dict[Provider, int], lmtp: bool = True, sessions: int | None = None) -> "Backlog":
        """Starts to hand over so many messages for each provider to an LMTP socket, or an MTA by SMTP; None: straight to the
        providers, as a load generator does that knows no limits."""
        return Backlog(self, to, messages, lmtp, sessions)

    def uses(self, seconds: float) -> list[Use]:
        """What each provider sees in the next so many seconds."""
        for server in self.servers.values():
            server.ask("reset")
        began = {provider: time.monotonic() for provider in self.servers}
        time.sleep(seconds)
        found = []
        for provider, server in self.servers.items():
            stats = server.stats()
            allowed = provider.allows(self.delay) * (time.monotonic() - began[provider])
            found.append(Use(provider, stats["messages"], allowed, stats["connections"]["mean_open"],
                             sum(stats["violations"].values())))
        return found

    def figures(self) -> dict[Provider, "Figures"]:
        """What each has seen since its start."""
        return {provider: Figures.of(server) for provider, server in self.servers.items()}

    def violations(self) -> dict[str, int]:
        """Since the start, by provider."""
        return {provider.name: server.violations() for provider, server in self.servers.items()}


class Backlog:
    """A load generator for each provider, all of their messages waiting."""

    def __init__(self, town: Town, to: Path | str | None, messages: dict[Provider, int], lmtp: bool, sessions: int | None):
        self.generators = []
        for provider, server in town.servers.items():
            argv = [program("mailpool-load"), "--to", to or server.address, *(["--lmtp"] if to and lmtp else []), "--messages",
                    messages[provider], "--sessions", sessions or provider.connections * 2 + 10, "--domains", DOMAINS_EACH, "--address", f"u%d@{provider.domain('%d')}",
                    "--size", "2048", "--timeout", "300"]
            self.generators.append(subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE, text=True))
        town.lab.at_close(self.stop)

    def is_running(self) -> bool:
        """Every provider still has messages waiting."""
        return all(generator.poll() is None for generator in self.generators)

    def is_over(self) -> bool:
        return all(generator.poll() is not None for generator in self.generators)

    def reports(self, timeout: float = 300) -> list[dict]:
        """Waits for the end; what became of the messages, by provider."""
        return [json.loads(generator.communicate(timeout=timeout)[0]) for generator in self.generators]

    def stop(self) -> None:
        for generator in self.generators:
            if generator.poll() is None:
                generator.kill()
            generator.wait()
