"""What mailpool costs and gains, as ratios of one run. Each scenario prints one line a figure, with the floor it should reach."""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imap_scenarios
import milter_scenarios
import queue_scenarios
import sendmail_scenarios
import source_scenarios
import stall_scenarios
import tls_scenarios
from common import Scenarios, cpu_us, idle_connections, load, manager, say
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold, program
from lab.process import Lab, Program, free_port, wait_until
from lab.providers import Town

def smtp_source(target: str, *arguments: str) -> float:
    began = time.monotonic()
    subprocess.run(["smtp-source", "-s", "20", "-d", "-f", "a@b.example", "-t", "u@x.example", *arguments, target], check=True)
    return time.monotonic() - began


def relay(lab: Lab) -> None:
    """smtp-source through mailpoold to smtp-sink, against the same pair without it."""
    port = free_port()
    lab.run(Program("smtp-sink", ["smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "1000"], lab.directory("sink") / "log"))
    pool = manager(lab, f"127.0.0.1:{port}", {"max_connections": 20, "max_messages": 1000000})
    time.sleep(0.5)
    lmtp = ["-L"]
    for size, messages, floor in ((4096, 20000, 0.55), (102400, 3000, 0.65)):
        volume = ["-m", str(messages), "-l", str(size)]
        direct, through, cpu = [], [], []
        for _ in range(3):
            direct.append(smtp_source(f"inet:127.0.0.1:{port}", *volume))
            before = cpu_us(pool.process.pid)
            through.append(smtp_source(f"unix:{pool.lmtp_socket}", *lmtp, *volume))
            cpu.append((cpu_us(pool.process.pid) - before) / messages)
        say(f"{size} octets: messages per second, of smtp-source to smtp-sink", f"{min(direct) / min(through):.2f}", f"at least {floor}")
        say(f"{size} octets: CPU of mailpoold per message, all threads", f"{min(cpu):.0f} us", "at most 60 us" if size == 4096 else "")


def round_trips(lab: Lab) -> None:
    """Messages per round trip on one warm connection, 50 ms away."""
    for name, script, floor in (("with CHUNKING", "", 0.9), ("without", "\nset without CHUNKING", 0.45)):
        mx = Fakemx(lab, "set rtt 50ms" + script)
        pool = manager(lab, mx.address, {"max_connections": 1})
        load(str(pool.lmtp_socket), "--messages", "2", "--sessions", "1")
        began = time.monotonic()
        load(str(pool.lmtp_socket), "--messages", "60", "--sessions", "2", "--size", "4096")
        say(f"messages per round trip {name}", f"{60 * 0.05 / (time.monotonic() - began):.2f}", f"at least {floor}")


def warm(lab: Lab) -> None:
    """One message every 5 s: how many find a warm connection."""
    mx = Fakemx(lab, "set rtt 10ms")
    pool = manager(lab, mx.address, {})
    messages = 24
    for _ in range(messages):
        load(str(pool.lmtp_socket), "--messages", "1", "--sessions", "1")
        time.sleep(5)
    reused = pool.totals()["connections_reused"]
    say("one message every 5 s: messages that find a warm connection", f"{100 * reused / messages:.0f} %", "at least 95 %")


def memory(lab: Lab) -> None:
    """Resident memory: idle, with 1,000 idle connections, over 200,000 messages."""
    idle = idle_connections(lab, "plain", "\nset without STARTTLS", "at most 16 KiB")
    say("idle manager, resident", f"{idle / 1024:.1f} MiB", "at most 25 MiB")
    idle_connections(lab, "TLS", "", "at most 32 KiB")

    mx = Fakemx(lab)
    pool = manager(lab, mx.address, {"max_connections": 20, "max_messages": 1000})
    load(str(pool.lmtp_socket), "--messages", "20000", "--sessions", "20", "--domains", "50")
    early = pool.resident_kib()
    load(str(pool.lmtp_socket), "--messages", "180000", "--sessions", "20", "--domains", "50")
    say("growth from the 20,000th to the 200,000th message", f"{pool.resident_kib() - early} KiB", "under 1024 KiB")


def domains(lab: Lab) -> None:
    """Time per message with 100,000 known domains, against 10."""
    mx = Fakemx(lab)
    times = {}
    for known in (10, 100000):
        pool = manager(lab, mx.address, {"max_connections": 20, "max_messages": 100000})
        load(str(pool.lmtp_socket), "--messages", str(max(known, 5000)), "--sessions", "20", "--domains", str(known), "--size", "512")
        runs = [load(str(pool.lmtp_socket), "--messages", "20000", "--sessions", "20", "--domains", str(known), "--size", "512")
                ["messages_per_second"] for _ in range(3)]
        times[known] = 1 / max(runs)
        pool.process.stop()
    say("time per message with 100,000 known domains, of that with 10", f"{times[100000] / times[10]:.2f}", "at most 1.2")


def hanging(lab: Lab) -> None:
    """A site whose server hangs, 200 of its messages waiting: what another site feels."""
    good, bad = Fakemx(lab, "set rtt 10ms"), Fakemx(lab, "mail -> hang")
    pool = manager(lab, good.address, {"max_connections": 10, "max_messages": 100000}, lmtp={"max_connections": 2000, "slots": 20000, "max_wait": "2m"},
                   route={"*": [good.address], "hang.example": [bad.address]})
    paced = ("--messages", "3000", "--sessions", "10", "--rate", "500", "--size", "4096")
    hang = [program("mailpool-load"), "--lmtp", "--to", pool.lmtp_socket, "--messages", "210", "--sessions", "210",
            "--address", "u%d@hang.example", "--timeout", "100"]

    def p99() -> float:
        return load(str(pool.lmtp_socket), *paced)["latency_ms"]["p99"]

    p99()
    alone, beside = [], []
    for _ in range(3):
        alone.append(p99())
        with subprocess.Popen(hang, stdout=subprocess.DEVNULL) as waiting:
            wait_until(lambda: pool.totals()["waiting"] >= 190, 10, "200 messages wait")
            beside.append(p99())
            waiting.kill()
        time.sleep(1)
    say("p99 of a site while another hangs with 200 waiting, of that alone", f"{min(beside) / min(alone):.2f}",
        "at most 1.10")


def providers(lab: Lab) -> None:
    """Eight strict providers, 400 domains, 50,000 messages waiting: what is used of what each allows, in one minute; 0 violations."""
    town = Town(lab, delay=0.04)
    pool = town.manager()
    backlog = town.backlog(pool.lmtp_socket, town.in_proportion(50000))
    time.sleep(3)
    uses = town.uses(60)
    if not backlog.is_running():
        say("the backlog was too short for the window", "", "")
    for use in uses:
        say(str(use), f"{use.share:.1%}", "at least 95 %")
    delivered = sum(report["complete"] for report in backlog.reports())
    say("messages delivered in the end", str(delivered), "50000")
    say("violations from the first to the last message", str(sum(town.violations().values())), "0")
    pool.process.stop()
    control = town.backlog(None, town.in_proportion(50000))
    time.sleep(5)
    control.stop()
    caught = sum(1 for count in town.violations().values() if count > 0)
    say("of the same providers, those that catch a plain load generator", str(caught), "8")


def decide(_: Lab) -> None:
    """What it costs to decide whether a message may go now, with every limit set, at 10 and at 100,000 sites; with sources, at 10 and
    at 500,000 paths."""
    nanoseconds = json.loads(subprocess.run([program("mailpool-decide")], check=True, capture_output=True, text=True).stdout)
    for what, by_number in nanoseconds.items():
        for number, each in by_number.items():
            say(f"one decision, {int(number):,} {what}", f"{each} ns", "under 1000 ns")
    paths = nanoseconds["paths"]
    say("one with 500,000 paths, of that with 10", f"{paths['500000'] / paths['10']:.2f}", "at most 1.5")


def events(lab: Lab) -> None:
    """What an event costs: the loop to make it, and a mailpoold at work until it is in its file."""
    done = subprocess.run([program("mailpool-event-cost")], check=True, capture_output=True, text=True)
    for addresses, cost in json.loads(done.stdout).items():
        say(f"an event of {cost['octets']} octets, addresses = \"{addresses}\": CPU of the loop", f"{cost['us']:.1f} us", "under 5 us")
    mx = Fakemx(lab)
    cpu: dict[bool, list[float]] = {False: [], True: []}
    for is_told in (False, True) * 3:
        Mailpoold.writes_events = is_told
        pool = manager(lab, mx.address, {"max_connections": 20, "max_messages": 1000000, "tls": "none"})
        load(str(pool.lmtp_socket), "--messages", "2000", "--sessions", "20", "--size", "4096")
        before = cpu_us(pool.process.pid)
        load(str(pool.lmtp_socket), "--messages", "20000", "--sessions", "20", "--size", "4096")
        cpu[is_told].append((cpu_us(pool.process.pid) - before) / 20000)
        pool.process.stop()
        pool.events_file.unlink(missing_ok=True)
    say("4 KiB messages: CPU of mailpoold for each event, all threads", f"{min(cpu[True]) - min(cpu[False]):.1f} us", "under 5 us")


SCENARIOS: Scenarios = {
    **{scenario.__name__: scenario for scenario in (relay, round_trips, warm, memory, domains, hanging, providers, decide, events)},
    **imap_scenarios.SCENARIOS, **milter_scenarios.SCENARIOS, **queue_scenarios.SCENARIOS, **sendmail_scenarios.SCENARIOS, **source_scenarios.SCENARIOS,
    **stall_scenarios.SCENARIOS, **tls_scenarios.SCENARIOS}


def main() -> int:
    wanted = sys.argv[1:]
    if "--list" in wanted:
        for name, scenario in SCENARIOS.items():
            print(f"{name:<13} {scenario.__doc__}")
        return 0
    if unknown := [name for name in wanted if name not in SCENARIOS]:
        print(f"tools/bench/run: no scenario is called {', '.join(unknown)}; --list names them", file=sys.stderr)
        return 2
    for name in wanted or SCENARIOS:
        print(f"{name}: {SCENARIOS[name].__doc__}", flush=True)
        with tempfile.TemporaryDirectory(prefix="bench") as root, contextlib.closing(Lab(Path(root))) as lab:
            SCENARIOS[name](lab)
    return 0


if __name__ == "__main__":
    sys.exit(main())
