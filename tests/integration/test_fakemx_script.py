"""What a script makes fakemx do."""

import signal
import socket
import struct
import subprocess

import pytest
from fakemx_play import PATIENCE, SILENCE, Client, seconds_of, start, token

from lab.process import wait_until

@pytest.mark.parametrize("rule, expected", [
    ("mail -> 421 4.7.0 Enough; close", ["421 4.7.0 Enough\r\n", "fin"]),
    ("mail -> close", ["fin"]),
    ("mail -> drop", ["fin"]),
    ("mail -> reset", ["reset"]),
    ("mail -> hang", ["silent"]),
    ("mail -> silent", ["silent"]),
    (r"mail -> 250 one\ntwo\nthree", ["250-one\r\n250-two\r\n250 three\r\n", "silent"]),
    (r'mail -> send "250-a\r\n550 b\r\n"', ["250-a\r\n550 b\r\n", "silent"]),
    (r'mail -> send "250 a\n"', ["250 a\n", "silent"]),
    (r'mail -> send "\x00\x1b[\t\xff"', ["\0\x1b[\t\ufffd", "silent"]),
    (r'mail -> normal; send "250 more\r\n"; close', ["250 2.1.0 Ok\r\n250 more\r\n", "fin"]),
    ("mail -> 999", ["999 \r\n", "silent"]),
    ("mail from=other.example -> close\nmail from=sender.example -> 450 4.1.8 No", ["450 4.1.8 No\r\n"]),
    ("mail message=2 -> close", ["250 2.1.0 Ok\r\n"]),
])
def test_a_command_can_be_answered_with_anything(start, rule, expected):
    client = start(rule).ready()
    client.send(b"MAIL FROM:<s@sender.example>\r\n")
    assert [client.end(one) for one in expected] == expected


@pytest.mark.parametrize("rule, expected", [
    ("end -> close", "fin"),
    ("end -> reset", "reset"),
    ("end -> hang", "silent"),
    ("end -> commit; close", "fin"),
    ("end -> commit; hang", "silent"),
    ("end -> 354 What", "354 What\r\n"),
    ("end -> 451 4.3.0 Later", "451 4.3.0 Later\r\n"),
    ("end -> 250 {tok}; close", f"250 {token(bytes(), 'r@a.example')}\r\n"),
    (r'end -> send "garbage\r\n"; normal', None),
])
def test_the_end_of_a_message_can_go_wrong_in_every_way(start, rule, expected):
    server = start(rule)
    client = server.ready()
    client.begin_data()
    client.send(b".\r\n")
    came = client.end(expected or "")
    assert came == expected or (expected is None and came.startswith("garbage\r\n250 2.0.0 Ok: tok="))
    accepted = "commit" in rule or "250" in rule or "normal" in rule
    assert len(server.log()) == accepted


def test_a_body_can_be_interrupted_at_any_octet(start):
    server = start(
        "body at=0 to=zero.example -> reset\n"
        "body at=5 to=five.example -> 552 5.3.4 Too much; close\n"
        "body at=7 to=early.example -> 250 2.0.0 Too early\n"
        "body at=3 to=slow.example -> delay 100ms")

    def body_of(domain: str) -> Client:
        client = server.ready()
        client.commands("MAIL FROM:<>", f"RCPT TO:<r@{domain}>")
        client.send(b"DATA\r\n")
        return client
    assert body_of("zero.example").end() in ("reset", "354 End data with <CR><LF>.<CR><LF>\r\n")
    client = body_of("five.example")
    client.read_reply()
    client.send(b"1234")
    assert client.end("silent") == "silent"
    client.send(b"5")
    assert client.read_reply() == "552 5.3.4 Too much"
    assert client.end() == "fin"
    client = body_of("early.example")
    client.read_reply()
    client.send(b"1234567890\r\n.\r\n")
    assert client.read_reply() == "250 2.0.0 Too early"
    assert client.command("RSET") == "250 2.0.0 Ok"
    client = body_of("slow.example")
    client.read_reply()
    assert seconds_of(lambda: client.command("12345\r\n.")) > 0.1
    assert [entry["rcpt"] for entry in server.log()] == ["r@slow.example"]


def test_a_chunk_can_be_interrupted(start):
    client = start("body at=3 -> close").ready()
    client.commands("MAIL FROM:<>", "RCPT TO:<r@a.example>")
    client.send(b"BDAT 10 LAST\r\n12345")
    assert client.end() == "fin"


def test_content_can_be_asked_for_without_a_recipient(start):
    client = start("rcpt -> 550 5.1.1 Nobody\ndata -> 354 Go on").ready()
    assert client.mail(b"").startswith("554 5.5.1")
    assert client.command("NOOP").startswith("250")


def test_replies_can_trickle_and_be_cut(start):
    client = start("mail -> trickle 1 5ms\nrset -> split 4,7 300ms").ready()
    assert seconds_of(lambda: client.command("MAIL FROM:<>")) > 13 * 0.005
    client.send(b"RSET\r\n")
    pieces = []
    while sum(map(len, pieces)) < len("250 2.0.0 Ok\r\n"):
        pieces.append(client.socket.recv(100))
    assert pieces == [b"250 ", b"2.0", b".0 Ok\r\n"]


def test_replies_can_be_endless_and_over_long(start):
    client = start('mail -> send 3000000 * "x"\nnoop -> endless every 1ms "250-more\\r\\n"').ready()
    client.send(b"MAIL FROM:<>\r\n")
    got = 0
    while got < 3_000_000:
        got += len(client.socket.recv(1 << 20))
    client.send(b"NOOP\r\n")
    assert [client.read_line() for _ in range(50)] == [b"250-more\r\n"] * 50


def test_extensions_can_be_hidden_added_and_different_under_tls(start):
    server = start('ehlo tls=no -> without CHUNKING; announce "X-FOO 1"\nehlo tls=yes -> without PIPELINING; without SIZE')
    client = server.client()
    client.read_reply()
    before = client.command("EHLO c")
    assert "CHUNKING" not in before and "250 X-FOO 1" in before and "SIZE" in before
    client.start_tls()
    after = client.command("EHLO c")
    assert "CHUNKING" in after and "PIPELINING" not in after and "STARTTLS" not in after and "SIZE" not in after


def test_chunking_can_be_promised_and_not_known(start):
    server = start('ehlo -> announce CHUNKING', "--without", "CHUNKING")
    client = server.ready()
    client.commands("MAIL FROM:<>", "RCPT TO:<r@a.example>")
    assert client.command("BDAT 2 LAST\r\n").startswith("502")
    client.command("RSET")
    assert client.mail().startswith("250")
    assert server.faults() == {}


@pytest.mark.parametrize("rule, expected", [
    ("idle after=50ms -> 421 4.4.2 Timeout; close", ["421 4.4.2 Timeout\r\n", "fin"]),
    ("idle after=50ms -> close", ["fin"]),
    ("idle after=50ms -> reset", ["reset"]),
    ("idle after=50ms -> half-close", ["fin"]),
    ('idle after=50ms -> send "250 extra\\r\\n"\nidle after=500ms -> send "more\\r\\n"', ["250 extra\r\n", "more\r\n", "silent"]),
    ("idle after=50ms message=2 -> close", ["silent"]),
])
def test_an_idle_connection_can_be_disturbed(start, rule, expected):
    client = start(rule).ready()
    assert client.mail().startswith("250")
    assert [client.end(one) for one in expected] == expected


def test_a_half_closed_connection_still_takes_mail(start):
    server = start("rset -> half-close")
    client = server.ready()
    client.send(b"RSET\r\n")
    assert client.end() in ("250 2.0.0 Ok\r\n", "fin")
    client.send(b"MAIL FROM:<>\r\nRCPT TO:<r@a.example>\r\nBDAT 3 LAST\r\nx\r\n")
    wait_until(lambda: len(server.log()) == 1, PATIENCE, "the message is there")


def test_a_server_can_stop_reading(start):
    server = start("data -> normal; stop-reading", "--receive-buffer", "4096")
    client = server.ready()
    client.begin_data()
    client.socket.settimeout(SILENCE)
    with pytest.raises(TimeoutError):
        client.socket.sendall(b"x" * 50_000_000)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_until(lambda: server.stats()["connections"]["open"] == 0, PATIENCE, "the connection is closed")


def test_it_can_die_and_kill_at_a_chosen_moment(start, tmp_path):
    victim = subprocess.Popen(["sleep", "60"])
    (tmp_path / "pid").write_text(f"{victim.pid}\n")
    server = start(f"end nth=1 -> commit; signal KILL @{tmp_path}/pid\nend nth=1 -> commit; die")
    client = server.ready()
    assert client.mail().startswith("250")
    assert victim.wait(PATIENCE) == -signal.SIGKILL
    client.begin_data()
    client.send(b".\r\n")
    assert client.end() in ("fin", "reset")
    assert len(server.log()) == 2
    assert server.process.wait(PATIENCE) == -signal.SIGKILL
