"""An imaplib.IMAP4 over a Unix socket."""

import imaplib
import re
import socket

from .errors import LoginRefused, PoolBusy, PoolError, PoolUnavailable

# Response codes (RFC 5530) that say "not now" rather than "not you".
NOT_NOW = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG")
QUOTABLE = re.compile(r"[\x20-\x7e]*")


class Connection(imaplib.IMAP4):
    """Everything that imaplib.IMAP4 does; only the way to the server differs.

    `hello` is what the manager wants to hear before it greets, b"" on the socket of a profile.
    """

    def __init__(self, path: str, timeout: float | None = None, hello: bytes = b"") -> None:
        self._path = path
        self._hello = hello
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
            connection.sendall(self._hello)
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

    def enter(self, user: str, password: str) -> None:
        """Logs in with any text as user and password; what is refused is raised as what it means."""
        try:
            if QUOTABLE.fullmatch(user) and QUOTABLE.fullmatch(password):
                status, answer = self._simple_command("LOGIN", quoted(user), quoted(password))
                if status != "OK":
                    raise self.error((answer or [b""])[-1])
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
            raise meaning(trouble, user) from trouble

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


def meaning(trouble: imaplib.IMAP4.error, user: str) -> PoolError:
    """A tagged NO to LOGIN as an exception of its own kind."""
    said = trouble.args[0] if trouble.args else b""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    code = re.match(r"\[([A-Z]+)", text)
    kind = PoolBusy if code and code[1] in NOT_NOW else LoginRefused
    return kind(f"{user}: {text}")
