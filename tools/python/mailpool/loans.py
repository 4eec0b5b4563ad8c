"""Which connections of a pool are lent, and what becomes of those that nobody gives back."""

import os
import socket
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable

from .connection import Connection
from .errors import ForgottenConnection, PoolError

HERE = os.path.dirname(__file__)


class Loans:
    """Of one pool, in one process. A child that was forked begins with none: its parent's stay the parent's."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begin()
        known.add(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()  # a collection may begin while it is held
        self._lent: dict[int, tuple[weakref.ref[Connection], Callable[[], object]]] = {}  # with what calls its finalizer off

    def add(self, connection: Connection) -> None:
        """From now on it is lent; where nothing refers to it any more, it comes back with a warning."""
        finalizer = weakref.finalize(connection, self._forgotten, id(connection), borrowed_at(), connection.sock)
        finalizer.atexit = False
        reference, key = weakref.ref(connection), id(connection)
        with self._lock:
            self._lent[key] = (reference, finalizer.detach)
        connection.when_returned = lambda: self._end(key)  # not the connection itself: that would be a circle

    def remove(self, connection: Connection) -> None:
        """It comes back. An error where it was not lent."""
        if not self._end(id(connection)):
            raise PoolError("this connection was not lent by this pool, or was given back already")

    def take_all(self) -> list[Connection]:
        """All that are lent, which are lent no more."""
        with self._lock:
            lent, self._lent = self._lent, {}
        for _, call_off in lent.values():
            call_off()
        return [connection for reference, _ in lent.values() if (connection := reference()) is not None]

    def __len__(self) -> int:
        with self._lock:
            return len(self._lent)

    def begin_in_child(self) -> None:
        """After a fork: the child's copies are closed without a word."""
        lent = self._lent
        self._begin()
        for reference, call_off in lent.values():
            call_off()
            connection = reference()
            if connection is not None:
                connection.shutdown()

    def _end(self, key: int) -> bool:
        with self._lock:
            found = self._lent.pop(key, None)
        if found:
            found[1]()
        return found is not None

    def _forgotten(self, key: int, where: str, connection: socket.socket) -> None:
        self._end(key)
        connection.close()
        warnings.warn(f"{self._name}: a connection that was borrowed at {where} was never given back; use "
                      "'with pool.connection(...)', or release_connection()", ForgottenConnection, stacklevel=2)


def borrowed_at() -> str:
    """The line that asked for a connection: the nearest that is not of this package."""
    for frame in reversed(traceback.extract_stack()):
        if os.path.dirname(frame.filename) != HERE and not frame.filename.endswith("contextlib.py"):
            return f"{frame.filename}:{frame.lineno}"
    return "an unknown place"


known: weakref.WeakSet[Loans] = weakref.WeakSet()


def begin_in_child() -> None:
    """Of all pools of this process."""
    for loans in list(known):
        loans.begin_in_child()


os.register_at_fork(after_in_child=begin_in_child)
