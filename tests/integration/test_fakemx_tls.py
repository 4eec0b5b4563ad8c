"""fakemx under TLS: handshakes, good and bad, and what TLS says between commands."""

import contextlib
import ssl
import time

import pytest
from fakemx_play import SILENCE, careless, seconds_of, start

def test_mail_goes_over_tls_and_sessions_are_resumed(start):
    server = start("", "--tls12")
    context = careless()
    client = server.ready()
    session = client.start_tls(context)
    client.command("EHLO c")
    assert client.mail().startswith("250")
    client.command("QUIT")
    server.ready().start_tls(context, session)
    assert server.stats()["tls"] == {"full": 1, "resumed": 1, "failed": 0}
    assert server.faults() == {}


def test_the_certificate_made_at_the_start_can_be_trusted(start, tmp_path):
    server = start("", "--cert-name", "mx.example.net", "--cert-out", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    client = server.ready()
    client.command("STARTTLS")
    context.wrap_socket(client.socket, server_hostname="mx.example.net").close()


def test_an_expired_certificate_is_not_accepted(start, tmp_path):
    server = start("", "--cert-name", "mx.example.net", "--cert-expired", "--cert-out", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    client = server.ready()
    client.command("STARTTLS")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        context.wrap_socket(client.socket, server_hostname="mx.example.net")


def test_bytes_can_follow_the_220_of_starttls_in_its_segment(start):
    client = start(r'starttls -> normal; send "250 injected\r\n"').ready()
    client.send(b"STARTTLS\r\n")
    assert client.socket.recv(1000).endswith(b"\r\n250 injected\r\n")


@pytest.mark.parametrize("rule, complaint", [
    ("starttls -> 454 4.7.0 Not now", None),
    ("tls -> close", "EOF occurred|UNEXPECTED_EOF"),
    ("tls -> reset", "reset"),
    ('tls -> send "no TLS here\\r\\n"', "WRONG_VERSION_NUMBER|UNKNOWN_PROTOCOL|RECORD_LAYER"),
    ("tls -> alert 40", "HANDSHAKE_FAILURE"),
    ("tls -> hang", "timed out"),
])
def test_a_handshake_can_fail_in_every_way(start, rule, complaint):
    client = start(rule).ready()
    reply = client.command("STARTTLS")
    if complaint is None:
        assert reply == "454 4.7.0 Not now"
        return
    if rule == "tls -> hang":
        client.socket.settimeout(SILENCE)
    with pytest.raises(OSError, match=complaint):
        careless().wrap_socket(client.socket)


def test_a_handshake_can_be_late(start):
    client = start("tls -> delay 100ms").ready()
    assert seconds_of(client.start_tls) > 0.1
    assert client.command("EHLO c").startswith("250")


def test_commands_behind_starttls_are_thrown_away_and_counted(start):
    server = start()
    client = server.ready()
    client.send(b"STARTTLS\r\nMAIL FROM:<evil@a.example>\r\n")
    assert client.read_reply().startswith("220")
    client.socket = careless().wrap_socket(client.socket)
    client.command("EHLO c")
    assert client.mail().startswith("250")
    assert server.faults() == {"early_command": 1}


@pytest.mark.parametrize("action, outcome", [
    ("ticket", "alive"), ("key-update", "alive"), ("close-notify", "closed"), ("alert", "BAD_RECORD_MAC"), ("close", "closed")])
def test_tls_can_speak_without_smtp_on_an_idle_connection(start, action, outcome):
    client = start(f"idle after=50ms tls=yes -> {action}").ready()
    client.start_tls()
    client.command("EHLO c")
    time.sleep(0.15)
    if outcome == "alive":
        assert client.command("NOOP").startswith("250")
    elif outcome == "closed":
        assert client.end() == "fin"
    else:
        with pytest.raises(ssl.SSLError, match=outcome):
            client.socket.recv(10)


def test_early_commands_are_counted_under_tls_and_a_close_notify_is_none(start):
    server = start("noop -> delay 1s")
    client = server.ready()
    client.start_tls()
    client.command("EHLO c")
    client.send(b"QUIT\r\n")
    with contextlib.suppress(OSError):
        client.socket.unwrap()
    assert server.faults() == {}
    client = server.ready()
    client.start_tls()
    client.command("EHLO c")
    client.send(b"NOOP\r\n")
    time.sleep(0.02)
    client.send(b"MAIL FROM:<>\r\n")
    client.read_reply()
    assert server.faults() == {"early_command": 1}


def test_tls_12_can_ask_for_another_handshake(start):
    client = start("idle after=50ms tls=yes -> renegotiate", "--tls12").ready()
    client.start_tls()
    client.command("EHLO c")
    time.sleep(0.1)
    assert client.command("NOOP").startswith("250")
    assert client.mail().startswith("250")


def test_a_dropped_tls_connection_has_no_close_notify(start):
    client = start("idle after=50ms tls=yes -> drop").ready()
    context = careless()
    client.command("STARTTLS")
    client.socket = context.wrap_socket(client.socket, suppress_ragged_eofs=False)
    client.command("EHLO c")
    with pytest.raises(ssl.SSLError, match="UNEXPECTED_EOF"):
        client.socket.recv(10)
