"""python3-mailpool with mailpoold and a real server: what the package's own tests play is what happens."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.certificates import Authority
from lab.dovecot import Dovecot
from lab.imap_pool import ImapPool
from lab.process import Lab

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/python"))
import mailpool  # noqa: E402

USER, PASSWORD = "anna", "anna-secret"
REPORT = """\
From: mailer-daemon@example.com
To: bounces@example.com
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It did not work.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com

Final-Recipient: rfc822; nobody{number}@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b--
"""


@pytest.fixture
def pool(lab: Lab, dovecot: Dovecot, authority: Authority) -> ImapPool:
    dynamic = lab.directory("dynamic", owner="mailpool", group="mailpool") / "dynamic.sock"
    return ImapPool(lab, f"127.0.0.1:{dovecot.port}", authority.certificate, pool_size=4, settings={
        "imap_dynamic": {"listen": [str(dynamic)], "servers": [f"127.0.0.1:{dovecot.port}"]}})


def test_sixteen_threads_share_four_connections(pool: ImapPool, dovecot: Dovecot):
    dovecot.put(USER, b"Subject: x\r\n\r\nhello\r\n")
    borrowed = mailpool.IMAPPool("bounces", directory=pool.sockets)

    def job(_: int) -> str:
        with borrowed.connection(USER, PASSWORD) as conn:
            conn.select("INBOX")
            return conn.fetch("1", "(BODY.PEEK[])")[0]
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(job, range(64))) == ["OK"] * 64
    row = pool.wait_for(USER, active=0, waiting=0, resetting=0)
    assert row["created"] <= 4 and dovecot.logins(USER) <= 5


def test_a_wrong_password_is_refused_in_the_servers_words(pool: ImapPool):
    with pytest.raises(mailpool.LoginRefused, match="AUTHENTICATIONFAILED"):
        mailpool.IMAPPool("bounces", directory=pool.sockets).get_connection(USER, "wrong")


def test_a_block_that_raises_in_the_middle_of_a_command_harms_nobody(pool: ImapPool, dovecot: Dovecot):
    borrowed = mailpool.IMAPPool("bounces", directory=pool.sockets)
    with pytest.raises(RuntimeError):
        with borrowed.connection(USER, PASSWORD) as conn:
            conn.select("INBOX")
            conn.send(b"X1 APPEND INBOX {50}\r\nhalf")
            raise RuntimeError("oh")
    with borrowed.connection(USER, PASSWORD) as conn:
        assert conn.noop()[0] == "OK"
        assert conn.select("INBOX") == ("OK", [b"0"])


def test_a_server_that_no_profile_names_is_asked_for_where_the_operator_allows_it(pool: ImapPool, dovecot: Dovecot, lab: Lab):
    directory = lab.root / "dynamic"
    if not (directory / "dynamic.sock").exists():
        pytest.skip("this mailpoold opens no sockets of [imap_dynamic]")
    with pytest.raises(mailpool.PoolUnavailable, match="servers"):
        mailpool.IMAPPool(host="imap.example.net", port=993, directory=directory).get_connection(USER, PASSWORD)
    allowed = mailpool.IMAPPool(host="127.0.0.1", port=dovecot.port, ssl=True, pool_size=2, directory=directory)
    try:
        with allowed.connection(USER, PASSWORD) as conn:
            assert conn.select("INBOX")[0] == "OK"
    except mailpool.PoolBusy as trouble:  # the lab's authority is none that the system trusts
        assert "certificate" in str(trouble), trouble


def test_the_example_reads_every_report_once_with_several_threads(pool: ImapPool, dovecot: Dovecot, lab: Lab):
    with dovecot.session() as session:
        session.login(USER, PASSWORD)
        for number in range(120):
            session.append("INBOX", REPORT.format(number=number).replace("\n", "\r\n").encode())
    secret = lab.root / "secret"
    secret.write_text(PASSWORD + "\n")
    argv = [sys.executable, TOP / "conf/examples/bounce_processor.py", "--socket", pool.socket(), "--user", USER, "--password-file",
            secret, "--threads", "8"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(TOP / "tools/python")}, timeout=60)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(
        f"nobody{number}@example.org\t5.1.1\tsmtp; 550 5.1.1 no such user" for number in range(120))
    again = subprocess.run(argv, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(TOP / "tools/python")}, timeout=60)
    assert (again.returncode, again.stdout) == (0, "")
