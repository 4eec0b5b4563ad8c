"""The oracle finds each kind of lie, and is quiet about an honest run."""

import pytest

from lab.oracle import Accepted, Evidence, Submitted
from lab.postfix import Delivery

A, B = "a@example.org", "b@example.org"
SENDER = "sender@example.com"


def sent(recipient: str, token: str) -> Delivery:
    return Delivery("4F1", recipient, "x", "2.0.0", "sent", f"250 2.0.0 mx said: ok tok={token}")


def deferred(recipient: str, text: str) -> Delivery:
    return Delivery("4F1", recipient, "x", "4.4.2", "deferred", text)


def honest() -> Evidence:
    return Evidence([Submitted(SENDER, A, "h1"), Submitted(SENDER, B, "h2")],
                    [Accepted(SENDER, A, "ta", "h1"), Accepted(SENDER, B, "tb", "h2")], [sent(A, "ta"), sent(B, "tb")])


def test_an_honest_run_breaks_nothing():
    assert honest().judge() == []


def lost(evidence: Evidence) -> None:
    evidence.accepted, evidence.deliveries = evidence.accepted[:1], evidence.deliveries[:1]


def false_accept(evidence: Evidence) -> None:
    evidence.accepted = evidence.accepted[:1]


def swapped(evidence: Evidence) -> None:
    evidence.deliveries = [sent(A, "tb"), sent(B, "ta")]


def without_token(evidence: Evidence) -> None:
    evidence.deliveries = [sent(A, "ta"), Delivery("4F1", B, "x", "2.0.0", "sent", "250 ok")]


def foreign(evidence: Evidence) -> None:
    evidence.accepted = [*evidence.accepted, Accepted(SENDER, "c@example.org", "tc")]


def other_sender(evidence: Evidence) -> None:
    evidence.accepted = [Accepted("x@example.com", A, "ta", "h1"), *evidence.accepted[1:]]


def other_content(evidence: Evidence) -> None:
    evidence.accepted = [Accepted(SENDER, A, "ta", "h2"), *evidence.accepted[1:]]


def doubled(evidence: Evidence) -> None:
    evidence.accepted = [*evidence.accepted, evidence.accepted[0]]
    evidence.deliveries = [deferred(A, "451 4.3.2 mailpool is stopping"), *evidence.deliveries]


def second_dot(evidence: Evidence) -> None:
    evidence.accepted = [*evidence.accepted, evidence.accepted[0]]


@pytest.mark.parametrize(("lie", "invariant"), [
    (lost, "I1"), (false_accept, "I2"), (foreign, "I3"), (other_sender, "I3"), (other_content, "I3"), (swapped, "I4"),
    (without_token, "I4"), (doubled, "I5"), (second_dot, "I6")])
def test_a_lie_is_found(lie, invariant: str):
    evidence = honest()
    lie(evidence)
    assert any(violation.startswith(invariant) for violation in evidence.judge())


@pytest.mark.parametrize("text", [
    "451 4.4.2 mx[192.0.2.1]:25: timeout while waiting for end-of-data reply -- message may be delivered more than once",
    "lost connection with sender.mail.example.com[mailpool/lmtp.sock] while sending end of data -- message may be sent "
    "more than once"])
def test_a_duplicate_after_an_unclear_end_is_no_lie(text: str):
    evidence = honest()
    evidence.accepted = [*evidence.accepted, evidence.accepted[0]]
    evidence.deliveries = [deferred(A, text), *evidence.deliveries]
    assert evidence.judge() == []


def test_what_is_still_queued_is_not_lost():
    evidence = honest()
    lost(evidence)
    evidence.queued = [B]
    assert evidence.judge() == []
