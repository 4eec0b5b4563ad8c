"""Postfix with the table, in front of the real manager: queues per site, fail-open, and restarts."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable

import pytest

from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold, door_directory, program
from lab.postfix import MAILPOOL_SERVICE, Delivery, Postfix
from lab.process import Lab, free_port, wait_until
from lab.table import TABLE, declare_table, hashed

AWAY = 4.2
MESSAGE = b"Subject: x\r\n\r\nx\r\n"


class Front:
    """Postfix, manager, and a fakemx behind both the pool and the fallback."""

    def __init__(self, lab: Lab, script: str = "", settings: dict | None = None, postfix_settings: dict | None = None):
        self.lab = lab
        self.mx = Fakemx(lab, script)
        self.postfix = Postfix(lab, "front", {
            "transport_maps": TABLE, "default_transport": f"smtp:[127.0.0.1]:{self.mx.port}",
            "mailpool_destination_concurrency_failed_cohort_limit": "0", **(postfix_settings or {})}, MAILPOOL_SERVICE)
        declare_table(self.postfix)
        self.manager = Mailpoold(lab, {"route": {"*": [self.mx.address]},
                                       "site": {"big": {"domains": ["big.example"]},
                                                "bank": {"domains": ["bank.example"], "fallback": "defer"}},
                                       **(settings or {})}, self.postfix)
        self.count = 0

    def start(self) -> "Front":
        self.manager.start()
        self.postfix.start()
        return self

    def send(self, domain: str) -> str:
        self.count += 1
        recipient = f"u{self.count}@{domain}"
        self.postfix.submit("sender@example.com", [recipient], MESSAGE)
        return recipient

    def map(self) -> bytes:
        """What the manager has told the table."""
        return (door_directory(self.postfix) / "map").read_bytes()

    def answers(self, domains: list[str]) -> set[str]:
        """The table's, for all of these domains; it answers to the last key that Postfix asks for."""
        keys = "".join(f"x@{domain}\n.{domain.rpartition('.')[2]}\n" for domain in domains)
        done = self.postfix.command("postmap", "-q", "-", TABLE, input=keys, text=True)
        return {line.rpartition("mailpool/d/")[2] for line in done.stdout.splitlines()}

    def outcome(self, domain: str) -> Delivery:
        return self.postfix.wait_for_delivery(self.send(domain))

    def way_of(self, domain: str) -> str:
        """The door of a message that arrived; "smtp" if it took no door."""
        outcome = self.outcome(domain)
        assert outcome.status == "sent", outcome
        return door_of(outcome)


def door_of(delivery: Delivery) -> str:
    return delivery.relay.rpartition("[mailpool/d/")[2].rstrip("]") if "mailpool/d/" in delivery.relay else "smtp"


@pytest.fixture
def front(lab: Lab) -> Callable[..., Front]:
    return lambda *arguments, **named: Front(lab, *arguments, **named)


def pair(same_door: bool) -> tuple[str, str]:
    """Two domains, chosen on purpose."""
    first = "slow.example"
    for number in range(100_000):
        other = f"fast{number}.example"
        if (hashed(other) == hashed(first)) == same_door:
            return first, other
    raise AssertionError("unreachable")


def test_a_domain_behind_another_door_does_not_wait_for_a_sleeping_one(front: Callable[..., Front]):
    slow, fast = pair(same_door=False)
    it = front(f"end to=*@{slow} -> delay 20s; 250 2.0.0 slowly", {"smtp": {"max_connections": 50}},
               {"mailpool_destination_concurrency_limit": "3", "mailpool_initial_destination_concurrency": "3"}).start()
    for _ in range(6):
        it.send(slow)
    wait_until(lambda: it.manager.totals()["in_flight"] == 3, 10, "as many as Postfix hands over at once are asleep")
    ways = [it.outcome(fast) for _ in range(3)]
    assert {door_of(one) for one in ways} == {hashed(fast)} and {one.status for one in ways} == {"sent"}
    assert not [one for one in it.postfix.deliveries() if one.recipient.endswith(slow)], "the first still sleep"
    assert hashed(slow) != hashed(fast)


def test_400_domains_of_one_provider_share_one_door_once_the_manager_has_seen_them(front: Callable[..., Front], dns: Dns):
    port = free_port()
    it = front(settings={"route": {}, "dns": {"servers": dns.servers, "trust_anchor": "", "timeout": "2s"},
                         "smtp": {"port": port, "prohibited": [], "max_connections": 50}})
    Fakemx(it.lab, host="127.0.0.2", port=port)
    domains = [f"customer{number}.example.com" for number in range(400)]
    for domain in domains:
        dns.mx(domain, "mx1.provider.example.com", "mx2.provider.example.com")
    dns.a("mx1.provider.example.com", "127.0.0.2")
    dns.a("mx2.provider.example.com", "127.0.0.2")
    it.start()

    def send_to_all(user: str) -> set[str]:
        for start in range(0, 400, 50):
            it.postfix.submit("sender@example.com", [f"{user}@{domain}" for domain in domains[start:start + 50]], MESSAGE)
        def all_sent() -> list[Delivery] | None:
            sent = [one for one in it.postfix.deliveries("sent") if one.recipient.startswith(f"{user}@")]
            return sent if len(sent) == 400 else None
        return {door_of(one) for one in wait_until(all_sent, 60, f"400 of {user} are sent\n{it.postfix.log()[-2000:]}")}

    assert len(send_to_all("first")) > 200, "nothing is known of them yet"
    wait_until(lambda: len(it.answers(domains)) == 1, 20, "the map tells what was learned, every five seconds at most")
    assert len(send_to_all("second")) == 1


FAILURES = {"killed": signal.SIGKILL, "stopped": signal.SIGTERM, "hung": signal.SIGSTOP}


@pytest.mark.parametrize("name", FAILURES)
def test_mail_takes_its_fallback_while_the_manager_is(name: str, front: Callable[..., Front]):
    """Where no short absence is waited for."""
    it = front(settings={"postfix": {"short_absence": "0s"}}).start()
    assert it.way_of("big.example") == "big"
    it.manager.process.signal(FAILURES[name])
    end = time.monotonic() + AWAY
    while time.monotonic() < end:  # accepting never stops
        it.send("other.example")
        time.sleep(0.3)
    assert it.way_of("big.example") == "smtp"
    assert it.way_of("nobody.example") == "smtp"
    if name == "hung":
        it.manager.process.signal(signal.SIGCONT)
    else:
        waits = it.outcome("bank.example")
        assert waits.status == "deferred" and "mailpool/d/bank" in waits.relay + waits.text
        it.manager.process.wait()
        it.manager.lmtp_socket.unlink(missing_ok=True)
        it.manager.start()
    wait_until(lambda: it.way_of("big.example") == "big", 15, "mail takes its door again, without touching Postfix")
    it.postfix.flush()
    it.postfix.wait_until_empty()
    assert " 451 " not in it.postfix.log()


def test_mail_under_a_limit_waits_for_a_short_absence_and_other_mail_does_not(front: Callable[..., Front]):
    """With the shipped five minutes."""
    it = front().start()
    assert it.way_of("big.example") == "big"
    it.manager.process.signal(signal.SIGKILL)
    time.sleep(AWAY)
    waits = it.outcome("big.example")
    assert waits.status == "deferred" and "mailpool/d/big" in waits.relay + waits.text
    assert it.way_of("nobody.example") == "smtp"
    it.manager.process.wait()
    it.manager.lmtp_socket.unlink(missing_ok=True)
    it.manager.start()
    it.postfix.flush()
    it.postfix.wait_until_empty()
    assert [one.status for one in it.postfix.deliveries() if one.recipient == waits.recipient][-1] == "sent"


def test_a_restart_under_load_keeps_the_doors_and_suspends_nobody(front: Callable[..., Front]):
    """With the socket held open in front of the manager, as systemd does."""
    it = front()
    listener = socket.socket(socket.AF_UNIX)
    path = door_directory(it.postfix) / "lmtp.sock"
    listener.bind(str(path))
    listener.listen(1024)
    subprocess.run(["chown", "mailpool:postfix", path], check=True)
    path.chmod(0o660)

    def start_manager() -> subprocess.Popen:
        def take_socket() -> None:
            os.dup2(listener.fileno(), 3)
        log = open(it.manager.directory / "mailpoold.err.log", "ab")
        return subprocess.Popen(["/bin/sh", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" "$@"',
                                 str(program("mailpoold")), "--config", str(it.manager.config_file)], preexec_fn=take_socket,
                                pass_fds=(3,), user="mailpool", group="mailpool", extra_groups=["postfix"], stderr=log,
                                env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})

    process = start_manager()
    wait_until(lambda: it.manager.poolctl("status").returncode == 0, 15, "the manager answers")
    it.postfix.start()
    load = subprocess.Popen(["smtp-source", "-s", "5", "-m", "300", "-l", "2000", "-f", "sender@example.com", "-N", "-t",
                             "someone@big.example", f"127.0.0.1:{it.postfix.port}"])
    try:
        for _ in range(3):
            wait_until(lambda: it.manager.poolctl("status").returncode == 0, 15, "the manager answers")
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            process = start_manager()
        assert load.wait(60) == 0
        it.postfix.flush()
        it.postfix.wait_until_empty()
    finally:
        process.kill()
        process.wait()
    assert "suspended" not in it.postfix.log()
    assert {door_of(one) for one in it.postfix.deliveries("sent")} == {"big"}
    assert len({one.recipient for one in it.postfix.deliveries("sent")}) == 300
    assert len(it.mx.accepted()) == 300, "each arrived once"


def test_a_suspended_sites_mail_waits_even_while_the_manager_is_away(front: Callable[..., Front]):
    it = front().start()
    assert it.way_of("other.example") == hashed("other.example")
    for words in (["suspend", "big"], ["suspend", "--domain", "unseen.example"]):
        done = it.manager.poolctl(*words, "--for", "1h", "--reason", "a test")
        assert done.returncode == 0, done.stderr
    wait_until(lambda: b"unseen.example" in it.map(), 10, "the map tells of it")
    it.manager.kill()
    time.sleep(AWAY)
    for domain in ("big.example", "unseen.example"):
        outcome = it.outcome(domain)
        assert outcome.status == "deferred" and "mailpool/d/" in outcome.relay + outcome.text, outcome
    assert it.way_of("other.example") == "smtp"
