"""python3-mailpool with mailpoold and a real server: what the package's own tests play is what happens."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.certificates import Authority
from lab.dovecot import Dovecot
from lab.imap_pool import ImapPool
from lab.mailpool import Value
from lab.process import Lab, wait_until

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/python"))
import mailpool  # noqa: E402
from mailpool import aio  # noqa: E402

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
def start(lab: Lab, dovecot: Dovecot, authority: Authority) -> Callable[..., ImapPool]:
    """With `servers`: those of [imap_dynamic], whose socket is beside the profile's."""
    def start(servers: list[Value] | None = None, **settings: Value) -> ImapPool:
        pool = ImapPool(lab, f"127.0.0.1:{dovecot.port}", authority.certificate, pool_size=4, start=False)
        settings["imap"] = pool.profiles
        if servers is not None:
            settings["imap_dynamic"] = {"listen": [str(pool.socket("dynamic"))], "servers": servers}
        pool.manager.configure(settings)
        pool.manager.start()
        wait_until(pool.socket().exists, 5, "the profile's socket is there")
        return pool
    return start


@pytest.fixture
def pool(start: Callable[..., ImapPool]) -> ImapPool:
    return start()


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


def named_by_the_program(pool: ImapPool, host: str, port: int) -> mailpool.IMAPPool:
    return mailpool.IMAPPool(host=host, port=port, ssl=True, pool_size=2, directory=pool.sockets)


def test_a_server_that_no_profile_names_is_pooled_where_the_operator_allows_it(start, dovecot: Dovecot, authority: Authority):
    pool = start([f"127.0.0.1:{dovecot.port}"], tls={"ca_file": str(authority.certificate)})
    borrowed = named_by_the_program(pool, "127.0.0.1", dovecot.port)
    with borrowed.connection(USER, PASSWORD) as first, borrowed.connection(USER, PASSWORD) as second:
        assert first.select("INBOX")[0] == second.select("INBOX")[0] == "OK"
    profile = f"dynamic:127.0.0.1:{dovecot.port}:implicit"
    pool.wait_for(USER, profile, active=0, resetting=0, idle=2)
    with borrowed.connection(USER, PASSWORD) as conn:
        assert conn.noop()[0] == "OK"
    assert pool.wait_for(USER, profile, active=0, resetting=0)["created"] == 2, "pool_size, and both were used again"


def test_a_server_that_no_profile_names_is_verified_like_any_other(start, dovecot: Dovecot):
    """The lab's authority is none that the system trusts."""
    pool = start([f"127.0.0.1:{dovecot.port}"])
    with pytest.raises(mailpool.PoolBusy, match="certificate"):
        named_by_the_program(pool, "127.0.0.1", dovecot.port).get_connection(USER, PASSWORD)
    assert dovecot.logins(USER) == 0


def test_how_many_connections_is_the_operators_word_where_the_program_has_none(lab: Lab, dovecot: Dovecot, authority: Authority):
    pool = ImapPool(lab, f"127.0.0.1:{dovecot.port}", authority.certificate, start=False)
    pool.manager.configure({"imap": pool.profiles, "tls": {"ca_file": str(authority.certificate)}, "imap_dynamic": {
        "listen": [str(pool.socket("dynamic"))], "servers": [f"127.0.0.1:{dovecot.port}"], "pool_size": 3}})
    pool.manager.start()
    wait_until(pool.socket().exists, 5, "the profile's socket is there")

    def of(pool_size: int | None) -> mailpool.IMAPPool:
        return mailpool.IMAPPool(host="127.0.0.1", port=dovecot.port, pool_size=pool_size, directory=pool.sockets)
    assert of(None).status().pool_size == 3
    with pytest.raises(mailpool.PoolUnavailable, match=r"may ask for 50 connections \(pool_size\)"):
        of(51).get_connection(USER, PASSWORD)
    assert of(7).status().pool_size == of(None).status().pool_size == 7


def test_a_server_that_the_operator_does_not_allow_is_refused_with_the_options_name(start, dovecot: Dovecot):
    pool = start([f"127.0.0.1:{dovecot.port}"])
    with pytest.raises(mailpool.PoolUnavailable, match="servers"):
        named_by_the_program(pool, "imap.example.net", 993).get_connection(USER, PASSWORD)


def test_without_dynamic_profiles_a_host_is_a_clear_error(pool: ImapPool):
    with pytest.raises(mailpool.PoolUnavailable, match=r"\[imap_dynamic\]"):
        named_by_the_program(pool, "imap.example.net", 993).get_connection(USER, PASSWORD)


def run_example(name: str, pool: ImapPool, lab: Lab, *arguments: object, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    secret = lab.root / "secret"
    secret.write_text(password + "\n")
    argv = [sys.executable, TOP / "conf/examples" / name, "--socket", pool.socket(), "--user", USER, "--password-file", secret, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(TOP / "tools/python")}, timeout=60)


@pytest.mark.parametrize("name, more", [("bounce_processor.py", ()), ("parallel_archive.py", ("--to", "archive")),
                                        ("watch_mailboxes.py", ("INBOX",))])
def test_examples_tell_a_wrong_password_from_a_server_that_is_lost(pool: ImapPool, dovecot: Dovecot, lab: Lab, name, more):
    more = [str(lab.root / word) if word == "archive" else word for word in more]
    done = run_example(name, pool, lab, *more, password="wrong")
    assert done.returncode == 77 and "AUTHENTICATIONFAILED" in done.stderr, done.stderr
    dovecot.kill()
    done = run_example(name, pool, lab, *more)
    assert done.returncode == 75 and "refused" in done.stderr, done.stderr


def test_the_bounce_processor_tells_a_missing_mailbox(pool: ImapPool, lab: Lab):
    done = run_example("bounce_processor.py", pool, lab, "--mailbox", "None")
    assert done.returncode == 66 and "None" in done.stderr, done.stderr


def test_the_archive_has_every_message_once_and_a_second_run_fetches_none(pool: ImapPool, dovecot: Dovecot, lab: Lab):
    with dovecot.session() as session:
        session.login(USER, PASSWORD)
        for number in range(230):
            session.append("INBOX", f"Subject: {number}\r\n\r\nbody {number}\r\n".encode())
    archive = lab.root / "archive"
    done = run_example("parallel_archive.py", pool, lab, "--to", archive)
    assert (done.returncode, done.stderr) == (0, "230 messages\n"), done.stderr
    assert sorted(file.read_bytes().split()[1] for file in archive.iterdir()) == sorted(str(number).encode() for number in range(230))
    assert run_example("parallel_archive.py", pool, lab, "--to", archive).stderr == "0 messages\n"


def test_the_asyncio_example_asks_all_mailboxes(pool: ImapPool, dovecot: Dovecot, lab: Lab):
    dovecot.put(USER, b"Subject: x\r\n\r\nhello\r\n")
    done = run_example("watch_mailboxes.py", pool, lab, "INBOX", "INBOX", "None")
    first, second, third = done.stdout.splitlines()
    assert first == second == "INBOX\t1" and third.startswith("None\t"), done


def test_two_hundred_tasks_of_asyncio_share_four_connections(pool: ImapPool, dovecot: Dovecot):
    dovecot.put(USER, b"Subject: x\r\n\r\nhello\r\n")
    borrowed = aio.IMAPPool("bounces", directory=pool.sockets)

    async def job() -> bytes:
        async with borrowed.connection(USER, PASSWORD) as conn:
            await conn.select("INBOX")
            (_, body), _ = (await conn.fetch("1", "(BODY.PEEK[])"))[1]
            return body

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(job() for _ in range(200)))
    assert set(asyncio.run(all_of_them())) == {b"Subject: x\r\n\r\nhello\r\n"}
    assert pool.wait_for(USER, active=0, waiting=0, resetting=0)["created"] <= 4


def test_one_that_is_kept_too_long_says_that_it_was_taken_away(lab: Lab, dovecot: Dovecot, authority: Authority):
    pool = ImapPool(lab, f"127.0.0.1:{dovecot.port}", authority.certificate, pool_size=1, max_loan_time="1s")
    conn = mailpool.IMAPPool("bounces", directory=pool.sockets).get_connection(USER, PASSWORD)
    time.sleep(1.5)
    with pytest.raises(mailpool.PoolError) as caught:
        conn.noop()
    assert caught.value.reason == "taken-away"


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
