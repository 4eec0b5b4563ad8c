"""kill -9 of mailpoold under load from Postfix: nothing lost, nothing invented, duplicates only where nobody can know."""

import random
import smtplib
import time

import pytest

from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold, postfix_through_mailpool
from lab.messages import message
from lab.oracle import Evidence, Submitted
from lab.postfix import Postfix
from lab.process import Lab, wait_until

SENDER = "sender@example.com"
DOMAINS = ("one.example.org", "two.example.org", "three.example.org")
KILLS = 20
PER_KILL = 25


@pytest.fixture
def sender(lab: Lab) -> Postfix:
    return postfix_through_mailpool(lab, settings={"minimal_backoff_time": "1s", "maximal_backoff_time": "2s",
                                                   "queue_run_delay": "2s"}).start()


def submit(sender: Postfix, first: int, count: int) -> list[Submitted]:
    """Messages with a recipient each; the sender's address is theirs alone too."""
    submitted = []
    with smtplib.SMTP("127.0.0.1", sender.port, timeout=30) as client:
        for number in range(first, first + count):
            entry = Submitted(f"from{number}@example.com", f"to{number}@{DOMAINS[number % len(DOMAINS)]}")
            client.sendmail(entry.sender, [entry.recipient], message(b"message %d\r\n" % number, f"m{number}"))
            submitted.append(entry)
    return submitted


@pytest.mark.slow
def test_twenty_kills_under_load(lab: Lab, sender: Postfix):
    """Half of the kills come while the receiver has accepted and logged a message but has not said so yet."""
    # Every second message is committed at once and answered late: the window between commit point and reply.
    receiver = Fakemx(lab, "end nth=%2 -> commit; delay 400ms\nend -> delay 20ms\n")
    manager = Mailpoold(lab, {"route": {domain: [receiver.address] for domain in DOMAINS},
                              "smtp": {"tls": "none", "max_connections": 8}}, sender).start()
    chance = random.Random(4)
    submitted: list[Submitted] = []
    in_the_window = 0
    for kill in range(KILLS):
        submitted += submit(sender, len(submitted), PER_KILL)
        if kill % 2 == 0:
            known = len(receiver.accepted())
            wait_until(lambda: len(receiver.accepted()) > known, 20, "a message is accepted, its reply under way", 0.002)
            time.sleep(chance.uniform(0.0, 0.1))
            in_the_window += 1
        else:
            time.sleep(chance.uniform(0.05, 0.6))
        manager.kill()
        time.sleep(chance.uniform(0, 0.2))
        manager.start()
    sender.flush()
    wait_until(lambda: sender.flush() or not sender.queued(), 90, "everything is delivered", interval=1)

    evidence = Evidence(submitted, receiver.accepted(), sender.deliveries(), [entry["recipients"][0]["address"]
                                                                              for entry in sender.queued()])
    assert evidence.judge() == []
    assert in_the_window == KILLS // 2
    assert evidence.unclear_ends(), "the kills hit something"
    print(f"{len(submitted)} messages, {KILLS} kills, {evidence.duplicates()} duplicates, "
          f"{sum(evidence.unclear_ends().values())} unclear ends")


def test_postfix_keeps_the_mail_while_mailpoold_is_away(lab: Lab, sender: Postfix):
    receiver = Fakemx(lab)
    manager = Mailpoold(lab, {"route": {domain: [receiver.address] for domain in DOMAINS}}, sender).start()
    manager.kill()
    submitted = submit(sender, 0, 5)
    wait_until(lambda: len(sender.deliveries("deferred")) >= 1, 20, "Postfix defers")
    assert not receiver.accepted()
    manager.start()
    wait_until(lambda: sender.flush() or not sender.queued(), 60, "everything is delivered", interval=1)
    assert Evidence(submitted, receiver.accepted(), sender.deliveries()).judge() == []


def test_a_load_without_kills_leaves_nothing_behind(lab: Lab, sender: Postfix):
    """I7: file descriptors, memory in use and gauges are back where they were."""
    receiver = Fakemx(lab)
    manager = Mailpoold(lab, {"route": {domain: [receiver.address] for domain in DOMAINS},
                              "smtp": {"idle_timeout": "1s"}}, sender).start()
    files = manager.open_files()
    submitted = submit(sender, 0, 100)
    sender.wait_until_empty()
    assert Evidence(submitted, receiver.accepted(), sender.deliveries()).judge() == []
    wait_until(lambda: manager.totals()["connections_open"] == 0, 10, "idle connections are closed")
    totals = manager.totals()
    assert (totals["in_flight"], totals["waiting"], totals["delivered"]) == (0, 0, 100)
    wait_until(lambda: manager.open_files() <= files + 1, 15, f"{manager.open_files()} files are open, not {files}")
    assert receiver.violations() == 0
