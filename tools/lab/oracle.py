"""What a run must have kept: compares what was submitted, what the receiver accepted, and what the MTA believes.

Every message of a run has a recipient of its own, so a recipient names a (message, recipient) pair. The receiver writes
its log before it answers 250 and puts a token of message and recipient in that answer; so a status that Postfix
attributes to the wrong recipient shows as a wrong token.

  I1  nothing is lost: accepted by the receiver, or refused by it, or still in Postfix's queue
  I2  no false accept: each `sent` has an accepted entry with the same token
  I3  no cross-talk: what the receiver accepted was submitted, by that sender, with that content
  I4  attribution: the token in the log line is that of this recipient
  I5  duplicates only where the log shows an ambiguous end, or the manager was killed, and no more of them than of those
  I6  at most one end of data for a recipient without a new attempt by Postfix in between
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .postfix import Delivery

TOKEN = re.compile(r"\btok=(\w+)")
AMBIGUOUS = "message may be delivered more than once"
# How an MTA tells that its own session with the manager broke off: Postfix and Sendmail.
LOST_MANAGER = ("message may be sent more than once", "reply: read error from", "Connection reset by")


@dataclass(frozen=True)
class Submitted:
    sender: str
    recipient: str
    content_digest: str | None = None  # of what the receiver sees without trace fields; None: not compared


@dataclass(frozen=True)
class Accepted:
    """One entry of the receiver's log."""

    sender: str
    recipient: str
    token: str
    content_digest: str | None = None


@dataclass
class Evidence:
    submitted: Sequence[Submitted]
    accepted: Sequence[Accepted]
    deliveries: Sequence[Delivery]
    queued: Iterable[str] = ()  # recipients still in the MTA's queue
    logs_replies: bool = True  # Sendmail logs no reply of an LMTP server: "stat=Sent", and that is all
    violations: list[str] = field(default_factory=list)

    def judge(self) -> list[str]:
        """Every broken invariant, a sentence each; empty is good."""
        self.violations = []
        self.nothing_lost()
        self.no_false_accept()
        self.no_cross_talk()
        self.duplicates_explained()
        self.one_end_of_data_per_attempt()
        return self.violations

    def complain(self, invariant: str, recipient: str, what: str) -> None:
        self.violations.append(f"{invariant} {recipient}: {what}")

    def nothing_lost(self) -> None:
        accepted = {entry.recipient for entry in self.accepted}
        bounced = {delivery.recipient for delivery in self.deliveries if delivery.status == "bounced"}
        queued = set(self.queued)
        for message in self.submitted:
            if message.recipient not in accepted | bounced | queued:
                self.complain("I1", message.recipient, "neither accepted, nor bounced, nor in the queue")

    def no_false_accept(self) -> None:
        tokens = defaultdict(set)
        for entry in self.accepted:
            tokens[entry.recipient].add(entry.token)
        for delivery in self.deliveries:
            if delivery.status != "sent":
                continue
            token = TOKEN.search(delivery.text)
            if delivery.recipient not in tokens:
                self.complain("I2", delivery.recipient, f"the MTA says sent, the receiver knows nothing: {delivery.text}")
            elif not token and self.logs_replies:
                self.complain("I4", delivery.recipient, f"no token in {delivery.text}")
            elif token and token[1] not in tokens[delivery.recipient]:
                self.complain("I4", delivery.recipient, f"token {token[1]} belongs to another recipient")

    def no_cross_talk(self) -> None:
        known = {message.recipient: message for message in self.submitted}
        for entry in self.accepted:
            message = known.get(entry.recipient)
            if message is None:
                self.complain("I3", entry.recipient, "accepted, but never submitted")
            elif message.sender != entry.sender:
                self.complain("I3", entry.recipient, f"came from {entry.sender}, not {message.sender}")
            elif None not in (message.content_digest, entry.content_digest) and (
                    message.content_digest != entry.content_digest):
                self.complain("I3", entry.recipient, "the content is another's")

    def unclear_ends(self) -> Counter[str]:
        """For each recipient, how many attempts ended so that nobody can know: the remote's silence, or the manager's end."""
        unclear: Counter[str] = Counter()
        for delivery in self.deliveries:
            if delivery.status == "deferred" and any(
                    words in delivery.text for words in (AMBIGUOUS, *LOST_MANAGER)):
                unclear[delivery.recipient] += 1
        return unclear

    def duplicates_explained(self) -> None:
        unclear = self.unclear_ends()
        for recipient, count in Counter(entry.recipient for entry in self.accepted).items():
            if count - 1 > unclear[recipient]:
                self.complain("I5", recipient, f"accepted {count} times, with {unclear[recipient]} unclear ends")

    def one_end_of_data_per_attempt(self) -> None:
        attempts = Counter(delivery.recipient for delivery in self.deliveries)
        queued = set(self.queued)
        for recipient, count in Counter(entry.recipient for entry in self.accepted).items():
            allowed = attempts[recipient] + (recipient in queued)  # an attempt that is not logged yet
            if count > max(allowed, 1):
                self.complain("I6", recipient, f"accepted {count} times in {attempts[recipient]} attempts")

    def duplicates(self) -> int:
        return len(self.accepted) - len({entry.recipient for entry in self.accepted})
