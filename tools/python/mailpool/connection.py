"""An imaplib.IMAP4 over a Unix socket."""

import errno
import imaplib
import os
import re
import socket
from collections.abc import Callable
from typing import Any, Literal, NoReturn

from .errors import CommandError, ConnectionLost, PoolError, PoolTimeout, PoolUnavailable, ReadOnly, no_greeting, no_server, refusal

QUOTABLE = re.compile(r"[\x20-\x7e]*")


class Connection(imaplib.IMAP4):
    """Everything that imaplib.IMAP4 does; only the way to the server differs, and every failure is a PoolError.

    login() borrows the connection, logout() gives it back. It belongs to the process that made it, and to one thread at a time.
    """

    error = CommandError
    abort = ConnectionLost
    readonly = ReadOnly

    def __init__(self, path: str, timeout: float | None = None) -> None:
        self._path = path
        self._process = os.getpid()
        self._is_over = False
        self._bye = ""
        self._timeout = timeout
        self.when_returned: Callable[[], object] = lambda: None
        try:
            super().__init__(host="localhost", timeout=timeout)
        except PoolUnavailable:
            raise
        except PoolTimeout as trouble:
            raise PoolTimeout(f"{path}: the manager did not greet within {timeout:g} s (timed out)") from trouble
        except (ConnectionLost, CommandError) as trouble:
            raise no_greeting(path, self._farewell() or str(trouble)) from trouble

    # --- what imaplib calls

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        if timeout == 0:
            raise ValueError("a timeout of 0 would never wait; use None to wait for ever")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(self._path)
        except OSError as trouble:
            connection.close()
            raise not_connected(self._path, trouble) from trouble
        except BaseException:
            connection.close()
            raise
        return connection

    def read(self, size: int) -> bytes:
        """So many octets; imaplib calls it."""
        self._is_mine()
        try:
            octets = super().read(size)
        except OSError as trouble:
            self._fail(trouble)
        if len(octets) < size:
            raise ConnectionLost(f"{self._path}: {self._last_words()}")
        return octets

    def readline(self) -> bytes:
        """A line; imaplib calls it."""
        self._is_mine()
        try:
            line = super().readline()
        except OSError as trouble:
            self._fail(trouble)
        if not line and not self._has_only_nothing_yet():
            raise ConnectionLost(f"{self._path}: {self._last_words()}")
        self._note_farewell(line)
        return line

    def send(self, data: Any) -> None:
        """Says octets as they are; imaplib calls it."""
        self._is_mine()
        try:
            super().send(data)
        except OSError as trouble:
            self._hear_farewell()
            self._fail(trouble)

    def shutdown(self) -> None:
        """Closes the socket; drop() is what programs want."""
        self._is_over = True
        if self._process == os.getpid():
            super().shutdown()
            return
        # A copy of the parent's: its own end is closed, the connection is not.
        self.file.close()
        self.sock.close()

    # --- borrowing and giving back

    @property
    def is_logged_in(self) -> bool:
        """Whether it is lent: from the start on the socket of an account (PREAUTH), else from login() on."""
        return self.state in ("AUTH", "SELECTED")

    @property
    def timeout(self) -> float | None:
        """How many seconds each answer may take; None for ever. May be set at any time."""
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        if seconds is not None and seconds <= 0:
            raise ValueError("timeout: more than 0 seconds, or None to wait for ever")
        self._timeout = seconds
        self.sock.settimeout(seconds)

    def login(self, user: str, password: str) -> tuple[Literal["OK"], list[Any]]:
        """Borrows the connection. Any text may be a user or a password; what is refused is raised as what it means."""
        if "\0" in user or "\0" in password:
            raise ValueError("neither a user nor a password can hold NUL")
        self._is_not_lent()
        if not (QUOTABLE.fullmatch(user) and QUOTABLE.fullmatch(password)):
            plain = f"\0{user}\0{password}".encode()
            return "OK", self._enter(lambda: imaplib.IMAP4.authenticate(self, "PLAIN", lambda _: plain), user)[1]

        def say() -> tuple[str, Any]:
            status, answer = self._simple_command("LOGIN", quoted(user), quoted(password))
            if status != "OK":
                raise refusal(user, words_of(answer))
            self.state = "AUTH"
            return status, answer
        return "OK", self._enter(say, user)[1]

    def login_token(self, user: str, token: str) -> tuple[str, Any]:
        """Borrows the connection with an OAuth 2.0 bearer token instead of a password (XOAUTH2)."""
        if any(breaker in user + token for breaker in "\0\1\r\n"):
            raise ValueError("neither a user nor a token can hold control characters")
        self._is_not_lent()
        said = iter([f"user={user}\1auth=Bearer {token}\1\1".encode()])
        # A refusal is a challenge first, which wants an empty answer (RFC 7628).
        return self._enter(lambda: imaplib.IMAP4.authenticate(self, "XOAUTH2", lambda _: next(said, b"")), user)

    def authenticate(self, mechanism: str, authobject: Callable[[bytes], bytes | None]) -> tuple[str, Any]:
        """As imaplib has it: PLAIN, LOGIN, XOAUTH2 or OAUTHBEARER, with a function that answers challenges."""
        self._is_not_lent()
        return self._enter(lambda: imaplib.IMAP4.authenticate(self, mechanism, authobject), mechanism.upper())

    def enable(self, capability: str) -> tuple[str, list[Any]]:
        """ENABLE, where the profile offers it; what is refused is a CommandError."""
        try:
            return super().enable(capability)
        except imaplib.IMAP4.error as trouble:
            raise as_pool_error(trouble) from trouble

    def search(self, charset: str | None, *criteria: str) -> tuple[str, list[Any]]:
        """The numbers of the messages that meet the criteria."""
        try:
            return super().search(charset, *criteria)
        except imaplib.IMAP4.error as trouble:
            raise as_pool_error(trouble) from trouble

    def starttls(self, ssl_context: Any = None) -> NoReturn:
        """Never: this end is a socket of this host, and TLS to the server is the manager's part."""
        raise CommandError("STARTTLS: TLS to the server is the manager's part (ssl)")

    def logout(self) -> tuple[str, list[Any]]:
        """Gives the connection back; the manager makes it clean for the next. It cannot be used any more."""
        if self._is_over:
            return "BYE", [b"given back already"]
        try:
            return super().logout()
        finally:
            self.when_returned()

    def leave(self) -> None:
        """logout(), which is nothing where that was done already; a broken one is only closed."""
        if self._is_over:
            return
        try:
            self.logout()
        except (imaplib.IMAP4.error, OSError):
            self.drop()

    def drop(self) -> None:
        """Closes without a word, wherever the conversation stands: the manager cleans up."""
        if self._is_over:
            return
        try:
            self.shutdown()
        except OSError:
            pass
        self.when_returned()

    def choose(self, host: str, *words: str) -> None:
        """Names the server, on a socket for servers that no profile names."""
        try:
            status, answer = self.xatom("XMAILPOOL", quoted(host), *words)
        except CommandError as trouble:
            raise no_server(f"{host}:{words[0]}", str(trouble)) from trouble
        if status != "OK":
            raise no_server(f"{host}:{words[0]}", words_of(answer))

    # --- how it fails

    def _is_not_lent(self) -> None:
        if self.is_logged_in:
            raise PoolError("this connection is logged in already")

    def _enter(self, say: Callable[[], tuple[str, Any]], user: str) -> tuple[str, Any]:
        try:
            status, answer = say()
            # What the server can, which imaplib asks for before the login only.
            if listed := self.untagged_responses.get("CAPABILITY"):
                self.capabilities = tuple(words_of([listed[-1]]).upper().split())
            return status, answer
        except PoolTimeout as trouble:
            raise PoolTimeout(f"{user}: nothing came free within {self.timeout or 0:g} s (timed out)", "timeout") from trouble
        except ConnectionLost as trouble:
            raise PoolUnavailable(str(trouble)) from trouble
        except CommandError as trouble:
            raise refusal(user, str(trouble)) from trouble

    def _fail(self, trouble: OSError) -> NoReturn:
        if isinstance(trouble, TimeoutError) or "timed out object" in str(trouble):
            kind = ConnectionLost if self.is_logged_in else PoolTimeout
            raise kind(f"{self._path}: no answer within {self.sock.gettimeout() or 0:g} s (timed out)") from trouble
        raise ConnectionLost(f"{self._path}: {self._last_words()} ({trouble})") from trouble

    def _is_mine(self) -> None:
        if self._process != os.getpid():
            raise PoolError("this connection was borrowed by the parent process; a child borrows its own")
        if self._is_over:
            raise PoolError("this connection was given back already")

    def _has_only_nothing_yet(self) -> bool:
        """Where the program does not want to wait (imapclient in IDLE): whether more may come."""
        if self.sock.gettimeout() != 0:
            return False
        try:
            return self.sock.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _hear_farewell(self) -> None:
        """What the manager said before it closed: it may say BYE while a program does something else."""
        try:
            self.sock.settimeout(0.2)
            while line := imaplib.IMAP4.readline(self):
                self._note_farewell(line)
        except (OSError, ValueError, imaplib.IMAP4.error):
            pass

    def _note_farewell(self, line: bytes) -> None:
        if line[:6].upper() == b"* BYE ":
            self._bye = line[6:].rstrip().decode("utf-8", "replace")

    def _last_words(self) -> str:
        return self._bye or "the manager has closed the connection"

    def _farewell(self) -> str:
        """The manager's words, where it greeted with BYE."""
        welcome = getattr(self, "welcome", None) or b""
        return bytes(welcome).decode("utf-8", "replace") if b"BYE" in welcome.upper() else ""


def not_connected(path: str, trouble: OSError) -> PoolError:
    """Why nobody is at the other end of a manager's socket."""
    if isinstance(trouble, TimeoutError):
        return PoolTimeout(f"{path}: the manager does not accept connections (timed out)")
    if isinstance(trouble, PermissionError):
        return PoolUnavailable(f"{path}: {trouble.strerror}: the socket's mode or group (socket_mode, socket_group) keeps this user out",
                               "not-allowed")
    if trouble.errno in (errno.ENOENT, errno.ECONNREFUSED):
        return PoolUnavailable(f"{path}: {trouble.strerror}: is mailpoold running, and does its configuration have this profile?")
    return PoolUnavailable(f"{path}: {trouble.strerror or trouble}")


def quoted(text: str) -> str:
    """A quoted string of IMAP."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_pool_error(trouble: imaplib.IMAP4.error) -> PoolError:
    """Of what imaplib raises without asking which class it should be."""
    return trouble if isinstance(trouble, PoolError) else CommandError(str(trouble))


def words_of(answer: list[Any]) -> str:
    """The text of a tagged response, as imaplib gives it."""
    last = answer[-1] if answer else b""
    return last.decode("utf-8", "replace") if isinstance(last, bytes) else str(last)
