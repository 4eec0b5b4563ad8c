"""Servers that owe an answer: how long a program and the pool wait for one, and what happens then."""

import time
from collections.abc import Callable

import pytest

from lab.fakeimap import FakeImap
from lab.imap_pool import ImapPool
from lab.process import Lab

USER, PASSWORD = "anna", "anna-secret"


@pytest.fixture
def start(lab: Lab, fake: FakeImap) -> Callable[..., ImapPool]:
    return lambda **over: ImapPool(lab, fake.address, tls="none", **over)


@pytest.mark.parametrize("first", [b"", b"* SEARCH 1 2\r\n", b"* 1 FETCH (BODY[] {1000}\r\nhalf of it"])
def test_a_server_that_falls_silent_in_a_command_is_given_up(first: bytes, fake: FakeImap, start):
    fake.hooks["SEARCH"] = lambda session, command: session.say(first)
    pool = start(answer_timeout="500ms")
    with pool.login(USER, PASSWORD, timeout=15) as session:
        session.expect("SELECT INBOX")
        session.start("SEARCH ALL")
        heard = session.unread(10, b"BYE")
        if not first.endswith(b"half of it"):
            assert b"* BYE The IMAP server does not answer (answer_timeout)" in heard, heard
        assert session.at_end(), "in the middle of an answer the end of the stream says it"
    pool.wait_for(USER, active=0, idle=0, closing=0)
    assert pool.discarded(USER)["answer_timeout"] == 1
    fake.hooks.clear()
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)


def test_a_server_in_idle_may_be_silent(fake: FakeImap, start):
    pool = start(answer_timeout="200ms")
    with pool.login(USER, PASSWORD) as session:
        session.expect("SELECT INBOX")
        tag = session.start("IDLE")
        session.wait_for_continuation()
        assert session.unread(1.0) == b"", "five times answer_timeout"
        session.send(b"DONE\r\n")
        assert session.finish(tag).ok
        session.logout()
    pool.wait_for(USER, idle=1)


def test_a_program_that_does_not_read_makes_no_server_silent(fake: FakeImap, start):
    size = 8 << 20
    fake.hooks["FETCH"] = lambda session, command: session.say(b"* 1 FETCH (BODY[] {%d}\r\n%s)\r\n%s OK done\r\n" % (size, b"x" * size, command.tag))
    pool = start(answer_timeout="300ms")
    with pool.login(USER, PASSWORD) as session:
        session.expect("SELECT INBOX")
        tag = session.start("FETCH 1 BODY[]")
        time.sleep(1)
        pool.wait_for(USER, active=1)
        assert len(session.finish(tag).joined()) > size
        session.logout()
    assert pool.discarded(USER)["answer_timeout"] == 0
