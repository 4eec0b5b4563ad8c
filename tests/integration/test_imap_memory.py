"""What an IMAP server offers after a login is shown to the first program after a restart, before anybody has logged in."""

import pytest

from lab.fakeimap import FakeImap
from lab.imap import capabilities
from lab.imap_pool import ImapPool
from lab.process import Lab, wait_until

USER, PASSWORD = "anna", "anna-secret"
ONLY_AFTER_LOGIN = {"UIDPLUS", "NAMESPACE"}


def greeted_with(pool: ImapPool) -> set[str]:
    with pool.session() as session:
        return capabilities([session.greeting])


def wait_until_written(pool: ImapPool) -> None:
    """To the database, which the manager keeps locked."""
    files = pool.manager.directory / "state"
    wait_until(lambda: any(b"UIDPLUS" in file.read_bytes() for file in files.glob("state.db*")), 10, "the list is in the state database")


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_the_first_greeting_after_a_restart_tells_what_the_server_can(end: str, lab: Lab, fake: FakeImap):
    pool = ImapPool(lab, fake.address, tls="none")
    assert not ONLY_AFTER_LOGIN & greeted_with(pool), "nobody has logged in yet"
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)
    assert ONLY_AFTER_LOGIN < greeted_with(pool)
    wait_until_written(pool)
    getattr(pool.manager, end)()
    pool.manager.process.wait(20)
    pool.manager.start()
    assert ONLY_AFTER_LOGIN < greeted_with(pool)
    assert len(fake.sessions) == 1, "and nobody had to log in for it"


def test_another_server_is_not_what_the_one_before_was(lab: Lab, fake: FakeImap):
    pool = ImapPool(lab, fake.address, tls="none")
    pool.login(USER, PASSWORD).logout()
    other = FakeImap(lab)
    pool.reload(server=[other.address])
    assert not ONLY_AFTER_LOGIN & greeted_with(pool)
