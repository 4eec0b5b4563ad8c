"""fakemx by itself and from outside, by raw sockets: it must be right before anything is judged by it."""

import base64
import json
import re
import signal
import socket
import subprocess

import pytest
from fakemx_play import PATIENCE, Client, Server, sha256, start, token

from lab.mailpool import program
from lab.process import wait_until

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


def test_auth_lets_its_user_in_and_can_be_taken_away(start):
    server = start("ehlo conn=3 -> without AUTH", "--auth", "user:secret")
    login = "AUTH PLAIN " + base64.b64encode(b"\0user\0secret").decode()
    assert server.ready().command(login).startswith("235 ")
    client = server.ready()
    assert client.command("AUTH LOGIN").startswith("334 ")
    assert client.command(base64.b64encode(b"user").decode()).startswith("334 ")
    assert client.command(base64.b64encode(b"guess").decode()).startswith("535 ")
    assert server.faults() == {}
    assert server.ready().command(login).startswith("502 ")
    assert set(server.faults()) == {"unannounced_command"}


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
    server = start("connect -> delay 1s")
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
    assert server.process.wait(PATIENCE) == 0


def test_figures_are_written_on_a_signal_and_at_the_end(start):
    server = start()
    file = server.directory / "stats.json"
    server.ready().mail()
    server.process.send_signal(signal.SIGUSR1)
    wait_until(file.exists, PATIENCE, "the figures are written")
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
                          text=True, timeout=PATIENCE)
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
