"""Every reason that python3-mailpool gives programs, in the words of a real manager: what the package looks for in them is there."""

import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import get_args

import pytest

from lab.certificates import Authority
from lab.fakeimap import FakeImap
from lab.imap_pool import ImapPool
from lab.process import Lab

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/python"))
import mailpool  # noqa: E402
from mailpool.errors import Reason  # noqa: E402

USER, PASSWORD = "anna", "anna-secret"
Case = Callable[["Scene"], object]


class Scene:
    """A server, a manager before it, and a program."""

    def __init__(self, lab: Lab, authority: Authority):
        self.lab, self.authority = lab, authority
        self.fake = FakeImap(lab)

    def start(self, **options: object) -> mailpool.IMAPPool:
        self.pool = ImapPool(self.lab, self.fake.address, tls="none", **{"checkout_timeout": "500ms", **options})
        self.python = mailpool.IMAPPool("bounces", directory=self.pool.sockets)
        return self.python

    def borrow(self, user: str = USER) -> mailpool.Connection:
        return self.python.get_connection(user, f"{user}-secret")

    def borrow_twice(self) -> None:
        held = self.borrow()
        try:
            self.borrow()
        finally:
            held.drop()

    def behind(self, *names: str, **terms: object) -> None:
        """Borrows where the server shows a certificate for these names."""
        server = FakeImap(self.lab, certificate=self.authority.issue(*names, **terms))
        pool = ImapPool(self.lab, server.address, self.authority.certificate)
        mailpool.IMAPPool("bounces", directory=pool.sockets).get_connection(USER, PASSWORD)


def no_manager(scene: Scene) -> None:
    mailpool.IMAPPool("bounces", directory=scene.lab.root).get_connection(USER, PASSWORD)


def not_allowed(scene: Scene) -> None:
    scene.start(allow_users=["guest"]).get_connection(USER, PASSWORD)


def pool_size(scene: Scene) -> None:
    scene.start(pool_size=1)
    scene.borrow_twice()


def max_connections(scene: Scene) -> None:
    scene.start(max_connections=1)
    held = scene.borrow()
    try:
        scene.borrow("bert")
    finally:
        held.drop()


def paused(scene: Scene) -> None:
    scene.start()
    scene.pool.manager.poolctl("imap", "pause", "bounces")
    scene.borrow()


def max_waiting(scene: Scene) -> None:
    scene.start(pool_size=1, max_waiting=0)
    scene.borrow_twice()


def no_server(scene: Scene) -> None:
    scene.start()
    scene.fake.end()
    scene.borrow()


def puts_off(scene: Scene) -> None:
    scene.start()
    scene.fake.hooks["LOGIN"] = scene.fake.hooks["AUTHENTICATE"] = lambda session, command: session.answer(
        command, "NO [ALERT] Too many simultaneous connections. (Failure)") or True
    scene.borrow()


def draining(scene: Scene) -> None:
    scene.start()
    assert scene.pool.manager.poolctl("drain").returncode == 0
    scene.borrow()


def drained_meanwhile(scene: Scene) -> None:
    scene.start(settings={"drain_timeout": "300ms"})
    held = scene.borrow()
    scene.pool.manager.terminate()
    scene.pool.manager.process.wait(20)
    held.noop()


def another_name(scene: Scene) -> None:
    scene.behind("imap.example.net")


def expired(scene: Scene) -> None:
    now = datetime.now(timezone.utc)
    scene.behind("127.0.0.1", stem="expired", start=now - timedelta(days=2), end=now - timedelta(days=1))


def own_timeout(scene: Scene) -> None:
    scene.start(pool_size=1, checkout_timeout="30s")
    held = scene.borrow()
    try:
        scene.python.get_connection(USER, PASSWORD, timeout=0.3)
    finally:
        held.drop()


def wrong_password(scene: Scene) -> None:
    scene.start().get_connection(USER, "wrong")


def token_at_a_server_without(scene: Scene) -> None:
    scene.start().get_connection(USER, token="t0ken")


def server_ends(scene: Scene) -> None:
    scene.start()
    held = scene.borrow()
    scene.fake.end()
    held.noop()
    held.noop()


def manager_ends(scene: Scene) -> None:
    scene.start()
    held = scene.borrow()
    scene.pool.manager.kill()
    held.noop()


def kept_too_long(scene: Scene) -> None:
    scene.start(max_loan_time="300ms")
    held = scene.borrow()
    time.sleep(1.5)
    held.noop()


def unused_too_long(scene: Scene) -> None:
    scene.start(client_timeout="1s")
    held = scene.borrow()
    time.sleep(1.5)
    held.noop()


def no_such_command(scene: Scene) -> None:
    scene.start()
    scene.borrow().xatom("STARTTLS")


def given_back_twice(scene: Scene) -> None:
    scene.start()
    held = scene.borrow()
    scene.python.release_connection(held)
    scene.python.release_connection(held)


def server_not_listed(scene: Scene) -> None:
    socket = scene.lab.directory("imap", owner="mailpool", group="mailpool") / "dynamic.sock"
    pool = ImapPool(scene.lab, scene.fake.address, tls="none", settings={
        "imap_dynamic": {"listen": [str(socket)], "servers": ["imap.example.com:993"], "allow_users": ["root"]}})
    mailpool.IMAPPool(host="imap.example.net", directory=pool.sockets).get_connection(USER, PASSWORD)


CASES: list[tuple[Case, type[mailpool.PoolError], Reason]] = [
    (no_manager, mailpool.PoolUnavailable, "unavailable"), (not_allowed, mailpool.PoolUnavailable, "not-allowed"),
    (server_not_listed, mailpool.PoolUnavailable, "not-allowed"), (pool_size, mailpool.PoolBusy, "full"),
    (max_connections, mailpool.PoolBusy, "full"), (paused, mailpool.PoolBusy, "full"), (max_waiting, mailpool.PoolBusy, "full"),
    (no_server, mailpool.PoolBusy, "server"), (puts_off, mailpool.PoolBusy, "server"), (draining, mailpool.PoolBusy, "draining"),
    (drained_meanwhile, mailpool.ConnectionLost, "draining"), (another_name, mailpool.PoolBusy, "certificate"),
    (expired, mailpool.PoolBusy, "certificate"), (own_timeout, mailpool.PoolTimeout, "timeout"),
    (wrong_password, mailpool.LoginRefused, "refused"), (token_at_a_server_without, mailpool.LoginRefused, "not-offered"),
    (server_ends, mailpool.ConnectionLost, "lost"), (manager_ends, mailpool.ConnectionLost, "lost"),
    (kept_too_long, mailpool.ConnectionLost, "taken-away"), (unused_too_long, mailpool.ConnectionLost, "taken-away"),
    (no_such_command, mailpool.CommandError, "command"), (given_back_twice, mailpool.PoolError, "misuse")]


def test_every_reason_is_tried():
    assert {reason for _, _, reason in CASES} == set(get_args(Reason))


@pytest.mark.parametrize("case, kind, reason", CASES, ids=[case.__name__ for case, _, _ in CASES])
def test_a_program_is_told(lab: Lab, authority: Authority, case: Case, kind: type[mailpool.PoolError], reason: Reason):
    with pytest.raises(mailpool.PoolError) as caught:
        case(Scene(lab, authority))
    assert (type(caught.value), caught.value.reason) == (kind, reason), caught.value
