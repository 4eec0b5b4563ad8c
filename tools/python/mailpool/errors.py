"""What can go wrong when a connection is borrowed or used. All are errors of imaplib too, so programs written for it catch them."""

import imaplib
import re
from typing import Literal

Reason = Literal["unavailable", "not-allowed", "full", "timeout", "server", "certificate", "refused", "not-offered", "lost", "taken-away",
                 "draining", "command", "misuse"]

# What the manager's words name, first come, first served: its own options are in them.
NAMED: tuple[tuple[str, Reason], ...] = (
    ("max_loan_time", "taken-away"), ("certificate", "certificate"), ("draining", "draining"), ("drain_timeout", "draining"),
    ("allow_users", "not-allowed"), ("[imap_dynamic]", "not-allowed"), ("(max_waiting)", "full"), ("(pool_size)", "full"),
    ("(max_connections)", "full"), ("(max_profiles)", "full"), ("is paused", "full"), ("client_timeout", "taken-away"), ("(timed out)", "timeout"))
# Response codes (RFC 5530, and Gmail's) that say "not now" rather than "not you".
NOT_NOW = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "OVERQUOTA", "THROTTLED")
CODE = re.compile(r"(?:\* BYE )?\[([A-Z]+)")


class PoolError(imaplib.IMAP4.error):
    """No connection was lent, or one that was lent is of no use any more; the text says why, in the manager's or the server's words.

    `reason` is one word for programs: unavailable (no manager, no such pool), not-allowed, full (nothing came free in time),
    timeout (nobody answered this program in time), server (it cannot be reached, or takes no login now), certificate, refused
    (user and password), not-offered, lost, taken-away (kept for too long), draining, command (the server said BAD), misuse.
    """

    default: Reason = "misuse"

    def __init__(self, text: object = "", reason: Reason | None = None) -> None:
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        super().__init__(words)
        self.reason: Reason = reason or reason_in(words, self.default)

    def __reduce__(self) -> tuple[type["PoolError"], tuple[str, Reason]]:
        return type(self), (str(self), self.reason)

    @property
    def may_be_retried(self) -> bool:
        """Whether the same may succeed later, and nothing was done yet: no connection was lent."""
        return self.reason in ("unavailable", "full", "timeout", "server", "draining") and not isinstance(self, ConnectionLost)


class PoolUnavailable(PoolError):
    """There is no such pool: the manager is away, nothing has this name, or this user may not use it."""

    default: Reason = "unavailable"


class PoolBusy(PoolError):
    """Nothing came free in time, or the server cannot be reached now: worth another try later."""

    default: Reason = "server"


class PoolTimeout(PoolBusy, TimeoutError):
    """The manager did not answer within this program's own timeout."""

    default: Reason = "timeout"


class LoginRefused(PoolError):
    """The server (or the manager, which knows its answer) refuses this user and this password or token."""

    default: Reason = "refused"


class CommandError(PoolError):
    """The server does not understand a command, or imaplib does not let it be said now."""

    default: Reason = "command"


class ConnectionLost(PoolError, imaplib.IMAP4.abort):
    """A connection that was lent has ended; what it was told last may have been done or not."""

    default: Reason = "lost"


class ReadOnly(ConnectionLost, imaplib.IMAP4.readonly):
    """The mailbox has become read-only."""

    default: Reason = "command"


class ForgottenConnection(ResourceWarning):
    """A connection was lent and never given back. It was given back now, since nothing refers to it any more."""


def reason_in(text: str, otherwise: Reason) -> Reason:
    """The word for what the manager or the server said."""
    for words, reason in NAMED:
        if words in text:
            return reason
    return otherwise


def refusal(about: str, words: str) -> PoolError:
    """Why somebody who wants to borrow gets nothing. Who wants it, and the server's own words, have no say in the reason."""
    code = CODE.match(words)
    text = f"{about}: {words}"
    if code and code[1] in NOT_NOW:
        return PoolBusy(text, reason_in(words, "server"))
    if code and code[1] == "NOPERM":
        return PoolUnavailable(text, "not-allowed")
    return LoginRefused(text, "not-offered" if code and code[1] == "CANNOT" else "refused")


def no_greeting(about: str, words: str) -> PoolError:
    """Why the manager sends a program away before it has said anything."""
    return refusal(about, words) if CODE.match(words) else PoolUnavailable(f"{about}: {words}", reason_in(words, "unavailable"))


def no_server(about: str, words: str) -> PoolError:
    """Why the manager does not go to a server that a program names."""
    found = refusal(about, words)
    return found if isinstance(found, PoolBusy) else PoolUnavailable(str(found), "not-allowed")
