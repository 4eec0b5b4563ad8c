"""min_idle of an account: connections that are logged in before anybody asks."""

from pathlib import Path

import pytest

from lab.fakeimap import FakeImap
from lab.imap import Imap
from lab.imap_pool import ImapPool
from lab.process import Lab, wait_until

USER = "anna"


@pytest.fixture
def secret(lab: Lab) -> Path:
    return lab.secret("password", "anna-secret\n")


def start(lab: Lab, fake: FakeImap, secret: Path, **over: int) -> tuple[ImapPool, Path]:
    socket = lab.directory("account", owner="mailpool", group="mailpool") / "anna.sock"
    account = {"user": USER, "password_file": str(secret), "listen": [str(socket)], "allow_users": ["root"]}
    return ImapPool(lab, fake.address, tls="none", account=account, **over), socket


def test_the_first_program_finds_a_connection_and_what_ends_is_replaced(lab: Lab, fake: FakeImap, secret: Path):
    pool, socket = start(lab, fake, secret, min_idle=2)
    pool.wait_for(USER, idle=2)
    with Imap.over_unix(socket) as session:
        session.expect("SELECT INBOX")
        session.logout()
    fake.sessions[0].close()
    wait_until(lambda: len(fake.open()) >= 2 and len(fake.sessions) >= 3, 10, "another one is opened")
    pool.wait_for(USER, active=0, resetting=0, login=0)
    assert pool.row(USER)["idle"] >= 2


def test_a_wrong_password_file_is_tried_once_and_a_mended_one_at_the_reload(lab: Lab, fake: FakeImap, secret: Path):
    secret.write_text("not the password\n")
    pool, _ = start(lab, fake, secret, min_idle=2)
    pool.wait_for(USER, logins_refused=1, login=0)
    secret.write_text("anna-secret\n")
    pool.reload()
    pool.wait_for(USER, idle=2)
    assert fake.logins == [(USER, False), (USER, True), (USER, True)]
