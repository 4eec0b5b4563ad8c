"""One user locks out no other: abuse beside twenty who behave well, with Dovecot as it comes (late answers after wrong passwords, a
limit of connections for each user). Three minutes of it with --full, else a few seconds."""

import base64
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lab.certificates import Authority, Certificate
from lab.dovecot import Dovecot
from lab.imap import Imap, ImapError
from lab.imap_pool import ImapPool
from lab.process import Lab

IS_FULL = "--full" in sys.argv
LASTS = float(os.environ.get("MAILPOOL_ABUSE_SECONDS", "180" if IS_FULL else "10"))
CALM = LASTS / 9
WELL_BEHAVED = [f"good{number}" for number in range(20)]
NEW_EACH = 5.0 if IS_FULL else 3.0  # so often somebody logs in for the first time
NEWCOMERS = [f"new{number}" for number in range(int((LASTS + CALM) / NEW_EACH) + 2)]
# Auth-penalty and mail_max_userip_connections as in Debian's dovecot.conf; the lab switches both off.
AS_IT_COMES = """
mail_max_userip_connections = 10
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0600
  }
}
"""
NOISE = 0.05 if IS_FULL else 0.2  # seconds that a busy machine may add to a login of a millisecond


def secret_of(user: str) -> str:
    return f"{user}-secret"


@dataclass
class Tally:
    """Logins of one kind: how long each took, and what was said to those that were refused."""

    took: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return sorted(self.took)[int(len(self.took) * 0.99)]


class Play:
    """Threads that log in until the play is over."""

    def __init__(self, pool: ImapPool):
        self.pool = pool
        self.calm, self.beside_abuse, self.first, self.abuse = Tally(), Tally(), Tally(), Counter[str]()
        self.is_abused = threading.Event()
        self.is_over = threading.Event()

    def log_in(self, user: str, tally: Tally) -> None:
        begun = time.monotonic()
        with self.pool.session(timeout=90) as session:
            answer = session.try_login(user, secret_of(user))
            tally.took.append(time.monotonic() - begun)
            if not answer.ok:
                tally.refusals.append(f"{user}: {answer.text}")
                return
            session.expect("NOOP")
            session.logout()

    def behave(self, user: str) -> None:
        while not self.is_over.wait(0.2):
            self.log_in(user, self.beside_abuse if self.is_abused.is_set() else self.calm)

    def come_first(self) -> None:
        for user in NEWCOMERS:
            if self.is_over.wait(NEW_EACH):
                return
            self.log_in(user, self.first)

    def run(self, abusers: list[Callable[["Play"], None]]) -> None:
        good = [threading.Thread(target=self.behave, args=(user,)) for user in WELL_BEHAVED] + [threading.Thread(target=self.come_first)]
        bad = [threading.Thread(target=abuser, args=(self,)) for abuser in abusers]
        for thread in good:
            thread.start()
        time.sleep(CALM)
        self.is_abused.set()
        for thread in bad:
            thread.start()
        time.sleep(LASTS)
        self.is_over.set()
        for thread in good + bad:
            thread.join(120)
            assert not thread.is_alive()


def say_tokens(play: Play) -> None:
    """Ten a second, of a server that has no login with tokens."""
    number = 0
    while not play.is_over.wait(0.1):
        number += 1
        message = base64.b64encode(f"user=eve\1auth=Bearer {number}\1\1".encode()).decode()
        with play.pool.session(timeout=90) as session:
            tag = session.start(f"AUTHENTICATE XOAUTH2 {message}")
            session.wait_for_continuation()
            session.send(b"\r\n")
            play.abuse[session.finish(tag).text] += 1


def with_an_old_password(user: str) -> Callable[[Play], None]:
    def guess(play: Play) -> None:
        number = 0
        while not play.is_over.wait(0.5):
            number += 1
            with play.pool.session(timeout=90) as session:
                try:
                    play.abuse[session.try_login(user, f"old{number}").text] += 1
                except (ImapError, OSError):
                    play.abuse["cut off"] += 1
    return guess


def want_more_than_the_server_gives(play: Play) -> None:
    """Twelve sessions of one user at once; Dovecot allows it ten."""
    def hold() -> None:
        while not play.is_over.is_set():
            with play.pool.session(timeout=90) as session:
                answer = session.try_login("greedy", secret_of("greedy"))
                play.abuse["greedy in" if answer.ok else answer.text] += 1
                if answer.ok:
                    play.is_over.wait(2)
                    session.logout()
    holders = [threading.Thread(target=hold) for _ in range(12)]
    for holder in holders:
        holder.start()
    for holder in holders:
        holder.join(120)


@pytest.fixture
def pool(lab: Lab, imap_certificate: Certificate, authority: Authority) -> ImapPool:
    users = {user: secret_of(user) for user in [*WELL_BEHAVED, *NEWCOMERS, "greedy", "old1", "old2", "old3", "old4"]}
    dovecot = Dovecot(lab, imap_certificate, users=users, scheme="PLAIN", failure_delay="2s", settings=AS_IT_COMES).start()
    return ImapPool(lab, f"127.0.0.1:{dovecot.port}", authority.certificate, pool_size=20)


def test_nobody_is_refused_and_nobody_waits_longer_for_what_others_do(pool: ImapPool):
    for user in WELL_BEHAVED:
        pool.login(user, secret_of(user)).logout()
    play = Play(pool)
    play.run([say_tokens, *(with_an_old_password(f"old{number}") for number in range(1, 5)), want_more_than_the_server_gives])
    print(f"calm: {len(play.calm.took)} logins, p99 {play.calm.p99 * 1000:.1f} ms; beside abuse: {len(play.beside_abuse.took)} logins, p99 "
          f"{play.beside_abuse.p99 * 1000:.1f} ms; first logins: {len(play.first.took)}, longest {max(play.first.took):.1f} s; "
          f"abuse: {play.abuse}")
    assert sum(count for text, count in play.abuse.items() if "CANNOT" in text) > LASTS * 5, play.abuse
    assert sum(count for text, count in play.abuse.items() if "AUTHENTICATIONFAILED" in text) >= 4, play.abuse
    assert play.calm.refusals == play.beside_abuse.refusals == play.first.refusals == []
    assert play.first.took
    assert play.beside_abuse.p99 <= max(2 * play.calm.p99, NOISE)
    assert pool.row("greedy")["logins_refused"] == 0, "a limit is no wrong password"
    assert pool.discarded("greedy")["cred_changed"] == 0
