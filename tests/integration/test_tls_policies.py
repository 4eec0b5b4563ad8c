"""Every level of TLS against every kind of receiver: one table, held against mailpoold and against Postfix itself.

A cell says how the message arrives: `t` under TLS, `p` in plain text, `-` not at all (deferred, and never seen by the
receiver). Postfix has no level `auto`, and differs in no other cell.
"""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lab.certificates import Authority, Certificate
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.postfix import Postfix
from lab.process import Lab, wait_until
from lab.signed_dns import SignedDns
from lab.tls_world import KINDS, LEVELS, SCRIPT, UNSIGNED, Kind, TlsWorld, domain_of

#                              none may encrypt verify secure dane dane-only auto
EXPECTED = {
    "plain":                     "p   p    -      -      -     p      -      p",
    "broken":                    "p   p    -      -      -     p      -      p",
    "right":                     "p   t    t      t      -     t      -      t",
    "of-domain":                 "p   t    t      t      t     t      -      t",
    "wrong-name":                "p   t    t      -      -     t      -      t",
    "self-signed":               "p   t    t      -      -     t      -      t",
    "expired":                   "p   t    t      -      -     t      -      t",
    "not-yet-valid":             "p   t    t      -      -     t      -      t",
    "tlsa-right":                "p   t    t      -      -     t      t      t",
    "tlsa-expired":              "p   t    t      -      -     t      t      t",
    "tlsa-authority":            "p   t    t      t      -     t      t      t",
    "tlsa-authority-wrong-name": "p   t    t      -      -     -      -      -",
    "tlsa-wrong":                "p   t    t      t      -     -      -      -",
    "tlsa-unusable":             "p   t    t      t      -     t      -      t",
    "tlsa-bogus":                "p   t    t      t      -     -      -      -",
    "tlsa-plain":                "p   p    -      -      -     -      -      -",
    "mx-unsigned":               "p   t    t      -      -     t      -      t",
}
WORDS = {"t": "under TLS", "p": "in plain text"}
# What a sender asks (RFC 8689): REQUIRETLS at `auto`, which comes back where the way is not proved and waits where that
# cannot be known; "TLS-Required: No" at `secure`.
#                              REQUIRETLS TLS-Required: No
SENDERS_EXPECTED = {
    "plain":                     "5.7.10     p",
    "broken":                    "5.7.10     p",
    "right":                     "t          t",
    "of-domain":                 "t          t",
    "wrong-name":                "5.7.10     t",
    "self-signed":               "5.7.10     t",
    "expired":                   "5.7.10     t",
    "not-yet-valid":             "5.7.10     t",
    "tlsa-right":                "t          t",
    "tlsa-expired":              "t          t",
    "tlsa-authority":            "t          t",
    "tlsa-authority-wrong-name": "5.7.10     t",
    "tlsa-wrong":                "5.7.10     t",
    "tlsa-unusable":             "t          t",
    "tlsa-bogus":                "4.7.5      t",
    "tlsa-plain":                "5.7.10     p",
    "mx-unsigned":               "5.7.10     t",
}


def expected(kind: Kind, level: str) -> str:
    return EXPECTED[kind.name].split()[LEVELS.index(level)]


def cells(levels: tuple[str, ...]) -> list[tuple[Kind, str]]:
    return [(kind, level) for kind in KINDS for level in levels]


def as_table(found: dict[tuple[str, str], str], levels: tuple[str, ...]) -> dict[str, str]:
    return {kind.name: " ".join(found[kind.name, level] for level in levels) for kind in KINDS}


def cell_of(status: str, text: str) -> str:
    if status != "sent":
        return "-"
    return next(letter for letter, words in WORDS.items() if words in text)


def manager_settings(dns: SignedDns, authority: Authority) -> dict:
    return {"dns": {"servers": dns.servers, "trust_anchor": str(dns.anchor)},
            "tls": {"ca_file": str(authority.certificate)},
            "smtp": {"prohibited": [], "connect_timeout": "5s"},
            "lmtp": {"max_wait": "10s"}}


@pytest.fixture(scope="module")
def tls_world(world: Lab) -> Iterator[TlsWorld]:
    lab = Lab(world.root / "tls")
    made = TlsWorld(lab)
    made.dns.start()
    yield made
    lab.close()


@pytest.fixture(scope="module")
def manager(tls_world: TlsWorld) -> Mailpoold:
    domains = {domain_of(level, kind): {"tls": level} for kind, level in cells(LEVELS)}
    return Mailpoold(tls_world.lab, {**manager_settings(tls_world.dns, tls_world.authority), "domain": domains}).start()


def deliver(manager: Mailpoold, recipient: str, parameters: str = "", header: bytes = b"") -> tuple[int, str]:
    """One message by LMTP; the reply's code and text."""
    with manager.lmtp(timeout=60) as session:
        content = header + message(b"secret\r\n", recipient)
        reply = session.deliver("sender@example.com", [recipient], content, parameters)[-1]
    return reply.code, str(reply)


def cell_by_manager(manager: Mailpoold, kind: Kind, level: str) -> str:
    code, text = deliver(manager, f"user@{domain_of(level, kind)}")
    if code != 250:
        assert code == 451 and "tls = " in text, f"{kind.name} {level}: {code} {text}"
    return cell_of("sent" if code == 250 else "deferred", text)


def test_every_level_gets_the_servers_that_it_means(manager: Mailpoold, tls_world: TlsWorld):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda cell: cell_by_manager(manager, *cell), cells(LEVELS)))
    table = {(kind.name, level): letter for (kind, level), letter in zip(cells(LEVELS), found)}
    assert as_table(table, LEVELS) == {name: " ".join(row.split()) for name, row in EXPECTED.items()}
    for kind in KINDS:  # what was not delivered was never offered
        accepted = {entry.recipient for entry in tls_world.receivers[kind.name].accepted()} & {
            f"user@{domain_of(level, kind)}" for level in LEVELS}
        assert accepted == {f"user@{domain_of(level, kind)}" for level in LEVELS if expected(kind, level) != "-"}
        assert tls_world.receivers[kind.name].client_violations() == {}


def test_every_level_gets_them_again_on_connections_that_are_there(manager: Mailpoold):
    before = manager.totals()
    for kind, level in cells(("may", "verify", "dane")):
        assert cell_by_manager(manager, kind, level) == expected(kind, level), f"{kind.name} {level}"
    assert manager.totals()["connections_reused"] > before["connections_reused"]


def test_every_level_gets_them_on_resumed_connections_and_no_others(tls_world: TlsWorld):
    """A connection a message, so that each after the first would resume a session; what proved nothing never does."""
    some = cells(("may", "verify", "secure", "dane-only", "auto"))
    domains = {domain_of(level, kind): {"tls": level} for kind, level in some}
    settings = manager_settings(tls_world.dns, tls_world.authority)
    lab = Lab(tls_world.lab.root / "resumed")
    manager = Mailpoold(lab, {**settings, "smtp": {**settings["smtp"], "max_messages": 1}, "domain": domains}).start()
    for _ in range(2):
        before = manager.totals()
        for kind, level in some:
            assert cell_by_manager(manager, kind, level) == expected(kind, level), f"{kind.name} {level}"
    assert manager.totals()["tls_resumed"] - before["tls_resumed"] == sum(expected(*cell) == "t" for cell in some)
    lab.close()


def test_a_connection_that_proves_more_serves_who_asks_for_less(tls_world: TlsWorld):
    """The certificate of a connection made for `may` is recorded, so `verify` and `secure` need no other."""
    domains = {f"{level}.of-domain.example.com": {"tls": level} for level in LEVELS}
    with_domains = {**manager_settings(tls_world.dns, tls_world.authority), "domain": domains}
    lab = Lab(tls_world.lab.root / "shared")
    manager = Mailpoold(lab, with_domains).start()
    for level in ("may", "encrypt", "verify", "secure", "auto"):
        assert deliver(manager, f"user@{level}.of-domain.example.com")[0] == 250
    assert manager.totals()["connections_opened"] == 1
    connection = next(c for c in manager.poolctl.json("connections")["connections"] if c["tls"] != "none")
    assert connection["tls_version"] == "TLSv1.3"
    assert connection["tls_verified"] == "verified by its certificate"
    assert 27 <= connection["certificate_days"] <= 30
    assert deliver(manager, "user@none.of-domain.example.com")[0] == 250
    assert manager.totals()["connections_opened"] == 2, "none is another wire"
    lab.close()


def test_postfix_agrees_with_the_table(tls_world: TlsWorld):
    levels = tuple(level for level in LEVELS if level != "auto")
    lab = tls_world.lab
    policies = "".join(f"{domain_of(level, kind)} {level}\n" for kind, level in cells(levels))
    (lab.root / "policies").write_text(policies)
    postfix = Postfix(lab, "judge", {
        "smtp_tls_policy_maps": f"texthash:{lab.root}/policies", "smtp_tls_security_level": "may",
        "smtp_dns_support_level": "dnssec", "smtp_host_lookup": "dns", "smtp_tls_CAfile": str(tls_world.authority.certificate),
        "smtp_tls_loglevel": "1", "default_process_limit": "20", "maximal_queue_lifetime": "1h", "bounce_queue_lifetime": "1h",
        "minimal_backoff_time": "2s", "maximal_backoff_time": "10s", "queue_run_delay": "2s", "inet_protocols": "ipv4",
        "smtp_address_preference": "ipv4", "smtp_connect_timeout": "5s"})
    (postfix.queue / "etc" / "resolv.conf").write_text("nameserver 127.0.0.1\noptions trust-ad edns0 timeout:2\n")
    postfix.start()
    for kind, level in cells(levels):
        postfix.submit("sender@example.com", [f"judged@{domain_of(level, kind)}"], message(b"secret\r\n", "judged"))
    for kind, level in cells(levels):
        postfix.wait_for_delivery(f"judged@{domain_of(level, kind)}", timeout=60)
    # A failed handshake is followed by plain text only when the message has waited for minimal_backoff_time.
    broken = {f"judged@{level}.broken.example.com" for level in ("may", "dane")}
    wait_until(lambda: broken <= {delivery.recipient for delivery in postfix.deliveries("sent")}, 60, "Postfix's plain text")
    sent = {delivery.recipient: delivery for delivery in postfix.deliveries("sent")}
    postfix.stop()
    found = {}
    for kind, level in cells(levels):
        delivery = sent.get(f"judged@{domain_of(level, kind)}")
        found[kind.name, level] = cell_of("sent", delivery.text) if delivery else "-"
    assert as_table(found, levels) == {name: " ".join(row.split()[:len(levels)]) for name, row in EXPECTED.items()}


def test_a_sender_gets_the_servers_that_it_asks_for(manager: Mailpoold, tls_world: TlsWorld):
    def cell(kind: Kind, user: str, level: str, *wish: object) -> str:
        code, text = deliver(manager, f"{user}@{domain_of(level, kind)}", *wish)
        return cell_of("sent", text) if code == 250 else text.split()[1]

    with ThreadPoolExecutor(8) as pool:
        required = list(pool.map(lambda kind: cell(kind, "required", "auto", "REQUIRETLS"), KINDS))
        relaxed = list(pool.map(lambda kind: cell(kind, "relaxed", "secure", "", b"TLS-Required: No\r\n"), KINDS))
    found = {kind.name: f"{one} {other}" for kind, one, other in zip(KINDS, required, relaxed)}
    assert found == {name: " ".join(row.split()) for name, row in SENDERS_EXPECTED.items()}
    for kind in KINDS:
        receiver, cells_of_kind = tls_world.receivers[kind.name], SENDERS_EXPECTED[kind.name].split()
        assert (f"required@{domain_of('auto', kind)}" in {e.recipient for e in receiver.accepted()}) == (cells_of_kind[0] == "t")
        assert any(command.endswith(" REQUIRETLS") for command in receiver.commands("MAIL")) == (cells_of_kind[0] == "t")
        assert receiver.client_violations() == {}


def test_explain_and_the_log_say_what_was_required_and_proved(manager: Mailpoold):
    kind = next(kind for kind in KINDS if kind.name == "tlsa-right")
    way = manager.poolctl.json("explain", f"user@{domain_of('auto', kind)}")
    assert way["targets"][0]["tls"] == 'dane: tls = "auto"'
    assert deliver(manager, f"user@{domain_of('auto', kind)}")[0] == 250
    assert 'server="verified by DANE-EE"' in manager.log()
    bogus = next(kind for kind in KINDS if kind.name == "tlsa-bogus")
    assert "could not be validated" in deliver(manager, f"user@{domain_of('auto', bogus)}")[1]


def test_the_report_of_a_day_counts_sessions_as_rfc_8460_writes_them(manager: Mailpoold):
    right = next(kind for kind in KINDS if kind.name == "tlsa-right")
    wrong = next(kind for kind in KINDS if kind.name == "tlsa-wrong")
    for kind in (right, wrong):
        deliver(manager, f"user@{domain_of('dane-only', kind)}")
    report = json.loads(manager.poolctl("tls-report", domain_of("dane-only", wrong)).stdout)
    assert report["organization-name"] == "mail.example.com"
    policy = report["policies"][0]
    assert policy["policy"]["policy-type"] == "tlsa"
    assert policy["policy"]["policy-string"][0].startswith("_25._tcp.mx-tlsa-wrong.example.com. IN TLSA 3 1 1 ")
    assert policy["summary"]["total-failure-session-count"] >= 1
    assert policy["failure-details"][0]["result-type"] == "validation-failure"
    assert policy["failure-details"][0]["receiving-mx-hostname"] == "mx-tlsa-wrong.example.com"
    nobody = manager.poolctl("tls-report", "nobody.example.com")
    assert (nobody.returncode, "no session" in nobody.stderr) == (1, True)


def test_without_validation_dane_is_off_and_only_dane_only_waits(tls_world: TlsWorld):
    lab = Lab(tls_world.lab.root / "unvalidated")
    settings = manager_settings(tls_world.dns, tls_world.authority)
    settings["dns"] = {"servers": tls_world.dns.servers, "trust_anchor": ""}
    kinds = {kind.name: kind for kind in KINDS}
    domains = {domain_of(level, kinds["tlsa-wrong"]): {"tls": level} for level in ("dane-only", "auto")}
    manager = Mailpoold(lab, {**settings, "domain": domains}).start()
    assert deliver(manager, f"user@{domain_of('auto', kinds['tlsa-wrong'])}")[0] == 250
    code, text = deliver(manager, f"user@{domain_of('dane-only', kinds['tlsa-wrong'])}")
    assert code == 451 and 'tls = "dane-only"' in text
    assert "DNSSEC validation and DANE are off" in manager.log()
    lab.close()


# --- MTA-STS


@dataclass
class PolicyHost:
    """mta-sts.DOMAIN: an HTTPS server whose answers are set by the test."""

    certificate: Certificate
    address: str

    def __post_init__(self) -> None:
        self.policies: dict[str, str] = {}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.content_type = "text/plain; charset=utf-8"
        self.asked: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802, the base class's name
                name = self.headers["Host"].split(":")[0]
                host.asked.append(name)
                body = host.policies.get(name, "").encode()
                self.send_response(host.status if body else 404)
                self.send_header("Content-Type", host.content_type)
                for key, value in host.headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer((self.address, 443), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.certificate, self.certificate.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def policy(mode: str, *hosts: str, max_age: int = 86400) -> str:
    return "".join(["version: STSv1\r\n", f"mode: {mode}\r\n", *(f"mx: {host}\r\n" for host in hosts), f"max_age: {max_age}\r\n"])


STS_MODES = ("none", "testing", "enforce", "unlisted")
#                     none testing enforce unlisted (enforced for another host)
STS_EXPECTED = {
    "plain":         "p     p       -        -",
    "broken":        "p     p       -        -",
    "right":         "t     t       t        -",
    "wrong-name":    "t     t       -        -",
    "self-signed":   "t     t       -        -",
    "expired":       "t     t       -        -",
    "not-yet-valid": "t     t       -        -",
}


# Of a domain whose MX records nobody has signed: where its mail with REQUIRETLS goes, by policy alone (RFC 8689 2).
STS_REQUIRED = {kind: "5.7.10 5.7.10 t 5.7.10" if kind == "right" else "5.7.10 5.7.10 5.7.10 5.7.10" for kind in STS_EXPECTED}


def sts_domain(mode: str, kind: str, zone: str = "sts.example") -> str:
    return f"{mode}.{kind}.{zone}"


@pytest.fixture(scope="module")
def sts_world(world: Lab) -> Iterator[tuple[TlsWorld, PolicyHost, Lab]]:
    """The same receivers in another zone, whose domains publish policies instead of TLSA records."""
    lab = Lab(world.root / "sts")
    kinds = [kind for kind in KINDS if kind.name in STS_EXPECTED]
    made = TlsWorld.__new__(TlsWorld)
    made.lab, made.authority, made.dns, made.receivers = lab, Authority(lab.directory("authority")), SignedDns(lab, 5354), {}
    made.dns.unsigned(UNSIGNED)
    zones = ("sts.example", UNSIGNED)
    names = [f"mta-sts.{sts_domain(mode, kind.name, zone)}" for mode in STS_MODES for kind in kinds for zone in zones]
    names += ["mta-sts.changing.example", f"mta-sts.changing.{UNSIGNED}"]
    host = PolicyHost(made.authority.issue(*names, stem="policy-host"), "127.0.3.1")

    def publish(domain: str, mx: str, text: str = "") -> None:
        made.dns.mx(domain, mx)
        made.dns.add(f"_mta-sts.{domain}", "TXT", '"v=STSv1; id=1;"')
        made.dns.add(f"mta-sts.{domain}", "A", host.address)
        host.policies[f"mta-sts.{domain}"] = text

    for number, kind in enumerate(kinds, 1):
        mx, address = f"mx-{kind.name}.sts.example", f"127.0.2.{number}"
        certificate = kind.certificate(made, kind.name, mx)
        made.receivers[kind.name] = Fakemx(lab, kind.script + SCRIPT, host=address, port=25, certificate=certificate,
                                           tls=certificate is not None)
        made.dns.add(mx, "A", address)
        for mode in STS_MODES:
            text = policy("enforce", "another.example") if mode == "unlisted" else policy(mode, "*.sts.example")
            for zone in zones:
                publish(sts_domain(mode, kind.name, zone), mx, text)
    publish("changing.example", "mx-wrong-name.sts.example")
    publish(f"changing.{UNSIGNED}", "mx-right.sts.example")
    made.dns.start()
    yield made, host, lab
    host.close()
    lab.close()


def sts_settings(sts_world: tuple[TlsWorld, PolicyHost, Lab]) -> dict:
    made, _, _ = sts_world
    return {**manager_settings(made.dns, made.authority), "mta_sts": {"timeout": "5s"}}


@pytest.fixture(scope="module")
def sts_manager(sts_world: tuple[TlsWorld, PolicyHost, Lab]) -> Mailpoold:
    return Mailpoold(sts_world[2], sts_settings(sts_world)).start()


def test_mta_sts_is_enforced_tested_or_absent_as_the_policy_says(sts_manager: Mailpoold):
    found = {}
    for kind in STS_EXPECTED:
        letters = []
        for mode in STS_MODES:
            code, text = deliver(sts_manager, f"user@{sts_domain(mode, kind)}")
            assert code == 250 or (code == 451 and "MTA-STS" in text), f"{kind} {mode}: {code} {text}"
            letters.append(cell_of("sent" if code == 250 else "deferred", text))
        found[kind] = " ".join(letters)
    assert found == {name: " ".join(row.split()) for name, row in STS_EXPECTED.items()}


def test_requiretls_takes_a_policy_in_force_for_a_signature(sts_world: tuple[TlsWorld, PolicyHost, Lab], sts_manager: Mailpoold):
    made, _, _ = sts_world
    found = {}
    for kind in STS_EXPECTED:
        said = [deliver(sts_manager, f"user@{sts_domain(mode, kind, UNSIGNED)}", "REQUIRETLS") for mode in STS_MODES]
        found[kind] = " ".join(cell_of("sent", text) if code == 250 else text.split()[1] for code, text in said)
    assert found == STS_REQUIRED
    for kind, receiver in made.receivers.items():
        passed_on = [command for command in receiver.commands("MAIL") if command.endswith(" REQUIRETLS")]
        assert len(passed_on) == (kind == "right"), passed_on
        assert receiver.client_violations() == {}


def test_requiretls_waits_for_a_policy_that_cannot_be_had_now(sts_world: tuple[TlsWorld, PolicyHost, Lab]):
    made, host, outer = sts_world
    lab = Lab(outer.root / "unavailable")
    recipient = f"user@changing.{UNSIGNED}"
    host.policies[f"mta-sts.changing.{UNSIGNED}"], host.status = policy("enforce", "*.sts.example"), 500
    manager = Mailpoold(lab, sts_settings(sts_world)).start()
    code, text = deliver(manager, recipient, "REQUIRETLS")
    assert (code, "its MTA-STS policy cannot be had now" in text) == (451, True), text
    host.status = 200
    manager.process.stop()
    manager.process.start()
    manager.wait_until_ready()
    assert deliver(manager, recipient, "REQUIRETLS")[0] == 250
    lab.close()


def test_failures_of_a_tested_policy_are_only_reported(sts_manager: Mailpoold):
    domain = sts_domain("testing", "expired")
    assert deliver(sts_manager, f"user@{domain}")[0] == 250
    report = json.loads(sts_manager.poolctl("tls-report", domain).stdout)
    counted = report["policies"][0]
    assert counted["policy"]["policy-type"] == "sts"
    assert counted["policy"]["mx-host"] == ["*.sts.example"]
    assert counted["failure-details"][0]["result-type"] == "certificate-expired"


def test_a_policy_survives_its_server_and_a_restart_of_the_manager(sts_world: tuple[TlsWorld, PolicyHost, Lab]):
    made, host, outer = sts_world
    lab = Lab(outer.root / "surviving")
    host.policies["mta-sts.changing.example"] = policy("enforce", "*.sts.example")
    manager = Mailpoold(lab, sts_settings(sts_world)).start()
    assert deliver(manager, "user@changing.example")[0] == 451, "the certificate is of another name"
    host.status = 500
    manager.process.stop()
    manager.process.start()
    manager.wait_until_ready()
    asked = len(host.asked)
    code, text = deliver(manager, "user@changing.example")
    assert code == 451 and "MTA-STS policy of changing.example" in text
    assert len(host.asked) == asked, "a policy whose id has not changed is not fetched again"
    host.status = 200
    lab.close()


@pytest.mark.parametrize("fault", ["redirect", "too-long", "html", "not-found", "garbage"])
def test_what_is_no_policy_is_none(sts_world: tuple[TlsWorld, PolicyHost, Lab], fault: str):
    made, host, outer = sts_world
    lab = Lab(outer.root / fault)
    text = policy("enforce", "*.sts.example")
    host.policies["mta-sts.changing.example"] = {"too-long": text + "x: y\r\n" * 12_000, "garbage": "nonsense", "not-found": ""}.get(
        fault, text)
    host.status = 302 if fault == "redirect" else 200
    host.headers = {"Location": "https://mta-sts.changing.example/elsewhere"} if fault == "redirect" else {}
    host.content_type = "text/html" if fault == "html" else "text/plain"
    manager = Mailpoold(lab, sts_settings(sts_world)).start()
    asked = len(host.asked)
    assert deliver(manager, "user@changing.example")[0] == 250
    assert len(host.asked) == asked + 1
    assert "mta-sts: the policy of changing.example cannot be had" in manager.log()
    host.status, host.headers, host.content_type = 200, {}, "text/plain"
    lab.close()


def test_a_policy_host_may_not_be_where_mx_may_not(sts_world: tuple[TlsWorld, PolicyHost, Lab]):
    made, host, outer = sts_world
    lab = Lab(outer.root / "prohibited")
    host.policies["mta-sts.changing.example"] = policy("enforce", "*.sts.example")
    settings = sts_settings(sts_world)
    settings["smtp"] = {**settings["smtp"], "prohibited": ["127.0.3.0/24"]}
    manager = Mailpoold(lab, settings).start()
    asked = len(host.asked)
    assert deliver(manager, "user@changing.example")[0] == 250
    assert len(host.asked) == asked
    assert "127.0.3.1 is prohibited" in manager.log()
    lab.close()
