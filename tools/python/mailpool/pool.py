"""Pools by name: what a program asks for connections."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .connection import Connection
from .errors import PoolError, PoolUnavailable

# Where the packages' profiles listen: NAME.sock for [imap.NAME], dynamic.sock for [imap_dynamic].
DIRECTORY = "/run/mailpool/imap"
DYNAMIC = "dynamic"


class IMAPPool:
    """A pool of mailpoold. It may be shared between threads; it keeps no connection when none is lent.

    IMAPPool("bounces")                             the profile [imap.bounces], at its usual socket
    IMAPPool(socket="/run/mailpool/imap/x.sock")    whatever listens there, also the socket of an account
    IMAPPool(host="imap.example.com", port=993, ssl=True, pool_size=5)
                                                    a server that no profile names, where [imap_dynamic] allows it

    A host is spoken to in TLS from the first octet (`ssl`), or after STARTTLS (`ssl=False`); without TLS no password leaves the
    machine. All programs that name the same server share one pool, as large as the largest `pool_size` that one has asked for.

    `timeout` (seconds, None for ever) bounds each wait for the manager: to get a connection, and then for each answer. It
    should be longer than the profile's checkout_timeout, so that the manager can say what it waited for.
    """

    def __init__(self, profile: str | None = None, *, socket: str | os.PathLike[str] | None = None, host: str | None = None,
                 port: int = 993, ssl: bool = True, pool_size: int = 5, timeout: float | None = 60.0,
                 directory: str | os.PathLike[str] = DIRECTORY) -> None:
        if (profile is not None) + (host is not None) + (socket is not None and host is None) != 1:
            raise ValueError("name one of these: a profile, a socket, or a host")
        if timeout is not None and timeout <= 0:
            raise ValueError("timeout: more than 0 seconds, or None to wait for ever")
        self.timeout = timeout
        self._server = checked_server(host, port, ssl, pool_size) if host is not None else None
        name = DYNAMIC if profile is None else checked_name(profile)
        self.path = os.fspath(socket) if socket is not None else os.path.join(directory, f"{name}.sock")
        self._lent: set[Connection] = set()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"IMAPPool({self.path!r})"

    @contextmanager
    def connection(self, user: str | None = None, password: str | None = None) -> Iterator[Connection]:
        """A connection for a block. It is logged out of at the block's end; if the block raises, it is dropped instead,
        for it may be in the middle of something. Without user and password: the socket must be that of an account."""
        lent = self.get_connection(user, password)
        try:
            yield lent
        except BaseException:
            self._forget(lent)
            lent.drop()
            raise
        self.release_connection(lent)

    def get_connection(self, user: str | None = None, password: str | None = None) -> Connection:
        """A connection that is the caller's until release_connection(). It belongs to one thread at a time."""
        if (user is None) != (password is None):
            raise ValueError("a user and a password, or neither")
        connection = self._connect()
        try:
            if self._server:
                connection.choose(*self._server)
            if user is not None and password is not None and not connection.is_logged_in:
                connection.enter(user, password)
            elif user is None and not connection.is_logged_in:
                raise PoolError(f"{self.path} wants a user and a password; only the socket of an account does without")
            elif user is not None:
                raise PoolError(f"{self.path} is the socket of an account and logs in by itself: name no user")
        except BaseException:
            connection.drop()
            raise
        with self._lock:
            self._lent.add(connection)
        return connection

    def release_connection(self, connection: Connection) -> None:
        """Gives it back. The manager makes it clean for the next; the caller must not use it any more."""
        self._forget(connection)
        connection.leave()

    def close(self) -> None:
        """Gives back what is still lent, as for a program that ends."""
        with self._lock:
            lent, self._lent = self._lent, set()
        for connection in lent:
            connection.drop()

    @property
    def lent(self) -> int:
        """How many connections of this object are in use."""
        with self._lock:
            return len(self._lent)

    def __enter__(self) -> "IMAPPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self) -> Connection:
        try:
            return Connection(self.path, self.timeout)
        except PoolUnavailable as trouble:
            if self._server and not os.path.exists(self.path):
                raise PoolUnavailable(f"{self.path} does not exist: the operator has to allow servers that no profile names, "
                                      "with listen and servers in [imap_dynamic] of mailpool.toml") from trouble
            raise

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            if connection not in self._lent:
                raise PoolError("this connection was not lent by this pool, or was given back already")
            self._lent.remove(connection)


def checked_name(profile: str) -> str:
    """Names end up in a path."""
    if not profile or profile.strip("abcdefghijklmnopqrstuvwxyz0123456789-") or len(profile) > 63:
        raise ValueError(f"{profile!r} is not a profile's name: small letters, digits and hyphens")
    return profile


def checked_server(host: str, port: int, ssl: bool, pool_size: int) -> tuple[str, int, str, int]:
    """What a dynamic socket wants to know."""
    if not host or host.strip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:"):
        raise ValueError(f"{host!r} is not a host name or an address")
    if not 1 <= port <= 65535:
        raise ValueError(f"port: 1 to 65535, not {port}")
    if not 1 <= pool_size <= 1000:
        raise ValueError(f"pool_size: 1 to 1000, not {pool_size}")
    return host, port, "implicit" if ssl else "starttls", pool_size
