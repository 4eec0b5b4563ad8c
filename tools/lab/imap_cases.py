"""What a pool of IMAP connections can get wrong, a case each: T1 to T15. A case returns None, or what went wrong in words.

They run against mailpoold (none may go wrong) and, for comparison, against imapproxy (tools/bench/run imap_cases).
"""

import base64
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .dovecot import Dovecot, command_of, quietly_kill
from .imap import Imap, ImapError

LARGE = b"Subject: large\r\n\r\n" + b"the secret of the session before\r\n" * 8000
SMALL = b"Subject: small\r\n\r\nthe secret of the session before\r\n"


@dataclass
class Front:
    """What stands before `server`: a pool, a proxy. `settle` waits until a connection that was left is put away or closed."""

    connect: Callable[[], Imap]
    server: Dovecot
    settle: Callable[[], None] = lambda: time.sleep(0.3)
    pool_size: int = 4
    reauth_interval: float = 1.0

    def login(self, user: str, timeout: float = 10) -> Imap:
        session = self.connect()
        session.connection.settimeout(timeout)
        session.timeout = timeout
        session.login(user, self.server.users[user])
        return session

    def upstream(self) -> int:
        """Sessions at the server."""
        return sum(command_of(pid) == "imap" for pid in self.server.processes())


def fill(server: Dovecot, user: str, *messages: bytes, mailbox: str = "INBOX") -> None:
    with server.session() as session:
        session.login(user, server.users[user])
        if mailbox != "INBOX":
            session.expect(f"CREATE {mailbox}")
        for message in messages:
            session.append(mailbox, message)


def words_of_the_other(session: Imap, commands: tuple[str, ...] = ("NOOP", "NOOP")) -> str | None:
    """Runs harmless commands one by one: each must get its own OK, and nothing of anybody else."""
    for command in commands:
        try:
            answer = session.command(command)
        except (ImapError, TimeoutError) as trouble:
            return f"{command}: {trouble}"
        if not answer.ok:
            return f"{command}: {answer.status} {answer.text}"
        if b"secret of the session before" in answer.joined():
            return f"{command} brought another session's mail"
    return None


def tells_modseq(session: Imap) -> str | None:
    """Only where CONDSTORE or QRESYNC was turned on does a changed flag come with MODSEQ."""
    session.expect("SELECT INBOX")
    for sign in "-+":
        told = session.expect(f"STORE 1 {sign}FLAGS (\\Flagged)").joined()
        if b"MODSEQ" in told:
            return f"CONDSTORE is on: {told.decode()}"
    return None


def t1_a_connection_is_used_again(front: Front, user: str) -> str | None:
    front.login(user).logout()
    front.settle()
    before = front.server.logins(user)
    front.login(user).logout()
    return None if front.server.logins(user) == before else "the second session logged in at the server"


def t2_nobody_inherits_what_was_enabled(front: Front, user: str) -> str | None:
    fill(front.server, user, SMALL)
    with front.login(user) as first:
        first.expect("ENABLE QRESYNC")
        first.logout()
    front.settle()
    with front.login(user) as second:
        return tells_modseq(second)


def t3_nobody_gets_the_rest_of_an_answer(front: Front, user: str) -> str | None:
    fill(front.server, user, LARGE, LARGE, LARGE, LARGE)
    for pause in (0, 0, 0, 0.02, 0.1):  # the moment decides what imapproxy does
        with front.login(user) as first:
            first.expect("SELECT INBOX")
            first.start("FETCH 1:* BODY[]", tag=b"A99")
            time.sleep(pause)
        with front.login(user, timeout=5) as second:
            if trouble := words_of_the_other(second):
                return trouble
    return None


def t4_nobody_begins_inside_a_mailbox(front: Front, user: str) -> str | None:
    fill(front.server, user, SMALL, mailbox="Secret")
    with front.login(user) as first:
        first.expect("SELECT Secret")
    front.settle()
    with front.login(user) as second:
        answer = second.command("FETCH 1 (UID)")
        return f"FETCH without SELECT: {answer.status} {answer.joined().decode()}" if answer.ok else None


def t5_nobody_writes_into_anothers_message(front: Front, user: str) -> str | None:
    fill(front.server, user, SMALL)
    with front.login(user) as first:
        first.start("APPEND INBOX {120}")
        first.wait_for_continuation()
        first.send(b"Subject: ")
    front.settle()
    with front.login(user, timeout=3) as second:
        trouble = words_of_the_other(second, ("NOOP", "SELECT INBOX", 'SEARCH SUBJECT "a search string"', "NOOP"))
    with front.server.session() as direct:
        direct.login(user, front.server.users[user])
        direct.expect("SELECT INBOX")
        mail = direct.expect("FETCH 1:* BODY.PEEK[]").joined()
    if b"SEARCH" in mail:
        return "the second session's words are in a message"
    return trouble or (None if mail.count(b" FETCH (") == 1 else "a message that nobody wrote is there")


def t6_nobodys_first_command_ends_anothers_idle(front: Front, user: str) -> str | None:
    with front.login(user) as first:
        first.expect("SELECT INBOX")
        first.start("IDLE")
        first.wait_for_continuation()
    front.settle()
    with front.login(user, timeout=3) as second:
        return words_of_the_other(second)


def t7_nobody_inherits_condstore_that_came_by_the_way(front: Front, user: str) -> str | None:
    fill(front.server, user, SMALL)
    for command in ("STATUS INBOX (HIGHESTMODSEQ)", "SELECT INBOX (CONDSTORE)"):
        with front.login(user) as first:
            first.expect(command)
            first.logout()
        front.settle()
        with front.login(user) as second:
            if trouble := tells_modseq(second):
                return f"after {command}: {trouble}"
            second.logout()
        front.settle()
    return None


def t8_an_old_password_stops_working(front: Front, user: str) -> str | None:
    front.login(user).logout()
    old = front.server.users[user]
    front.server.set_password(user, "the new one")
    end = time.monotonic() + front.reauth_interval + 0.3
    while time.monotonic() < end:  # used all the time, it lives no longer
        with front.connect() as session:
            if not session.try_login(user, old).ok:
                break
            session.logout()
        time.sleep(0.1)
    with front.connect() as session:
        if session.try_login(user, old).ok:
            return f"the old password is accepted after {front.reauth_interval} s"
    front.login(user).logout()
    return None


def t9_a_wrong_password_evicts_nothing(front: Front, user: str) -> str | None:
    front.login(user).logout()
    front.settle()
    with front.connect() as stranger:
        if stranger.try_login(user, "wrong").ok:
            return "a wrong password was accepted"
    front.settle()
    before = front.server.logins(user)
    password = front.server.users[user]
    for spelling in (f'"{user}" "{password}"', f"{user} {password}", f'{user} "{password}"'):
        with front.connect() as session:
            if not session.command(f"LOGIN {spelling}").ok:
                return f"LOGIN {spelling} was refused"
            session.logout()
        front.settle()
    more = front.server.logins(user) - before
    return f"{more} new logins at the server, for one password in three spellings" if more else None


def t10_a_selected_mailbox_is_the_one_that_is_said(front: Front, user: str) -> str | None:
    fill(front.server, user, b"Subject: in A\r\n\r\n", mailbox="A")
    fill(front.server, user, b"Subject: in B\r\n\r\n", b"Subject: in B\r\n\r\n", mailbox="B")
    with front.login(user) as session:
        session.expect("SELECT A")
        session.expect("EXAMINE B")
        session.expect("SELECT A")
        told = session.expect("FETCH 1:* BODY.PEEK[HEADER]").joined()
        if b"in A" not in told:
            return f"said to be in A: {told.decode()}"
        if not session.command("STORE 1 +FLAGS (\\Flagged)").ok:
            return "said to be writable, and is not"
        session.logout()
    front.settle()
    with front.login(user) as second:
        return "the next session begins in a mailbox" if second.command("FETCH 1 (UID)").ok else None


def t11_authenticate_plain_is_spoken(front: Front, user: str) -> str | None:
    initial = base64.b64encode(f"\0{user}\0{front.server.users[user]}".encode()).decode()
    with front.connect() as session:
        answer = session.command(f"AUTHENTICATE PLAIN {initial}")
        return None if answer.ok else f"{answer.status} {answer.text}"


def t12_parallel_sessions_share_few_connections(front: Front, user: str) -> str | None:
    most, seen, done = 3 * front.pool_size, [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen[0] = max(seen[0], front.upstream())
            time.sleep(0.02)

    failures: list[str] = []

    def job() -> None:
        try:
            with front.login(user, timeout=20) as session:
                session.expect("SELECT INBOX")
                time.sleep(0.1)
                session.logout()
        except (ImapError, OSError) as trouble:
            failures.append(str(trouble))
    before = front.upstream()
    watcher = threading.Thread(target=watch)
    jobs = [threading.Thread(target=job) for _ in range(most)]
    for thread in (watcher, *jobs):
        thread.start()
    for thread in jobs:
        thread.join()
    done.set()
    watcher.join()
    if failures:
        return f"{len(failures)} of {most} sessions failed: {failures[0]}"
    opened = seen[0] - before
    return f"{most} sessions had {opened} connections at the server" if opened > front.pool_size else None


def t13_what_was_asked_before_logout_is_answered(front: Front, user: str) -> str | None:
    fill(front.server, user, SMALL)
    with front.login(user, timeout=3) as session:
        session.expect("SELECT INBOX")
        session.send(b"f1 FETCH 1 BODY.PEEK[]\r\nl1 LOGOUT\r\n")
        try:
            fetch, logout = session.finish(b"f1"), session.finish(b"l1")
        except (ImapError, TimeoutError) as trouble:
            return f"the answer to FETCH is lost: {trouble}"
        if not (fetch.ok and logout.ok and SMALL in fetch.joined()):
            return f"FETCH: {fetch.status} {fetch.text}; LOGOUT: {logout.status}"
    front.settle()
    with front.login(user, timeout=3) as second:
        return words_of_the_other(second)


def t14_a_server_that_said_bye_is_not_used(front: Front, user: str) -> str | None:
    front.login(user).logout()
    front.settle()
    front.server.stop()
    front.server.start()
    with front.login(user, timeout=5) as session:
        return words_of_the_other(session)


def t15_a_connection_that_does_not_answer_is_not_lent(front: Front, user: str) -> str | None:
    front.login(user).logout()
    front.settle()
    time.sleep(0.3)  # what was heard of a moment ago needs no proof
    hung = [pid for pid in front.server.processes() if command_of(pid) == "imap"]
    for pid in hung:
        quietly_kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with front.login(user, timeout=8) as session:
            trouble = words_of_the_other(session)
        return trouble or (None if time.monotonic() - began < 5 else "it took longer than 5 s")
    except (ImapError, TimeoutError) as trouble:
        return f"the client waits: {trouble}"
    finally:
        for pid in hung:
            quietly_kill(pid, signal.SIGCONT)


CASES: dict[str, Callable[[Front, str], str | None]] = {
    name.partition("_")[0].upper(): case for name, case in sorted(globals().items()) if re.fullmatch(r"t\d+_\w+", name)}


def sentence(case: Callable) -> str:
    return case.__name__.partition("_")[2].replace("_", " ")


def users() -> dict[str, str]:
    """One for each case, so that none finds another's connections."""
    return {name.lower(): f"secret-of-{name.lower()}" for name in CASES}

# Profiles that cases need beside the ordinary one, and which needs which.
PROFILES = {"short": {"reauth_interval": "1s"}, "checked": {"check_after": "0s", "check_timeout": "1s"}}
PROFILE_OF = {"T8": "short", "T15": "checked"}
