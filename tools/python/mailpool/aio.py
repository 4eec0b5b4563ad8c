"""The same pools for asyncio.

    from mailpool import aio

    pool = aio.IMAPPool("bounces")
    async with pool.connection("user", "password") as conn:
        await conn.select("INBOX")
        status, found = await conn.search(None, "UNSEEN")

A connection has imaplib's methods, as coroutines with imaplib's results. A task that is cancelled drops its connection; the
manager cleans up. Nothing of it runs in threads.
"""

import asyncio
import base64
import os
import socket as socket_module
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from .connection import QUOTABLE, not_connected, quoted
from .errors import CommandError, ConnectionLost, PoolError, PoolTimeout, PoolUnavailable, no_greeting, no_server, refusal
from .pool import pairs_in
from .retrying import attempts_of
from .settings import Login, Settings, checked, checked_timeout
from .status import PoolStatus, status_from
from .wire import MOST_LINE, Answer, Part, mailbox_name, read_line, read_response

T = TypeVar("T")
QUEUE_IS_FULL = 0.02  # seconds
Parts = list[Part]
Result = tuple[str, list[Part | None]]

__all__ = ["Connection", "IMAPPool", "retry"]


class Connection:
    """A connection that is lent to one task at a time. Every failure is a mailpool.PoolError.

    `timeout` (seconds, None for ever) bounds each answer, and may be set at any time. `untagged` has what came with the last
    command, by name: {"EXISTS": [b"3"], ...}.
    """

    def __init__(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout: float | None) -> None:
        self.timeout = timeout
        self.state = "NONAUTH"
        self.capabilities: tuple[str, ...] = ()
        self.untagged: dict[str, Parts] = {}
        self._path = path
        self._reader = reader
        self._writer = writer
        self._tags = 0
        self._one_at_a_time = asyncio.Lock()

    @property
    def is_logged_in(self) -> bool:
        """Whether it is lent: from the start on the socket of an account (PREAUTH), else from login() on."""
        return self.state in ("AUTH", "SELECTED")

    async def login(self, user: str, password: str) -> Result:
        """Borrows the connection. Any text may be a user or a password."""
        if "\0" in user or "\0" in password:
            raise ValueError("neither a user nor a password can hold NUL")
        if QUOTABLE.fullmatch(user) and QUOTABLE.fullmatch(password):
            return await self._enter(user, "LOGIN", quoted(user), quoted(password))
        return await self._enter(user, "AUTHENTICATE", "PLAIN", base64_of(f"\0{user}\0{password}"))

    async def login_token(self, user: str, token: str) -> Result:
        """Borrows the connection with an OAuth 2.0 bearer token."""
        if any(breaker in user + token for breaker in "\0\1\r\n"):
            raise ValueError("neither a user nor a token can hold control characters")
        return await self._enter(user, "AUTHENTICATE", "XOAUTH2", base64_of(f"user={user}\1auth=Bearer {token}\1\1"))

    async def logout(self) -> Result:
        """Gives the connection back; the manager makes it clean for the next. It cannot be used any more."""
        if self.state == "LOGOUT":
            return "BYE", [b"given back already"]
        try:
            return await self.command("LOGOUT", gives="BYE")
        finally:
            self.drop()

    def drop(self) -> None:
        """Closes without a word, wherever the conversation stands."""
        self.state = "LOGOUT"
        self._writer.transport.abort()

    async def command(self, name: str, *arguments: str, literal: bytes | None = None, gives: str | None = None) -> Result:
        """Any command; the untagged responses called `gives` (default: its own name) are its data."""
        answer = await self._bounded(self._say(name, arguments, literal))
        if answer.status == "BAD":
            raise CommandError(f"{name} command error: BAD {answer.text.decode('utf-8', 'replace')}")
        if answer.status == "NO":
            return "NO", [answer.text]
        found = answer.untagged.get(gives or name.split()[-1])
        nothing: list[Part | None] = [answer.text if gives is None else None]
        return answer.status, nothing if found is None else [*found]

    async def capability(self) -> Result:
        """What the server offers."""
        return await self.command("CAPABILITY")

    async def noop(self) -> Result:
        """Nothing; new messages are told."""
        return await self.command("NOOP")

    async def select(self, mailbox: str = "INBOX", readonly: bool = False) -> Result:
        """Opens a mailbox; how many messages it has."""
        status, data = await self.command("EXAMINE" if readonly else "SELECT", mailbox_name(mailbox), gives="EXISTS")
        self.state = "SELECTED" if status == "OK" else "AUTH"
        return status, data

    async def close(self) -> Result:
        """Closes the mailbox and expunges what is marked \\\\Deleted."""
        self.state = "AUTH"
        return await self.command("CLOSE")

    async def unselect(self) -> Result:
        """Closes the mailbox and expunges nothing."""
        self.state = "AUTH"
        return await self.command("UNSELECT")

    async def search(self, charset: str | None, *criteria: str) -> Result:
        """The numbers of the messages that meet the criteria."""
        return await self.command("SEARCH", *(("CHARSET", charset) if charset else ()), *criteria, gives="SEARCH")

    async def fetch(self, messages: str, parts: str) -> Result:
        """Parts of messages."""
        return await self.command("FETCH", messages, parts, gives="FETCH")

    async def store(self, messages: str, command: str, flags: str) -> Result:
        """Changes flags."""
        return await self.command("STORE", messages, command, in_parentheses(flags), gives="FETCH")

    async def copy(self, messages: str, mailbox: str) -> Result:
        """Copies messages."""
        return await self.command("COPY", messages, mailbox_name(mailbox))

    async def expunge(self) -> Result:
        """Removes what is marked \\\\Deleted."""
        return await self.command("EXPUNGE", gives="EXPUNGE")

    async def uid(self, command: str, *arguments: str) -> Result:
        """A command with UIDs instead of numbers: uid("FETCH", "7", "(FLAGS)")."""
        name = command.upper()
        gives = name if name in ("SEARCH", "SORT", "THREAD", "EXPUNGE") else "FETCH" if name in ("FETCH", "STORE") else None
        return await self.command(f"UID {name}", *arguments, gives=gives)

    async def append(self, mailbox: str, flags: str | None, date_time: str | None, message: bytes) -> Result:
        """Adds a message."""
        optional = [in_parentheses(flags)] if flags else []
        optional += [date_time if date_time[0] == '"' else f'"{date_time}"'] if date_time else []
        return await self.command("APPEND", mailbox_name(mailbox), *optional, literal=message)

    async def list(self, directory: str = '""', pattern: str = "*") -> Result:
        """Names of mailboxes."""
        return await self.command("LIST", directory, mailbox_name(pattern) if pattern.strip("%*") else pattern, gives="LIST")

    async def status(self, mailbox: str, names: str) -> Result:
        """Figures of a mailbox that is not opened for that."""
        return await self.command("STATUS", mailbox_name(mailbox), in_parentheses(names), gives="STATUS")

    async def create(self, mailbox: str) -> Result:
        """Makes a mailbox."""
        return await self.command("CREATE", mailbox_name(mailbox))

    async def delete(self, mailbox: str) -> Result:
        """Deletes a mailbox."""
        return await self.command("DELETE", mailbox_name(mailbox))

    @asynccontextmanager
    async def idle(self) -> AsyncGenerator[AsyncIterator[tuple[str, Parts]], None]:
        """IDLE for a block: what the server tells meanwhile, as (name, data). `timeout` does not count there; asyncio.timeout() does."""
        async with self._one_at_a_time:
            tag = self._tag()
            self._send(f"{tag} IDLE\r\n".encode())
            first = await self._bounded(read_response(self._reader))
            if not (isinstance(first[0], bytes) and first[0].startswith(b"+")):
                self.drop()
                raise CommandError(f"IDLE: {first[0]!r}")
            try:
                yield self._told()
            except BaseException:
                self.drop()
                raise
            self._send(b"DONE\r\n")
            await self._bounded(self._until(tag))

    # --- the conversation

    async def _told(self) -> AsyncIterator[tuple[str, Parts]]:
        while True:
            answer = Answer()
            try:
                answer.take(without_star(await read_response(self._reader)))
            except ConnectionLost as trouble:
                raise self._lost(trouble) from trouble
            self.untagged = answer.untagged
            for name, data in answer.untagged.items():
                yield name, data

    async def _enter(self, user: str, name: str, *arguments: str) -> Result:
        if self.is_logged_in:
            raise PoolError("this connection is logged in already")
        try:
            answer = await self._bounded(self._say(name, arguments, None))
        except ConnectionLost as trouble:
            raise PoolUnavailable(str(trouble)) from trouble
        text = answer.text.decode("utf-8", "replace")
        if answer.status != "OK":
            raise refusal(user, text)
        self.state = "AUTH"
        self._note_capabilities(answer)
        return "OK", [answer.text]

    def _note_capabilities(self, answer: Answer) -> None:
        for line in answer.untagged.get("CAPABILITY", []):
            if isinstance(line, bytes):
                self.capabilities = tuple(line.decode("ascii", "replace").upper().split())

    async def _bounded(self, job: Awaitable[T]) -> T:
        """What cannot be waited for to its end leaves a conversation that nobody can go on with."""
        try:
            async with asyncio.timeout(self.timeout):
                return await job
        except TimeoutError as trouble:
            kind = ConnectionLost if self.is_logged_in else PoolTimeout
            self.drop()
            raise kind(f"{self._path}: no answer within {self.timeout or 0:g} s (timed out)") from trouble
        except (ConnectionLost, OSError) as trouble:
            self.drop()
            raise self._lost(trouble) from trouble
        except asyncio.CancelledError:
            self.drop()
            raise

    def _lost(self, trouble: Exception) -> ConnectionLost:
        """In the manager's last words, where it had any."""
        bye = self.untagged.get("BYE")
        said = bye[-1].decode("utf-8", "replace") if bye and isinstance(bye[-1], bytes) else str(trouble)
        return ConnectionLost(f"{self._path}: {said}")

    async def _say(self, name: str, arguments: tuple[str, ...], literal: bytes | None) -> Answer:
        async with self._one_at_a_time:
            tag = self._tag()
            line = " ".join((tag, name, *arguments)).encode()
            if b"\r" in line or b"\n" in line or b"\0" in line:
                raise ValueError("an argument cannot hold line ends; a message is a literal")
            if literal is None:
                self._send(line + b"\r\n")
            else:
                self._send(line + b" {%d}\r\n" % len(literal))
                early = await self._until(tag, or_go_on=True)
                if early.status:
                    return early
                self._send(literal + b"\r\n")
                await self._writer.drain()
            return await self._until(tag)

    async def _until(self, tag: str, or_go_on: bool = False) -> Answer:
        answer = Answer()
        self.untagged = answer.untagged
        while True:
            parts = await read_response(self._reader)
            first = parts[0][0] if isinstance(parts[0], tuple) else parts[0]
            if first.startswith(b"* "):
                answer.take(without_star(parts))
            elif first.startswith(b"+"):
                if or_go_on:
                    return answer
                self._send(b"\r\n")  # a challenge: what is refused with a token is told so first
            elif first.startswith(tag.encode() + b" "):
                status, _, answer.text = first[len(tag) + 1:].partition(b" ")
                answer.status = status.decode("ascii", "replace").upper()
                if answer.text.startswith(b"[CAPABILITY "):
                    answer.untagged["CAPABILITY"] = [answer.text[12:].partition(b"]")[0]]
                return answer
            else:
                raise ConnectionLost(f"what came is no IMAP: {first[:80]!r}")

    def _tag(self) -> str:
        self._tags += 1
        return f"A{self._tags}"

    def _send(self, octets: bytes) -> None:
        if self.state == "LOGOUT":
            raise PoolError("this connection was given back already")
        self._writer.write(octets)


class IMAPPool:
    """mailpool.IMAPPool for asyncio: the same arguments, the same pools of the same manager."""

    def __init__(self, profile: str | None = None, *, socket: str | os.PathLike[str] | None = None, host: str | None = None,
                 port: int | None = None, ssl: bool | None = None, pool_size: int | None = None, timeout: float | None = 90.0,
                 directory: str | os.PathLike[str] | None = None) -> None:
        self._settings: Settings = checked(profile, socket, host, port, ssl, pool_size, timeout, directory)
        self._lent = 0

    def __getstate__(self) -> Settings:
        return self._settings

    def __setstate__(self, settings: Settings) -> None:
        self._settings = settings
        self._lent = 0

    def __repr__(self) -> str:
        return f"aio.IMAPPool({self._settings.path!r})"

    @property
    def lent(self) -> int:
        """How many connections of this object are in use."""
        return self._lent

    @asynccontextmanager
    async def connection(self, user: str | None = None, password: str | None = None, *, token: str | None = None,
                         timeout: float | None = -1.0) -> AsyncGenerator[Connection, None]:
        """A connection for a block, logged in; without user and password the block calls login() itself (that borrows it), or the
        socket is that of an account. At the block's end it is given back; if the block raises or is cancelled, dropped."""
        login = Login(user, password, token)
        connection = await self._connect(timeout)
        self._lent += 1
        try:
            await self._log_in(connection, login)
            yield connection
            if connection.state != "LOGOUT":
                await connection.logout()
        finally:
            self._lent -= 1
            connection.drop()

    async def status(self, timeout: float | None = -1.0) -> PoolStatus:
        """How the pool is doing, as the manager sees it. It takes no connection of the server."""
        connection = await self._connect(timeout)
        try:
            await self._choose(connection)
            _, said = await connection.command("ID", "NIL")
        finally:
            connection.drop()
        return status_from(pairs_in(list(said)), self._lent)

    async def _connect(self, timeout: float | None) -> Connection:
        path = self._settings.path
        patience = self._settings.timeout if timeout == -1.0 else checked_timeout(timeout)
        try:
            async with asyncio.timeout(patience):
                reader, writer = await asyncio.open_unix_connection(sock=await connected(path), limit=MOST_LINE)
                connection = Connection(path, reader, writer, patience)
                await greeted(path, connection, reader)
        except TimeoutError as trouble:
            raise PoolTimeout(f"{path}: the manager did not greet within {patience or 0:g} s (timed out)") from trouble
        except ConnectionLost as trouble:
            raise PoolUnavailable(f"{path}: {trouble}") from trouble
        except OSError as trouble:
            raise not_connected(path, trouble) from trouble
        return connection

    async def _choose(self, connection: Connection) -> None:
        server = self._settings.server
        if server is None or connection.is_logged_in:
            return
        try:
            status, said = await connection.command("XMAILPOOL", quoted(server.host), *server.words)
        except CommandError as trouble:
            raise no_server(f"{server.host}:{server.port}", str(trouble)) from trouble
        if status != "OK":
            text = said[-1].decode("utf-8", "replace") if isinstance(said[-1], bytes) else ""
            raise no_server(f"{server.host}:{server.port}", text)

    async def _log_in(self, connection: Connection, login: Login) -> None:
        await self._choose(connection)
        if login.user is None:
            return
        if connection.is_logged_in:
            raise PoolError(f"{self._settings.path} is the socket of an account and logs in by itself: name no user")
        if login.token is not None:
            await connection.login_token(login.user, login.token)
        else:
            await connection.login(login.user, login.password or "")


async def connected(path: str) -> socket_module.socket:
    """A socket of the manager. Where its queue of connections is full, a Unix socket cannot be waited for: it is asked again."""
    made = socket_module.socket(socket_module.AF_UNIX, socket_module.SOCK_STREAM)
    made.setblocking(False)
    try:
        while True:
            try:
                made.connect(path)
                return made
            except BlockingIOError:
                await asyncio.sleep(QUEUE_IS_FULL)
    except BaseException:
        made.close()
        raise


async def greeted(path: str, connection: Connection, reader: asyncio.StreamReader) -> None:
    """Reads the manager's greeting."""
    line = await read_line(reader)
    word = line[2:].partition(b" ")[0].upper()
    if word == b"PREAUTH":
        connection.state = "AUTH"
    elif word != b"OK":
        connection.drop()
        raise no_greeting(path, line.decode("utf-8", "replace"))


async def retry(job: Callable[[], Awaitable[T]], *, attempts: int = 5, first_wait: float = 0.5, longest_wait: float = 15.0) -> T:
    """mailpool.retry for coroutines: only what may pass, and before which nothing was done, is tried again."""
    for wait in attempts_of(attempts, first_wait, longest_wait):
        try:
            return await job()
        except PoolError as trouble:
            if not trouble.may_be_retried:
                raise
        await asyncio.sleep(wait)
    return await job()


def without_star(parts: list[Part]) -> list[Part]:
    """An untagged response behind its "* "."""
    first = parts[0]
    return [(first[0][2:], first[1]) if isinstance(first, tuple) else first[2:], *parts[1:]]


def in_parentheses(flags: str) -> str:
    """Flags as a list."""
    return flags if flags.startswith("(") else f"({flags})"


def base64_of(text: str) -> str:
    """Of the UTF-8 of a text."""
    return base64.b64encode(text.encode()).decode()
