"""Every level of TLS against every kind of receiver: one table, held against mailpoold and against Postfix itself.

A cell says how the message arrives: `t` under TLS, `p` in plain text, `-` not at all (deferred, and never seen by the
receiver). Postfix has no level `auto`, and differs in no other cell.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tls_line import deliver

from lab.mailpool import Mailpoold
from lab.messages import message
from lab.postfix import Postfix
from lab.process import Lab, wait_until
from lab.tls_world import KINDS, LEVELS, Kind, TlsWorld, cell_of, domain_of

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
    "alias":                     "p   t    t      -      -     t      t      t",
    "alias-own":                 "p   t    t      -      -     t      t      t",
    "alias-both":                "p   t    t      t      -     -      -      -",
    "alias-unsigned":            "p   t    t      -      -     t      t      t",
}
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
    "alias":                     "t          t",
    "alias-own":                 "t          t",
    "alias-both":                "5.7.10     t",
    "alias-unsigned":            "t          t",
}


def expected(kind: Kind, level: str) -> str:
    return EXPECTED[kind.name].split()[LEVELS.index(level)]


def cells(levels: tuple[str, ...]) -> list[tuple[Kind, str]]:
    return [(kind, level) for kind in KINDS for level in levels]


def as_table(found: dict[tuple[str, str], str], levels: tuple[str, ...]) -> dict[str, str]:
    return {kind.name: " ".join(found[kind.name, level] for level in levels) for kind in KINDS}


@pytest.fixture(scope="module")
def tls_world(world: Lab) -> Iterator[TlsWorld]:
    lab = Lab(world.root / "tls")
    made = TlsWorld(lab).of_all_levels()
    made.dns.start()
    yield made
    lab.close()


@pytest.fixture(scope="module")
def manager(tls_world: TlsWorld) -> Mailpoold:
    domains = {domain_of(level, kind): {"tls": level} for kind, level in cells(LEVELS)}
    return Mailpoold(tls_world.lab, {**tls_world.manager_settings(), "domain": domains}).start()


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
    settings = tls_world.manager_settings()
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
    with_domains = {**tls_world.manager_settings(), "domain": domains}
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


def test_domains_of_one_mx_share_a_connection_where_it_proves_what_each_of_them_requires(tls_world: TlsWorld):
    kind = next(kind for kind in KINDS if kind.name == "tlsa-right")
    domains = {domain_of(level, kind): {"tls": level} for level in LEVELS}
    lab = Lab(tls_world.lab.root / "shared-mx")
    manager = Mailpoold(lab, {**tls_world.manager_settings(), "domain": domains}).start()

    def connections_after(level: str) -> int:
        assert deliver(manager, f"shared@{domain_of(level, kind)}")[0] == 250
        return manager.totals()["connections_opened"]

    assert [connections_after(level) for level in ("may", "encrypt")] == [1, 1]
    assert connections_after("dane") == 2, "no TLSA record was tried on the one that is there"
    assert [connections_after(level) for level in ("dane-only", "auto", "may", "encrypt")] == [2, 2, 2, 2]
    code, text = deliver(manager, f"shared@{domain_of('verify', kind)}")
    assert code == 451 and 'tls = "verify" requires a trusted certificate' in text, "DANE proves another thing"
    assert not any(entry.recipient == f"shared@{domain_of('verify', kind)}" for entry in tls_world.receivers[kind.name].accepted())
    lab.close()


def test_explain_and_the_log_say_what_was_required_and_proved(manager: Mailpoold):
    kind = next(kind for kind in KINDS if kind.name == "tlsa-right")
    way = manager.poolctl.json("explain", f"user@{domain_of('auto', kind)}")
    assert way["targets"][0]["tls"] == 'dane: tls = "auto"'
    assert deliver(manager, f"user@{domain_of('auto', kind)}")[0] == 250
    assert 'server="verified by DANE-EE"' in manager.log()
    bogus = next(kind for kind in KINDS if kind.name == "tlsa-bogus")
    assert "could not be validated" in deliver(manager, f"user@{domain_of('auto', bogus)}")[1]


def test_the_report_of_a_day_counts_sessions_as_rfc_8460_writes_them(manager: Mailpoold, tls_world: TlsWorld):
    right = next(kind for kind in KINDS if kind.name == "tlsa-right")
    wrong = next(kind for kind in KINDS if kind.name == "tlsa-wrong")
    for kind in (right, wrong):
        deliver(manager, f"user@{domain_of('dane-only', kind)}")
    report = json.loads(manager.poolctl("tls-report", domain_of("dane-only", wrong)).stdout)
    assert report["organization-name"] == "mail.example.com"
    policy = report["policies"][0]
    assert policy["policy"]["policy-type"] == "tlsa"
    assert policy["policy"]["policy-domain"] == "mx-tlsa-wrong.example.com"
    assert policy["policy"]["policy-string"][0].startswith("_25._tcp.mx-tlsa-wrong.example.com. IN TLSA 3 1 1 ")
    assert policy["summary"]["total-failure-session-count"] >= 1
    failure = policy["failure-details"][0]
    assert failure["result-type"] == "validation-failure"
    assert failure["sending-mta-ip"] == "127.0.0.1"
    assert failure["receiving-mx-hostname"] == "mx-tlsa-wrong.example.com"
    assert failure["receiving-mx-helo"]
    assert failure["receiving-ip"] == tls_world.receivers["tlsa-wrong"].host
    assert failure["failed-session-count"] >= 1
    assert "matches no TLSA record" in failure["failure-reason-code"]
    nobody = manager.poolctl("tls-report", "nobody.example.com")
    assert (nobody.returncode, "no session" in nobody.stderr) == (1, True)


def test_without_validation_dane_is_off_and_only_dane_only_waits(tls_world: TlsWorld):
    lab = Lab(tls_world.lab.root / "unvalidated")
    settings = tls_world.manager_settings()
    settings["dns"] = {"servers": tls_world.dns.servers, "trust_anchor": ""}
    kinds = {kind.name: kind for kind in KINDS}
    domains = {domain_of(level, kinds["tlsa-wrong"]): {"tls": level} for level in ("dane-only", "auto")}
    manager = Mailpoold(lab, {**settings, "domain": domains}).start()
    assert deliver(manager, f"user@{domain_of('auto', kinds['tlsa-wrong'])}")[0] == 250
    code, text = deliver(manager, f"user@{domain_of('dane-only', kinds['tlsa-wrong'])}")
    assert code == 451 and 'tls = "dane-only"' in text
    assert "DNSSEC validation and DANE are off" in manager.log()
    lab.close()
