"""A drain of the IMAP pool: no session is lost, nobody new is let in, and every server hears LOGOUT."""

from collections.abc import Callable

import pytest

from lab.fakeimap import Command, FakeImap, Session
from lab.imap import Imap
from lab.imap_pool import ImapPool
from lab.process import Lab, wait_until

USER, PASSWORD = "anna", "anna-secret"


@pytest.fixture
def start(lab: Lab, fake: FakeImap) -> Callable[..., ImapPool]:
    return lambda **settings: ImapPool(lab, fake.address, tls="none", settings=settings)


def all_logged_out(fake: FakeImap) -> bool:
    return bool(fake.sessions) and all(session.commands[-1].name == "LOGOUT" for session in fake.sessions)


def is_told(late: Imap) -> bool:
    return b"BYE [UNAVAILABLE]" in late.greeting + late.unread(10, b"BYE [UNAVAILABLE]")


def test_a_session_that_is_under_way_ends_as_if_nothing_were(fake: FakeImap, start):
    pool = start(drain_timeout="30s")
    with pool.login(USER, PASSWORD) as lent:
        pool.login("bert", "bert-secret").logout()
        pool.wait_for("bert", idle=1)
        pool.manager.terminate()
        with pool.session() as late:
            assert is_told(late), "who comes now is told"
        lent.expect("SELECT INBOX")
        assert b"watermark of anna" in lent.expect("FETCH 1 BODY[]").joined()
        lent.logout()
    assert pool.manager.process.wait(20) == 0
    assert len(fake.sessions) == 2 and all_logged_out(fake)


def test_a_session_that_does_not_end_is_ended_at_drain_timeout(fake: FakeImap, start):
    fake.hooks["SEARCH"] = lambda session, command: None  # never answered
    pool = start(drain_timeout="1s")
    with pool.login(USER, PASSWORD) as quiet, pool.login("bert", "bert-secret") as working:
        working.start("SEARCH ALL")
        wait_until(lambda: "SEARCH" in [command.name for session in fake.sessions for command in session.commands], 10, "the server is asked")
        pool.manager.terminate()
        assert b"BYE [UNAVAILABLE]" in quiet.unread(10, b"BYE [UNAVAILABLE]")
        assert pool.manager.process.wait(20) == 0
    assert all_logged_out(fake), [session.commands[-1].name for session in fake.sessions]


def test_a_server_that_hangs_does_not_hold_up_the_end(fake: FakeImap, start):
    def hang(session: Session, _: Command) -> None:
        session.hang()
    fake.hooks["LOGOUT"] = hang
    pool = start(drain_timeout="1s")
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)
    pool.manager.terminate()
    assert pool.manager.process.wait(20) == 0


def test_poolctl_drains_and_takes_it_back(fake: FakeImap, start):
    pool = start(drain_timeout="30s")
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)
    assert pool.manager.poolctl("drain").returncode == 0
    pool.wait_for(USER, idle=0, closing=0)
    assert all_logged_out(fake)
    with pool.session() as late:
        assert is_told(late)
    assert pool.manager.poolctl("undrain").returncode == 0
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)
