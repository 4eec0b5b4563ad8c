"""Sessions killed at random places through mailpoold: the next ones get nothing of theirs. The long form: tests/integration/isolation."""

import os
from collections.abc import Callable

import pytest

from lab.certificates import Authority, Certificate
from lab.dovecot import Dovecot
from lab.isolation import USERS, Result, over_tls, prepare
from lab.isolation_run import run
from lab.process import Lab
from lab.strict_session import BYTES, INHERITED, TAGS

DIED_IN = {"dies in its login", "selected", "middle of a line", "middle of a literal, client to server", "before the continuation",
           "middle of a literal, server to client", "IDLE, before its continuation", "IDLE", "IDLE, in or behind DONE", "pipelined",
           "after ENABLE", "CONDSTORE by the way", "after NOTIFY", "orderly, LOGOUT pipelined"}


@pytest.fixture
def server(lab: Lab, imap_certificate: Certificate) -> Dovecot:
    server = Dovecot(lab, imap_certificate, users=dict(USERS), scheme="PLAIN").start()
    prepare(over_tls(server.port), USERS)
    return server


@pytest.fixture
def killed(lab: Lab, server: Dovecot, authority: Authority) -> Callable[[str, int], Result]:
    def killed(target: str, sessions: int) -> Result:
        result, _ = run(lab, server, authority.certificate, target, sessions, seed=int(os.environ.get("MAILPOOL_SEED", "1")))
        return result
    return killed


def test_nothing_of_a_killed_session_reaches_the_next(killed, server: Dovecot):
    result = killed("mailpoold", 800)
    assert result.leaks() == 0, f"{result.summary()}\n" + "\n".join(map(str, result.findings[:20]))
    assert result.refused == 0, result.summary()
    assert set(result.states) >= DIED_IN, f"every state was died in, and {DIED_IN - set(result.states)} too"
    logins = sum(map(server.logins, USERS))
    assert logins < 600, f"connections were really shared: {logins} logins at the server"


def test_the_harness_finds_the_leaks_when_the_reset_is_off(killed):
    result = killed("leaky", 150)
    assert all(result.kinds[kind] > 0 for kind in (BYTES, TAGS, INHERITED)), result.summary()


@pytest.mark.full
def test_nothing_of_a_killed_session_reaches_the_next_in_ten_thousand(killed):
    result = killed("mailpoold", 10_000)
    assert result.leaks() == 0, f"{result.summary()}\n" + "\n".join(map(str, result.findings[:20]))
