"""No file descriptors left: no server is held to blame, nobody spins, and mail goes when there are some again."""

import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab.fakeimap import FakeImap
from lab.imap_pool import ImapPool
from lab.lmtp import Lmtp, stuffed
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, free_port, wait_until
from lab.receivers import SmtpSink

SENDER = "sender@example.com"
NO_SOCKET = "error: no socket for a connection to a server: Too many open files"


def lowest_free(pid: int) -> int:
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


@contextmanager
def no_descriptors(manager: Mailpoold) -> Iterator[None]:
    """Not one more can be opened."""
    pid = manager.process.pid
    usual = re.search(r"Max open files\s+(\d+)", Path(f"/proc/{pid}/limits").read_text())[1]

    def may_open(soft: int | str) -> None:
        subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={soft}:"], check=True, user="mailpool", group="mailpool", extra_groups=[])
    may_open(lowest_free(pid))
    try:
        yield
    finally:
        may_open(usual)


def cpu_seconds(manager: Mailpoold) -> float:
    fields = Path(f"/proc/{manager.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def said(manager: Mailpoold, words: str) -> int:
    return sum(words in line for line in manager.log().splitlines())


def used_before(lab: Lab, sink: SmtpSink, **settings: object) -> Mailpoold:
    """All has been done once and nothing is open: what a sanitizer asks of a type for the first time takes descriptors itself."""
    manager = Mailpoold(lab, routes_to(sink, **settings)).start()
    use(manager)
    return manager


def routes_to(sink: SmtpSink, **settings: object) -> dict:
    return {"route": {"dead.example.org": [f"127.0.0.1:{free_port()}"], "*": [sink.address]}, **settings}


def use(manager: Mailpoold) -> None:
    with manager.lmtp(timeout=60) as client:
        assert client.deliver(SENDER, ["nobody@dead.example.org"], message(b"x\r\n"))[0].code == 451
        assert client.deliver(SENDER, ["first@example.org"], message(b"x\r\n"))[0].code == 250
        hand_in(client, "second@example.org")
        assert client.reply().code == 250
    (site,) = manager.poolctl.json("status", "example.org")["sites"]
    assert manager.poolctl("flush", site["site"]).returncode == 0
    wait_until(lambda: manager.totals()["connections_open"] == 0, 10, "nothing is open")


def hand_in(client: Lmtp, recipient: str) -> None:
    """The message, without waiting for its answer."""
    assert all(reply.code == 250 for reply in client.envelope(SENDER, [recipient]))
    assert client.command("DATA").code == 354
    client.send(stuffed(message(b"x\r\n")) + b".\r\n")


def test_mail_waits_for_a_socket_and_its_server_is_not_to_blame(lab: Lab, sink: SmtpSink):
    manager = used_before(lab, sink, lmtp={"max_wait": "4s"})
    with manager.lmtp(timeout=60) as client:
        with no_descriptors(manager):
            deferred = client.deliver(SENDER, ["first@example.org"], message(b"x\r\n"))[0]
        assert (deferred.code, deferred.enhanced) == (451, "4.3.0"), deferred
        assert "no socket for a connection: Too many open files (this process may open " in deferred.text
        assert "raise LimitNOFILE" in deferred.text
        (site,) = manager.poolctl.json("status", "example.org")["sites"]
        assert site["state"] == "open" and all(endpoint["failures"] == 0 for endpoint in site["endpoints"]), site
        assert client.deliver(SENDER, ["second@example.org"], message(b"x\r\n"))[0].code == 250
        (site,) = manager.poolctl.json("status", "example.org")["sites"]
        assert "descriptors" in {row["reason"] for row in site["closes"]}, site["closes"]
    assert said(manager, NO_SOCKET) == 1


def test_a_message_that_waits_goes_as_soon_as_there_is_a_socket(lab: Lab, sink: SmtpSink):
    """With the options as they ship; meanwhile explain says what it waits for."""
    manager = used_before(lab, sink)
    with manager.lmtp(timeout=60) as client:
        with no_descriptors(manager):
            hand_in(client, "first@example.org")
            wait_until(lambda: said(manager, NO_SOCKET), 20, "the shortage is noticed")
        assert client.reply().code == 250
    assert said(manager, NO_SOCKET) == 1


def test_nobody_spins_at_a_socket_that_cannot_be_accepted(lab: Lab, sink: SmtpSink):
    """Neither LMTP nor control, metrics and IMAP, nor the messages that wait."""
    fake = FakeImap(lab, users={"user": "secret"})
    port = free_port()
    pool = ImapPool(lab, fake.address, tls="none",
                    settings=routes_to(sink, metrics={"listen": f"127.0.0.1:{port}"}))
    manager = pool.manager
    use(manager)
    pool.login("user", "secret").logout()
    pool.wait_for("user", idle=1)
    assert manager.poolctl("imap", "flush", "user").returncode == 0
    pool.wait_for("user", idle=0, closing=0)
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).status == 200
    with manager.lmtp(timeout=60) as client, pool.session() as program, ExitStack() as crowd:
        with no_descriptors(manager):
            hand_in(client, "first@example.org")
            program.send(b"a LOGIN user secret\r\n")
            for path in (manager.lmtp_socket, manager.control_socket, pool.socket()):
                for _ in range(4):
                    waiting = crowd.enter_context(socket.socket(socket.AF_UNIX))
                    waiting.connect(str(path))
            crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
            begun = cpu_seconds(manager)
            time.sleep(4)
            assert cpu_seconds(manager) - begun < 0.4  # of the 4 that a loop would take that spins
        assert client.reply().code == 250
    assert said(manager, NO_SOCKET) == 1
    assert said(manager, "cannot accept an LMTP connection") == 1
    pool.login("user", "secret").logout()
    assert all(server["state"] == "open" for profile in manager.poolctl.json("imap")["profiles"] for server in profile["servers"])
