"""Borrow warm, logged-in IMAP connections from mailpoold.

    import mailpool

    pool = mailpool.IMAPPool("bounces")                 # the profile [imap.bounces] of mailpool.toml
    with pool.connection("user", "password") as conn:   # an imaplib.IMAP4, logged in
        conn.select("INBOX")
        print(conn.search(None, "UNSEEN"))

The manager keeps the connections, opens as many as its profile allows, and hands each to one program at a time, clean. So a
pool of this module holds no connection itself: make as many as is convenient, share one between threads, fork as you like.
For asyncio there is mailpool.aio.
"""

from .connection import Connection
from .errors import (CommandError, ConnectionLost, ForgottenConnection, LoginRefused, PoolBusy, PoolError, PoolTimeout, PoolUnavailable,
                     ReadOnly)
from .pool import IMAPPool
from .retrying import retry
from .settings import DIRECTORY
from .status import PoolStatus

__version__ = "0.2.0"
__all__ = ["DIRECTORY", "CommandError", "Connection", "ConnectionLost", "ForgottenConnection", "IMAPPool", "LoginRefused", "PoolBusy",
           "PoolError", "PoolStatus", "PoolTimeout", "PoolUnavailable", "ReadOnly", "__version__", "retry"]
