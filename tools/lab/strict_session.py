"""An IMAP session that trusts nobody: it knows what it asked for, and everything else that comes is a finding."""

import base64
import re
import socket
from dataclasses import dataclass

from .imap import Imap, quoted

WATERMARK = re.compile(rb"watermark user=(\w+) mailbox=(\w+)")
SESSION = re.compile(rb"\bs\d+-\d+\b")
INHERITED, BYTES, TAGS, SILENCE = "inherited state", "foreign bytes", "foreign tags", "no answer"


@dataclass(frozen=True)
class Finding:
    kind: str
    what: str


@dataclass
class Asked:
    """What a batch of commands entitles its session to."""

    fetch: bool = False
    select: bool = False
    search: bool = False
    status: bool = False
    enable: bool = False
    logout: bool = False
    first: bool = False  # nobody can have turned CONDSTORE on yet


def asked_by(commands: tuple[bytes, ...]) -> Asked:
    words = b" ".join(commands).upper()
    return Asked(fetch=b"FETCH" in words or b"STORE" in words, select=b"SELECT" in words or b"EXAMINE" in words,
                 search=b"SEARCH" in words, status=b"STATUS" in words, enable=b"ENABLE" in words, logout=b"LOGOUT" in words)


class StrictSession:
    """Logged in by the caller. Tags begin with the session's own name, so that nobody else's can be mistaken for one."""

    def __init__(self, connection: socket.socket, name: str, user: str, timeout: float):
        self.name = name
        self.user = user
        self.findings: list[Finding] = []
        self.selected = False
        self._count = 0
        self.imap = Imap(connection, timeout)
        if not self.imap.greeting.startswith((b"* OK", b"* PREAUTH")):
            self.find(BYTES, self.imap.greeting)

    def find(self, kind: str, what: bytes | str) -> None:
        text = what if isinstance(what, str) else repr(what[:160])
        self.findings.append(Finding(kind, f"{self.name} ({self.user}): {text}"))

    def tag(self) -> bytes:
        self._count += 1
        return b"%s-%d" % (self.name.encode(), self._count)

    # --- logging in

    def login(self, password: str, spelling: str) -> bool:
        tag = self.tag()
        user, secret = self.user.encode(), password.encode()
        if spelling == "plain":
            initial = base64.b64encode(b"\0" + user + b"\0" + secret)
            self.imap.send(tag + b" AUTHENTICATE PLAIN " + initial + b"\r\n")
        elif spelling == "plain asked":
            self.imap.send(tag + b" AUTHENTICATE PLAIN\r\n")
            self.imap.wait_for_continuation()
            self.imap.send(base64.b64encode(b"\0" + user + b"\0" + secret) + b"\r\n")
        elif spelling == "literal":
            self.imap.send(tag + b" LOGIN {%d}\r\n" % len(user))
            self.imap.wait_for_continuation()
            self.imap.send(user + b" {%d}\r\n" % len(secret))
            self.imap.wait_for_continuation()
            self.imap.send(secret + b"\r\n")
        elif spelling == "literal+":
            self.imap.send(tag + b" LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n" % (len(user), user, len(secret), secret))
        elif spelling == "atom":
            self.imap.send(tag + b" login " + user + b" " + secret + b"\r\n")
        else:
            self.imap.send(f"{tag.decode()} LOGIN {quoted(self.user)} {quoted(password)}\r\n".encode())
        answers = self.read_answers([tag], Asked())
        return answers.get(tag, b"").startswith(b"OK")

    # --- asking, and judging what comes

    def ask(self, *commands: bytes, asked: Asked | None = None) -> list[bytes]:
        """Pipelines the commands and reads every answer: the status and text of each, b"" where none came."""
        tags = [self.tag() for _ in commands]
        asked = asked or asked_by(commands)
        self.imap.send(b"".join(tag + b" " + command + b"\r\n" for tag, command in zip(tags, commands)))
        answers = self.read_answers(tags, asked)
        return [answers.get(tag, b"") for tag in tags]

    def read_answers(self, tags: list[bytes], asked: Asked) -> dict[bytes, bytes]:
        """Reads until every tag was answered, in whatever order."""
        waiting, answers = list(tags), {}
        while waiting:
            try:
                response = self.imap.read_response()
            except TimeoutError:
                self.find(SILENCE, f"waited in vain for {waiting[0].decode()}")
                break
            if response.startswith(b"* "):
                self.judge(response, asked)
            elif response.startswith(b"+"):
                self.find(BYTES, b"a continuation that nobody asked for: " + response)
            else:
                tag, _, text = response.partition(b" ")
                if tag not in waiting:  # in another order they may come
                    self.find(TAGS, response)
                    continue
                answers[tag] = text
                waiting.remove(tag)
        return answers

    def judge(self, response: bytes, asked: Asked) -> None:
        """One untagged response: was it to be expected?"""
        for user, _ in WATERMARK.findall(response):
            if user.decode() != self.user:
                self.find(BYTES, b"another user's mail: " + response)
        for name in SESSION.findall(response):
            if not name.startswith(self.name.encode() + b"-"):
                self.find(BYTES, b"another session's words: " + response)
        words = response.split(b" ", 3)
        kind = (words[2] if len(words) > 2 and words[1].isdigit() else words[1]).upper()
        allowed = {b"FETCH": asked.fetch or self.selected, b"SEARCH": asked.search, b"ESEARCH": asked.search,
                   b"STATUS": asked.status, b"ENABLED": asked.enable, b"BYE": asked.logout}
        if kind == b"FETCH" and asked.first and b"MODSEQ (" in response or kind == b"VANISHED" and asked.first:
            self.find(INHERITED, b"CONDSTORE is on: " + response)
        elif kind == b"FETCH" and b"BODY" in response and not asked.fetch:
            self.find(BYTES, response)
        elif kind in allowed and not allowed[kind]:
            self.find(BYTES, response)
        elif kind in (b"EXISTS", b"RECENT", b"EXPUNGE", b"FLAGS", b"VANISHED") and not (self.selected or asked.select):
            self.find(INHERITED, b"news of a mailbox that was not selected: " + response)

    def probe(self) -> None:
        """A session that has just logged in is in no mailbox, and its first words are heard as commands.

        Flags that change are told with MODSEQ only where CONDSTORE or QRESYNC was turned on, in this connection.
        """
        noop, fetch, select, body, *_ = self.ask(
            b"NOOP", b"FETCH 1 (UID)", b"SELECT INBOX", b"FETCH 1 (FLAGS BODY.PEEK[TEXT])", b"STORE 1 -FLAGS (\\Flagged)",
            b"STORE 1 +FLAGS (\\Flagged)", asked=Asked(select=True, fetch=True, first=True))
        if not noop.startswith(b"OK"):
            self.find(TAGS, b"NOOP: " + noop)
        if fetch.startswith(b"OK"):
            self.find(INHERITED, b"a mailbox was selected: " + fetch)
        if not select.startswith(b"OK"):
            self.find(INHERITED, b"SELECT: " + select)
        elif b"[READ-WRITE]" not in select:
            self.find(INHERITED, b"SELECT: " + select)
        if not body.startswith(b"OK"):
            self.find(INHERITED, b"FETCH: " + body)
        self.selected = True

    def close(self) -> None:
        self.imap.close()
