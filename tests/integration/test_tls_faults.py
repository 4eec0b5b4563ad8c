"""Servers that are wrong about TLS (F21 to F28), on fresh and on reused connections; TLS with real mail servers."""

import json
import re
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.certificates import Authority, Certificate
from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, free_port, wait_until
from lab.receivers import SERVER_NAME, Exim, OpenSmtpd, PostfixReceiver, Receiver
from lab.sendmail import Sendmail, by_smtp

DOMAINS = {"may.test": "may", "encrypt.test": "encrypt"}


class Line:
    """mailpoold and one fakemx; both domains lead to it."""

    def __init__(self, lab: Lab, certificate: Certificate, script: str, *flags: str, settings: dict | None = None):
        self.server = Fakemx(lab, script, certificate=certificate, flags=flags)
        self.manager = Mailpoold(lab, {
            "route": {domain: [self.server.address] for domain in DOMAINS},
            "domain": {domain: {"tls": level} for domain, level in DOMAINS.items()},
            "smtp": {"starttls_timeout": "1s", "check_after": "1h", **(settings or {})}}).start()
        self.sent = 0

    def deliver(self, domain: str, content: bytes = b"secret\r\n") -> tuple[int, str]:
        self.sent += 1
        with self.manager.lmtp(timeout=30) as session:
            reply = session.deliver("sender@example.com", [f"u{self.sent}@{domain}"], message(content, f"m{self.sent}"))[-1]
        return reply.code, str(reply)

    def connections(self) -> int:
        return self.server.connections()


@pytest.fixture
def line(lab: Lab, certificate: Certificate) -> Callable[..., Line]:
    return lambda script, *flags, **settings: Line(lab, certificate, script, *flags, settings=settings or None)


@pytest.mark.parametrize("injected", [
    pytest.param(r"250 2.0.0 injected\r\n", id="F21-a-reply-behind-the-220"),
    pytest.param(r"250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 2.0.0 forged\r\n", id="F22-a-whole-session"),
])
@pytest.mark.parametrize("domain", DOMAINS)
def test_words_behind_the_220_are_never_taken_for_the_servers(line: Callable[..., Line], domain: str, injected: str):
    way = line(f'starttls -> send "220 2.0.0 go ahead\\r\\n{injected}"; hang')
    code, text = way.deliver(domain)
    assert (code, "more than the reply to STARTTLS" in text) == (451, True), text
    assert way.server.accepted() == []


def test_f24_without_starttls_mail_that_requires_tls_waits(line: Callable[..., Line]):
    way = line("ehlo -> without STARTTLS")
    code, text = way.deliver("encrypt.test")
    assert code == 451 and 'TLS is required (tls = "encrypt"), but was not offered' in text
    assert way.deliver("may.test")[0] == 250
    assert [entry.recipient for entry in way.server.accepted()] == ["u2@may.test"]


@pytest.mark.parametrize("script", [
    pytest.param("starttls -> 454 4.7.0 not now", id="F25-454"),
    pytest.param("starttls -> normal\ntls -> hang", id="F27-a-stalled-handshake"),
    pytest.param("tls -> alert", id="F27-an-alert"),
    pytest.param("tls -> close", id="F27-the-end-within-the-handshake"),
    pytest.param('tls -> send "no TLS here\\r\\n"', id="F27-no-TLS-at-all"),
])
def test_a_handshake_that_fails_is_followed_by_plain_text_only_where_that_is_allowed(line: Callable[..., Line], script: str):
    way = line(script)
    assert way.deliver("may.test")[0] == 250
    code, text = way.deliver("encrypt.test")
    assert code == 451 and 'tls = "encrypt"' in text, text
    assert [entry.recipient for entry in way.server.accepted()] == ["u1@may.test"]
    assert way.connections() == 3, "TLS, plain text, TLS"
    assert way.deliver("may.test")[0] == 250
    assert way.connections() == 3, "remembered"


@pytest.mark.parametrize("flags", [(), ("--tls12",)], ids=["TLSv1.3", "TLSv1.2"])
@pytest.mark.parametrize("number", [1, 2], ids=["fresh", "reused"])
@pytest.mark.parametrize("end", ["alert", "close-notify; drop", "reset", "close"])
def test_f27_an_end_within_the_body_loses_nothing(line: Callable[..., Line], end: str, number: int, flags: tuple[str, ...]):
    way = line(f"body message={number} nth=1 at=2000 -> {end}", *flags, chunking=False)
    codes = [way.deliver("encrypt.test", b"x" * 60 + b"\r\n")[0] for _ in range(number - 1)]
    codes.append(way.deliver("encrypt.test", (b"x" * 60 + b"\r\n") * 250_000)[0])
    # The body is larger than all buffers on its way, so that the end comes within it. A reused connection may have died
    # before: the message goes once more on a fresh one. A fresh one's end is the answer.
    assert codes == ([250, 250] if number == 2 else [451]), way.server.transcript()
    assert len(way.server.accepted()) == codes.count(250)
    assert way.server.client_violations() == {}


@pytest.mark.parametrize("flags", [(), ("--tls12",)], ids=["TLSv1.3", "TLSv1.2"])
@pytest.mark.parametrize("noise", ["ticket", "key-update", "ticket; ticket; ticket"])
def test_f27_what_only_tls_has_to_say_does_not_end_an_idle_connection(line: Callable[..., Line], noise: str, flags: tuple[str, ...]):
    if flags and noise == "key-update":
        pytest.skip("TLS 1.2 has none")
    way = line(f"idle message=1 after=200ms -> {noise}", *flags)
    assert way.deliver("encrypt.test")[0] == 250
    wait_until(lambda: way.server.stats()["connections"]["total"] == 1, 5, "a connection")
    threading.Event().wait(0.5)
    assert way.deliver("encrypt.test")[0] == 250
    assert way.connections() == 1, way.manager.log()[-2000:]


@pytest.mark.parametrize("end", ["close-notify", "alert", "reset", "renegotiate"])
def test_f27_what_ends_tls_ends_an_idle_connection_and_no_message_is_lost(line: Callable[..., Line], end: str):
    way = line(f"idle conn=1 message=1 after=100ms -> {end}", *(["--tls12"] if end == "renegotiate" else []))
    assert way.deliver("encrypt.test")[0] == 250
    threading.Event().wait(0.4)
    assert way.deliver("encrypt.test")[0] == 250
    assert len(way.server.accepted()) == 2


@pytest.mark.parametrize("script,has", [
    pytest.param("ehlo tls=yes -> without CHUNKING", False, id="F28-only-before"),
    pytest.param("ehlo tls=no -> without CHUNKING", True, id="F28-only-after"),
])
def test_f28_only_what_is_announced_under_tls_counts(line: Callable[..., Line], script: str, has: bool):
    way = line(script)
    assert way.deliver("encrypt.test")[0] == 250
    assert way.deliver("encrypt.test")[0] == 250
    assert (" C BDAT " in way.server.transcript()) == has
    assert way.server.client_violations() == {}


# --- implicit TLS


class WrappedServer:
    """SMTP under TLS from the first octet, as on port 465."""

    def __init__(self, certificate: Certificate):
        import socket
        self.port = free_port()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.certificate, certificate.key)
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.commands: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: object) -> None:
        with self.context.wrap_socket(plain, server_side=True) as connection, connection.makefile("rwb") as stream:
            def say(text: str) -> None:
                stream.write(text.encode() + b"\r\n")
                stream.flush()
            say("220 wrapped ESMTP")
            content = False
            for octets in stream:
                words = octets.decode().rstrip("\r\n")
                if content:
                    if words == ".":
                        content = False
                        say("250 2.0.0 kept")
                    continue
                self.commands.append(words)
                content = words == "DATA"
                say("354 go on" if content else "221 bye" if words == "QUIT" else "250 2.0.0 OK")

    def close(self) -> None:
        self.listener.close()


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


# --- options


def test_every_option_of_tls_does_what_it_says(lab: Lab, authority: Authority, certificate: Certificate, dns: Dns):
    """Versions, ciphers, SNI and the client's certificate, as `openssl s_server` sees them."""
    dns.a(SERVER_NAME, "127.0.0.1")
    client = authority.issue("client.example.com")
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
