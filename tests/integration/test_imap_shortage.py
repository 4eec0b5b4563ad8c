"""No file descriptors left: idle connections make room, nobody who has borrowed one is disturbed, and it passes."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.fakeimap import FakeImap
from lab.imap import Imap
from lab.imap_pool import ImapPool
from lab.process import Lab, wait_until

USERS = {f"user{number}": f"secret{number}" for number in range(8)}


@pytest.fixture
def fake(lab: Lab) -> FakeImap:
    return FakeImap(lab, users=dict(USERS))


def with_room_for(lab: Lab, fake: FakeImap, more: int) -> ImapPool:
    """A manager with an idle connection of each user, that may open so many descriptors more."""
    pool = ImapPool(lab, fake.address, tls="none", checkout_timeout="5s")
    fill(pool)
    highest = max(int(entry.name) for entry in Path(f"/proc/{pool.manager.process.pid}/fd").iterdir())
    pool.manager.terminate()
    pool.manager.process.wait(20)
    limit = highest + 1 + more
    pool.manager.process.argv = ["prlimit", f"--nofile={limit}:{limit}", "--", *pool.manager.process.argv]
    fake.sessions.clear()
    pool.manager.start()
    fill(pool)
    return pool


def fill(pool: ImapPool) -> None:
    for user, password in USERS.items():
        pool.login(user, password).logout()
        pool.wait_for(user, idle=1)


def given_up(pool: ImapPool) -> int:
    return sum(row["discarded"]["descriptors"] for row in pool.rows())


def is_short(pool: ImapPool) -> bool:
    """The log says what is short, and what to do."""
    return "raise LimitNOFILE" in pool.manager.log()


def test_idle_connections_make_room_for_programs_that_come(lab: Lab, fake: FakeImap):
    pool = with_room_for(lab, fake, more=8)
    with pool.login("user0", "secret0") as lent, ExitStack() as crowd:
        arrived: list[Imap] = []
        while not is_short(pool):
            assert len(arrived) < 40
            arrived.append(crowd.enter_context(pool.session(timeout=30)))  # waits for its greeting
        assert arrived[-1].expect("NOOP").ok, "the last one waited until there was room"
        assert lent.expect("NOOP").ok, "who has borrowed is not disturbed"
        lent.logout()
    wait_until(lambda: given_up(pool) >= 1, 10, "idle connections are given up")
    gone = [session for session in fake.sessions if session.closed.is_set()]
    assert gone and all(session.commands[-1].name == "LOGOUT" for session in gone)
    pool.login("user1", "secret1").logout()


def test_idle_connections_make_room_for_a_login(lab: Lab, fake: FakeImap):
    pool = with_room_for(lab, fake, more=3)
    with ExitStack() as crowd:
        lent: list[Imap] = []
        while not is_short(pool):
            assert len(lent) < 40
            session = crowd.enter_context(pool.session(timeout=30))
            answer = session.try_login("user0", "secret0")  # one connection each: none is given back
            assert answer.ok or "UNAVAILABLE" in answer.text, answer
            lent.append(session)
    wait_until(lambda: given_up(pool) >= 1, 10, "idle connections are given up")
    pool.login("user0", "secret0").logout()
