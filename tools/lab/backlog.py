"""Out of a real queue: Postfix with the table and the doors, wired by `poolctl postfix enable`, stock retry times, providers that
allow less than what waits for them, and one that is healthy."""

import json
import re
import smtplib
import subprocess
import threading
import time
from dataclasses import dataclass

from .fakemx import Fakemx
from .mailpool import Mailpoold, Value
from .messages import message
from .postfix import Postfix
from .process import Lab, LabError
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
