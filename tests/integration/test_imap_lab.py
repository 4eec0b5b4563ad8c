"""The IMAP part of the lab itself: real servers, the fake one, the proxy that leaks, each asked without mailpool in between."""

import socket

import pytest

from lab.certificates import Authority, Certificate
from lab.cyrus import Cyrus
from lab.dovecot import Dovecot
from lab.fakeimap import BlackHole, FakeImap
from lab.imap import Imap, ImapError, capabilities
from lab.imapproxy import Imapproxy
from lab.isolation import USERS, over_tls, prepare
from lab.isolation_run import run
from lab.process import Lab
from lab.strict_session import INHERITED, SILENCE, TAGS

MESSAGE = b"Subject: watermark\r\n\r\nof anna\r\n"


def test_dovecot_keeps_mail_over_tls_13_and_restarts(lab: Lab, imap_certificate: Certificate):
    server = Dovecot(lab, imap_certificate).start()
    server.put("anna", MESSAGE)
    with server.session() as session:
        assert session.connection.version() == "TLSv1.3"
        assert session.try_login("anna", "wrong").status == "NO"
        assert "UNSELECT" in capabilities([session.login("anna", "anna-secret").text.encode()])
        session.expect("SELECT INBOX")
        assert MESSAGE in session.expect("FETCH 1 BODY.PEEK[]").joined()
        server.stop()
        assert b"BYE" in session.unread(2, b"BYE")
    server.start()
    server.set_password("anna", "other")
    with server.session() as session:
        session.login("anna", "other")


def test_a_hung_dovecot_accepts_and_says_nothing(dovecot: Dovecot):
    with dovecot.session() as session:
        dovecot.hang()
        session.start("NOOP")
        assert session.unread(0.3) == b""
        dovecot.go_on()
        assert b"a1 OK" in session.unread(5, b"a1 OK")


def test_cyrus_keeps_mail_and_offers_unauthenticate_to_administrators(lab: Lab, imap_certificate: Certificate):
    server = Cyrus(lab, imap_certificate, admin="anna")
    with server.session() as session:
        session.login("anna", "anna-secret")
        session.expect("UNAUTHENTICATE")
        server.set_password("bert", "other")
        session.login("bert", "other")
        session.append("INBOX", MESSAGE)
        session.expect("SELECT INBOX")
        assert MESSAGE in session.expect("FETCH 1 BODY.PEEK[]").joined()
        assert session.command("UNAUTHENTICATE").status == "BAD"


def test_imapproxy_reuses_a_connection_as_it_was_left(lab: Lab, dovecot: Dovecot):
    proxy = Imapproxy(lab, dovecot.plain_port)
    with proxy.session() as first:
        first.login("anna", "anna-secret")
        first.expect("ENABLE QRESYNC")
        first.logout()
    with proxy.session() as second:
        second.login("anna", "anna-secret")
        second.append("INBOX", MESSAGE)
        assert b"HIGHESTMODSEQ" in second.expect("SELECT INBOX").joined(), "the state of the session before"


def test_the_fake_server_speaks_imap_and_does_what_its_hooks_say(fake: FakeImap):
    with Imap.over_tcp("127.0.0.1", fake.port) as session:
        session.login("anna", "anna-secret")
        session.expect("SELECT INBOX")
        assert b"watermark of anna in INBOX" in session.expect("FETCH 1 BODY[]").joined()
        assert session.append("INBOX", MESSAGE).ok
        fake.hooks["NOOP"] = lambda server_side, command: server_side.say(b"* BYE enough\r\n") or server_side.close()
        with pytest.raises(ImapError):
            session.command("NOOP")
    assert fake.logins == [("anna", True)]
    assert [command.name for command in fake.sessions[0].commands] == ["LOGIN", "SELECT", "FETCH", "APPEND", "NOOP"]


def test_a_black_hole_neither_accepts_nor_refuses(lab: Lab):
    hole = BlackHole(lab)
    with pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", hole.port), timeout=0.3)


def test_the_isolation_harness_finds_nothing_at_the_server_itself(lab: Lab, imap_certificate: Certificate, authority: Authority):
    server = Dovecot(lab, imap_certificate, users=dict(USERS), scheme="PLAIN").start()
    prepare(over_tls(server.port), USERS)
    result, _ = run(lab, server, authority.certificate, "direct", sessions=150)
    assert result.leaks() == 0, result.findings
    assert result.refused == 0


def test_the_isolation_harness_finds_every_kind_of_leak_in_imapproxy(lab: Lab, imap_certificate: Certificate, authority: Authority):
    server = Dovecot(lab, imap_certificate, users=dict(USERS), scheme="PLAIN").start()
    prepare(over_tls(server.port), USERS)
    result, _ = run(lab, server, authority.certificate, "imapproxy", sessions=120)
    for kind in (TAGS, INHERITED, SILENCE):
        assert result.kinds[kind] > 0, result.summary()
