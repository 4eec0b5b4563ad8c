"""Servers that are wrong about TLS (F21 to F28), on fresh, reused and resumed connections; TLS with real mail servers.

What happens before the first message of a connection (F21, F22, F24, F25, F28 and handshakes) cannot happen on a reused one.
"""

import json
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from empty_records import EmptyRecords
from tls_line import DOMAINS, WHERE, Line, MakeLine, deliver
from wrapped_server import WrappedServer

from lab.certificates import Authority, Certificate
from lab.dns import Dns
from lab.fakeimap import FakeImap
from lab.fakemx import Fakemx
from lab.imap_pool import ImapPool
from lab.lmtp import Lmtp
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, free_port, wait_until
from lab.receivers import SERVER_NAME, Exim, OpenSmtpd, PostfixReceiver, Receiver
from lab.sendmail import Sendmail, by_smtp

at_the_start = pytest.mark.parametrize("how", ["fresh", "resumed"])
at_any_time = pytest.mark.parametrize("how", list(WHERE))
both_versions = pytest.mark.parametrize("flags", [(), ("--tls12",)], ids=["TLSv1.3", "TLSv1.2"])


@pytest.fixture
def line(lab: Lab, certificate: Certificate) -> MakeLine:
    return lambda script, *flags, how="fresh", **settings: Line(lab, certificate, script, *flags, how=how, settings=settings)


@at_the_start
@pytest.mark.parametrize("injected", [
    pytest.param(r"250 2.0.0 injected\r\n", id="F21-a-reply-behind-the-220"),
    pytest.param(r"250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 2.0.0 forged\r\n", id="F22-a-whole-session"),
])
@pytest.mark.parametrize("domain", DOMAINS)
def test_words_behind_the_220_are_never_taken_for_the_servers(line: MakeLine, how: str, domain: str, injected: str):
    way = line(f'starttls {{conn}} -> send "220 2.0.0 go ahead\\r\\n{injected}"; hang', how=how)
    way.begin(domain)
    before = len(way.server.accepted())
    code, text = way.deliver(domain)
    assert (code, "more than the reply to STARTTLS" in text) == (451, True), text
    assert len(way.server.accepted()) == before


# F23: neither of mailpoold's own sockets has STARTTLS, so nothing can be smuggled in front of a handshake.


@pytest.mark.parametrize("state", ["before LHLO", "idle", "in a transaction"])
def test_f23_starttls_over_lmtp_is_refused_and_what_follows_is_just_the_next_command(lab: Lab, state: str):
    manager = Mailpoold(lab).start()
    with Lmtp(manager.lmtp_socket, greet=state != "before LHLO") as session:
        if state == "before LHLO":
            session.reply()
        assert not any("STARTTLS" in line for line in session.extensions)
        if state == "in a transaction":
            assert session.command("MAIL FROM:<s@example.com>").code == 250
        session.send(b"STARTTLS\r\nNOOP\r\nVRFY x\r\n")
        assert [session.reply().code // 100 for _ in range(2)] == [5, 2]
        assert session.reply().code != 220, "no handshake is waited for"


@pytest.mark.parametrize("state", ["not authenticated", "authenticated", "selected"])
def test_f23_starttls_over_imap_is_refused_and_what_follows_is_just_the_next_command(lab: Lab, state: str):
    fake = FakeImap(lab)
    with ImapPool(lab, fake.address, tls="none").session() as session:
        if state != "not authenticated":
            session.login("anna", "anna-secret")
        if state == "selected":
            session.expect("SELECT INBOX")
        assert b"STARTTLS" not in b" ".join(session.expect("CAPABILITY").untagged)
        session.send(b"x1 STARTTLS\r\nx2 NOOP\r\n")
        assert session.finish(b"x1").status == "BAD"
        assert session.finish(b"x2").ok
    assert not any(command.name == "STARTTLS" for seen in fake.sessions for command in seen.commands)


@at_the_start
def test_f24_without_starttls_mail_that_requires_tls_waits(line: MakeLine, how: str):
    way = line("ehlo {conn} -> without STARTTLS", how=how)
    way.begin("encrypt.test")
    code, text = way.deliver("encrypt.test")
    assert code == 451 and 'TLS is required (tls = "encrypt"), but was not offered' in text, text


@at_the_start
def test_f24_without_starttls_other_mail_goes_in_plain_text(line: MakeLine, how: str):
    way = line("ehlo {conn} -> without STARTTLS", how=how)
    way.begin("may.test")
    assert way.deliver("may.test")[0] == 250
    assert way.connections() == WHERE[how][0]


# From this connection on, however often it is tried.
BROKEN_HANDSHAKES = [
    pytest.param("starttls conn=N- -> 454 4.7.0 not now", id="F25-454"),
    pytest.param("tls conn=N- -> alert", id="F27-an-alert"),
    pytest.param("tls conn=N- -> close", id="F27-the-end-within-the-handshake"),
    pytest.param('tls conn=N- -> send "no TLS here\\r\\n"', id="F27-no-TLS-at-all"),
]


@at_the_start
@pytest.mark.parametrize("script", BROKEN_HANDSHAKES)
def test_a_handshake_that_fails_is_followed_by_plain_text_where_that_is_allowed(line: MakeLine, how: str, script: str):
    way = line(script.replace("N", str(WHERE[how][0])), how=how)
    way.begin("may.test")
    assert way.deliver("may.test")[0] == 250
    opened = way.connections()
    way.close_idle()
    assert way.deliver("may.test")[0] == 250
    assert way.connections() == opened + 1, "remembered"


@at_the_start
@pytest.mark.parametrize("script", BROKEN_HANDSHAKES)
def test_a_handshake_that_fails_is_no_way_for_mail_that_requires_it(line: MakeLine, how: str, script: str):
    way = line(script.replace("N", str(WHERE[how][0])), how=how)
    way.begin("encrypt.test")
    before = len(way.server.accepted())
    code, text = way.deliver("encrypt.test")
    assert code == 451 and 'tls = "encrypt"' in text, text
    assert len(way.server.accepted()) == before


@at_the_start
def test_f27_a_first_stalled_handshake_may_be_the_networks_and_the_next_one_is_that_of_tls(line: MakeLine, how: str):
    way = line(f"tls conn={WHERE[how][0]}- -> hang", how=how)
    way.begin("may.test")
    before = len(way.server.accepted())
    code, text = way.deliver("may.test")
    assert code == 451 and "timed out while shaking hands for TLS" in text, text
    assert len(way.server.accepted()) == before, "not in plain text"
    wait_until(lambda: way.deliver("may.test")[0] == 250, 30, "plain text")
    opened = way.connections()
    way.close_idle()
    assert way.deliver("may.test")[0] == 250
    assert way.connections() == opened + 1, "remembered"


@at_the_start
def test_f27_a_stalled_handshake_is_no_way_for_mail_that_requires_it(line: MakeLine, how: str):
    way = line(f"tls conn={WHERE[how][0]}- -> hang", how=how)
    way.begin("encrypt.test")
    before = len(way.server.accepted())
    assert way.deliver("encrypt.test")[0] == 451
    wait_until(lambda: 'tls = "encrypt" requires TLS' in way.deliver("encrypt.test")[1], 30, "the second silence")
    assert len(way.server.accepted()) == before


@both_versions
@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("fault", ["alert", "close", "hang", 'send "no TLS here\\r\\n"'])
def test_f27_a_server_that_fails_only_with_a_session_gets_full_handshakes(line: MakeLine, fault: str, domain: str,
                                                                         flags: tuple[str, ...]):
    way = line(f"tls {{conn}} -> {fault}", *flags, how="resumed")
    way.begin(domain)
    for _ in range(2):
        assert way.deliver(domain)[0] == 250
        way.close_idle()
    assert way.connections() == 4, "the first, the one that failed, and two in full"
    assert way.handshakes()["full"] == 3 and way.handshakes()["resumed"] == 0


@both_versions
@at_any_time
@pytest.mark.parametrize("end", ["alert", "close-notify; drop", "reset", "close"])
def test_f27_an_end_within_the_body_loses_nothing(line: MakeLine, end: str, how: str, flags: tuple[str, ...]):
    way = line(f"body {{here}} nth=1 at=2000 -> {end}", *flags, how=how, chunking=False)
    way.begin("encrypt.test")
    before = len(way.server.accepted())
    # The body is larger than all buffers on its way, so that the end comes within it. A reused connection may have died
    # before: the message goes once more on a fresh one. The end of another is the answer.
    code, text = way.deliver("encrypt.test", (b"x" * 60 + b"\r\n") * 250_000)
    assert code == (250 if how == "reused" else 451), text
    assert len(way.server.accepted()) == before + (1 if how == "reused" else 0)
    assert way.server.client_violations() == {}
    assert way.was_met()


@pytest.mark.parametrize("chunking", [False, True], ids=["DATA", "BDAT"])
@pytest.mark.parametrize("domain", ["plain.test", "encrypt.test"])
@both_versions
@at_any_time
def test_a_refusal_in_mid_body_is_heard_whatever_follows_it(line: MakeLine, how: str, flags: tuple[str, ...], domain: str, chunking: bool):
    """The server refuses while the body is on its way, and closes at once: what it said has arrived before the reset has."""
    if domain == "plain.test" and how == "resumed":
        pytest.skip("nothing is resumed in plain text")
    way = line("body {here} nth=1 at=300000 -> 552 5.3.4 Message size exceeds fixed limit; close", *flags, how=how, chunking=chunking)
    way.settings["route"][domain] = [way.server.address]
    way.settings["domain"]["plain.test"] = {"tls": "none"}
    way.manager.configure(way.settings)
    way.manager.poolctl("reload")
    way.begin(domain)
    code, text = way.deliver(domain, (b"x" * 60 + b"\r\n") * 150_000)
    assert code == 552 and "5.3.4 Message size exceeds fixed limit" in text, text
    assert way.server.client_violations() == {}


@at_any_time
@pytest.mark.parametrize("noise,flags", [
    ("ticket", ()), ("key-update", ()), ("ticket; ticket; ticket", ()), ("ticket", ("--tls12",))])
def test_f27_what_only_tls_has_to_say_does_not_end_an_idle_connection(line: MakeLine, noise: str, how: str,
                                                                      flags: tuple[str, ...]):
    way = line(f"idle {{here}} after=100ms -> {noise}", *flags, how=how)
    way.begin("encrypt.test")
    assert way.deliver("encrypt.test")[0] == 250
    opened = way.connections()
    wait_until(lambda: way.server.stats()["rules_met"] > 0, 10, "the server has said it")
    assert way.deliver("encrypt.test")[0] == 250
    assert way.connections() == opened, way.manager.log()[-2000:]
    assert way.was_met()


@at_any_time
@pytest.mark.parametrize("end", ["close-notify", "alert", "reset", "renegotiate"])
def test_f27_what_ends_tls_ends_an_idle_connection_and_no_message_is_lost(line: MakeLine, end: str, how: str):
    way = line(f"idle {{here}} after=100ms -> {end}", *(["--tls12"] if end == "renegotiate" else []), how=how)
    way.begin("encrypt.test")
    assert way.deliver("encrypt.test")[0] == 250
    wait_until(lambda: way.server.stats()["rules_met"] > 0, 10, "the server has ended it")
    assert way.deliver("encrypt.test")[0] == 250
    assert len(way.server.accepted()) == (2 if how == "fresh" else 3)
    assert way.was_met()


@pytest.mark.parametrize("priority", ["NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"], ids=["TLSv1.3", "TLSv1.2"])
@pytest.mark.parametrize("at_rest", [3, 30])
def test_f27_records_without_content_within_replies_and_at_rest_are_nothing(lab: Lab, certificate: Certificate, priority: str,
                                                                           at_rest: int):
    """On a fresh, a reused and a resumed connection."""
    server = EmptyRecords(certificate, priority, at_rest)
    lab.at_close(server.close)
    manager = Mailpoold(lab, {"tls": {"wrapper": True}, "smtp": {"tls": "encrypt", "check_after": "1h"},
                              "route": {"empty.test": [f"127.0.0.1:{server.port}"]}}).start()

    def deliver_and_rest() -> None:
        assert deliver(manager, "u@empty.test")[0] == 250
        wait_until(lambda: server.rests == server.messages, 10, "the records without content")

    deliver_and_rest()
    deliver_and_rest()
    assert server.connections == 1
    manager.poolctl("flush", manager.status()["sites"][0]["site"])
    wait_until(lambda: manager.totals()["connections_open"] == 0, 10, "no connection is open")
    deliver_and_rest()
    deliver_and_rest()
    assert (server.connections, server.resumed) == (2, 1)


def test_f27_very_many_records_without_content_end_an_idle_connection_and_lose_no_message(lab: Lab, certificate: Certificate):
    """OpenSSL bears 32 in a row."""
    server = EmptyRecords(certificate, "NORMAL:-VERS-ALL:+VERS-TLS1.3", 1000)
    lab.at_close(server.close)
    manager = Mailpoold(lab, {"tls": {"wrapper": True}, "smtp": {"tls": "encrypt", "check_after": "1h"},
                              "route": {"empty.test": [f"127.0.0.1:{server.port}"]}}).start()
    for connections in (1, 2):
        assert deliver(manager, "u@empty.test")[0] == 250
        wait_until(lambda: manager.totals()["connections_open"] == 0, 10, "the connection is closed")
        assert (server.connections, server.messages) == (connections, connections)


@at_the_start
@pytest.mark.parametrize("script,has", [
    pytest.param("ehlo tls=yes {conn} -> without CHUNKING", False, id="F28-only-before"),
    pytest.param("ehlo tls=no {conn} -> without CHUNKING", True, id="F28-only-after"),
])
def test_f28_only_what_is_announced_under_tls_counts(line: MakeLine, script: str, has: bool, how: str):
    way = line(script, how=how)
    way.begin("encrypt.test")
    chunks = way.server.stats()["commands"]["BDAT"]
    for _ in range(2):
        assert way.deliver("encrypt.test")[0] == 250
    assert (way.server.stats()["commands"]["BDAT"] > chunks) == has
    assert way.server.client_violations() == {}
    assert way.was_met()


# --- F26: certificates that prove nothing


WORDS_FOR = {"expired": "expired", "not-yet-valid": "not yet valid", "wrong-name": "elsewhere.example.com",
             "self-signed": "self-signed"}
any_bad_certificate = pytest.mark.parametrize("kind", WORDS_FOR)


@pytest.fixture(scope="session")
def bad_certificates(authority: Authority) -> dict[str, Certificate]:
    now, day = datetime.now(timezone.utc), timedelta(days=1)
    return {"expired": authority.issue(SERVER_NAME, stem="expired", start=now - 30 * day, end=now - day),
            "not-yet-valid": authority.issue(SERVER_NAME, stem="to-come", start=now + day, end=now + 30 * day),
            "wrong-name": authority.issue("elsewhere.example.com"),
            "self-signed": authority.self_signed(SERVER_NAME)}


class Verified:
    """Two domains at one server: `may.test` takes anybody, `verify.test` only who proves the name."""

    def __init__(self, lab: Lab, authority: Authority, dns: Dns, certificate: Certificate):
        dns.a(SERVER_NAME, "127.0.0.1")
        self.lab = lab
        self.port = free_port()
        self.start(certificate)
        route = [f"{SERVER_NAME}:{self.port}"]
        self.manager = Mailpoold(lab, {
            "dns": {"servers": dns.servers}, "tls": {"ca_file": str(authority.certificate)},
            "route": {"may.test": route, "verify.test": route},
            "domain": {"may.test": {"tls": "may"}, "verify.test": {"tls": "verify"}}}).start()
        self.deliver, self.close_idle, self.sent = Line.deliver.__get__(self), Line.close_idle.__get__(self), 0

    def start(self, certificate: Certificate) -> None:
        self.server = Fakemx(self.lab, certificate=certificate, port=self.port)


@any_bad_certificate
def test_f26_a_fresh_connection_to_a_server_that_proves_nothing_gets_no_mail(lab: Lab, authority: Authority, dns: Dns, kind: str,
                                                                            bad_certificates: dict[str, Certificate]):
    way = Verified(lab, authority, dns, bad_certificates[kind])
    code, text = way.deliver("verify.test")
    assert code == 451 and WORDS_FOR[kind] in text, text
    assert way.server.accepted() == []


@any_bad_certificate
def test_f26_a_connection_of_others_to_such_a_server_is_not_reused(lab: Lab, authority: Authority, dns: Dns, kind: str,
                                                                       bad_certificates: dict[str, Certificate]):
    way = Verified(lab, authority, dns, bad_certificates[kind])
    assert way.deliver("may.test")[0] == 250
    assert way.deliver("verify.test")[0] == 451
    assert way.deliver("may.test")[0] == 250
    assert [entry.recipient for entry in way.server.accepted()] == ["u1@may.test", "u3@may.test"]


@any_bad_certificate
def test_f26_a_session_with_such_a_server_proves_no_more_than_it_did(lab: Lab, authority: Authority, dns: Dns, kind: str,
                                                                      bad_certificates: dict[str, Certificate]):
    """Neither the session that others have is offered, nor does one of its own follow from a handshake that proved nothing."""
    way = Verified(lab, authority, dns, bad_certificates[kind])
    for _ in range(2):
        assert way.deliver("may.test")[0] == 250
        assert way.deliver("verify.test")[0] == 451
        way.close_idle()
    assert way.server.stats()["tls"]["resumed"] == 1
    assert way.deliver("may.test")[0] == 250
    connection = way.manager.poolctl.json("connections")["connections"][0]
    assert connection["tls_resumed"] and not connection["tls_verified"].startswith("verified")


@any_bad_certificate
def test_f26_a_server_that_forgot_the_session_has_to_prove_itself_again(lab: Lab, authority: Authority, certificate: Certificate,
                                                                       dns: Dns, kind: str,
                                                                       bad_certificates: dict[str, Certificate]):
    way = Verified(lab, authority, dns, certificate)
    assert way.deliver("verify.test")[0] == 250
    way.close_idle()
    way.server.stop()
    way.start(bad_certificates[kind])
    code, text = way.deliver("verify.test")
    assert code == 451 and WORDS_FOR[kind] in text, text
    assert way.server.accepted() == []


# --- implicit TLS


def test_the_wrapper_speaks_tls_from_the_first_octet_and_verifies(lab: Lab, authority: Authority, certificate: Certificate, dns: Dns):
    server = WrappedServer(certificate)
    lab.at_close(server.close)
    dns.a(SERVER_NAME, "127.0.0.1")
    route = [f"{SERVER_NAME}:{server.port}"]
    manager = Mailpoold(lab, {
        "dns": {"servers": dns.servers}, "tls": {"ca_file": str(authority.certificate), "wrapper": True},
        "route": {"verified.test": route, "wrong.test": route},
        "domain": {"verified.test": {"tls": "verify"}, "wrong.test": {"tls": "secure", "tls_match": ["elsewhere.example.com"]}}}).start()
    for _ in range(2):
        with manager.lmtp() as session:
            assert session.deliver("s@example.com", ["u@verified.test"], message(b"x\r\n", "w"))[-1].code == 250
    with manager.lmtp() as session:
        reply = session.deliver("s@example.com", ["u@wrong.test"], message(b"x\r\n", "w"))[-1]
    assert reply.code == 451 and "requires a certificate of elsewhere.example.com" in reply.text
    assert "STARTTLS" not in server.commands
    assert sum(command.startswith("MAIL") for command in server.commands) == 2
    assert manager.totals()["connections_reused"] == 1


def test_the_wrapper_carries_requiretls_where_it_is_offered(lab: Lab, authority: Authority, certificate: Certificate, dns: Dns):
    servers = {"offers.test": WrappedServer(certificate, "REQUIRETLS"), "lacks.test": WrappedServer(certificate)}
    dns.a(SERVER_NAME, "127.0.0.1")
    for server in servers.values():
        lab.at_close(server.close)
    manager = Mailpoold(lab, {
        "dns": {"servers": dns.servers}, "tls": {"ca_file": str(authority.certificate), "wrapper": True},
        "route": {domain: [f"{SERVER_NAME}:{server.port}"] for domain, server in servers.items()}}).start()
    replies = {}
    for domain in servers:
        with manager.lmtp() as session:
            replies[domain] = str(session.deliver("s@example.com", [f"u@{domain}"], message(b"x\r\n", "w"), "REQUIRETLS")[-1])
    assert replies["offers.test"].startswith("250 ") and replies["lacks.test"].startswith("550 5.7.30 "), replies
    assert [c for c in servers["offers.test"].commands if c.startswith("MAIL")] == ["MAIL FROM:<s@example.com> REQUIRETLS"]
    assert not any(command.startswith("MAIL") for command in servers["lacks.test"].commands)


# --- options


def test_every_option_of_tls_does_what_it_says(lab: Lab, authority: Authority, certificate: Certificate, dns: Dns):
    """Versions, ciphers, SNI and the client's certificate, as `openssl s_server` sees them."""
    dns.a(SERVER_NAME, "127.0.0.1")
    client = authority.issue_to_mailpool("client.example.com")
    port = free_port()
    log = lab.root / "s_server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate.certificate, "-key", certificate.key,
             "-Verify", "1", "-CAfile", authority.certificate, "-servername", "asked.example.com", "-cert2", certificate.certificate,
             "-key2", certificate.key, "-trace", "-quiet"], stdin=subprocess.PIPE, stdout=out, stderr=out)
    lab.at_close(server.kill)
    manager = Mailpoold(lab, {
        "dns": {"servers": dns.servers},
        "smtp": {"greeting_timeout": "2s", "tls": "encrypt"},
        "tls": {"ca_file": str(authority.certificate), "wrapper": True, "minimum_version": "TLSv1.3", "sni": "asked.example.com",
                "ciphersuites": "TLS_AES_128_GCM_SHA256", "certificate": str(client.certificate), "key": str(client.key)},
        "route": {"options.test": [f"{SERVER_NAME}:{port}"]}}).start()
    with manager.lmtp() as session:
        session.deliver("s@example.com", ["u@options.test"], message(b"x\r\n", "o"))
    seen = log.read_text(errors="replace")
    assert "asked" in seen  # SNI, in a dump of 16 octets a line
    assert "client.example.com" in seen
    hello = seen[seen.index("ClientHello"):seen.index("ServerHello")]
    assert "TLS_AES_128_GCM_SHA256" in hello and "TLS_AES_256_GCM_SHA384" not in hello
    assert "TLS 1.2" not in hello.split("supported_versions")[1].split("extension_type")[0]


@pytest.mark.parametrize("setting,words", [
    ({"ca_file": "/nonexistent.pem"}, "ca_file: /nonexistent.pem does not exist"),
    ({"ciphers": "NOSUCHCIPHER"}, 'ciphers = "NOSUCHCIPHER"'),
    ({"certificate": "/nonexistent.pem"}, "certificate /nonexistent.pem"),
])
def test_what_is_wrong_with_the_files_of_tls_is_said_and_a_reload_keeps_the_old(lab: Lab, setting: dict, words: str):
    manager = Mailpoold(lab).start()
    manager.configure({"tls": setting})
    report = json.loads(manager.poolctl("--json", "reload").stdout)
    assert not report["is_applied"] and any(words in mistake for mistake in report["mistakes"]), report


# --- real servers


def sendmail(lab: Lab, certificate: Certificate) -> Sendmail:
    key = lab.root / "sendmail.key"
    key.write_bytes(certificate.key.read_bytes())
    key.chmod(0o600)
    more = (f"define(`confSERVER_CERT', `{certificate.certificate}')dnl\ndefine(`confSERVER_KEY', `{key}')dnl\n"
            f"define(`confCACERT', `{certificate.certificate}')dnl\ndefine(`confCACERT_PATH', `/etc/ssl/certs')dnl\n"
            "define(`confTLS_SRV_OPTIONS', `V')dnl\n")
    return Sendmail(lab, "receiver", by_smtp(), more=more, queue_interval="1h").start()


SERVERS = {
    "postfix": (PostfixReceiver, lambda server: server.tls_sessions() > 0),
    "exim": (Exim, lambda server: server.tls_sessions() > 0),
    "sendmail": (sendmail, lambda server: "STARTTLS=server" in server.log()),
}


def manager_for(lab: Lab, authority: Authority, dns: Dns, port: int) -> Mailpoold:
    dns.a(SERVER_NAME, "127.0.0.1")
    return Mailpoold(lab, {
        "dns": {"servers": dns.servers}, "tls": {"ca_file": str(authority.certificate)},
        "route": {f"{level}.test": [f"{SERVER_NAME}:{port}"] for level in ("verify", "may")},
        "domain": {"verify.test": {"tls": "verify"}, "may.test": {"tls": "may"}}}).start()


@pytest.mark.parametrize("name", SERVERS)
def test_a_real_server_is_verified_over_starttls(lab: Lab, authority: Authority, certificate: Certificate, dns: Dns, name: str):
    start, spoke_tls = SERVERS[name]
    server: Receiver | Sendmail = start(lab, certificate)
    manager = manager_for(lab, authority, dns, server.port)
    for number in range(3):
        with manager.lmtp(timeout=60) as session:
            reply = session.deliver("sender@example.com", [f"u{number}@verify.test"], message(b"x\r\n", f"i{number}"))[-1]
        assert reply.code == 250, reply
    assert spoke_tls(server)
    connection = manager.poolctl.json("connections")["connections"][0]
    assert connection["tls_verified"] == "verified by its certificate"
    assert manager.totals()["connections_opened"] == 1


def test_opensmtpd_of_debian_12_cannot_finish_a_handshake(lab: Lab, authority: Authority, certificate: Certificate, dns: Dns):
    """It loses its key with OpenSSL 3: what requires TLS waits, the rest goes in plain text."""
    server = OpenSmtpd(lab, certificate)
    manager = manager_for(lab, authority, dns, server.port)
    with manager.lmtp(timeout=60) as session:
        assert session.deliver("sender@example.com", ["guest@may.test"], message(b"x\r\n", "o1"))[-1].code == 250
    with manager.lmtp(timeout=60) as session:
        reply = session.deliver("sender@example.com", ["guest@verify.test"], message(b"x\r\n", "o2"))[-1]
    assert reply.code == 451 and reply.text.startswith("4.7.5"), reply
