"""Pools by name: what a program asks for connections."""

import os
import re
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

from .connection import Connection
from .errors import PoolError, PoolUnavailable
from .loans import Loans
from .settings import Login, Settings, checked, checked_timeout
from .status import PoolStatus, status_from

if TYPE_CHECKING:
    from .clients import PooledIMAPClient

PAIR = re.compile(r'"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"')


class IMAPPool:
    """A pool of mailpoold. It may be shared between threads, forked and pickled; it keeps no connection when none is lent.

    IMAPPool("bounces")                             the profile [imap.bounces], at its usual socket
    IMAPPool(socket="/run/mailpool/imap/x.sock")    whatever listens there, also the socket of an account
    IMAPPool(host="imap.example.com", port=993, ssl=True, pool_size=5)
                                                    a server that no profile names, where [imap_dynamic] allows it

    A host is spoken to in TLS from the first octet (`ssl`, port 993), or after STARTTLS (`ssl=False`, port 143); without TLS no
    password leaves the machine. All programs that name the same server share one pool, as large as the largest `pool_size` that
    one has asked for, else as [imap_dynamic] says.

    `timeout` (seconds, None for ever) bounds each wait for the manager: to get a connection, and then for each answer. It
    should be longer than the profile's checkout_timeout and login_timeout, so that the manager can say what it waited for.
    """

    def __init__(self, profile: str | None = None, *, socket: str | os.PathLike[str] | None = None, host: str | None = None,
                 port: int | None = None, ssl: bool | None = None, pool_size: int | None = None, timeout: float | None = 90.0,
                 directory: str | os.PathLike[str] | None = None) -> None:
        self._begin(checked(profile, socket, host, port, ssl, pool_size, timeout, directory))

    def _begin(self, settings: Settings) -> None:
        self._settings = settings
        self._loans = Loans(settings.path)

    def __getstate__(self) -> Settings:
        return self._settings

    def __setstate__(self, settings: Settings) -> None:
        self._begin(settings)

    def __repr__(self) -> str:
        server = self._settings.server
        return f"IMAPPool({self.path!r})" if server is None else f"IMAPPool({self.path!r}, host={server.host!r}, port={server.port})"

    @property
    def path(self) -> str:
        """The manager's socket."""
        return self._settings.path

    @property
    def timeout(self) -> float | None:
        """How long each answer may take where a call does not say otherwise."""
        return self._settings.timeout

    @overload
    def connection(self, user: str | None = None, password: str | None = None, *, token: str | None = None, timeout: float | None = -1.0,
                   client: Literal["imaplib"] = "imaplib") -> AbstractContextManager[Connection]: ...

    @overload
    def connection(self, user: str | None = None, password: str | None = None, *, token: str | None = None, timeout: float | None = -1.0,
                   client: Literal["imapclient"]) -> "AbstractContextManager[PooledIMAPClient]": ...

    def connection(self, user: str | None = None, password: str | None = None, *, token: str | None = None, timeout: float | None = -1.0,
                   client: str = "imaplib") -> "AbstractContextManager[Connection] | AbstractContextManager[PooledIMAPClient]":
        """A connection for a block, logged in; without user and password the block calls login() itself (that borrows it), or the
        socket is that of an account. It is logged out of at the block's end; if the block raises, it is dropped instead, for it
        may be in the middle of something. `timeout` counts instead of the pool's. With client="imapclient" it is an
        imapclient.IMAPClient, where the package imapclient is installed."""
        if client == "imapclient":
            return self.imapclient(user, password, token=token, timeout=timeout)
        if client != "imaplib":
            raise ValueError(f"client: imaplib or imapclient, not {client!r}")
        return self._lent(user, password, token, timeout)

    @contextmanager
    def _lent(self, user: str | None, password: str | None, token: str | None,
              timeout: float | None) -> Generator[Connection, None, None]:
        lent = self.get_connection(user, password, token=token, timeout=timeout)
        try:
            yield lent
        except BaseException:
            lent.drop()
            raise
        lent.leave()

    def get_connection(self, user: str | None = None, password: str | None = None, *, token: str | None = None,
                       timeout: float | None = -1.0) -> Connection:
        """A connection that is the caller's until release_connection() or its own logout(). It belongs to one thread at a time."""
        login = Login(user, password, token)
        connection = self._connect(self.timeout if timeout == -1.0 else checked_timeout(timeout))
        try:
            self._log_in(connection, login)
        except BaseException:
            connection.drop()
            raise
        self._loans.add(connection)
        return connection

    def release_connection(self, connection: Connection) -> None:
        """Gives it back. The manager makes it clean for the next; the caller must not use it any more."""
        self._loans.remove(connection)
        connection.leave()

    @contextmanager
    def imapclient(self, user: str | None = None, password: str | None = None, *, token: str | None = None,
                   timeout: float | None = -1.0) -> "Generator[PooledIMAPClient, None, None]":
        """connection() with client="imapclient", by a name of its own."""
        from .clients import PooledIMAPClient  # it is not needed by those who do without

        login = Login(user, password, token)
        client = PooledIMAPClient(lambda: self.get_connection(timeout=timeout))
        try:
            self._log_in(client.connection, login, is_named=True)
            yield client
        except BaseException:
            client.connection.drop()
            raise
        client.connection.leave()

    def status(self, timeout: float | None = -1.0) -> PoolStatus:
        """How the pool is doing, as the manager sees it. It takes no connection of the server, however many are waited for."""
        connection = self._connect(self.timeout if timeout == -1.0 else checked_timeout(timeout))
        try:
            if self._settings.server and not connection.is_logged_in:
                self._choose(connection)
            status, _ = connection.xatom("ID", "NIL")
            _, said = connection.response("ID")
        finally:
            connection.leave()
        if status != "OK":
            raise PoolError(f"{self.path}: the manager does not say how it is doing")
        return status_from(pairs_in(said), self.lent)

    def close(self) -> None:
        """Drops what is still lent, as for a program that ends."""
        for connection in self._loans.take_all():
            connection.drop()

    @property
    def lent(self) -> int:
        """How many connections of this object are in use."""
        return len(self._loans)

    def __enter__(self) -> "IMAPPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self, timeout: float | None) -> Connection:
        try:
            return Connection(self.path, timeout)
        except PoolUnavailable as trouble:
            if self._settings.server and not os.path.exists(self.path):
                raise PoolUnavailable(f"{self.path} does not exist: the operator has to allow servers that no profile names, with "
                                      "listen and servers in [imap_dynamic] of mailpool.toml") from trouble
            raise

    def _choose(self, connection: Connection) -> None:
        server = self._settings.server
        if server:
            connection.choose(server.host, *server.words)

    def _log_in(self, connection: Connection, login: Login, is_named: bool = False) -> None:
        if not is_named:
            self._choose(connection)
        if login.user is None:
            return
        if connection.is_logged_in:
            raise PoolError(f"{self.path} is the socket of an account and logs in by itself: name no user")
        if login.token is not None:
            connection.login_token(login.user, login.token)
        else:
            connection.login(login.user, login.password or "")


def pairs_in(said: list[Any]) -> dict[str, str]:
    """Of an ID response."""
    text = b" ".join(part for part in said if isinstance(part, bytes)).decode("utf-8", "replace")
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in PAIR.findall(text)}
