"""fakemx itself, by raw sockets: it must be right before anything is judged by it."""

import contextlib
import hashlib
import json
import re
import signal
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.mailpool import program

PATIENCE = 0.25  # how long nothing must come before it is called silence


class Server:
    """A running fakemx."""

    def __init__(self, directory: Path, script: str = "", *arguments: str, listen: str = "127.0.0.1:0"):
        self.directory = directory
        self.log_file = directory / "log"
        self.control = directory / "control"
        (directory / "script").write_text(script)
        argv = [program("fakemx"), "--listen", listen, "--script", directory / "script", "--log", self.log_file,
                "--control", self.control, "--stats", directory / "stats.json", *arguments]
        self.process = subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE, text=True)
        self.addresses = []
        for _ in range(1 + len(listen.split(","))):
            what, address = self.process.stdout.readline().split(maxsplit=1)
            if what == "listening":
                self.addresses.append(address.strip())

    @property
    def port(self) -> int:
        return int(self.addresses[0].rsplit(":", 1)[1])

    def client(self) -> "Client":
        return Client(socket.create_connection(("127.0.0.1", self.port), timeout=5))

    def ready(self) -> "Client":
        """Behind the answer to EHLO."""
        client = self.client()
        client.read_reply()
        client.command("EHLO client.example")
        return client

    def log(self) -> list[dict]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def ask(self, command: str) -> str:
        answer = subprocess.run([program("fakemx"), "--ask", str(self.control), command], capture_output=True,
                                text=True, timeout=10)
        return answer.stdout.strip()

    def stats(self) -> dict:
        return json.loads(self.ask("stats"))

    def faults(self) -> dict[str, int]:
        return {kind: found["count"] for kind, found in self.stats()["client_violations"].items()}

    def stop(self) -> int:
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(10)


class Client:
    def __init__(self, connection: socket.socket):
        self.socket = connection
        self.input = b""

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def read_line(self) -> bytes:
        """With its line end; less, or nothing, at the end of the connection."""
        while b"\n" not in self.input:
            more = self.socket.recv(65536)
            if not more:
                break
            self.input += more
        line, lf, self.input = self.input.partition(b"\n")
        return line + lf

    def read_reply(self) -> str:
        lines = [self.read_line().decode().rstrip("\r\n")]
        while lines[-1][3:4] == "-":
            lines.append(self.read_line().decode().rstrip("\r\n"))
        return "\n".join(lines)

    def command(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return self.read_reply()

    def commands(self, *lines: str) -> list[str]:
        """In one flight."""
        self.send("".join(line + "\r\n" for line in lines).encode())
        return [self.read_reply() for _ in lines]

    def mail(self, body: bytes = b"Subject: x\r\n\r\nhello\r\n", *to: str, sender: str = "s@sender.example") -> str:
        """One message in two flights; the last reply, or the first that says no."""
        recipients = to or ("r@a.example",)
        replies = self.commands(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients), "DATA")
        if not replies[-1].startswith("354"):
            return next(reply for reply in replies if reply[0] not in "23")
        self.send(body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return self.read_reply()

    def begin_data(self, *to: str) -> None:
        replies = self.commands("MAIL FROM:<s@sender.example>", *(f"RCPT TO:<{r}>" for r in to or ("r@a.example",)), "DATA")
        assert replies[-1].startswith("354")

    def end(self) -> str:
        """How the connection is now: "fin", "reset", "silent", or what still came."""
        self.socket.settimeout(PATIENCE)
        try:
            more = self.input or self.socket.recv(65536)
            return more.decode(errors="replace") if more else "fin"
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "silent"
        finally:
            self.socket.settimeout(5)

    def start_tls(self, context: ssl.SSLContext | None = None, session: ssl.SSLSession | None = None) -> ssl.SSLSession:
        assert self.command("STARTTLS").startswith("220")
        self.socket = (context or careless()).wrap_socket(self.socket, session=session)
        return self.socket.session

    def close(self) -> None:
        self.socket.close()


def careless() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    """start(script, *arguments, listen=...)"""
    servers = []

    def start_one(script: str = "", *arguments: str, listen: str = "127.0.0.1:0") -> Server:
        directory = tmp_path / str(len(servers))
        directory.mkdir()
        servers.append(Server(directory, script, *arguments, listen=listen))
        return servers[-1]
    yield start_one
    for server in servers:
        assert server.stop() in (0, -signal.SIGKILL)


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def token(body: bytes, recipient: str) -> str:
    return sha256(f"{sha256(body)}:{recipient}".encode())[:16]


def seconds_of(act) -> float:
    begin = time.monotonic()
    act()
    return time.monotonic() - begin


# What it does by itself

def test_all_extensions_are_announced_and_each_can_be_left_out(start):
    names = {"PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "SIZE", "ENHANCEDSTATUSCODES", "STARTTLS", "LIMITS"}

    def announced(server: Server) -> set[str]:
        client = server.client()
        client.read_reply()
        return {line[4:].split()[0] for line in client.command("EHLO c.example").splitlines()[1:]}
    assert announced(start()) == names - {"LIMITS"}
    assert announced(start("", "--limits", "MAILMAX=5,RCPTMAX=2")) == names
    for name in names - {"LIMITS"}:
        assert announced(start("", "--without", name)) == names - {"LIMITS", name}


def test_a_message_arrives_as_it_was_sent_and_is_logged_before_the_reply(start):
    server = start()
    body = b"Received: by hop\r\n\tfor x\r\nSubject: x\r\n\r\n.\r\n..dots\r\n\r\nend\r\n"
    reply = server.ready().mail(body, "r@a.example")
    [entry] = server.log()
    assert entry["sha256"] == sha256(body)
    assert entry["sha256_no_received"] == sha256(body[body.index(b"Subject"):])
    assert (entry["conn"], entry["txn"], entry["size"]) == (1, 1, len(body))
    assert (entry["from"], entry["rcpt"], entry["outcome"]) == ("s@sender.example", "r@a.example", "accepted")
    assert entry["tok"] == token(body, "r@a.example")
    assert f"tok={entry['tok']} " in reply
    assert server.faults() == {}


def test_every_recipient_has_its_token_in_order(start):
    body = b"x\r\n"
    reply = start().ready().mail(body, "a@a.example", "b@b.example")
    assert f"tok={token(body, 'a@a.example')},{token(body, 'b@b.example')} " in reply


def test_lmtp_answers_each_recipient(start):
    server = start("end to=b@b.example -> 451 4.2.0 Not that one", "--lmtp")
    client = server.client()
    assert "LMTP" in client.read_reply()
    assert client.command("EHLO c").startswith("500")
    client.command("LHLO c")
    body = b"x\r\n"
    first = client.mail(body, "a@a.example", "b@b.example", "a@a.example")
    assert f"tok={token(body, 'a@a.example')} " in first
    assert client.read_reply() == "451 4.2.0 Not that one"
    assert client.read_reply().startswith("250")
    assert [entry["rcpt"] for entry in server.log()] == ["a@a.example", "a@a.example"]
    assert server.stats()["messages"] == 1


def test_bodies_are_kept_if_wanted(start, tmp_path):
    folder = tmp_path / "bodies"
    folder.mkdir()
    start("", "--save", str(folder)).ready().mail(b"one\r\n.two\r\n")
    [file] = folder.iterdir()
    assert file.read_bytes() == b"one\r\n.two\r\n"
    assert file.name == sha256(file.read_bytes())


@pytest.mark.parametrize("chunks", [[b"all\r\nof it\r\n"], [b"a", b"ll\r", b"\n.\r\n", b"of it\r\n"], [b"all\r\n", b""], [b""]])
def test_chunks_make_a_message(start, chunks):
    server = start()
    client = server.ready()
    flight = b"MAIL FROM:<>\r\nRCPT TO:<r@a.example>\r\n"
    for number, chunk in enumerate(chunks, 1):
        flight += b"BDAT %d%s\r\n" % (len(chunk), b" LAST" if number == len(chunks) else b"") + chunk
    client.send(flight + b"MAIL FROM:<next@a.example>\r\n")
    replies = [client.read_reply()[:3] for _ in range(len(chunks) + 3)]
    assert replies == ["250"] * len(replies)
    assert server.log()[0]["sha256"] == sha256(b"".join(chunks))
    assert server.faults() == {}


def test_a_refused_chunk_must_be_followed_by_rset(start):
    server = start("bdat chunk=1 nth=1 -> 502 5.5.1 Not here")
    client = server.ready()
    assert [r[:3] for r in client.commands("MAIL FROM:<>", "RCPT TO:<r@a.example>")] == ["250", "250"]
    assert client.command("BDAT 5 LAST\r\nabc") == "502 5.5.1 Not here"
    assert client.command("DATA").startswith("503")
    assert server.faults() == {"bdat_without_reset": 1}
    assert client.command("RSET").startswith("250")
    assert client.mail().startswith("250")


def test_data_and_chunks_without_a_recipient_are_refused_and_swallowed(start):
    server = start("rcpt -> 550 5.1.1 Nobody\nmail nth=3 -> 550 5.7.1 Not you")
    client = server.ready()
    assert [r[:3] for r in client.commands("MAIL FROM:<>", "RCPT TO:<r@a.example>", "DATA", )] == ["250", "550", "554"]
    client.command("RSET")
    replies = client.commands("MAIL FROM:<>", "RCPT TO:<r@a.example>", "BDAT 6 LAST\r\nQUIT")
    assert [r[:3] for r in replies] == ["250", "550", "554"]
    client.command("RSET")
    replies = client.commands("MAIL FROM:<>", "RCPT TO:<r@a.example>", "BDAT 6 LAST\r\nQUIT")
    assert [r[:3] for r in replies] == ["550", "503", "503"]
    assert server.faults() == {}


@pytest.mark.parametrize("violation, act", [
    ("bad_sequence", lambda c: c.command("RCPT TO:<r@a.example>")),
    ("bad_sequence", lambda c: c.command("DATA")),
    ("nested_mail", lambda c: c.commands("MAIL FROM:<>", "MAIL FROM:<>")),
    ("second_hello", lambda c: c.command("EHLO again")),
    ("unknown_command", lambda c: c.command("XYZZY")),
    ("syntax", lambda c: c.command("MAIL FROM:a@b")),
    ("unannounced_command", lambda c: [c.command("HELO c"), c.command("BDAT 3\r\nx")]),
    ("unannounced_parameter", lambda c: c.command("MAIL FROM:<> RET=HDRS")),
    ("unannounced_utf8", lambda c: c.command("MAIL FROM:<\u00fc@a.example>")),
    ("bare_lf", lambda c: c.mail(b"a\nb\r\n")),
    ("bare_cr", lambda c: c.mail(b"a\rb\r\n")),
    ("nul", lambda c: c.mail(b"a\0b\r\n")),
    ("unstuffed_dot", lambda c: [c.begin_data(), c.command(".x\r\n.")]),
    ("early_command", lambda c: c.commands("NOOP", "NOOP")),
    ("early_command", lambda c: [c.send(b"EHLO x\r\nMAIL FROM:<>\r\n"), c.read_reply(), c.read_reply()]),
    ("after_quit", lambda c: [c.send(b"QUIT\r\nNOOP\r\n"), c.read_reply()]),
])
def test_what_a_client_must_not_do_is_counted(start, violation, act):
    server = start()
    act(server.ready())
    assert violation in server.faults()


def test_pipelining_that_was_not_announced_is_counted(start):
    server = start("", "--without", "PIPELINING")
    client = server.ready()
    client.command("MAIL FROM:<>")
    assert server.faults() == {}
    client.commands("RCPT TO:<a@a.example>", "RCPT TO:<b@a.example>")
    assert server.faults() == {"early_command": 1}


def test_who_talks_before_the_greeting_is_counted(start):
    server = start("connect -> delay 200ms")
    client = server.client()
    client.send(b"EHLO c\r\n")
    client.read_reply()
    client.read_reply()
    assert server.faults() == {"talks_before_greeting": 1}


def test_limits_are_announced_and_kept(start):
    server = start("", "--limits", "MAILMAX=1,RCPTMAX=2", "--size", "10")
    client = server.ready()
    replies = client.commands("MAIL FROM:<> SIZE=10", "RCPT TO:<1@a.example>", "RCPT TO:<2@a.example>", "RCPT TO:<3@a.example>")
    assert replies[-1].startswith("452 4.5.3")
    client.command("DATA")
    assert client.command("123456789\r\n.").startswith("552 5.3.4")
    assert client.command("MAIL FROM:<> SIZE=11").startswith("552 5.3.4")
    assert client.command("MAIL FROM:<>").startswith("450")
    assert server.faults() == {"beyond_limits": 2, "too_large": 1}


# What a script makes it do

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
    assert [client.end() for _ in expected] == expected


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
    came = client.end()
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
    assert client.end() == "silent"
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
    client = start("mail -> trickle 1 5ms\nrset -> split 4,7 50ms").ready()
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
    ('idle after=50ms -> send "250 extra\\r\\n"\nidle after=100ms -> send "more\\r\\n"', ["250 extra\r\n", "more\r\n", "silent"]),
    ("idle after=50ms message=2 -> close", ["silent"]),
])
def test_an_idle_connection_can_be_disturbed(start, rule, expected):
    client = start(rule).ready()
    assert client.mail().startswith("250")
    assert [client.end() for _ in expected] == expected


def test_a_half_closed_connection_still_takes_mail(start):
    server = start("rset -> half-close")
    client = server.ready()
    client.send(b"RSET\r\n")
    assert client.end() in ("250 2.0.0 Ok\r\n", "fin")
    client.send(b"MAIL FROM:<>\r\nRCPT TO:<r@a.example>\r\nBDAT 3 LAST\r\nx\r\n")
    deadline = time.monotonic() + 5
    while not server.log() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(server.log()) == 1


def test_a_server_can_stop_reading(start):
    server = start("data -> normal; stop-reading", "--receive-buffer", "4096")
    client = server.ready()
    client.begin_data()
    client.socket.settimeout(PATIENCE)
    with pytest.raises(TimeoutError):
        client.socket.sendall(b"x" * 50_000_000)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    deadline = time.monotonic() + 5
    while server.stats()["connections"]["open"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.stats()["connections"]["open"] == 0


def test_it_can_die_and_kill_at_a_chosen_moment(start, tmp_path):
    victim = subprocess.Popen(["sleep", "60"])
    (tmp_path / "pid").write_text(f"{victim.pid}\n")
    server = start(f"end nth=1 -> commit; signal KILL @{tmp_path}/pid\nend nth=1 -> commit; die")
    client = server.ready()
    assert client.mail().startswith("250")
    assert victim.wait(5) == -signal.SIGKILL
    client.begin_data()
    client.send(b".\r\n")
    assert client.end() in ("fin", "reset")
    assert len(server.log()) == 2
    assert server.process.wait(5) == -signal.SIGKILL


# TLS

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
    client.socket.settimeout(PATIENCE)
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
    server = start("noop -> delay 100ms")
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


# The simulated round trip

def test_every_flight_costs_one_round_trip(start):
    rtt = 0.1
    server = start("", "--rtt", "100ms")
    client = server.client()
    tolerance = 0.6 * rtt  # this machine may be busy; late is no mistake, early is

    def check(act, trips: int) -> None:
        assert trips * rtt <= seconds_of(act) + 0.002 < trips * rtt + tolerance
    check(client.read_reply, 2)
    check(lambda: client.command("EHLO c"), 1)
    check(lambda: client.commands("MAIL FROM:<>", "RCPT TO:<r@a.example>", "BDAT 3 LAST\r\nx"), 1)
    check(client.mail, 2)
    check(lambda: client.command("STARTTLS"), 1)

    def handshake() -> None:
        client.socket = careless().wrap_socket(client.socket)
    check(handshake, 1)
    check(lambda: client.command("EHLO c"), 1)
    client.send(b"QUIT\r\n")
    check(lambda: client.read_reply() and client.end(), 1)
    assert server.faults() == {}


@pytest.mark.parametrize(("version", "resumed", "trips"), [
    (ssl.TLSVersion.TLSv1_3, False, 1), (ssl.TLSVersion.TLSv1_3, True, 1),
    (ssl.TLSVersion.TLSv1_2, False, 2), (ssl.TLSVersion.TLSv1_2, True, 1)])
def test_a_handshake_costs_its_flights(start, version: ssl.TLSVersion, resumed: bool, trips: int):
    rtt = 0.1
    server = start("", "--rtt", "100ms")
    context = careless()
    context.minimum_version = context.maximum_version = version

    def secured(session: ssl.SSLSession | None) -> tuple[ssl.SSLSocket, float]:
        client = server.ready()
        client.command("STARTTLS")
        begin = time.monotonic()
        wrapped = context.wrap_socket(client.socket, session=session)
        took = time.monotonic() - begin
        wrapped.sendall(b"NOOP\r\n")  # with TLS 1.3 the tickets come before its answer
        assert wrapped.recv(100).startswith(b"250")
        return wrapped, took
    session = secured(None)[0].session if resumed else None
    wrapped, took = secured(session)
    assert wrapped.session_reused == resumed
    assert trips * rtt <= took + 0.002 < (trips + 0.6) * rtt


def test_flights_overlap_on_the_simulated_line(start):
    client = start("", "--rtt", "200ms").ready()
    begin = time.monotonic()
    client.send(b"RSET\r\n")
    time.sleep(0.05)
    client.send(b"RSET\r\n")
    client.read_reply()
    assert 0.198 < time.monotonic() - begin < 0.24
    client.read_reply()
    assert 0.248 < time.monotonic() - begin < 0.3


# The provider's rules

def test_connections_beyond_the_limit_are_turned_away(start):
    server = start("", "--max-connections", "2")
    first, second = server.ready(), server.ready()
    assert server.client().read_reply().startswith("421 4.7.0")
    assert server.stats()["violations"]["connections"] == 1
    first.close()
    assert server.client().read_reply().startswith("220")
    second.command("QUIT")
    assert server.client().read_reply().startswith("220")
    stats = server.stats()
    assert stats["violations"]["connections"] == 1
    assert stats["connections"]["max"] == 2


def test_a_connection_closes_without_a_word_behind_its_last_message(start):
    server = start("", "--max-messages", "2", "--close-grace", "50ms")
    client = server.ready()
    assert client.mail().startswith("250")
    assert client.mail().startswith("250")
    client.send(b"MAIL FROM:<in.flight@a.example>\r\n")
    assert client.end() == "fin"
    stats = server.stats()
    assert (stats["violations"]["messages_per_connection"], stats["late_mails"]) == (0, 1)
    time.sleep(0.1)
    client.send(b"MAIL FROM:<blind@a.example>\r\n")
    time.sleep(0.05)
    assert server.stats()["violations"]["messages_per_connection"] == 1


def test_a_connection_says_421_behind_its_last_message(start):
    server = start("", "--max-messages", "1", "--max-messages-how", "421")
    client = server.ready()
    assert client.mail().startswith("250")
    assert client.command("MAIL FROM:<>").startswith("421")
    assert client.end() == "fin"
    assert server.stats()["violations"]["messages_per_connection"] == 1


def test_messages_beyond_the_rate_are_refused(start):
    server = start("", "--rate", "3/s")
    client = server.ready()
    replies = [client.mail()[:9] for _ in range(6)]
    assert replies == ["250 2.0.0"] * 4 + ["451 4.7.1"] * 2
    time.sleep(0.4)
    assert client.mail().startswith("250")
    assert server.stats()["violations"]["rate"] == 2


def test_a_domain_can_have_limits_of_its_own(start):
    server = start('set limit "*.slow.example connections=1"')
    first, second = server.ready(), server.ready()
    assert first.commands("MAIL FROM:<>", "RCPT TO:<a@x.slow.example>")[1].startswith("250")
    assert second.commands("MAIL FROM:<>", "RCPT TO:<b@x.slow.example>")[1].startswith("451 4.7.1")
    assert second.command("RCPT TO:<c@y.slow.example>").startswith("250")
    first.command("RSET")
    assert second.command("RCPT TO:<d@x.slow.example>").startswith("250")
    assert server.stats()["violations"]["domain_connections"] == 1


# From outside

def test_a_running_server_can_be_changed_and_asked(start, tmp_path):
    server = start("mail -> 451 4.0.0 Scripted")
    client = server.ready()
    assert client.command("MAIL FROM:<>").startswith("451")
    assert server.ask("rule mail -> 452 4.0.0 Behind the other") == "ok"
    assert client.command("MAIL FROM:<>").startswith("451")
    assert server.ask("clear") == "ok"
    assert client.mail().startswith("250")
    assert server.ask("set hostname other.example") == "ok"
    other = server.client()
    assert other.read_reply() == "220 other.example ESMTP fakemx"
    (tmp_path / "bad").write_text("mail -> 250 ok\nmial -> close\n")
    assert re.match(r"error: .*/bad:2: there is no stage \"mial\"", server.ask(f"script {tmp_path}/bad"))
    assert server.ask("frobnicate").startswith("error: there is no command")
    stats = server.stats()
    assert (stats["messages"], stats["recipients"], stats["domains"]) == (1, 1, {"a.example": 1})
    assert stats["transactions_per_connection"] == {}
    assert stats["commands"]["MAIL"] == 3
    assert sum(stats["per_second"]) == 1 and stats["first_message"] == stats["last_message"] <= stats["now"]
    assert server.ask("reset") == "ok"
    assert server.stats()["messages"] == 0
    assert server.ask("quit") == "ok"
    assert server.process.wait(5) == 0


def test_figures_are_written_on_a_signal_and_at_the_end(start):
    server = start()
    file = server.directory / "stats.json"
    server.ready().mail()
    server.process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + 5
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert json.loads(file.read_text())["messages"] == 1
    server.ready().mail()
    assert server.stop() == 0
    assert json.loads(file.read_text())["messages"] == 2


def test_it_listens_where_it_is_told(start, tmp_path):
    server = start("connect listener=2 -> 220 second", listen=f"[::1]:0,{tmp_path}/socket")
    assert server.addresses[0].startswith("[::1]:")
    with socket.create_connection(("::1", server.port)) as connection:
        assert Client(connection).read_reply().startswith("220 fakemx.example")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server.addresses[1])
        assert Client(connection).read_reply() == "220 second"


def test_mistakes_are_reported_all_at_once(tmp_path):
    (tmp_path / "bad").write_text("mail -> 25 ok\n\nrcpt to -> close\n")
    done = subprocess.run([program("fakemx"), "--listen", "127.0.0.1:0", "--script", tmp_path / "bad"], capture_output=True,
                          text=True, timeout=10)
    assert done.returncode == 2
    assert f"{tmp_path}/bad:1: there is no action \"25\"" in done.stderr
    assert f"{tmp_path}/bad:3: \"to\" is not a condition; to=ADDRESS-PATTERN would be" in done.stderr


def test_many_connections_at_once_are_served(start):
    server = start("", "--without", "STARTTLS")
    clients = [server.ready() for _ in range(300)]
    for client in clients:
        client.send(b"MAIL FROM:<>\r\nRCPT TO:<r@a.example>\r\nBDAT 3 LAST\r\nx\r\n")
    for client in clients:
        assert [client.read_reply()[:3] for _ in range(3)] == ["250"] * 3
    assert server.stats()["connections"]["max"] == 300
    for client in clients:
        client.close()


# The load generator

def load(server: Server, *arguments: str) -> dict:
    done = subprocess.run([program("mailpool-load"), "--to", f"127.0.0.1:{server.port}", *arguments],
                          capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("flights", ["one", "two", "lockstep"])
def test_the_load_generator_delivers_all_and_breaks_nothing(start, flights):
    server = start()
    report = load(server, "--sessions", "3", "--messages", "50", "--recipients", "2", "--domains", "4", "--flights", flights,
                  "--per-connection", "10", "--per-domain", "--rset", "--size", "1000")
    assert (report["messages"], report["complete"], report["delivered"], report["lost"]) == (50, 50, 100, 0)
    assert set(report["domains"]) == {f"d{n}.example" for n in range(4)}
    assert {entry["size"] for entry in server.log()} == {1000}
    stats = server.stats()
    assert stats["client_violations"] == {} and stats["connections"]["ended_without_quit"] == 0
    assert len({(entry["sha256"], entry["rcpt"]) for entry in server.log()}) == 100


def test_the_load_generator_speaks_lmtp(start):
    server = start("rcpt to=d1.example nth=1 -> 450 4.2.0 Once", "--lmtp")
    report = load(server, "--lmtp", "--sessions", "2", "--messages", "20", "--recipients", "3", "--domains", "2")
    assert (report["delivered"], report["not_delivered"], report["complete"]) == (59, 1, 19)
    assert report["replies"]["rcpt"] == {"250": 59, "450": 1}
    assert len(server.log()) == 59


def test_the_load_generator_keeps_a_pace(start):
    report = load(start(), "--sessions", "4", "--messages", "40", "--rate", "100")
    assert 0.38 < report["seconds"] < 1
    assert report["complete"] == 40


def test_a_plain_load_generator_is_caught_by_the_providers_rules(start):
    server = start("", "--max-connections", "3", "--max-messages", "20", "--rate", "50/s")
    load(server, "--sessions", "10", "--messages", "150", "--duration", "3")
    violations = server.stats()["violations"]
    assert violations["connections"] > 0 and violations["rate"] > 0
