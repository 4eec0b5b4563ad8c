"""Sessions of several users, each killed at a random place, and every next one asks: did I get anything that is not mine?

A session logs in, probes what it was given, does one random thing and ends in one random way: orderly, or dead in the middle
of a line, of a literal in either direction, of IDLE, of a pipeline. What is looked for: foreign bytes (mail or words of
another session or user), foreign tags (responses to commands of another), inherited state (a selected mailbox, CONDSTORE),
silence (its words went elsewhere), and messages that are not what one session wrote whole.
"""

import collections
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .imap import Imap, ImapError
from .strict_session import BYTES, INHERITED, SILENCE, TAGS, Asked, Finding, StrictSession

USERS = {f"user{number}": f"secret of user{number}" for number in range(4)}
ALL_SPELLINGS = ("quoted", "literal", "literal+", "plain", "plain asked")
WRITTEN = "written"  # the mailbox that sessions append to
KINDS = (BYTES, TAGS, INHERITED, SILENCE, "broken message")
LARGE = 40000  # octets of the large message: more than sockets hold between two ends that are slow


@dataclass
class Plan:
    """What to run. `connect` opens a connection to the target; a target that is slow to give up gets a longer `timeout`."""

    connect: Callable[[], socket.socket]
    sessions: int
    workers: int = 8
    seed: int = 1
    timeout: float = 20
    spellings: tuple[str, ...] = ALL_SPELLINGS
    users: dict[str, str] = field(default_factory=lambda: dict(USERS))
    mail: Path | None = None  # the server's maildirs: appended messages are looked at, and removed
    progress: Callable[[str], None] | None = None


@dataclass
class Result:
    sessions: int = 0
    refused: int = 0  # no connection or no login: not a leak, but not a session either
    states: collections.Counter = field(default_factory=collections.Counter)
    kinds: collections.Counter = field(default_factory=collections.Counter)
    findings: list[Finding] = field(default_factory=list)
    messages: int = 0
    seconds: float = 0.0

    def summary(self) -> str:
        found = ", ".join(f"{kind} {self.kinds[kind]}" for kind in KINDS)
        return f"{self.sessions} sessions in {self.seconds:.0f} s, {self.refused} refused, {self.messages} messages looked at: {found}"

    def leaks(self) -> int:
        return sum(self.kinds.values())


def prepare(connect: Callable[[], socket.socket], users: dict[str, str]) -> None:
    """Watermarked mail, directly at the server."""
    for user, password in users.items():
        with Imap(connect()) as session:
            session.login(user, password)
            for mailbox in ("INBOX", "other", WRITTEN):
                if mailbox != "INBOX":
                    session.expect(f"CREATE {mailbox}")
                if mailbox == WRITTEN:
                    continue
                mark = f"watermark user={user} mailbox={mailbox}\r\n".encode()
                session.append(mailbox, b"Subject: small\r\n\r\n" + mark)
                session.append(mailbox, b"Subject: large\r\n\r\n" + mark * (LARGE // len(mark)))


class Isolation:
    """Runs a plan with some workers; `run()` once."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.result = Result()
        self._lock = threading.Lock()
        self._next = 0

    def run(self) -> Result:
        began = time.monotonic()
        workers = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(self.plan.workers)]
        for worker in workers:
            worker.start()
        step = max(self.plan.sessions // 50, 1)
        shown = 0
        while any(worker.is_alive() for worker in workers):
            time.sleep(0.05)
            self.result.seconds = time.monotonic() - began
            if self.plan.progress and self.result.sessions >= shown + step:
                shown = self.result.sessions
                self.plan.progress(self.result.summary())
            if self.plan.mail and self.result.sessions % 500 > 450:
                self._look_at_messages()
        if self.plan.mail:
            time.sleep(0.5)
            self._look_at_messages()
        self.result.seconds = time.monotonic() - began
        return self.result

    def _work(self, worker: int) -> None:
        dice = random.Random(self.plan.seed * 1000 + worker)
        while True:
            with self._lock:
                if self._next >= self.plan.sessions:
                    return
                self._next += 1
                number = self._next
            self._session(f"s{number}", dice)

    def _session(self, name: str, dice: random.Random) -> None:
        user, password = dice.choice(list(self.plan.users.items()))
        session, state = None, "refused"
        try:
            session = StrictSession(self.plan.connect(), name, user, self.plan.timeout)
            if dice.random() < 0.03:
                state = "dies in its login"
                self._die_in_login(session, dice)
            elif session.login(password, dice.choice(self.plan.spellings)):
                state = "probe"
                session.probe()
                state = dice.choice(ACTS)(session, dice)
                end(session, dice)
        except (ImapError, OSError) as trouble:
            if state not in ("refused", "dies in its login"):
                session.find(SILENCE, f"{state}: {trouble!r}")
        finally:
            if session:
                session.close()
        self._note(session.findings if session else [], state)

    def _die_in_login(self, session: StrictSession, dice: random.Random) -> None:
        whole = b'x LOGIN {5}\r\nuser0 "secret'
        session.imap.send(whole[:dice.randrange(1, len(whole))])
        end(session, dice)

    def _note(self, findings: list[Finding], state: str) -> None:
        with self._lock:
            self.result.sessions += 1
            if state == "refused":
                self.result.refused += 1
            self.result.states[state] += 1
            for finding in findings:
                self.result.kinds[finding.kind] += 1
                if len(self.result.findings) < 100:
                    self.result.findings.append(finding)

    def _look_at_messages(self) -> None:
        """Whole messages of one session each; what was looked at is removed, so that mailboxes stay small."""
        assert self.plan.mail
        for user in self.plan.users:
            for path in (*self.plan.mail.glob(f"{user}/.{WRITTEN}/new/*"), *self.plan.mail.glob(f"{user}/.{WRITTEN}/cur/*")):
                try:
                    content = path.read_bytes().replace(b"\r\n", b"\n")
                    path.unlink()
                except OSError:
                    continue
                self.result.messages += 1
                if not is_whole(content, user):
                    self._note_broken(path, content)

    def _note_broken(self, path: Path, content: bytes) -> None:
        with self._lock:
            self.result.kinds["broken message"] += 1
            self.result.findings.append(Finding("broken message", f"{path.name}: {content[:300]!r}"))


# --- messages that sessions write

def message_of(session: StrictSession, dice: random.Random) -> bytes:
    line = f"written by user={session.user} session={session.name}-m\r\n".encode()
    return b"Subject: written\r\n\r\n" + line * dice.choice([1, 3, 200]) + b"END\r\n"


def is_whole(content: bytes, user: str) -> bool:
    """One session's lines, and its end; or the LOGOUT that it said inside its own literal, of just the octets that lacked."""
    body = content.split(b"\n\n", 1)[-1]
    *lines, end = body.splitlines() or [b""]
    said = re.fullmatch(rb"written by user=%s session=(s\d+)-\d+ LOGOUT" % user.encode(), end)
    if said:
        return set(lines) <= {b"written by user=%s session=%s-m" % (user.encode(), said[1])}
    return (end == b"END" and len(set(lines)) == 1 and
            re.fullmatch(rb"written by user=%s session=s\d+-m" % user.encode(), lines[0]) is not None)


# --- what a session does before it ends; each returns the name of the state in which it leaves its connection

def nothing(session: StrictSession, dice: random.Random) -> str:
    return "selected"


def unselected(session: StrictSession, dice: random.Random) -> str:
    session.ask(b"UNSELECT")
    session.selected = False
    return "unselected"


def other_mailbox(session: StrictSession, dice: random.Random) -> str:
    session.ask(dice.choice([b"EXAMINE other", b"SELECT other"]), b"FETCH 1 (BODY.PEEK[TEXT])")
    return "in another mailbox"


def middle_of_line(session: StrictSession, dice: random.Random) -> str:
    line = session.tag() + b" " + dice.choice([b"SELECT other", b"FETCH 1:* (BODY.PEEK[])", b"NOOP", b'SEARCH SUBJECT "large"']) + b"\r"
    session.imap.send(line[:dice.randrange(1, len(line) + 1)])
    return "middle of a line"


def literal_out(session: StrictSession, dice: random.Random) -> str:
    """Dies inside the literal that it sends, or right behind it."""
    content = message_of(session, dice)
    plus = b"+" if dice.random() < 0.5 else b""
    session.imap.send(session.tag() + b" APPEND %s {%d%s}\r\n" % (WRITTEN.encode(), len(content), plus))
    if not plus and dice.random() < 0.8:
        session.imap.wait_for_continuation()
    elif not plus:
        return "before the continuation"
    session.imap.send((content + b"\r")[:dice.randrange(len(content) + 2)])
    return "middle of a literal, client to server"


def search_literal(session: StrictSession, dice: random.Random) -> str:
    session.imap.send(session.tag() + b" SEARCH SUBJECT {5}\r\n")
    session.imap.wait_for_continuation()
    session.imap.send(b"large"[:dice.randrange(6)])
    return "middle of a search string"


def literal_in(session: StrictSession, dice: random.Random) -> str:
    """Dies while a large answer comes."""
    session.imap.send(session.tag() + b" " + dice.choice([b"FETCH 2 BODY.PEEK[]", b"FETCH 1:* (FLAGS BODY.PEEK[])"]) + b"\r\n")
    if dice.random() < 0.7:
        session.imap.read_exactly(dice.choice([1, 20, 1000, 30000]))
    return "middle of a literal, server to client"


def idle(session: StrictSession, dice: random.Random) -> str:
    session.imap.send(session.tag() + b" IDLE\r\n")
    step = dice.randrange(5)
    if step == 0:
        return "IDLE, before its continuation"
    session.imap.wait_for_continuation()
    if step == 1:
        return "IDLE"
    session.imap.send([b"DO", b"DONE\r\n", b"DONE\r\n" + session.tag() + b" NOO"][step - 2])
    return "IDLE, in or behind DONE"


def pipelined(session: StrictSession, dice: random.Random) -> str:
    commands = [b"NOOP", b"FETCH 1 (BODY.PEEK[])", b"SELECT other", b"SEARCH ALL", b"FETCH 2 (BODY.PEEK[])", b"EXAMINE INBOX",
                b"UNSELECT", b"STATUS INBOX (MESSAGES)", b'LIST "" *']
    dice.shuffle(commands)
    session.imap.send(b"".join(session.tag() + b" " + command + b"\r\n" for command in commands[:dice.randrange(2, 9)]))
    if dice.random() < 0.6:
        session.imap.read_exactly(dice.choice([1, 10, 60]))
    return "pipelined"


def enabled(session: StrictSession, dice: random.Random) -> str:
    session.ask(dice.choice([b"ENABLE CONDSTORE", b"ENABLE QRESYNC", b"ENABLE QRESYNC CONDSTORE"]))
    return "after ENABLE"


def condstore(session: StrictSession, dice: random.Random) -> str:
    session.ask(dice.choice([b"SELECT other (CONDSTORE)", b"STATUS other (HIGHESTMODSEQ)", b"FETCH 1 (MODSEQ)",
                             b"FETCH 1 (FLAGS) (CHANGEDSINCE 1)", b"SEARCH MODSEQ 1", b"UID SEARCH MODSEQ 1 ALL"]))
    return "CONDSTORE by the way"


def notify(session: StrictSession, dice: random.Random) -> str:
    session.ask(dice.choice([b"NOTIFY NONE", b"NOTIFY SET (personal (MessageNew MessageExpunge))"]))
    return "after NOTIFY"


def written(session: StrictSession, dice: random.Random) -> str:
    content = message_of(session, dice)
    tag = session.tag()
    session.imap.send(tag + b" APPEND %s {%d+}\r\n" % (WRITTEN.encode(), len(content)) + content + b"\r\n")
    answer = session.read_answers([tag], asked=OF_NOTHING).get(tag, b"")
    if not answer.startswith(b"OK"):
        session.find(SILENCE, b"APPEND: " + answer)
    return "after APPEND"


def authenticating(session: StrictSession, dice: random.Random) -> str:
    """What a logged-in client may not do."""
    login, starttls, compress = session.ask(b"LOGIN user1 x", b"UNAUTHENTICATE", b"COMPRESS DEFLATE")
    for answer in (login, starttls, compress):
        if answer.startswith(b"OK"):
            session.find(INHERITED, b"a command that changes who or how: " + answer)
    return "after forbidden commands"


def logout_at_once(session: StrictSession, dice: random.Random) -> str:
    fetch, logout = session.ask(b"FETCH 1:2 (BODY.PEEK[TEXT])", b"LOGOUT")
    if not (fetch.startswith(b"OK") and logout.startswith(b"OK")):
        session.find(TAGS, b"pipelined FETCH and LOGOUT: " + fetch + b" / " + logout)
    return "orderly, LOGOUT pipelined"


OF_NOTHING = Asked()
ACTS = (nothing, unselected, other_mailbox, middle_of_line, literal_out, literal_out, search_literal, literal_in, literal_in, idle,
        idle, pipelined, pipelined, enabled, condstore, notify, written, authenticating, logout_at_once)


def end(session: StrictSession, dice: random.Random) -> None:
    """FIN, RST, half a close, or LOGOUT where the last command is over."""
    connection = session.imap.connection
    way = dice.randrange(4)
    if way == 0:
        session.imap.reset()
    elif way == 1:
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    elif way == 2:
        try:
            connection.sendall(session.tag() + b" LOGOUT\r\n")
        except OSError:
            pass


# --- ways to a target

def over_unix(path: Path) -> Callable[[], socket.socket]:
    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(str(path))
        return connection
    return connect


def over_tcp(port: int) -> Callable[[], socket.socket]:
    def connect() -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), 30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    return connect


def over_tls(port: int) -> Callable[[], socket.socket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = over_tcp(port)
    return lambda: context.wrap_socket(plain())
