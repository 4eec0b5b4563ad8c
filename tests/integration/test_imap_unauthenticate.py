"""UNAUTHENTICATE (RFC 8437) towards servers that offer it: an idle connection becomes another user's, clean and under that user's rights alone."""

from collections.abc import Callable

import pytest

from lab.certificates import Authority, Certificate
from lab.cyrus import Cyrus
from lab.fakeimap import AFTER_LOGIN, FakeImap
from lab.imap import capabilities
from lab.imap_pool import ImapPool
from lab.process import Lab

SECRETS = {"anna": "anna-secret", "bert": "bert-secret"}


@pytest.fixture
def fake(lab: Lab) -> FakeImap:
    return FakeImap(lab, after_login=AFTER_LOGIN + " UNAUTHENTICATE")


@pytest.fixture
def start(lab: Lab, fake: FakeImap) -> Callable[..., ImapPool]:
    """One connection for all users; a user who comes for the first time waits half of checkout_timeout."""
    return lambda **over: ImapPool(lab, fake.address, tls="none", **{"max_connections": 1, "checkout_timeout": "4s", **over})


def names(fake: FakeImap) -> list[str]:
    return [command.name for session in fake.sessions for command in session.commands]


def use(pool: ImapPool, user: str) -> None:
    """A session of this user that sees its own mail, and its connection back in the pool."""
    with pool.login(user, SECRETS[user]) as session:
        assert "UNAUTHENTICATE" not in capabilities(session.expect("CAPABILITY").untagged)
        session.expect("SELECT INBOX")
        assert b"watermark of %s in INBOX" % user.encode() in session.expect("FETCH 1 BODY[]").joined()
        session.logout()
    pool.wait_for(user, active=0, resetting=0)


def test_one_connection_serves_users_in_turn_each_under_its_own_rights(fake: FakeImap, start):
    pool = start()
    for user in ("anna", "bert", "anna", "bert"):
        use(pool, user)
    assert len(fake.sessions) == 1
    assert names(fake).count("UNAUTHENTICATE") == 3
    assert fake.logins == [("anna", True), ("bert", True), ("anna", True), ("bert", True)]
    assert pool.discarded("anna")["turned_over"] == 2


def test_a_changed_connection_is_closed_and_never_turned_over(fake: FakeImap, start):
    pool = start()
    use(pool, "bert")
    with pool.login("anna", "anna-secret") as session:
        session.expect("ENABLE CONDSTORE")
        session.logout()
    pool.wait_for("anna", active=0, idle=0, resetting=0)
    before = names(fake).count("UNAUTHENTICATE")
    use(pool, "bert")
    assert names(fake).count("UNAUTHENTICATE") == before
    assert pool.discarded("anna")["taint_enable"] == 1


@pytest.mark.parametrize("lie", ["NO not here", "BAD what", "OK done, or is it"])
def test_a_server_that_does_not_do_it_costs_a_connection_and_nobody_a_login(lie: str, fake: FakeImap, start):
    fake.hooks["UNAUTHENTICATE"] = lambda session, command: session.answer(command, lie)
    pool = start()
    use(pool, "anna")
    use(pool, "bert")
    use(pool, "anna")
    assert names(fake).count("UNAUTHENTICATE") == 1, "it is not asked again"
    assert pool.row("bert")["logins_refused"] == 0
    assert fake.most_open == 1


def test_a_server_that_does_not_answer_it_costs_check_timeout(fake: FakeImap, start):
    fake.hooks["UNAUTHENTICATE"] = lambda session, command: session.hang()
    pool = start(check_timeout="200ms", checkout_timeout="8s")
    use(pool, "anna")
    use(pool, "bert")
    assert len(fake.sessions) == 2


def test_it_can_be_turned_off(fake: FakeImap, start):
    pool = start(unauthenticate=False)
    use(pool, "anna")
    use(pool, "bert")
    assert "UNAUTHENTICATE" not in names(fake)
    assert pool.discarded("anna")["over_size"] == 1


def test_cyrus_does_what_it_offers(lab: Lab, imap_certificate: Certificate, authority: Authority):
    """It offers UNAUTHENTICATE to its administrators alone."""
    users = {"cyrus": "cyrus-secret", "second": "second-secret"}
    server = Cyrus(lab, imap_certificate, dict(users), admin="cyrus second")
    pool = ImapPool(lab, f"127.0.0.1:{server.port}", authority.certificate, max_connections=1, checkout_timeout="6s")
    for user in ("cyrus", "second", "cyrus", "second"):
        with pool.login(user, users[user]) as session:
            if user not in session.expect('LIST "" %').joined().decode():
                session.command(f"CREATE of-{user}")
            session.expect(f"SETACL of-{user} {user} lrswipkxtecda")
            assert f"of-{user}" in session.expect(f"MYRIGHTS of-{user}").joined().decode()
            session.expect(f"SELECT of-{user}")
            session.logout()
        pool.wait_for(user, active=0, resetting=0)
    assert pool.discarded("cyrus")["turned_over"] + pool.discarded("second")["turned_over"] == 3
