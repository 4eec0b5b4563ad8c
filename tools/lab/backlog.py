"""Out of a real queue: Postfix with the table and the doors, wired by `poolctl postfix enable`, stock retry times, providers that
allow less than what waits for them, and one that is healthy."""

import json
import os
import re
import smtplib
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .fakemx import Fakemx
from .mailpool import Mailpoold, Value, program
from .messages import message
from .postfix import Postfix
from .process import Lab, LabError, wait_until
from .providers import Town
from .table import declare_table

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


class WithHealthy:
    """A Postfix, and a provider of its mail that is healthy."""

    postfix: Postfix
    pool: Mailpoold
    healthy: Fakemx

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.is_over = threading.Event()

    def make_postfix(self, lab: Lab, **more: str) -> None:
        self.postfix = Postfix(lab, "front", {**STOCK, "default_transport": "smtp", "smtpd_client_connection_count_limit": "0",
                                              "default_process_limit": "100", **more})
        declare_table(self.postfix)

    def wire(self) -> None:
        done = self.pool.poolctl("postfix", "enable", "--config-directory", str(self.postfix.config))
        if done.returncode != 0:
            raise LabError(f"poolctl postfix enable: {done.stdout}{done.stderr}")
        self.postfix.start()
        wait_until(lambda: all(queue["works"] for queue in self.pool.status()["queues"]), 20, "the queue can be woken")

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

    @contextmanager
    def sending_healthy(self) -> Iterator[None]:
        """Meanwhile: one message every half second."""
        sender = threading.Thread(target=self.send_healthy)
        sender.start()
        try:
            yield
        finally:
            self.is_over.set()
            sender.join()

    def healthy_waits(self) -> list[float]:
        """How long each healthy message took from the moment that Postfix had it; those not delivered count as long as they wait."""
        came = {}
        for line in self.healthy.log_file.read_text().splitlines():
            entry = json.loads(line)
            came[entry["rcpt"]] = entry["time"]
        now = time.time()
        return [max(0.0, came.get(recipient, now) - sent) for recipient, sent in self.sent.items() if recipient in came or now - sent > 2]


def send_mailings(slow: list[Slow], postfix: Postfix, sessions: int, per_second: float = 0) -> None:
    """All beside each other, each over so many SMTP sessions: so many messages a second together, or as fast as Postfix takes them."""
    total = sum(one.messages for one in slow)

    def argv(one: Slow) -> list[str]:
        if not per_second:
            return ["smtp-source", "-s", str(sessions), "-m", str(one.messages), "-l", "600", "-f", "news@example.com", "-t", f"u@{one.domain}",
                    f"127.0.0.1:{postfix.port}"]
        return [str(program("mailpool-load")), "--to", f"127.0.0.1:{postfix.port}", "--sessions", str(sessions), "--messages", str(one.messages), "--size", "600",
                "--from", "news@example.com", "--address", f"u@{one.domain}", "--rate", f"{per_second * one.messages / total:.3f}", "--timeout", "300"]

    sources = [subprocess.Popen(argv(one), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for one in slow]
    for source in sources:
        if source.wait(timeout=900) != 0:
            raise LabError(f"{source.args[0]}: {source.returncode}")


class StockWorld(WithHealthy):
    """A Postfix without mailpool, and servers that take all at once: what its own intake of the same mailings costs other mail."""

    def __init__(self, lab: Lab, slow: list[Slow]):
        super().__init__()
        self.slow = slow
        self.healthy = Fakemx(lab)
        servers = {one.domain: Fakemx(lab) for one in slow} | {"healthy.example": self.healthy}
        hops = ", ".join(f"{{ {domain} = smtp:[{server.address.rpartition(':')[0]}]:{server.address.rpartition(':')[2]} }}"
                         for domain, server in servers.items())
        self.make_postfix(lab, transport_maps=f"inline:{{ {hops} }}")
        self.postfix.start()


class QueueWorld(WithHealthy):
    """Postfix, mailpoold, and a server for each provider."""

    def __init__(self, lab: Lab, slow: list[Slow], **more: Value):
        super().__init__()
        self.lab = lab
        self.slow = slow
        self.make_postfix(lab)
        # By the second a bucket judges: on a busy machine two messages come closer together than they were sent.
        how = {True: "bucket", False: "window"}
        self.servers = {one: Fakemx(lab, f"set rate {one.rate}\nset rate-how {how[one.per_second >= 1]}") for one in slow}
        self.healthy = Fakemx(lab)
        routes: dict[str, Value] = {one.domain: [server.address] for one, server in self.servers.items()}
        self.pool = Mailpoold(lab, {
            "route": {**routes, "healthy.example": [self.healthy.address]},
            "site": {one.name: {"domains": [one.domain], "rate": one.rate} for one in slow},
            "log": {"level": "info"}, "lmtp": {}, **more}, self.postfix).start()
        self.wire()

    def fill(self, sessions: int = 1, per_second: float = 0) -> None:
        send_mailings(self.slow, self.postfix, sessions, per_second)

    def accepted(self) -> dict[Slow, int]:
        return {one: server.stats()["messages"] for one, server in self.servers.items()}

    def late_starts(self, one: Slow) -> list[float]:
        """From the moment that its rate let the next message go to that message's MAIL, while more were waiting."""
        said = re.findall(r"^(\S+) \d+ C MAIL ", self.servers[one].trace_file.read_text(errors="replace"), re.MULTILINE)
        times = [float(time) for time in said][:one.messages]
        # So many in any window of its unit, which mailpool takes for a hundredth longer (at most 0.5 s): mailpool.toml(5).
        count = int(one.rate.partition("/")[0])
        window = count / one.per_second
        window += min(window / 100, 0.5)
        return [max(0.0, time - max(times[n + count - 1], times[n] + window)) for n, time in enumerate(times[count:])]

    def parked(self) -> int:
        """What the manager remembers of Postfix's queue."""
        return self.pool.status()["parked"]

    def delivered_twice(self) -> list[float]:
        """When what had been accepted before was accepted again. Each message has its queue id in a header: no two are alike."""
        seen: set[str] = set()
        again = []
        for server in (*self.servers.values(), self.healthy):
            for line in server.log_file.read_text().splitlines():
                entry = json.loads(line)
                if entry["outcome"] == "accepted" and entry["sha256"] in seen:
                    again.append(entry["time"])
                seen.add(entry["sha256"])
        return again

    def lost(self) -> int:
        """Of all that Postfix took, what is neither delivered nor in its queue. Nothing may be under way."""
        taken = sum(one.messages for one in self.slow) + len(self.sent)
        accepted = sum(server.stats()["messages"] for server in (*self.servers.values(), self.healthy))
        return taken - (accepted - len(self.delivered_twice())) - len(self.postfix.queued())

    def accepted_at(self, one: Slow) -> list[float]:
        """Seconds of the epoch."""
        return [json.loads(line)["time"] for line in self.servers[one].log_file.read_text().splitlines()]

    def deferrals(self) -> dict[str, int]:
        """By domain."""
        found: dict[str, int] = {}
        for domain in re.findall(r"to=<[^@>]*@([^>]*)>.* status=deferred", self.postfix.log()):
            found[domain] = found.get(domain, 0) + 1
        return found


THINKS = 1.0  # seconds that a provider takes for a message: what they allow is then what a Postfix of two cores can bring


class ProviderQueue(WithHealthy):
    """The eight strict providers behind Postfix. Without limits: servers that have none, and a manager that keeps none."""

    def __init__(self, lab: Lab, limits: bool):
        super().__init__()
        self.make_postfix(lab)
        self.town = Town(lab, delay=THINKS, is_strict=limits)
        self.healthy = Fakemx(lab)
        settings = self.town.settings(limits)
        self.pool = Mailpoold(lab, {**settings, "route": {"healthy.example": [self.healthy.address]},
                                    "lmtp": {}, "log": {"level": "info"}}, self.postfix).start()
        self.wire()

    def fill(self, messages: int) -> None:
        backlog = self.town.backlog(f"127.0.0.1:{self.postfix.port}", self.town.in_proportion(messages), lmtp=False, sessions=4)
        taken = sum(report["complete"] for report in backlog.reports(3600))
        if taken != messages:
            raise LabError(f"mailpool-load: {taken} of {messages} were taken")

    def accepted(self) -> int:
        return sum(server.stats()["messages"] for server in self.town.servers.values())

    def wait_until_all_were_tried(self) -> None:
        """qmgr's active queue holds what is under way only."""
        wait_until(lambda: sum(1 for _ in (self.postfix.queue / "active").rglob("*")) + sum(
            1 for _ in (self.postfix.queue / "incoming").rglob("*")) < 300, 1800, "all were tried", interval=2)

    def cpu(self) -> tuple[float, float]:
        """Microseconds that Postfix and mailpoold have used, processes that are gone included."""
        master = int((self.postfix.queue / "pid/master.pid").read_text())
        return cpu_of_family(master), cpu_of_family(self.pool.process.pid)

    def stop(self) -> None:
        self.postfix.stop()
        self.pool.process.stop()


def cpu_of_family(pid: int) -> float:
    """Of a process, its children and those it has waited for, in microseconds."""
    parents, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
        used[int(stat.parent.name)] = sum(map(int, fields[11:15]))
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(used.get(one, 0) for one in family) * 1e6 / os.sysconf("SC_CLK_TCK")
