"""Unmodified IMAP clients through the pool, with Dovecot behind it: each reads the mail, twice, and the server sees one login."""

import imaplib
import os
import pty
import select
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import dovecot_settings
from lab.certificates import Authority
from lab.dovecot import Dovecot
from lab.imap import Imap
from lab.imap_pool import ImapPool
from lab.process import Lab, free_port

USER, PASSWORD = "anna", "anna-secret"
SUBJECTS = [f"letter {number}" for number in range(5)]


@dataclass
class Desk:
    """Where a client runs: a loopback port of the pool, a directory of its own, the mail that is to be seen."""

    port: int
    home: Path
    dovecot: Dovecot
    pool: ImapPool | None = None

    def run(self, *argv: str | Path, **more) -> subprocess.CompletedProcess:
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=40, check=False, cwd=self.home,
                              env={**os.environ, "HOME": str(self.home), "USER": USER, "TERM": "xterm",
                                   "LC_ALL": "C.UTF-8"}, **more)
        assert done.returncode == 0, f"{argv[0]}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def file(self, name: str, content: str) -> Path:
        path = self.home / name
        path.write_text(content)
        path.chmod(0o600)
        return path

    def reads(self, text: str) -> None:
        for subject in SUBJECTS:
            assert f"Subject: {subject}" in text, text[-2000:]


@pytest.fixture
def desk(lab: Lab, dovecot: Dovecot, authority: Authority) -> Desk:
    for subject in SUBJECTS:
        dovecot.put(USER, f"From: a@example.com\r\nTo: b@example.com\r\nMessage-Id: <{subject.replace(' ', '-')}@example.com>\r\n"
                          f"Date: Sat, 21 Nov 2026 08:00:00 +0000\r\nSubject: {subject}\r\n\r\nhello\r\n".encode())
    home = lab.directory("home")
    if os.environ.get("MAILPOOL_CLIENTS_DIRECT"):  # to see whether it is the client or the pool
        return Desk(dovecot.plain_port, home, dovecot)
    port = free_port()
    pool = ImapPool(lab, f"127.0.0.1:{dovecot.port}", authority.certificate, profiles={"tcp": {"listen": [f"127.0.0.1:{port}"]}})
    return Desk(port, home, dovecot, pool)


def files_below(directory: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file())


def with_imaplib(desk: Desk) -> None:
    with imaplib.IMAP4("127.0.0.1", desk.port, timeout=20) as conn:
        conn.login(USER, PASSWORD)
        assert conn.select("INBOX") == ("OK", [b"5"])
        _, found = conn.search(None, "ALL")
        _, mail = conn.fetch(b",".join(found[0].split()).decode(), "(RFC822)")
        desk.reads(b"".join(part[1] for part in mail if isinstance(part, tuple)).decode())


def with_imaplib2(desk: Desk) -> None:
    script = f"""
import imaplib2
conn = imaplib2.IMAP4("127.0.0.1", {desk.port})
conn.login("{USER}", "{PASSWORD}")
print(conn.select("INBOX"))
print(conn.fetch("1:*", "(RFC822)"))
conn.idle(timeout=1)
conn.logout()
"""
    desk.reads(desk.run("/usr/bin/python3", "-W", "ignore", "-c", script).stdout)


def with_imap_tools(desk: Desk) -> None:
    script = f"""
from imap_tools import MailBoxUnencrypted
with MailBoxUnencrypted("127.0.0.1", {desk.port}).login("{USER}", "{PASSWORD}") as box:
    for message in box.fetch():
        print("Subject:", message.subject)
"""
    desk.reads(desk.run("/usr/bin/python3", "-c", script).stdout)


def with_mbsync(desk: Desk) -> None:
    (desk.home / "mail").mkdir(exist_ok=True)
    config = desk.file("mbsyncrc", f"""\
IMAPAccount pool
Host 127.0.0.1
Port {desk.port}
User {USER}
Pass {PASSWORD}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account pool

MaildirStore near
Path {desk.home}/mail/
Inbox {desk.home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
SyncState *
""")
    desk.run("mbsync", "-c", config, "-a")
    desk.reads(files_below(desk.home / "mail"))


def with_offlineimap(desk: Desk) -> None:
    config = desk.file("offlineimaprc", f"""\
[general]
accounts = a
metadata = {desk.home}/offlineimap
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {desk.home}/offline
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {desk.port}
remoteuser = {USER}
remotepass = {PASSWORD}
ssl = no
starttls = no
""")
    desk.run("offlineimap", "-c", config, "-o", "-u", "basic")
    desk.reads(files_below(desk.home / "offline"))


def with_mutt(desk: Desk, program: str = "mutt") -> None:
    """Tags everything, copies it to an mbox, leaves."""
    out = desk.home / f"{program}-{time.monotonic_ns()}.mbox"
    config = desk.file("muttrc", f"""\
set imap_user={USER} imap_pass={PASSWORD}
set folder=imap://127.0.0.1:{desk.port}/ spoolfile=imap://127.0.0.1:{desk.port}/INBOX
set ssl_starttls=no ssl_force_tls=no quit=yes wait_key=no confirmappend=no confirmcreate=no mark_old=no delete=no copy=no record=""
set mbox_type=mbox header_cache="" imap_check_subscribed=no
push "<tag-pattern>~A<enter><tag-prefix><copy-message>{out}<enter><quit>"
""")
    on_a_terminal([program, "-n", "-F", str(config)], desk)
    desk.reads(out.read_text() if out.exists() else "")


def with_neomutt(desk: Desk) -> None:
    with_mutt(desk, "neomutt")


def on_a_terminal(argv: list[str], desk: Desk) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, cwd=desk.home, start_new_session=True,
                               env={**os.environ, "HOME": str(desk.home), "TERM": "xterm", "LC_ALL": "C.UTF-8", "COLUMNS": "100"})
    os.close(theirs)
    shown, end = b"", time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
    if process.poll() is None and time.monotonic() >= end:
        process.kill()
        raise AssertionError(f"{argv[0]} does not end:\n{shown[-3000:].decode(errors='replace')}")
    process.wait(5)
    os.close(ours)


def with_dovecots_imapc(desk: Desk) -> None:
    config = desk.file("imapc.conf", dovecot_settings.of_imapc(desk.home, desk.port, USER, PASSWORD))
    config.chmod(0o644)
    (desk.home / "imapc").mkdir(exist_ok=True)
    desk.run("chown", "guest:guest", desk.home / "imapc")
    desk.home.chmod(0o755)
    desk.reads(desk.run("doveadm", "-c", config, "fetch", "text", "mailbox", "INBOX").stdout)


@pytest.mark.parametrize("client", [with_imaplib, with_imaplib2, with_imap_tools, with_mbsync, with_offlineimap, with_mutt,
                                    with_neomutt, with_dovecots_imapc], ids=lambda client: client.__name__.removeprefix("with_"))
def test_an_unmodified_client_reads_its_mail(client: Callable[[Desk], None], desk: Desk):
    filled = desk.dovecot.logins(USER)
    client(desk)
    client(desk)
    if desk.pool:
        desk.pool.wait_for(USER, "tcp", active=0, resetting=0)
        assert desk.dovecot.logins(USER) - filled <= 3, "most loans found a connection that was logged in already"


def test_imaplib_may_enable_what_it_asks_for_only_once_before_its_login(desk: Desk):
    """It looks for ENABLE in the list of its first CAPABILITY, which servers keep short before a login."""
    with_imaplib(desk)  # from then on the pool knows what the server offers
    with imaplib.IMAP4("127.0.0.1", desk.port, timeout=20) as conn:
        conn.login(USER, PASSWORD)
        assert conn.enable("CONDSTORE")[0] == "OK"


def test_what_imapclient_and_aioimaplib_say_is_answered(desk: Desk):
    """Not in Debian 12; this is what both put on the wire (their releases 2.3 and 1.0)."""
    import socket

    from lab.imap import Imap
    with Imap(socket.create_connection(("127.0.0.1", desk.port), 20)) as session:
        session.expect("CAPABILITY")                                  # both, at once
        session.expect(f'LOGIN "{USER}" "{PASSWORD}"')
        session.expect("CAPABILITY")                                  # imapclient, where the login brought no list
        session.expect('ID ("name" "IMAPClient")')
        session.expect('LIST "" "*"')
        session.expect('SELECT "INBOX"')
        session.expect("UID SEARCH ALL")
        session.expect("UID FETCH 1:* (FLAGS BODY[] UID)")
        tag = session.start("IDLE")                                   # aioimaplib
        assert session.wait_for_continuation()
        session.send(b"DONE\r\n")
        assert session.finish(tag).ok
        session.expect("LOGOUT")


def test_a_webmails_thirty_short_sessions_at_once_are_all_served(desk: Desk):
    def session() -> None:
        with imaplib.IMAP4("127.0.0.1", desk.port, timeout=30) as conn:
            conn.login(USER, PASSWORD)
            conn.select("INBOX", readonly=True)
            done.append(conn.fetch("1:*", "(FLAGS)")[0])
    done: list[str] = []
    threads = [threading.Thread(target=session) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert done == ["OK"] * 30


def seconds_for_a_hundred_messages(session: Imap) -> float:
    """The median of reading them all, one small answer each."""
    session.login(USER, PASSWORD)
    session.expect("SELECT many")
    took = []
    for _ in range(21):
        begun = time.monotonic()
        session.expect("FETCH 1:* BODY[]")
        took.append(time.monotonic() - begun)
    session.logout()
    return sorted(took)[len(took) // 2]


def test_an_answer_of_many_small_pieces_does_not_wait_for_acknowledgements_over_tcp(desk: Desk):
    """Without TCP_NODELAY a piece waits for the acknowledgement of the one before, which TCP puts off for 40 ms."""
    assert desk.pool
    with desk.pool.session() as session:
        session.login(USER, PASSWORD)
        session.expect("CREATE many")
        for number in range(100):
            session.append("many", f"Subject: {number}\r\n\r\nsmall\r\n".encode())
        session.logout()
    with desk.pool.session() as session:
        over_unix = seconds_for_a_hundred_messages(session)
    with Imap.over_tcp("127.0.0.1", desk.port) as session:
        over_tcp = seconds_for_a_hundred_messages(session)
    assert over_tcp < over_unix + 0.025, (over_tcp, over_unix)
