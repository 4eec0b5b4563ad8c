"""An imaplib.IMAP4 over a Unix socket."""

import imaplib
import re
import socket
from typing import Any

from .errors import LoginRefused, PoolBusy, PoolError, PoolUnavailable

# Response codes (RFC 5530) that say "not now" rather than "not you".
NOT_NOW = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG")
QUOTABLE = re.compile(r"[\x20-\x7e]*")


class Connection(imaplib.IMAP4):
    """Everything that imaplib.IMAP4 does; only the way to the server differs."""

    def __init__(self, path: str, timeout: float | None = None) -> None:
        self._path = path
        try:
            super().__init__(host="localhost", timeout=timeout)
        except (FileNotFoundError, ConnectionRefusedError) as trouble:
            raise PoolUnavailable(f"{path}: {trouble.strerror}: is mailpoold running, and does its configuration have this "
                                  "profile?") from trouble
        except PermissionError as trouble:
            raise PoolUnavailable(f"{path}: {trouble.strerror}: the socket's mode or group keeps this user out") from trouble
        except OSError as trouble:
            raise PoolUnavailable(f"{path}: {trouble}") from trouble
        except imaplib.IMAP4.error as trouble:
            raise PoolUnavailable(f"{path}: {self._farewell() or trouble}") from trouble

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        if timeout == 0:
            raise ValueError("a timeout of 0 would never wait; use None to wait for ever")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _farewell(self) -> str:
        """The manager's words, where it greeted with BYE."""
        welcome = getattr(self, "welcome", None) or b""
        return bytes(welcome).decode("utf-8", "replace") if b"BYE" in welcome.upper() else ""

    @property
    def is_logged_in(self) -> bool:
        """From the start, on the socket of an account (PREAUTH)."""
        return self.state in ("AUTH", "SELECTED")

    def choose(self, host: str, port: int, tls: str, pool_size: int) -> None:
        """Names the server, on a socket for servers that no profile names."""
        try:
            status, answer = self.xatom("XMAILPOOL", quoted(host), str(port), tls, str(pool_size))
        except imaplib.IMAP4.error as trouble:
            raise PoolUnavailable(f"{host}:{port}: {trouble}") from trouble
        if status != "OK":
            raise PoolUnavailable(f"{host}:{port}: {words_of(answer)}")

    def enter(self, user: str, password: str) -> None:
        """Logs in with any text as user and password; what is refused is raised as what it means."""
        try:
            if QUOTABLE.fullmatch(user) and QUOTABLE.fullmatch(password):
                status, answer = self._simple_command("LOGIN", quoted(user), quoted(password))
                if status != "OK":
                    raise meaning(words_of(answer), user)
                self.state = "AUTH"
            else:
                if "\0" in user or "\0" in password:
                    raise ValueError("neither a user nor a password can hold NUL")
                self.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        except imaplib.IMAP4.abort as trouble:
            raise PoolUnavailable(f"{self._path}: {trouble}") from trouble
        except PoolError:
            raise
        except imaplib.IMAP4.error as trouble:
            said = trouble.args[0] if trouble.args else b""
            raise meaning(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said), user) from trouble

    def leave(self) -> None:
        """LOGOUT, so that the manager has the connection back in order; a broken one is only closed."""
        try:
            self.logout()
        except (imaplib.IMAP4.error, OSError):
            self.drop()

    def drop(self) -> None:
        """Closes without a word, wherever the conversation stands: the manager cleans up."""
        try:
            self.shutdown()
        except OSError:
            pass


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def words_of(answer: list[Any]) -> str:
    """The text of a tagged response, as imaplib gives it."""
    last = answer[-1] if answer else b""
    return last.decode("utf-8", "replace") if isinstance(last, bytes) else str(last)


def meaning(text: str, user: str) -> PoolError:
    """A tagged NO to a login as an exception of its own kind."""
    code = re.match(r"\[([A-Z]+)", text)
    kind = PoolBusy if code and code[1] in NOT_NOW else LoginRefused
    return kind(f"{user}: {text}")
