"""Borrow warm, logged-in IMAP connections from mailpoold.

    import mailpool

    pool = mailpool.IMAPPool("bounces")                 # the profile [imap.bounces] of mailpool.toml
    with pool.connection("user", "password") as conn:   # an imaplib.IMAP4, logged in
        conn.select("INBOX")
        print(conn.search(None, "UNSEEN"))

The manager keeps the connections, opens as many as its profile allows, and hands each to one program at a time, clean. So a
pool of this module holds no connection itself: make as many as is convenient, share one between threads, fork as you like.
"""

from .connection import Connection
from .errors import LoginRefused, PoolBusy, PoolError, PoolUnavailable
from .pool import DIRECTORY, IMAPPool

__all__ = ["DIRECTORY", "Connection", "IMAPPool", "LoginRefused", "PoolBusy", "PoolError", "PoolUnavailable"]
