"""conf/examples as they stand, against a manager that is played: what they print, and their exit codes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mailpool
from manager import Manager

SOURCES = Path(mailpool.__file__).parents[1]
EXAMPLES = SOURCES.parents[1] / "conf/examples"
REPORT = b"""\
Subject: Undelivered\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mail.example.com\r
\r
Final-Recipient: rfc822; nobody@example.org\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 5.1.1 no such\r
 user\r
\r
--b--\r
"""
UNTAGGED = {"SELECT": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n", "EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n",
            "STATUS": b"* STATUS INBOX (UNSEEN 3)\r\n",
            "UID": b"* SEARCH 5\r\n* 1 FETCH (UID 5 BODY[] {%d}\r\n%s)\r\n" % (len(REPORT), REPORT)}
PRINTED = {"bounce_processor": "nobody@example.org\t5.1.1\tsmtp; 550 5.1.1 no such user\n", "parallel_archive": "",
           "watch_mailboxes": "INBOX\t3\n"}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def managers(tmp_path: Path) -> Iterator[list[Manager]]:
    made: list[Manager] = []
    yield made
    for manager in made:
        manager.close()


@pytest.fixture
def run(tmp_path: Path, managers: list[Manager]) -> Run:
    """How an example ends, what it prints and what it complains of."""
    def run(name: str, answers: dict[str, bytes | None] | None = None) -> tuple[int, str, str]:
        managers.append(Manager(tmp_path / "bounces.sock", untagged=UNTAGGED, answers=answers or {}))
        secret = tmp_path / "secret"
        secret.write_text("password\n")
        own = {"parallel_archive": ["--to", str(tmp_path / "archive"), "--processes", "2"], "watch_mailboxes": ["INBOX"]}
        argv = [sys.executable, str(EXAMPLES / f"{name}.py"), "--socket", str(tmp_path / "bounces.sock"), "--user", "anna", "--password-file",
                str(secret), *own.get(name, [])]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env={"PYTHONPATH": str(SOURCES)})
        return done.returncode, done.stdout, done.stderr
    return run


def test_every_example_is_tried_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(PRINTED)


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_does_what_it_says(run: Run, tmp_path: Path, managers: list[Manager], name: str) -> None:
    assert run(name)[:2] == (0, PRINTED[name])
    if name == "bounce_processor":
        assert managers[0].said("UID")[-1].endswith(rb"UID STORE 5 +FLAGS.SILENT (\Seen)")
    if name == "parallel_archive":
        assert (tmp_path / "archive/7.5.eml").read_bytes() == REPORT


@pytest.mark.parametrize("name", PRINTED)
@pytest.mark.parametrize("answer, code", [(b"NO [AUTHENTICATIONFAILED] no", 77), (b"NO [UNAVAILABLE] Connection refused", 75)])
def test_an_example_tells_a_wrong_password_from_a_server_that_is_lost(run: Run, name: str, answer: bytes, code: int) -> None:
    ended, printed, complaint = run(name, answers={"LOGIN": answer})
    assert (ended, printed) == (code, ""), complaint
    assert f"{name}: anna: {answer[3:].decode()}" in complaint and "Traceback" not in complaint


def test_the_bounce_processor_tells_a_missing_mailbox(run: Run) -> None:
    ended, _, complaint = run("bounce_processor", answers={"SELECT": b"NO there is none"})
    assert ended == 66 and "INBOX: there is none" in complaint
