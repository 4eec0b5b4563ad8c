"""An LMTP client as plain as possible: tests decide every byte and see every reply."""

import re
import socket
from dataclasses import dataclass
from pathlib import Path

FINAL = re.compile(rb"^(\d{3})(?: (.*))?$", re.DOTALL)
LINE = re.compile(rb"^(\d{3})([- ])(.*)$", re.DOTALL)


class Gone(ConnectionError):
    """The server closed the connection instead of replying."""


@dataclass(frozen=True)
class Reply:
    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code, or nothing."""
        match = re.match(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)", self.text)
        return match[1] if match else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class Lmtp:
    """A session on a Unix socket. Commands are sent without waiting for one another only where a method says so."""

    def __init__(self, path: Path | str, timeout: float = 30, greet: bool = True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.buffer = b""
        self.extensions: list[str] = []
        if greet:
            self.greeting = self.reply()
            self.extensions = self.command("LHLO client.example.com").text.splitlines()[1:]

    def __enter__(self) -> "Lmtp":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> bytes:
        while b"\n" not in self.buffer:
            received = self.socket.recv(65536)
            if not received:
                raise Gone(f"the server closed the connection; unread: {self.buffer!r}")
            self.buffer += received
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def reply(self) -> Reply:
        texts = []
        while True:
            match = LINE.match(line := self.line()) or FINAL.match(line)
            if not match:
                raise ValueError(f"not a reply: {line!r}")
            if match.re is FINAL:
                return Reply(int(match[1]), (match[2] or b"").decode(errors="replace"))
            texts.append(match[3].decode(errors="replace"))
            if match[2] == b" ":
                return Reply(int(match[1]), "\n".join(texts))

    def command(self, text: str) -> Reply:
        self.send(text.encode("utf-8", "surrogateescape") + b"\r\n")
        return self.reply()

    def envelope(self, sender: str, recipients: list[str], parameters: str = "") -> list[Reply]:
        """MAIL and every RCPT in one write; the replies to them."""
        lines = [f"MAIL FROM:<{sender}>{parameters and ' ' + parameters}", *(f"RCPT TO:<{name}>" for name in recipients)]
        self.send("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"))
        return [self.reply() for _ in lines]

    def content(self, content: bytes) -> None:
        """The content, dots stuffed, and the final dot."""
        self.send(stuffed(content) + b".\r\n")

    def deliver(self, sender: str, recipients: list[str], content: bytes, parameters: str = "") -> list[Reply]:
        """One transaction; a reply for each recipient, in order. Refused ones have their RCPT reply."""
        mail, *rcpts = self.envelope(sender, recipients, parameters)
        if mail.code >= 400:
            return [mail] * len(recipients)
        accepted = [reply.code < 400 for reply in rcpts]
        if not any(accepted):
            return rcpts
        go_ahead = self.command("DATA")
        if go_ahead.code != 354:
            return [go_ahead if ok else reply for ok, reply in zip(accepted, rcpts, strict=True)]
        self.content(content)
        return [self.reply() if ok else reply for ok, reply in zip(accepted, rcpts, strict=True)]

    def quit(self) -> Reply:
        reply = self.command("QUIT")
        self.close()
        return reply


def stuffed(content: bytes) -> bytes:
    """Content with CRLF line ends made fit for DATA, without the final dot; an empty content stays empty."""
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", content)
