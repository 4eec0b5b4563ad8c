"""What can go wrong when a connection is borrowed. All are errors of imaplib too, so programs written for it catch them."""

import imaplib


class PoolError(imaplib.IMAP4.error):
    """No connection was lent; the text says why, in the manager's or the server's words."""


class PoolUnavailable(PoolError):
    """There is no such pool: the manager is away, nothing has this name, or this user may not use it."""


class PoolBusy(PoolError):
    """Nothing came free in time, or the server cannot be reached now: worth another try later."""


class LoginRefused(PoolError):
    """The server (or the manager, which knows its answer) refuses this user and password."""
