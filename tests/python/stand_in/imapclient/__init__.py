"""As much of imapclient as says how mailpool hangs together with it, where the package itself is not installed."""

import imaplib
import select
from typing import Any

imaplib.Commands["IDLE"] = ("AUTH", "SELECTED")


class IMAPClient:
    """What a subclass may rely on: the connection is made by _create_IMAP4(), and then all is said through it."""

    def __init__(self, host: str, port: int | None = None, use_uid: bool = True, ssl: bool = True, stream: bool = False,
                 ssl_context: Any = None, timeout: float | None = None) -> None:
        assert host and not ssl and not stream and port is None and ssl_context is None and timeout is None and use_uid
        self._imap: imaplib.IMAP4 = self._create_IMAP4()
        self._set_read_timeout()

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 (imapclient's own name)
        raise AssertionError("this would look up a host")

    def _set_read_timeout(self) -> None:
        raise AssertionError("this would set another timeout than the pool's")

    def idle(self) -> None:
        """Says it, and hears that it has begun."""
        self._idle_tag = self._imap._command("IDLE")  # type: ignore[attr-defined]
        self._imap._get_response()  # type: ignore[attr-defined]

    def idle_check(self, timeout: float | None = None) -> list[Any]:
        """What came meanwhile: it waits on the socket itself, and reads until there is nothing more."""
        self._imap.sock.settimeout(None)
        self._imap.sock.setblocking(False)
        told: list[bytes] = []
        try:
            while select.select([self._imap.sock], [], [], timeout)[0] and not told:
                while True:
                    try:
                        told.append(self._imap._get_line())  # type: ignore[attr-defined]
                    except OSError:
                        break
                    except imaplib.IMAP4.abort as end:
                        if "EOF" in end.args[0]:
                            break
                        raise
            return told
        finally:
            self._imap.sock.setblocking(True)
            self._set_read_timeout()

    def noop(self) -> tuple[bytes, list[Any]]:
        """The tagged answer's text, and what came before it."""
        return bytes(self._imap.noop()[1][-1]), []
