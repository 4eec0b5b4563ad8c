"""An IMAP client that looks at every octet: for tests of what a server or a pool really sends."""

import re
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

LITERAL = re.compile(rb"~?\{(\d+)\+?\}$")


class ImapError(RuntimeError):
    """The other side did not answer as it must."""


@dataclass
class Answer:
    """What came between a command and its tagged response. `untagged` are whole responses with their literals, line ends cut."""

    tag: bytes
    status: str
    text: str
    untagged: list[bytes] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.status == "OK"

    def joined(self) -> bytes:
        return b"\n".join(self.untagged)


class Imap:
    """One session, blocking, each wait bounded by `timeout`. Reads the greeting when it is made."""

    def __init__(self, connection: socket.socket, timeout: float = 20):
        self.connection = connection
        self.connection.settimeout(timeout)
        self.timeout = timeout
        self._unread = bytearray()
        self._number = 0
        self.greeting = self.read_response()

    # --- ways to connect

    @classmethod
    def over_unix(cls, path: Path | str, timeout: float = 20) -> "Imap":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(str(path))
        return cls(connection, timeout)

    @classmethod
    def over_tcp(cls, host: str, port: int, timeout: float = 20) -> "Imap":
        connection = socket.create_connection((host, port), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(connection, timeout)

    @classmethod
    def over_tls(cls, host: str, port: int, timeout: float = 20) -> "Imap":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection((host, port), timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(context.wrap_socket(plain), timeout)

    def __enter__(self) -> "Imap":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- octets

    def send(self, octets: bytes) -> None:
        self.connection.sendall(octets)

    def read_line(self) -> bytes:
        """Up to CRLF, which is cut off."""
        while (end := self._unread.find(b"\r\n")) < 0:
            self._fill()
        line = bytes(self._unread[:end])
        del self._unread[:end + 2]
        return line

    def read_exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._fill()
        octets = bytes(self._unread[:count])
        del self._unread[:count]
        return octets

    def take_unread(self, most: int) -> bytes:
        """What was received already, at most so much."""
        octets = bytes(self._unread[:most])
        del self._unread[:most]
        return octets

    def read_response(self) -> bytes:
        """One response with its literals, as it came but for the last CRLF."""
        response = self.read_line()
        while literal := LITERAL.search(response):
            response += b"\r\n" + self.read_exactly(int(literal[1])) + self.read_line()
        return response

    def _fill(self) -> None:
        octets = self.connection.recv(65536)
        if not octets:
            raise ImapError("the connection ended")
        self._unread += octets

    def unread(self, wait: float = 0.0, until: bytes | None = None) -> bytes:
        """Whatever more comes within `wait` seconds, or until these octets or the end came; b"" if nothing did."""
        end = time.monotonic() + wait
        try:
            while not (until and until in self._unread):
                self.connection.settimeout(max(end - time.monotonic(), 0.001))
                octets = self.connection.recv(65536)
                if not octets:
                    break
                self._unread += octets
        except (TimeoutError, ssl.SSLWantReadError, ConnectionResetError):
            pass
        self.connection.settimeout(self.timeout)
        octets = bytes(self._unread)
        self._unread.clear()
        return octets

    def at_end(self) -> bool:
        """Whether the other side closed, with nothing more to read."""
        try:
            return not self._unread and self.connection.recv(1) == b""
        except ConnectionResetError:
            return True

    # --- commands

    def next_tag(self) -> bytes:
        self._number += 1
        return b"a%d" % self._number

    def command(self, text: str | bytes, tag: bytes | None = None) -> Answer:
        """One command without literals, and its answer."""
        tag = self.start(text, tag)
        return self.finish(tag)

    def start(self, text: str | bytes, tag: bytes | None = None) -> bytes:
        """Sends a command without waiting for anything; its tag."""
        tag = tag or self.next_tag()
        self.send(tag + b" " + (text.encode() if isinstance(text, str) else text) + b"\r\n")
        return tag

    def finish(self, tag: bytes) -> Answer:
        """Everything up to this tag's response. Another tag's response is an error: nobody else's may come."""
        untagged = []
        while True:
            response = self.read_response()
            if response.startswith((b"* ", b"+")):
                untagged.append(response)
                continue
            given, _, rest = response.partition(b" ")
            if given != tag:
                raise ImapError(f"a response to {given!r}, which is not open (waiting for {tag!r}): {response[:200]!r}")
            status, _, text = rest.partition(b" ")
            return Answer(tag, status.decode(), text.decode(errors="replace"), untagged)

    def expect(self, text: str | bytes) -> Answer:
        """A command that must succeed."""
        answer = self.command(text)
        if not answer.ok:
            raise ImapError(f"{text!r}: {answer.status} {answer.text}")
        return answer

    def wait_for_continuation(self) -> bytes:
        """The next `+` line; untagged responses before it are dropped."""
        while True:
            response = self.read_response()
            if response.startswith(b"+"):
                return response
            if not response.startswith(b"* "):
                raise ImapError(f"no continuation but {response[:200]!r}")

    def try_login(self, user: str, password: str) -> Answer:
        return self.command(f"LOGIN {quoted(user)} {quoted(password)}")

    def login(self, user: str, password: str) -> Answer:
        answer = self.try_login(user, password)
        if not answer.ok:
            raise ImapError(f"LOGIN {user}: {answer.status} {answer.text}")
        return answer

    def append(self, mailbox: str, content: bytes, flags: str = "") -> Answer:
        tag = self.start(f"APPEND {quoted(mailbox)} {flags + ' ' if flags else ''}{{{len(content)}}}")
        self.wait_for_continuation()
        self.send(content + b"\r\n")
        return self.finish(tag)

    def logout(self) -> None:
        self.command("LOGOUT")
        self.close()

    # --- ends

    def close(self) -> None:
        self.connection.close()

    def reset(self) -> None:
        """RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def capabilities(responses: Iterable[bytes]) -> set[str]:
    """The names in all CAPABILITY responses and response codes of these."""
    found: set[str] = set()
    for response in responses:
        if match := re.search(rb"(?:\[|\* )CAPABILITY ([^\]\r]*)", response):
            found |= set(match[1].decode().upper().split())
    return found
