"""What secure connections cost and gain: against Postfix's own smtp client on a distant server, against plain text, and by themselves."""

import os
import statistics
import time

from common import Scenarios, cpu_us, idle_connections, load, manager, say
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.postfix import MAILPOOL_SERVICE, Postfix
from lab.process import Lab, LabError, wait_until

# --- a queue for a distant server

QUEUE = 2000
CONNECTIONS = 20
ROUND_TRIP = "50ms"
TLSPROXY = "tlsproxy  unix  -       -       y       -       0       tlsproxy\n"  # what smtp_tls_connection_reuse needs


class Sender:
    """A Postfix whose queue can be filled while nothing leaves, and let go at once. One destination, as shipped: 20 deliveries at once."""

    def __init__(self, lab: Lab, name: str, settings: dict[str, str]):
        self.postfix = Postfix(lab, name, {"smtpd_client_restrictions": "check_client_access static:hold", "smtp_tls_CApath": "/etc/ssl/certs",
                                           **settings}, MAILPOOL_SERVICE + TLSPROXY).start()

    def fill(self, count: int) -> None:
        load(f"127.0.0.1:{self.postfix.port}", "--messages", str(count), "--sessions", "4", "--size", "4096",
             "--address", "u%d@distant.example", lmtp=False)

    def seconds_to_empty(self, receiver: Fakemx, count: int) -> float:
        """From the release of the whole queue until the receiver has accepted all."""
        def accepted() -> int:
            return receiver.stats()["messages"]
        wanted = accepted() + count
        self.postfix.command("postsuper", "-H", "ALL")
        began = time.monotonic()
        self.postfix.flush()
        try:
            wait_until(lambda: accepted() >= wanted, 300, "the queue is delivered", 0.02)
        except LabError as trouble:
            raise LabError(f"{trouble}: {wanted - accepted()} are left\n{self.postfix.log()[-3000:]}") from None
        return time.monotonic() - began


def tls_queue(lab: Lab) -> None:
    """2,000 messages in Postfix's queue, a TLS server 50 ms away, 20 connections: through mailpool, of Postfix's own smtp client."""
    mx = Fakemx(lab, f"set rtt {ROUND_TRIP}")
    without = Fakemx(lab, f"set rtt {ROUND_TRIP}\nset without CHUNKING")
    direct = {"smtp_tls_security_level": "may", "relayhost": f"[{mx.host}]:{mx.port}"}
    senders = {"smtp_tls_security_level=may": (Sender(lab, "own", direct), mx),
               "smtp_tls_connection_reuse=yes": (Sender(lab, "reusing", {**direct, "smtp_tls_connection_reuse": "yes"}), mx),
               "mailpool": (through(lab, "pooled", mx), mx),
               "mailpool, without CHUNKING": (through(lab, "pooled-by-data", without), without)}
    rates: dict[str, float] = {}
    for name, (sender, receiver) in senders.items():
        sender.fill(QUEUE)
        receiver.ask("reset")
        rates[name] = QUEUE / sender.seconds_to_empty(receiver, QUEUE)
        stats = receiver.stats()
        say(f"{name}: messages per second", f"{rates[name]:.0f}",
            f"{stats['connections']['total']} connections, at most {stats['connections']['max']} at once, "
            f"{stats['tls']['full']} full handshakes, {stats['tls']['resumed']} resumed")
        sender.postfix.stop()
    for own, floor in (("smtp_tls_security_level=may", 5), ("smtp_tls_connection_reuse=yes", 2.5)):
        for pooled, wanted in (("mailpool", f"at least {floor}"), ("mailpool, without CHUNKING", "")):
            say(f"{pooled}: messages per second, of Postfix with {own}", f"{rates[pooled] / rates[own]:.1f}", wanted)


def through(lab: Lab, name: str, mx: Fakemx) -> Sender:
    """The same Postfix, its mail through a manager of its own, with what `poolctl postfix enable` writes."""
    sender = Sender(lab, name, {"default_transport": "mailpool:unix:mailpool/lmtp.sock",
                                "mailpool_destination_concurrency_limit": "20",
                                "mailpool_initial_destination_concurrency": "10"})
    Mailpoold(lab, {"smtp": {"max_connections": CONNECTIONS, "tls": "may"}, "route": {"*": [mx.address]},
                    "log": {"to": "/dev/null", "level": "info"}}, sender.postfix).start()
    return sender


# --- what TLS costs a message

def tls_rate(lab: Lab) -> None:
    """4 KiB messages over warm TLS 1.3 connections without any delay, of the rate in plain text."""
    rates: dict[str, list[float]] = {"plain": [], "TLS": []}
    pools = {name: manager(lab, Fakemx(lab, script).address, {"max_connections": 20, "max_messages": 1000000})
             for name, script in (("plain", "set without STARTTLS"), ("TLS", ""))}
    cpu: dict[str, list[float]] = {name: [] for name in pools}
    for turn in range(6):
        for name, pool in pools.items():
            messages = 20000 if turn else 2000
            before = cpu_us(pool.process.pid)
            rate = load(str(pool.lmtp_socket), "--messages", str(messages), "--sessions", "20", "--size", "4096")["messages_per_second"]
            if turn:  # the first one only warms up
                rates[name].append(rate)
                cpu[name].append((cpu_us(pool.process.pid) - before) / messages)
    plain, tls = (statistics.median(rates[name]) for name in ("plain", "TLS"))
    say("4 KiB messages per second, in plain text / over TLS 1.3", f"{plain:.0f} / {tls:.0f}", "")
    say("4 KiB messages per second over TLS 1.3, of those in plain text", f"{tls / plain:.2f}", "at least 0.8")
    say("CPU of mailpoold per message, in plain text / over TLS 1.3",
        " / ".join(f"{statistics.median(cpu[name]):.0f}" for name in ("plain", "TLS")) + " us", "")


def tls_idle(lab: Lab) -> None:
    """What an idle TLS connection holds of the manager's memory, of 1,000."""
    idle_connections(lab, "TLS", "", "at most 32 KiB")


# --- what a handshake costs

def handshakes(lab: Lab) -> None:
    """A connection for each message, mailpoold on a core of its own: handshakes per second, and their share of its CPU time."""
    kinds = {"without TLS": Fakemx(lab, "set without STARTTLS"), "full": Fakemx(lab, flags=("--tls-tickets", "0")),
             "resumed": Fakemx(lab)}
    pools = {name: manager(lab, mx.address, {"max_connections": 20, "max_messages": 1}) for name, mx in kinds.items()}
    for pool in pools.values():
        pin(pool.process.pid, core=0)
    for pid in (os.getpid(), *(mx.process.pid for mx in kinds.values())):  # ours hands it down to the load generator
        pin(pid, core=max(os.sched_getaffinity(0)))
    costs = {name: Costs() for name in kinds}
    for turn in range(5):
        for name, pool in pools.items():
            costs[name].add(pool, kinds[name], messages=2000 if turn else 100, counts=turn > 0)  # the first one only warms up
    for name in ("full", "resumed"):
        each, plain = costs[name].cpu(), costs["without TLS"].cpu()
        say(f"{name} handshakes per second on one core, a message on each connection", f"{costs[name].rate():.0f}",
            costs[name].proof(kinds[name]))
        say(f"{name} handshake: CPU time of mailpoold; its share of connection, handshake and message",
            f"{each - plain:.0f} us; {(each - plain) / each:.0%}", "")
        say(f"{name} handshakes alone, per second on one core", f"{1e6 / (each - plain):.0f}", "")


class Costs:
    """Rates and CPU times of some turns."""

    def __init__(self) -> None:
        self._rates: list[float] = []
        self._cpu: list[float] = []

    def add(self, pool: Mailpoold, mx: Fakemx, messages: int, counts: bool) -> None:
        before = cpu_us(pool.process.pid)
        if counts and not self._rates:
            mx.ask("reset")
        rate = load(str(pool.lmtp_socket), "--messages", str(messages), "--sessions", "20", "--size", "512")["messages_per_second"]
        if counts:
            self._rates.append(rate)
            self._cpu.append((cpu_us(pool.process.pid) - before) / messages)

    def rate(self) -> float:
        return statistics.median(self._rates)

    def cpu(self) -> float:
        """Microseconds of each connection with its message."""
        return statistics.median(self._cpu)

    @staticmethod
    def proof(mx: Fakemx) -> str:
        """What the server has seen."""
        seen = mx.stats()["tls"]
        return f"the server saw {seen['full']} full, {seen['resumed']} resumed"


def pin(pid: int, core: int) -> None:
    """A process with its threads to one core."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {core})


SCENARIOS: Scenarios = {scenario.__name__: scenario for scenario in (tls_queue, tls_rate, tls_idle, handshakes)}
