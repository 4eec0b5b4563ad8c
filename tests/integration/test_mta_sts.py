"""MTA-STS (RFC 8461): a table of receivers, and the life of one policy from its announcement to its end."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from dnslib import TXT
from tls_line import deliver

from lab.certificates import Authority, Certificate
from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.policy_host import PolicyHost, policy
from lab.process import Lab, free_port, wait_until
from lab.tls_world import KINDS, UNSIGNED, TlsWorld, cell_of

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
    # Where the MX records and TLSA records are signed, DANE decides alone: no policy weakens it, none is needed.
    "tlsa-right":    "t     t       t        t",
    "tlsa-wrong":    "-     -       -        -",
}

# Of a domain whose MX records nobody has signed: where its mail with REQUIRETLS goes, by policy alone (RFC 8689 2).
STS_REQUIRED = {kind: "5.7.10 5.7.10 t 5.7.10" if kind == "right" else "5.7.10 5.7.10 5.7.10 5.7.10" for kind in STS_EXPECTED}


def sts_domain(mode: str, kind: str, zone: str = "sts.example") -> str:
    return f"{mode}.{kind}.{zone}"


@pytest.fixture(scope="module")
def sts_world(world: Lab) -> Iterator[TlsWorld]:
    """The receivers in a zone whose domains publish policies."""
    lab = Lab(world.root / "sts")
    kinds = [kind for kind in KINDS if kind.name in STS_EXPECTED]
    made = TlsWorld(lab, 5354)
    made.dns.unsigned(UNSIGNED)
    domains = {sts_domain(mode, kind.name, zone): mode for mode in STS_MODES for kind in kinds for zone in ("sts.example", UNSIGNED)}
    host = PolicyHost(made.authority.issue(*(f"mta-sts.{domain}" for domain in domains), stem="policy-host"), "127.0.3.1")
    for number, kind in enumerate(kinds, 1):
        made.receiver(kind, f"mx-{kind.name}.sts.example", f"127.0.2.{number}")
    for domain, mode in domains.items():
        made.dns.mx(domain, f"mx-{domain.split('.')[1]}.sts.example")
        made.dns.add(f"_mta-sts.{domain}", "TXT", '"v=STSv1; id=1;"')
        made.dns.add(f"mta-sts.{domain}", "A", host.address)
        host.policies[f"mta-sts.{domain}"] = (policy("enforce", "another.example") if mode == "unlisted"
                                              else policy(mode, "*.sts.example"))
    made.dns.start()
    yield made
    host.close()
    lab.close()


@pytest.fixture(scope="module")
def sts_manager(sts_world: TlsWorld) -> Mailpoold:
    return Mailpoold(sts_world.lab, {**sts_world.manager_settings(), "mta_sts": {"timeout": "5s"}}).start()


def test_mta_sts_is_enforced_tested_or_absent_as_the_policy_says(sts_manager: Mailpoold):
    found = {}
    for kind in STS_EXPECTED:
        letters = []
        for mode in STS_MODES:
            code, text = deliver(sts_manager, f"user@{sts_domain(mode, kind)}")
            assert code == 250 or (code == 451 and ("MTA-STS" in text or kind == "tlsa-wrong")), f"{kind} {mode}: {code} {text}"
            letters.append(cell_of("sent" if code == 250 else "deferred", text))
        found[kind] = " ".join(letters)
    assert found == {name: " ".join(row.split()) for name, row in STS_EXPECTED.items()}


def test_requiretls_takes_a_policy_in_force_for_a_signature(sts_world: TlsWorld, sts_manager: Mailpoold):
    found = {}
    for kind in STS_EXPECTED:
        said = [deliver(sts_manager, f"user@{sts_domain(mode, kind, UNSIGNED)}", "REQUIRETLS") for mode in STS_MODES]
        found[kind] = " ".join(cell_of("sent", text) if code == 250 else text.split()[1] for code, text in said)
    assert found == STS_REQUIRED
    for kind, receiver in sts_world.receivers.items():
        passed_on = [command for command in receiver.commands("MAIL") if command.endswith(" REQUIRETLS")]
        assert len(passed_on) == (kind == "right"), passed_on
        assert receiver.client_violations() == {}


def test_failures_of_a_tested_policy_are_only_reported(sts_manager: Mailpoold):
    domain = sts_domain("testing", "expired")
    assert deliver(sts_manager, f"user@{domain}")[0] == 250
    report = json.loads(sts_manager.poolctl("tls-report", domain).stdout)
    counted = report["policies"][0]
    assert counted["policy"]["policy-type"] == "sts"
    assert counted["policy"]["mx-host"] == ["*.sts.example"]
    assert counted["failure-details"][0]["result-type"] == "certificate-expired"


def test_domains_of_one_mx_share_a_connection_where_each_policy_names_it_and_its_certificate_is_verified(sts_world: TlsWorld):
    lab = Lab(sts_world.lab.root / "shared-mx")
    manager = Mailpoold(lab, {**sts_world.manager_settings(), "mta_sts": {"timeout": "5s"}}).start()
    for mode in ("none", "enforce", "testing", "enforce"):
        assert deliver(manager, f"shared@{sts_domain(mode, 'right')}")[0] == 250
    assert manager.totals()["connections_opened"] == 1
    code, text = deliver(manager, f"shared@{sts_domain('unlisted', 'right')}")
    assert code == 451 and "it does not list mx-right.sts.example" in text
    for kind in ("wrong-name", "self-signed", "expired", "plain"):
        assert deliver(manager, f"shared@{sts_domain('none', kind)}")[0] == 250
        code, text = deliver(manager, f"shared@{sts_domain('enforce', kind)}")
        assert code == 451 and "MTA-STS policy" in text, "not on the connection of the domain that asks for nothing"
        strict = {entry.recipient for entry in sts_world.receivers[kind].accepted() if entry.recipient.startswith("shared@")}
        assert strict == {f"shared@{sts_domain('none', kind)}"}
    lab.close()


# --- The life of a policy


DOMAIN = "sts.example.net"
HOST = f"mta-sts.{DOMAIN}"
RECORD = f"_mta-sts.{DOMAIN}"
MX = "mx.sts.example.net"
ENFORCED, TESTED = policy("enforce", MX), policy("testing", MX)
TTL = 1


class Published:
    """A domain whose only MX host shows a certificate of another name: mail is deferred where its policy is enforced."""

    def __init__(self, lab: Lab, dns: Dns, authority: Authority, certificate: Certificate, host: PolicyHost, **settings: dict):
        self.dns, self.host, self.sent = dns, host, 0
        server = Fakemx(lab, certificate=certificate)
        dns.mx(DOMAIN, MX, ttl=TTL)
        dns.a(MX, server.host, ttl=TTL)
        dns.a(HOST, host.address, ttl=TTL)
        self.announce("1")
        self.manager = Mailpoold(lab, {
            "dns": {"servers": dns.servers}, "tls": {"ca_file": str(authority.certificate)},
            "smtp": {"prohibited": [], "port": server.port}, "mta_sts": {"timeout": "5s", "port": host.port}, **settings}).start()

    def announce(self, identity: str) -> None:
        self.dns.forget(RECORD)
        self.dns.add(RECORD, TXT(f"v=STSv1; id={identity};"), TTL)

    def deliver(self) -> int:
        self.sent += 1
        code, text = deliver(self.manager, f"u{self.sent}@{DOMAIN}")
        assert code == 250 or (code == 451 and f"MTA-STS policy of {DOMAIN}" in text), text
        return code

    def deliver_anew(self) -> int:
        """With a new route: they live for half a minute at least, and end with a reload."""
        self.manager.reload()
        return self.deliver()

    def deliver_until(self, code: int, what: str) -> None:
        wait_until(lambda: self.deliver_anew() == code, 60, what, interval=0.2)

    def deliver_with_a_new_answer(self) -> set[int]:
        """The mail's fate until the record has been asked for again, and after that."""
        def asked() -> int:
            return sum(name == RECORD for name, _ in self.dns.zone.asked)
        before, codes = asked(), set()
        wait_until(lambda: codes.add(self.deliver_anew()) or asked() > before, 60, "another question for the record", interval=0.2)
        return codes | {self.deliver()}

    def failures(self) -> set[str]:
        """The kinds of failure that today's report has."""
        report = json.loads(self.manager.poolctl("tls-report", DOMAIN).stdout)
        return {detail["result-type"] for counted in report["policies"] for detail in counted.get("failure-details", [])}


@pytest.fixture
def policy_host(lab: Lab, authority: Authority) -> PolicyHost:
    host = PolicyHost(authority.issue(HOST), port=free_port())
    lab.at_close(host.close)
    host.policies[HOST] = ENFORCED
    return host


@pytest.fixture
def published(lab: Lab, dns: Dns, authority: Authority, certificate: Certificate, policy_host: PolicyHost) -> Published:
    return Published(lab, dns, authority, certificate, policy_host)


def test_another_id_has_the_policy_fetched_again_and_the_same_id_has_not(published: Published):
    published.host.policies[HOST] = TESTED
    assert published.deliver() == 250
    published.host.policies[HOST] = ENFORCED
    assert published.deliver_with_a_new_answer() == {250}
    assert published.host.asked == [HOST]
    published.announce("2")
    published.deliver_until(451, "the new policy")
    assert published.host.asked == [HOST, HOST]
    published.host.policies[HOST] = policy("none", MX)
    published.announce("3")
    published.deliver_until(250, "a policy of mode none ends the one before")


def test_a_policy_is_renewed_before_its_end_and_is_in_force_no_longer(published: Published):
    published.host.policies[HOST] = policy("enforce", MX, max_age=6)
    assert published.deliver() == 451
    wait_until(lambda: published.deliver_anew() and len(published.host.asked) > 1, 60, "a renewal under the same id", interval=0.2)
    published.host.status = 500
    published.deliver_until(250, "the end of a policy that was not renewed")
    assert "HTTP status 500" in published.manager.log()


def test_a_known_policy_stays_in_force_though_its_host_or_its_record_is_gone(published: Published):
    assert published.deliver() == 451
    published.host.status = 500
    published.announce("2")
    assert published.deliver_with_a_new_answer() == {451}
    assert "HTTP status 500, not 200; the known one stays in force" in published.manager.log()
    assert "sts-policy-fetch-error" in published.failures()
    published.dns.forget(RECORD)
    assert published.deliver_with_a_new_answer() == {451}
    published.dns.behave(RECORD, "servfail")
    assert published.deliver_with_a_new_answer() == {451}


def test_a_policy_survives_a_restart_of_the_manager(published: Published):
    assert published.deliver() == 451
    published.host.status = 500
    published.manager.process.stop()
    published.manager.process.start()
    published.manager.wait_until_ready()
    assert published.deliver() == 451
    assert published.host.asked == [HOST], "a policy whose id has not changed is not fetched again"


def test_requiretls_waits_for_a_policy_that_cannot_be_had_now(lab: Lab, dns: Dns, authority: Authority, policy_host: PolicyHost):
    published = Published(lab, dns, authority, authority.issue(MX), policy_host)
    policy_host.status = 500
    code, text = deliver(published.manager, f"user@{DOMAIN}", "REQUIRETLS")
    assert (code, "its MTA-STS policy cannot be had now" in text) == (451, True), text
    policy_host.usual()
    published.manager.process.stop()
    published.manager.process.start()
    published.manager.wait_until_ready()
    assert deliver(published.manager, f"user@{DOMAIN}", "REQUIRETLS")[0] == 250


FAULTS = {
    "redirect": ("HTTP status 302", "sts-policy-fetch-error"),
    "not-found": ("HTTP status 404", "sts-policy-fetch-error"),
    "silent": ("Timeout was reached", "sts-policy-fetch-error"),
    "trickle": ("Timeout was reached", "sts-policy-fetch-error"),
    "too-long": ("longer than 65536 octets", "sts-policy-invalid"),
    "html": ("not of type text/plain", "sts-policy-invalid"),
    "garbage": ("is not a key and a value", "sts-policy-invalid"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_policy_is_none(lab: Lab, dns: Dns, authority: Authority, certificate: Certificate, policy_host: PolicyHost,
                                   fault: str):
    policy_host.policies[HOST] = {"too-long": ENFORCED + "x: y\r\n" * 12_000, "garbage": "nonsense", "not-found": ""}.get(fault, ENFORCED)
    if fault == "redirect":
        policy_host.status, policy_host.headers = 302, {"Location": f"https://{HOST}:{policy_host.port}/elsewhere"}
    policy_host.content_type = "text/html" if fault == "html" else "text/plain"
    policy_host.slowness = fault if fault in ("silent", "trickle") else ""
    timeout = "1s" if policy_host.slowness else "20s"
    published = Published(lab, dns, authority, certificate, policy_host, mta_sts={"timeout": timeout, "port": policy_host.port})
    assert published.deliver() == 250
    words, failure = FAULTS[fault]
    log = published.manager.log()
    assert f"mta-sts: the policy of {DOMAIN} cannot be had: " in log and words in log
    assert failure in published.failures()
    assert published.deliver_with_a_new_answer() == {250}
    assert policy_host.asked == [HOST], "once, and not where it redirects to"


@pytest.mark.parametrize("kind", ["wrong-name", "expired", "self-signed"])
def test_a_policy_host_that_cannot_prove_its_name_has_no_policy(lab: Lab, dns: Dns, authority: Authority, certificate: Certificate,
                                                               kind: str):
    now, day = datetime.now(timezone.utc), timedelta(days=1)
    shown = {"wrong-name": lambda: authority.issue("mta-sts.example.org"), "self-signed": lambda: authority.self_signed(HOST),
             "expired": lambda: authority.issue(HOST, stem="expired-policy-host", start=now - 30 * day, end=now - day)}[kind]()
    host = PolicyHost(shown, port=free_port())
    lab.at_close(host.close)
    host.policies[HOST] = ENFORCED
    published = Published(lab, dns, authority, certificate, host)
    assert published.deliver() == 250
    assert published.failures() == {"sts-webpki-invalid"}
    assert host.asked == [], "nothing was asked of whoever answered"


def test_a_policy_host_may_not_be_where_mx_may_not(lab: Lab, dns: Dns, authority: Authority, certificate: Certificate):
    host = PolicyHost(authority.issue(HOST, stem="prohibited-policy-host"), "127.0.3.2", free_port())
    lab.at_close(host.close)
    host.policies[HOST] = ENFORCED
    published = Published(lab, dns, authority, certificate, host)
    port = published.manager.settings["smtp"]["port"]
    published.manager.configure({**published.manager.settings, "smtp": {"prohibited": ["127.0.3.0/24"], "port": port}})
    published.manager.reload()
    assert published.deliver() == 250
    assert host.asked == []
    assert "127.0.3.2 is prohibited" in published.manager.log()
