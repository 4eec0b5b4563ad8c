"""A fakemx and a client of raw sockets, for tests of fakemx itself: it must be right before anything is judged by it."""

import hashlib
import json
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.mailpool import program

SILENCE = 0.25  # how long nothing must come where nothing is expected
PATIENCE = 20  # how long a busy machine may take


class Server:
    """A running fakemx."""

    def __init__(self, directory: Path, script: str = "", *arguments: str, listen: str = "127.0.0.1:0"):
        self.directory = directory
        self.log_file = directory / "log"
        self.control = directory / "control"
        (directory / "script").write_text(script)
        argv = [program("fakemx"), "--listen", listen, "--script", directory / "script", "--log", self.log_file,
                "--control", self.control, "--stats", directory / "stats.json", *arguments]
        self.process = subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE, text=True)
        self.addresses = []
        for _ in range(1 + len(listen.split(","))):
            what, address = self.process.stdout.readline().split(maxsplit=1)
            if what == "listening":
                self.addresses.append(address.strip())

    @property
    def port(self) -> int:
        return int(self.addresses[0].rsplit(":", 1)[1])

    def client(self, source: str = "127.0.0.1") -> "Client":
        return Client(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE, source_address=(source, 0)))

    def ready(self, source: str = "127.0.0.1") -> "Client":
        """Behind the answer to EHLO."""
        client = self.client(source)
        client.read_reply()
        client.command("EHLO client.example")
        return client

    def log(self) -> list[dict]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def ask(self, command: str) -> str:
        answer = subprocess.run([program("fakemx"), "--ask", str(self.control), command], capture_output=True,
                                text=True, timeout=PATIENCE)
        return answer.stdout.strip()

    def stats(self) -> dict:
        return json.loads(self.ask("stats"))

    def faults(self) -> dict[str, int]:
        return {kind: found["count"] for kind, found in self.stats()["client_violations"].items()}

    def stop(self) -> int:
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(PATIENCE)


class Client:
    def __init__(self, connection: socket.socket):
        self.socket = connection
        self.input = b""

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def read_line(self) -> bytes:
        """With its line end; less, or nothing, at the end of the connection."""
        while b"\n" not in self.input:
            more = self.socket.recv(65536)
            if not more:
                break
            self.input += more
        line, lf, self.input = self.input.partition(b"\n")
        return line + lf

    def read_reply(self) -> str:
        lines = [self.read_line().decode().rstrip("\r\n")]
        while lines[-1][3:4] == "-":
            lines.append(self.read_line().decode().rstrip("\r\n"))
        return "\n".join(lines)

    def command(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return self.read_reply()

    def commands(self, *lines: str) -> list[str]:
        """In one flight."""
        self.send("".join(line + "\r\n" for line in lines).encode())
        return [self.read_reply() for _ in lines]

    def mail(self, body: bytes = b"Subject: x\r\n\r\nhello\r\n", *to: str, sender: str = "s@sender.example") -> str:
        """One message in two flights; the last reply, or the first that says no."""
        recipients = to or ("r@a.example",)
        replies = self.commands(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients), "DATA")
        if not replies[-1].startswith("354"):
            return next(reply for reply in replies if reply[0] not in "23")
        self.send(body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return self.read_reply()

    def begin_data(self, *to: str) -> None:
        replies = self.commands("MAIL FROM:<s@sender.example>", *(f"RCPT TO:<{r}>" for r in to or ("r@a.example",)), "DATA")
        assert replies[-1].startswith("354")

    def end(self, expected: str = "") -> str:
        """How the connection is now: "fin", "reset", "silent", or what still came. Silence is soon believed where it is expected."""
        self.socket.settimeout(SILENCE if expected == "silent" else PATIENCE)
        try:
            more = self.input or self.socket.recv(65536)
            return more.decode(errors="replace") if more else "fin"
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "silent"
        finally:
            self.socket.settimeout(PATIENCE)

    def start_tls(self, context: ssl.SSLContext | None = None, session: ssl.SSLSession | None = None) -> ssl.SSLSession:
        assert self.command("STARTTLS").startswith("220")
        self.socket = (context or careless()).wrap_socket(self.socket, session=session)
        return self.socket.session

    def close(self) -> None:
        self.socket.close()


def careless() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    """start(script, *arguments, listen=...)"""
    servers = []

    def start_one(script: str = "", *arguments: str, listen: str = "127.0.0.1:0") -> Server:
        directory = tmp_path / str(len(servers))
        directory.mkdir()
        servers.append(Server(directory, script, *arguments, listen=listen))
        return servers[-1]
    yield start_one
    for server in servers:
        assert server.stop() in (0, -signal.SIGKILL)


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def token(body: bytes, recipient: str) -> str:
    return sha256(f"{sha256(body)}:{recipient}".encode())[:16]


def seconds_of(act) -> float:
    begin = time.monotonic()
    act()
    return time.monotonic() - begin
