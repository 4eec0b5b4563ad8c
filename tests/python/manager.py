"""What a manager says on one of its IMAP sockets, in a thread: enough for the package's own tests."""

import re
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

CAPABILITY = b"CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ENABLE IDLE AUTH=PLAIN"


@dataclass
class Manager:
    """`answers` overrides the tagged answer by command name; None ends the connection instead."""

    path: Path
    greeting: bytes = b"* OK [" + CAPABILITY + b"] ready\r\n"
    answers: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None])
    untagged: dict[str, bytes] = field(default_factory=dict[str, bytes])  # before the tagged answer
    farewells: dict[str, bytes] = field(default_factory=dict[str, bytes])  # instead of an answer; then the connection ends
    silent: set[str] = field(default_factory=set[str])  # no answer ever
    news: dict[str, bytes] = field(default_factory=dict[str, bytes])  # instead of a tagged answer, a moment after the untagged ones
    lines: list[bytes] = field(default_factory=list[bytes])
    ended: list[str] = field(default_factory=list[str])  # "logout" or "dropped", a word for each connection
    most: int = 0

    def __post_init__(self) -> None:
        self._open = 0
        self._changed = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """The thread ends first: one that still waits at a number that another listener gets would accept for that one."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(10)
        self._listener.close()

    def wait_until_ended(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ended) >= count, timeout=10), self.ended
        return self.ended

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._changed:
            self._open += 1
            self.most = max(self.most, self._open)
        how = "dropped"
        with connection, connection.makefile("rb") as lines:
            connection.sendall(self.greeting)
            try:
                for line in lines:
                    self.lines.append(line)
                    tag, name, *_ = line.split()
                    word = name.decode().upper()
                    answer = self.answers.get(word, b"OK done")
                    if word in self.silent:
                        continue
                    connection.sendall(self.untagged.get(word, b"") + self.farewells.get(word, b""))
                    if word in self.news:
                        time.sleep(0.2)
                        connection.sendall(self.news[word])
                        continue
                    if answer is None or word in self.farewells:
                        break
                    if word == "CAPABILITY":
                        connection.sendall(b"* " + CAPABILITY + b"\r\n")
                    if word == "AUTHENTICATE" and len(line.split()) == 3:
                        connection.sendall(b"+ \r\n")
                        self.lines.append(lines.readline())
                    if word == "LOGOUT":
                        how = "logout"
                        connection.sendall(b"* BYE until next time\r\n" + tag + b" OK done\r\n")
                        break
                    connection.sendall(tag + b" " + answer + b"\r\n")
            except (OSError, ValueError):
                pass
        with self._changed:
            self._open -= 1
            self.ended.append(how)
            self._changed.notify_all()

    def said(self, word: str) -> list[bytes]:
        """The lines with this command."""
        return [line.rstrip(b"\r\n") for line in self.lines if re.match(rb"\S+ %s\b" % word.encode(), line)]
