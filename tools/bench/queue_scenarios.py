"""Out of a real queue: Postfix with the table and the doors, wired by `poolctl postfix enable`, stock retry times, providers that
allow less than what waits for them, and one that is healthy."""

import json
import os
import re
import smtplib
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from common import Scenarios, cpu_us, percentile, say
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold, Value
from lab.messages import message
from lab.postfix import Postfix
from lab.process import Lab, LabError
from lab.table import declare_table

STOCK = {"minimal_backoff_time": "300s", "maximal_backoff_time": "4000s", "queue_run_delay": "300s"}
HEALTHY_EVERY = 0.5


@dataclass(frozen=True)
class Slow:
    """A provider with a rate and so many messages that wait for it."""

    name: str
    rate: str  # as mailpool.toml says it
    per_second: float
    messages: int

    @property
    def domain(self) -> str:
        return f"{self.name}.example"


class QueueWorld:
    """Postfix, mailpoold, and a server for each provider."""

    def __init__(self, lab: Lab, slow: list[Slow], **more: Value):
        self.lab = lab
        self.slow = slow
        self.postfix = Postfix(lab, "front", {**STOCK, "default_transport": "smtp", "smtpd_client_connection_count_limit": "0",
                                              "default_process_limit": "100"})
        declare_table(self.postfix)
        self.servers = {one: Fakemx(lab, f"set rate {one.rate}" if one.per_second >= 1 else "") for one in slow}
        self.healthy = Fakemx(lab)
        routes: dict[str, Value] = {one.domain: [server.address] for one, server in self.servers.items()}
        self.pool = Mailpoold(lab, {
            "route": {**routes, "healthy.example": [self.healthy.address]},
            "site": {one.name: {"domains": [one.domain], "rate": one.rate} for one in slow},
            "log": {"level": "info"}, "lmtp": {}, **more}, self.postfix).start()
        done = self.pool.poolctl("postfix", "enable", "--config-directory", str(self.postfix.config))
        if done.returncode != 0:
            raise LabError(f"poolctl postfix enable: {done.stdout}{done.stderr}")
        self.postfix.start()
        self.sent: dict[str, float] = {}
        self.is_over = threading.Event()

    def fill(self) -> None:
        """All at once, as a mailing comes."""
        sources = [subprocess.Popen(["smtp-source", "-s", "4", "-m", str(one.messages), "-l", "600", "-f", "news@example.com",
                                     "-t", f"u@{one.domain}", f"127.0.0.1:{self.postfix.port}"], stderr=subprocess.DEVNULL)
                   for one in self.slow]
        for source in sources:
            if source.wait(timeout=600) != 0:
                raise LabError(f"smtp-source: {source.returncode}")

    def send_healthy(self) -> None:
        """One message every half second, until the end; when each was sent is kept."""
        number = 0
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60) as session:
            began = time.monotonic()
            while not self.is_over.wait(max(0.0, began + number * HEALTHY_EVERY - time.monotonic())):
                recipient = f"h{number}@healthy.example"
                self.sent[recipient] = time.time()
                session.sendmail("person@example.com", [recipient], message(b"hello\r\n", f"m{number}"))
                # Postfix has it now: what it took to say so is no matter of the queue.
                self.sent[recipient] = time.time()
                number += 1

    def healthy_waits(self) -> list[float]:
        """How long each healthy message took from the moment that Postfix had it; those not delivered count as long as they wait."""
        came = {}
        for line in self.healthy.log_file.read_text().splitlines():
            entry = json.loads(line)
            came[entry["rcpt"]] = entry["time"]
        now = time.time()
        return [max(0.0, came.get(recipient, now) - sent) for recipient, sent in self.sent.items() if recipient in came or now - sent > 2]

    def accepted(self) -> dict[Slow, int]:
        return {one: server.stats()["messages"] for one, server in self.servers.items()}

    def deferrals(self) -> dict[str, int]:
        """By domain."""
        found: dict[str, int] = {}
        for domain in re.findall(r"to=<[^@>]*@([^>]*)>.* status=deferred", self.postfix.log()):
            found[domain] = found.get(domain, 0) + 1
        return found


def run_queue(lab: Lab, slow: list[Slow], seconds: float, limits: tuple[float, float], **more: Value) -> QueueWorld:
    world = QueueWorld(lab, slow, **more)
    sender = threading.Thread(target=world.send_healthy)
    began = time.monotonic()
    cpu = cpu_us(world.pool.process.pid)
    sender.start()
    try:
        world.fill()
        filled = time.monotonic() - began
        time.sleep(max(0.0, seconds - filled))
    finally:
        world.is_over.set()
        sender.join()
    lasted = time.monotonic() - began
    counts = world.accepted()
    cpu = cpu_us(world.pool.process.pid) - cpu
    uses = {one: counts[one] / min(one.messages, one.per_second * lasted) for one in slow}
    waits = world.healthy_waits()
    p50, p99 = percentile(waits, 50), percentile(waits, 99)
    say(f"all {sum(one.messages for one in slow)} messages were in the queue after", f"{filled:.0f} s", "")
    say(f"healthy mail beside {len(slow)} providers with a backlog: {len(waits)} messages, p50", f"{p50:.3f} s", f"at most {limits[0]} s")
    say("the same, p99", f"{p99:.3f} s", f"at most {limits[1]} s")
    say("the same, longest", f"{max(waits):.3f} s", "")
    for one in slow if len(slow) <= 12 else [min(uses, key=lambda one: uses[one])]:
        say(f"{one.name} ({one.rate}, {one.messages} messages): used in {lasted:.0f} s", f"{uses[one]:.1%}", "at least 95 %")
    deferrals = world.deferrals()
    total = sum(counts.values())
    say("deferrals per message that was delivered or waits", f"{sum(deferrals.values()) / max(1, sum(one.messages for one in slow)):.2f}", "at most 2.5")
    say("violations of what the providers allow", str(sum(server.violations() for server in world.servers.values())), "0")
    say("CPU of mailpoold per delivered message", f"{cpu / max(1, total + len(waits)):.0f} us", "")
    return world


def queue(lab: Lab) -> None:
    """Ten minutes out of Postfix's queue: six providers at 20/min with 250 messages each, six at 2/s with 1,500, one healthy."""
    seconds = float(os.environ.get("MAILPOOL_QUEUE_SECONDS", "600"))
    slow = [Slow(f"slow{n}", "20/min", 20 / 60, 250) for n in range(6)] + [Slow(f"two{n}", "2/s", 2, 1500) for n in range(6)]
    run_queue(lab, slow, seconds, (0.05, 0.2))


def queue_hundred(lab: Lab) -> None:
    """A hundred providers with a backlog (1 to 20/min, 100 messages each) and one healthy, five minutes."""
    seconds = float(os.environ.get("MAILPOOL_QUEUE_SECONDS", "300"))
    slow = [Slow(f"p{n}", f"{n % 20 + 1}/min", (n % 20 + 1) / 60, 100) for n in range(100)]
    run_queue(lab, slow, seconds, (0.05, 1.0))


def queue_short(lab: Lab) -> None:
    """A minute of the same with four providers, for tools/check."""
    slow = [Slow(f"slow{n}", "20/min", 20 / 60, 60) for n in range(2)] + [Slow(f"two{n}", "2/s", 2, 200) for n in range(2)]
    run_queue(lab, slow, 60, (0.05, 0.5))


SCENARIOS: Scenarios = {scenario.__name__: scenario for scenario in (queue, queue_hundred, queue_short)}
