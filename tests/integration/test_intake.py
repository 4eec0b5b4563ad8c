"""How mailpoold takes mail in: LMTP on a Unix socket, spoken by hand."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.lmtp import Gone, Lmtp, Reply
from lab.mailpool import Mailpoold, Value
from lab.messages import large, message, without_trace
from lab.process import Lab, wait_until
from lab.receivers import SmtpSink

DOMAIN = "example.org"
ANYONE = f"someone@{DOMAIN}"
SENDER = "sender@example.com"


@pytest.fixture
def start(lab: Lab) -> Callable[..., Mailpoold]:
    """start(receiver, **settings): a manager that sends everything there."""
    def starter(receiver: SmtpSink, **settings: Value) -> Mailpoold:
        return Mailpoold(lab, {"route": {"*": [receiver.address]}, **settings}).start()
    return starter


def handing_over(manager: Mailpoold, content: bytes) -> Lmtp:
    """A client that has said everything, the last dot too, and waits for its answer."""
    client = manager.lmtp()
    client.envelope(SENDER, [ANYONE])
    client.command("DATA")
    client.content(content)
    return client


# --- the protocol

def test_it_announces_what_it_keeps_and_nothing_else(sink: SmtpSink, start):
    with start(sink).lmtp() as client:
        assert client.greeting.code == 220
        words = {line.split()[0] for line in client.extensions}
        assert words == {"PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "SIZE", "REQUIRETLS", "XFORWARD"}
        assert f"SIZE {50 << 20}" in client.extensions


@pytest.mark.parametrize(("commands", "code"), [
    (["EHLO client.example.com"], 500), (["HELO client.example.com"], 500),
    (["LHLO c", "NOOP"], 250), (["LHLO c", "RSET"], 250), (["LHLO c", "VRFY a"], 252), (["LHLO c", "STARTTLS"], 502),
    (["LHLO c", "DATA"], 503), (["LHLO c", f"RCPT TO:<{ANYONE}>"], 503), (["MAIL FROM:<a@example.com>"], 503),
    (["LHLO c", "MAIL FROM:<a@example.com>", "MAIL FROM:<b@example.com>"], 503),
    (["LHLO c", "MAIL FROM:<a@example.com> RET=FULL"], 555), (["LHLO c", "MAIL FROM:<a@example.com> REQUIRETLS"], 250),
    (["LHLO c", "MAIL FROM:<a@example.com> REQUIRETLS=yes"], 501),
    (["LHLO c", "MAIL FROM:a@example.com"], 501), (["LHLO c", "MAIL FROM:<a@example.com>", "RCPT TO:<nobody>"], 550),
    (["LHLO c", "MAIL FROM:<a@example.com> SIZE=99999999"], 552), (["QUIT"], 221), (["FROBNICATE"], 500)])
def test_commands_are_answered(sink: SmtpSink, world_manager: Mailpoold, commands: list[str], code: int):
    client = Lmtp(world_manager.lmtp_socket, greet=False)
    assert client.reply().code == 220
    replies = [client.command(command) for command in commands]
    assert replies[-1].code // 100 == code // 100, replies
    if code in (555, 552, 503, 501):
        assert replies[-1].code == code, replies
    client.close()


@pytest.fixture(scope="module")
def world_manager(world: Lab) -> Mailpoold:
    """One manager for all tests that only talk to its front door."""
    lab = Lab(world.root / "front-door")
    world.at_close(lab.close)
    return Mailpoold(lab, {"route": {"*": [SmtpSink(lab).address]}}).start()


def test_replies_come_in_the_order_of_the_recipients_and_one_for_each(sink: SmtpSink, start):
    refusing = SmtpSink(sink_lab(sink), "-f", "RCPT")
    manager = start(sink, route={"good.example.org": [sink.address], "bad.example.org": [refusing.address]})
    recipients = ["a@good.example.org", "b@bad.example.org", "a@good.example.org", "c@good.example.org", "d@bad.example.org"]
    with manager.lmtp() as client:
        replies = client.deliver(SENDER, recipients, message(b"hello\r\n"))
    assert [reply.code // 100 for reply in replies] == [2, 5, 2, 2, 5]
    assert len(sink.messages()) == 1, "equal recipients are sent once"


def sink_lab(sink: SmtpSink) -> Lab:
    return Lab(sink.directory / "more")


def test_two_messages_in_one_session_are_two_transactions(sink: SmtpSink, start):
    with start(sink).lmtp() as client:
        for name in ("first", "second"):
            assert [reply.code for reply in client.deliver(SENDER, [ANYONE], message(b"hello\r\n", name))] == [250]
        assert client.quit().code == 221
    assert len(sink.messages()) == 2


def test_everything_in_one_write_is_answered_in_order(sink: SmtpSink, start):
    with start(sink).lmtp() as client:
        client.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n" + message(b"x\r\n", "one") +
                    b".\r\nMAIL FROM:<b@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n" + message(b"y\r\n", "two") +
                    b".\r\nQUIT\r\n")
        codes = [client.reply().code for _ in range(9)]
    assert codes == [250, 250, 354, 250, 250, 250, 354, 250, 221]
    assert len(sink.messages()) == 2


def test_the_queue_id_of_the_mta_names_the_message_in_the_log(sink: SmtpSink, start):
    manager = start(sink)
    with manager.lmtp() as client:
        assert client.command("XFORWARD NAME=client.example.net ADDR=192.0.2.7 PORT=4711").code == 250
        assert client.command("XFORWARD PROTO=ESMTP HELO=client.example.net IDENT=4ED10A9055E SOURCE=REMOTE").code == 250
        client.deliver(SENDER, [ANYONE], message(b"hello\r\n"))
    assert wait_until(manager.outcomes, 5, "an outcome line")[0].id == "4ED10A9055E"


# --- who may connect

def test_a_user_who_is_not_allowed_is_turned_away(sink: SmtpSink, start):
    manager = start(sink, lmtp={"socket_mode": "0666", "allow_users": ["root"]})
    manager.lmtp_socket.parent.chmod(0o755)
    said = as_user("guest", manager.lmtp_socket)
    assert not said.startswith("220"), said
    assert re.search(r"(?i)guest|64707", manager.log())
    assert as_user("root", manager.lmtp_socket).startswith("220")


def as_user(name: str, path: Path) -> str:
    """What the socket says to this user first; nothing if it hangs up."""
    talk = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1]);"
            "print(s.recv(200).decode())")
    done = subprocess.run([sys.executable, "-c", talk, path], user=name, group=name, extra_groups=[], capture_output=True,
                          text=True, check=False)
    return done.stdout


def test_the_socket_is_for_its_group_alone(sink: SmtpSink, start):
    manager = start(sink)
    mode = manager.lmtp_socket.stat().st_mode & 0o777
    assert mode == 0o660
    assert as_user("guest", manager.lmtp_socket) == ""


def test_a_user_name_that_does_not_exist_is_only_a_warning(sink: SmtpSink, start):
    manager = start(sink, lmtp={"allow_users": ["root", "no-such-user"]})
    assert "no-such-user" in manager.log()
    with manager.lmtp() as client:
        assert client.deliver(SENDER, [ANYONE], message(b"x\r\n"))[0].code == 250


# --- contents

HOSTILE_ENDS = {
    "lf_dot_lf": b"\n.\n", "lf_dot_crlf": b"\n.\r\n", "crlf_dot_lf": b"\r\n.\n", "cr_dot_cr": b"\r.\r",
    "crlf_dot_cr": b"\r\n.\r", "lf_dot_cr_lf_split": b"\n.\r\r\n", "cr_lf_dot_cr_cr_lf": b"\r\n.\r\r\n",
}


@pytest.mark.parametrize("name", HOSTILE_ENDS)
def test_only_crlf_dot_crlf_ends_a_message(sink: SmtpSink, start, name: str):
    """SMTP smuggling (CVE-2023-51764): what follows a near end of data stays inside the message."""
    smuggled = b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n"
    with start(sink).lmtp() as client:
        client.envelope(SENDER, [ANYONE])
        assert client.command("DATA").code == 354
        client.send(message(b"before", "outer") + HOSTILE_ENDS[name] + smuggled + b".\r\n")
        reply = client.reply()
        assert client.command("NOOP").code == 250, "and no reply too many"
    stored = sink.messages()
    assert len(stored) == (1 if reply.code == 250 else 0)
    assert reply.code in (250, 550, 554)
    for content in stored:
        assert b"Message-Id: <outer@" in content
        assert b"Subject: smuggled" in content


def test_bare_line_ends_reach_the_remote_as_crlf(lab: Lab, start):
    from raw_server import RawServer
    server = RawServer()
    lab.at_close(server.close)
    with start(server).lmtp() as client:
        client.envelope(SENDER, [ANYONE])
        client.command("DATA")
        client.send(message(b"one\ntwo\rthree\r\nfour\r\r\nfive\n\nsix\n.\nseven\r\n") + b".\r\n")
        assert client.reply().code == 250
    body = server.transactions[0].content.split(b"\r\n\r\n", 1)[1]
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", server.transactions[0].octets), "no bare CR or LF on the wire"
    assert body.split(b"\r\n")[:3] == [b"one", b"two", b"three"]
    assert body.endswith(b"six\r\n..\r\nseven\r\n"), "a dot after a bare LF is stuffed"


def test_nul_is_refused(sink: SmtpSink, start):
    with start(sink).lmtp() as client:
        reply = client.deliver(SENDER, [ANYONE], message(b"a\0b\r\n"))[0]
        assert (reply.code, reply.enhanced) == (554, "5.6.0")
        assert client.deliver(SENDER, [ANYONE], message(b"fine\r\n"))[0].code == 250
    assert len(sink.messages()) == 1


def test_a_message_over_the_limit_is_refused_even_without_a_size(sink: SmtpSink, start):
    manager = start(sink, lmtp={"max_message_size": "100KiB"})
    with manager.lmtp() as client:
        assert client.envelope(SENDER, [ANYONE], "SIZE=200000")[0].code == 552
        client.command("RSET")
        reply = client.deliver(SENDER, [ANYONE], message(large(200_000)))[0]
        assert (reply.code, reply.enhanced) == (552, "5.3.4")
        assert client.deliver(SENDER, [ANYONE], message(b"small\r\n"))[0].code == 250


def test_bodies_beyond_the_memory_limit_are_put_off(lab: Lab, start):
    slow = SmtpSink(lab, "-w", "5")
    manager = start(slow, lmtp={"memory_limit": "1MiB", "spill_above": "1MiB"})
    first, second = handing_over(manager, message(large(700_000))), manager.lmtp()
    wait_until(lambda: manager.status()["bodies"] > 700_000, 10, "the first one's body is in memory")
    reply = second.deliver(SENDER, [ANYONE], message(large(700_000), "second"))[0]
    assert (reply.code, reply.enhanced) == (452, "4.3.1")
    wait_until(lambda: manager.status()["bodies_refused"] == 1, 10, "it is counted")
    assert "memory_limit is reached" in manager.status()["bodies_problem"]
    assert "1 message was answered 452: [lmtp] memory_limit is reached" in manager.log()
    assert first.reply().code == 250
    assert second.deliver(SENDER, [ANYONE], message(large(700_000), "third"))[0].code == 250, "the first one's memory is free"


def test_a_large_body_waits_in_an_unlinked_file(lab: Lab, start):
    slow = SmtpSink(lab, "-w", "2")
    manager = start(slow, lmtp={"spill_above": "64KiB"})
    content = message(large(2_000_000), "spilled")
    with handing_over(manager, content) as client:
        wait_until(lambda: deleted_files(manager), 5, "an unlinked file is open")
        assert client.reply().code == 250
    assert without_trace(slow.wait_for("spilled")) == without_trace(content)
    wait_until(lambda: not deleted_files(manager), 5, "the file is closed again")


def deleted_files(manager: Mailpoold) -> list[str]:
    folder = Path(f"/proc/{manager.process.pid}/fd")
    targets = []
    for descriptor in folder.iterdir():
        try:
            targets.append(os.readlink(descriptor))
        except FileNotFoundError:
            continue
    return [target for target in targets if "(deleted)" in target and "memfd" not in target]


# --- a client that goes away

def test_a_client_gone_before_its_dot_leaves_nothing_at_the_remote(sink: SmtpSink, start):
    manager = start(sink)
    client = manager.lmtp()
    client.envelope(SENDER, [ANYONE])
    client.command("DATA")
    client.send(message(b"half a mess", "half"))
    client.close()
    with manager.lmtp() as other:
        assert other.deliver(SENDER, [ANYONE], message(b"whole\r\n", "whole"))[0].code == 250
    assert len(sink.messages()) == 1


def test_a_client_gone_while_its_message_waits_cancels_it(lab: Lab, start):
    """Before the commit point: the remote has answered RCPT but not DATA when the client leaves."""
    slow = SmtpSink(lab, "-w", "2")
    manager = start(slow)
    client = handing_over(manager, message(b"not wanted any more\r\n", "cancelled"))
    wait_until(lambda: manager.totals()["in_flight"] == 1, 10, "it is in flight")
    client.close()
    time.sleep(2.5)
    assert not slow.messages()
    wait_until(lambda: manager.totals()["in_flight"] == 0, 5, "nothing is in flight")


def test_a_client_gone_after_the_commit_point_does_not_stop_the_delivery(lab: Lab, start):
    slow = SmtpSink(lab, "-W", ".:5")
    manager = start(slow)
    client = handing_over(manager, message(b"on its way\r\n", "committed"))
    wait_until(lambda: "end-of-data" in manager.poolctl.json("connections")["connections"][0]["doing"], 10, "all of it was sent")
    client.close()
    slow.wait_for("committed", timeout=20)
    outcome = wait_until(manager.outcomes, 5, "an outcome line")[0]
    assert outcome.status == "sent"


# --- signals

def test_sighup_applies_a_good_file(lab: Lab, sink: SmtpSink, start):
    other = SmtpSink(lab)
    manager = start(sink)
    manager.configure({"route": {"*": [other.address]}})
    manager.reload()
    with manager.lmtp() as client:
        def goes_to_the_other() -> bool:
            client.deliver(SENDER, [ANYONE], message(b"x\r\n"))
            return bool(other.messages())
        wait_until(goes_to_the_other, 5, "the new route is used", interval=0.2)


def test_sighup_keeps_the_old_settings_on_a_bad_file_and_says_where(sink: SmtpSink, start):
    manager = start(sink)
    manager.config_file.write_text('hostname = "x.example.com"\n[smtp]\nmax_conections = 3\nidle_timeout = "soon"\n')
    manager.reload()
    name = re.escape(str(manager.config_file))
    wait_until(lambda: re.search(name + r":3: .*max_connections", manager.log()) and
               re.search(name + r":4: ", manager.log()), 5, f"both mistakes in the log\n{manager.log()[-2000:]}")
    with manager.lmtp() as client:
        assert client.deliver(SENDER, [ANYONE], message(b"still\r\n"))[0].code == 250


def test_sigterm_finishes_what_is_open_and_says_goodbye(lab: Lab, start):
    slow = SmtpSink(lab, "-W", ".:2")
    manager = start(slow, drain_timeout="20s")
    client = handing_over(manager, message(b"in flight\r\n", "open"))
    wait_until(lambda: manager.totals()["in_flight"] == 1, 10, "it is in flight")
    manager.terminate()
    assert client.reply().code == 250
    assert manager.process.wait() == 0
    assert re.search(r"connection site=\S+ .*state=closing reason=", manager.log())


def test_a_draining_manager_takes_nothing_new(lab: Lab, start):
    slow = SmtpSink(lab, "-W", ".:5")
    manager = start(slow, drain_timeout="20s")
    waiting = manager.lmtp()
    busy = handing_over(manager, message(b"in flight\r\n"))
    wait_until(lambda: manager.totals()["in_flight"] == 1, 10, "it is in flight")
    manager.terminate()
    wait_until(lambda: manager.status()["state"] == "draining", 10, "it drains", interval=0.01)
    try:
        for reply in waiting.deliver(SENDER, [ANYONE], message(b"too late\r\n")):
            assert (reply.code // 100, reply.enhanced) == (4, "4.3.2")
            assert reply.code != 421
    except (Gone, ConnectionError):
        pass  # an idle session may be closed at once
    assert busy.reply().code == 250
    assert manager.process.wait() == 0


def test_a_message_that_hangs_before_its_commit_point_is_given_back_soon_and_does_not_hold_up_a_restart(lab: Lab, start):
    slow = SmtpSink(lab, "-w", "60")
    manager = start(slow, drain_timeout="60s")
    client = handing_over(manager, message(b"waits for 354\r\n"))
    wait_until(lambda: manager.totals()["in_flight"] == 1, 10, "it is in flight")
    began = time.monotonic()
    manager.terminate()
    reply = client.reply()
    assert (reply.code, reply.enhanced) == (451, "4.3.2")
    assert manager.process.wait() == 0
    assert time.monotonic() - began < 20  # of 60 s of drain_timeout


def test_the_second_sigterm_stops_now(lab: Lab, start):
    """Before the commit point: 451, and the remote never gets the message."""
    slow = SmtpSink(lab, "-w", "20")
    manager = start(slow, drain_timeout="60s")
    client = handing_over(manager, message(b"waits for 354\r\n"))
    wait_until(lambda: manager.totals()["in_flight"] == 1, 10, "it is in flight")
    manager.terminate()
    wait_until(lambda: manager.status()["state"] == "draining", 10, "it drains", interval=0.01)
    assert manager.process.is_running()
    manager.terminate()
    reply = client.reply()
    assert (reply.code, reply.enhanced) == (451, "4.3.2")
    assert manager.process.wait() == 0
    assert not slow.messages()


def test_it_starts_again_on_the_socket_of_a_killed_one(sink: SmtpSink, start):
    manager = start(sink)
    manager.kill()
    assert manager.lmtp_socket.exists(), "kill -9 leaves the socket"
    manager.start()
    with manager.lmtp() as client:
        assert client.deliver(SENDER, [ANYONE], message(b"again\r\n"))[0].code == 250


def test_a_second_manager_does_not_take_the_socket_from_the_first(sink: SmtpSink, start):
    manager = start(sink)
    second = subprocess.run(manager.process.argv, capture_output=True, text=True, timeout=20, check=False, user="mailpool",
                            group="mailpool", extra_groups=["postfix"])
    assert second.returncode != 0
    with manager.lmtp() as client:
        assert client.deliver(SENDER, [ANYONE], message(b"mine\r\n"))[0].code == 250


# --- a hostile or clumsy client

def test_idle_and_half_finished_sessions_do_not_hold_up_others(sink: SmtpSink, start):
    manager = start(sink, lmtp={"max_connections": 100})
    idle = [manager.lmtp() for _ in range(50)]
    for client in idle[:25]:
        client.send(b"MAIL FR")
    with manager.lmtp() as client:
        assert client.deliver(SENDER, [ANYONE], message(b"x\r\n"))[0].code == 250
    for client in idle:
        client.close()


def test_at_max_connections_new_ones_wait_and_are_never_refused(sink: SmtpSink, start):
    manager = start(sink, lmtp={"max_connections": 2})
    first, second = manager.lmtp(), manager.lmtp()
    third = Lmtp(manager.lmtp_socket, greet=False, timeout=1)
    with pytest.raises(TimeoutError):
        third.reply()
    first.quit()
    third.socket.settimeout(10)
    assert third.reply().code == 220
    second.close()


def test_an_endless_command_line_costs_no_memory(sink: SmtpSink, start):
    manager = start(sink)
    client = manager.lmtp()
    before = manager.resident_kib()
    try:
        for _ in range(500):
            client.send(b"A" * 65536)
        assert manager.resident_kib() - before < 4096, "32 MiB without a line end were kept"
        client.send(b"\r\n")
        assert client.reply().code // 100 == 5
    except (Gone, ConnectionError):
        pass  # hanging up is as good
    with manager.lmtp() as other:
        assert other.deliver(SENDER, [ANYONE], message(b"x\r\n"))[0].code == 250


def test_sessions_in_parallel_get_their_own_answers(sink: SmtpSink, start):
    refusing = SmtpSink(sink_lab(sink), "-f", "RCPT")
    manager = start(sink, route={"good.example.org": [sink.address], "bad.example.org": [refusing.address]},
                    smtp={"max_waiting": 1000}, lmtp={"slots": 5000})
    results: dict[int, list[Reply]] = {}

    def session(number: int) -> None:
        with manager.lmtp() as client:
            domain = "good" if number % 2 == 0 else "bad"
            for round_ in range(10):
                replies = client.deliver(SENDER, [f"n{number}r{round_}@{domain}.example.org"], message(b"x\r\n"))
                results.setdefault(number, []).extend(replies)

    threads = [threading.Thread(target=session, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for number in range(20):
        assert [reply.code // 100 for reply in results[number]] == [2 if number % 2 == 0 else 5] * 10
    assert len(sink.messages()) == 100
