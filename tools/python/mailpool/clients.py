"""imapclient over the manager's socket, where the package imapclient is installed."""

from collections.abc import Callable
from typing import Any

import imapclient

from .connection import Connection


class PooledIMAPClient(imapclient.IMAPClient):
    """An imapclient.IMAPClient whose connection is one of the pool: `connection`, an imaplib.IMAP4.

    login() and oauth2_login() borrow it, logout() gives it back; what fails there is a PoolError.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self.connection = connect()
        # It has no address: a stream's is the only kind that imapclient never looks up. TLS is the manager's part.
        super().__init__("localhost", ssl=False, timeout=None)

    def _create_IMAP4(self) -> Connection:  # noqa: N802 (imapclient's own name)
        return self.connection

    def _set_read_timeout(self) -> None:
        """The pool's, also after IDLE, during which imapclient sets it to nothing."""
        self.connection.timeout = self.connection.timeout

    def login(self, username: str, password: str) -> bytes:
        """Borrows the connection."""
        return bytes(self.connection.login(username, password)[1][-1])

    def oauth2_login(self, user: str, access_token: str, mech: str = "XOAUTH2", vendor: Any = None) -> bytes:
        """Borrows the connection with a token."""
        if mech != "XOAUTH2" or vendor is not None:
            raise ValueError("mech is XOAUTH2 here, and vendor counts for nothing")
        return bytes(self.connection.login_token(user, access_token)[1][-1])

    def logout(self) -> bytes:
        """Gives the connection back."""
        return bytes(self.connection.logout()[1][-1] or b"")
