"""Receivers with every kind of certificate and TLSA record, in a signed zone: what a level of TLS is held against.

Each receiver has an address of its own and listens on port 25, as an MX host does. A domain says by its name which level
its mail has: `encrypt.expired.example.com` is delivered to the receiver `expired` at the level `encrypt`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .certificates import Authority, Certificate
from .fakemx import Fakemx
from .process import Lab
from .signed_dns import SignedDns, tlsa

LEVELS = ("none", "may", "encrypt", "verify", "secure", "dane", "dane-only", "auto")
UNSIGNED = "unsigned.example"
# The reply says how the message came.
SCRIPT = "end tls=yes -> 250 2.0.0 under TLS {tok}\nend tls=no -> 250 2.0.0 in plain text {tok}\n"
WORDS = {"t": "under TLS", "p": "in plain text"}

Make = Callable[["TlsWorld", str, str], Certificate | None]
Record = Callable[["TlsWorld", Certificate], str]


@dataclass(frozen=True)
class Kind:
    """A receiver: its certificate (none: no STARTTLS), its TLSA record (none: none), its script beside the usual one."""

    name: str
    certificate: Make
    record: Record | None = None
    spoiled: bool = False
    script: str = ""
    mx_is_unsigned: bool = False
    alias: "Alias | None" = None


@dataclass(frozen=True)
class Alias:
    """The MX host is a CNAME of the host that has the address. Either may have TLSA records (none: none)."""

    own: Record | None = None
    of_target: Record | None = None
    target_is_unsigned: bool = False

    def target(self, name: str) -> str:
        return f"real-{name}.{UNSIGNED if self.target_is_unsigned else 'example.com'}"


def nothing(world: "TlsWorld", name: str, host: str) -> None:
    return None


def right(world: "TlsWorld", name: str, host: str) -> Certificate:
    return world.authority.issue(host, stem=name)


def with_authority(make: Make) -> Make:
    """The server shows its authority's certificate too, which DANE-TA needs."""
    def made(world: "TlsWorld", name: str, host: str) -> Certificate:
        certificate = make(world, name, host)
        with certificate.certificate.open("a") as chain:
            chain.write(world.authority.certificate.read_text())
        return certificate
    return made


def of_domain(world: "TlsWorld", name: str, host: str) -> Certificate:
    return world.authority.issue(host, f"*.{name}.example.com", stem=name)


def wrong_name(world: "TlsWorld", name: str, host: str) -> Certificate:
    return world.authority.issue("somebody-else.example.net", stem=name)


def self_signed(world: "TlsWorld", name: str, host: str) -> Certificate:
    return world.authority.self_signed(host)


def expired(world: "TlsWorld", name: str, host: str) -> Certificate:
    now = datetime.now(timezone.utc)
    return world.authority.issue(host, stem=name, start=now - timedelta(days=30), end=now - timedelta(days=1))


def not_yet_valid(world: "TlsWorld", name: str, host: str) -> Certificate:
    now = datetime.now(timezone.utc)
    return world.authority.issue(host, stem=name, start=now + timedelta(days=1), end=now + timedelta(days=30))


def matching(usage: int = 3, selector: int = 1, matching: int = 1) -> Record:
    return lambda world, certificate: tlsa(certificate.certificate, usage, selector, matching)


def of_authority(world: "TlsWorld", certificate: Certificate) -> str:
    return tlsa(world.authority.certificate, 2, 0, 1)


def of_another(world: "TlsWorld", certificate: Certificate) -> str:
    return "3 1 1 " + "ab" * 32


KINDS = (
    Kind("plain", nothing),
    Kind("broken", right, script="tls -> alert\n"),
    Kind("right", right),
    Kind("of-domain", of_domain),
    Kind("wrong-name", wrong_name),
    Kind("self-signed", self_signed),
    Kind("expired", expired),
    Kind("not-yet-valid", not_yet_valid),
    Kind("tlsa-right", self_signed, matching()),
    Kind("tlsa-expired", expired, matching(3, 0, 2)),
    Kind("tlsa-authority", with_authority(right), of_authority),
    Kind("tlsa-authority-wrong-name", with_authority(wrong_name), of_authority),
    Kind("tlsa-wrong", right, of_another),
    Kind("tlsa-unusable", right, matching(1, 1, 1)),
    Kind("tlsa-bogus", right, matching(), spoiled=True),
    Kind("tlsa-plain", nothing, of_another),
    Kind("mx-unsigned", self_signed, matching(), mx_is_unsigned=True),
    # RFC 7672 2.2.2: records of the name at the end of a signed chain, else those of the MX host itself.
    Kind("alias", self_signed, alias=Alias(of_target=matching())),
    Kind("alias-own", self_signed, alias=Alias(own=matching())),
    Kind("alias-both", right, alias=Alias(own=matching(), of_target=of_another)),
    Kind("alias-unsigned", self_signed, alias=Alias(own=matching(), target_is_unsigned=True)),
)


class TlsWorld:
    """An authority, a signed zone, and receivers of KINDS."""

    def __init__(self, lab: Lab, resolver_port: int = 53):
        self.lab = lab
        self.authority = Authority(lab.directory("authority"))
        self.dns = SignedDns(lab, resolver_port)
        self.receivers: dict[str, Fakemx] = {}

    def receiver(self, kind: Kind, host: str, address: str) -> None:
        """Starts it; `host` leads there, and has its TLSA record."""
        certificate = kind.certificate(self, kind.name, host)
        self.receivers[kind.name] = Fakemx(self.lab, kind.script + SCRIPT, host=address, port=25, certificate=certificate,
                                           tls=certificate is not None)
        self._publish(host, kind.record, certificate)
        if kind.spoiled:
            self.dns.spoil(f"_25._tcp.{host}", "TLSA")
        if not kind.alias:
            return self.dns.add(host, "A", address)
        target = kind.alias.target(kind.name)
        self.dns.add(host, "CNAME", f"{target}.")
        self.dns.add(target, "A", address)
        self._publish(host, kind.alias.own, certificate)
        self._publish(target, kind.alias.of_target, certificate)

    def _publish(self, host: str, record: Record | None, certificate: Certificate | None) -> None:
        if record:
            self.dns.add(f"_25._tcp.{host}", "TLSA", record(self, certificate))

    def of_all_levels(self) -> "TlsWorld":
        """With all KINDS, and domains that lead to them."""
        self.dns.unsigned(UNSIGNED)
        for number, kind in enumerate(KINDS, 1):
            host = f"mx-{kind.name}.example.com"
            self.receiver(kind, host, f"127.0.1.{number}")
            for level in LEVELS:
                self.dns.mx(domain_of(level, kind), host)
        return self

    def manager_settings(self) -> dict:
        return {"dns": {"servers": self.dns.servers, "trust_anchor": str(self.dns.anchor)},
                "tls": {"ca_file": str(self.authority.certificate)},
                "smtp": {"prohibited": [], "connect_timeout": "5s"},
                "lmtp": {"max_wait": "10s"}}


def domain_of(level: str, kind: Kind) -> str:
    return f"{level}.{kind.name}.{UNSIGNED if kind.mx_is_unsigned else 'example.com'}"


def cell_of(status: str, text: str) -> str:
    """How the message arrived: "t" under TLS, "p" in plain text, "-" not at all."""
    if status != "sent":
        return "-"
    return next(letter for letter, words in WORDS.items() if words in text)
