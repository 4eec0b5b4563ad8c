"""What the scenarios share: how a figure is said, a manager for it, load, CPU time, and values in their order."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold, Value, program
from lab.process import Lab

TICK = 1e6 / 100  # microseconds in a tick of /proc/PID/stat
Scenarios = dict[str, Callable[[Lab], None]]


def say(figure: str, value: str, floor: str) -> None:
    print(f"  {figure:<74} {value:>14}   {floor}", flush=True)


def manager(lab: Lab, target: str, smtp: dict[str, Value], **more: Value) -> Mailpoold:
    """All mail to `target`; the log costs what it costs, and is not kept."""
    settings: dict[str, Value] = {"smtp": smtp, "route": {"*": [target]}, "log": {"to": "/dev/null", "level": "info"},
                                  "lmtp": {"max_connections": 2000, "slots": 20000}}
    return Mailpoold(lab, {**settings, **more}).start()


def load(to: str, *arguments: str, lmtp: bool = True) -> dict:
    argv = [str(program("mailpool-load")), "--to", to, *(["--lmtp"] if lmtp else []), *arguments]
    return json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def cpu_us(pid: int) -> float:
    """What a process and its threads have used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def idle_connections(lab: Lab, kind: str, script: str, floor: str) -> float:
    """1,000 connections of one manager, idle: says what each adds to it. What it took before it had any, in KiB."""
    mx = Fakemx(lab, "end -> delay 3s" + script)
    pool = manager(lab, mx.address, {"max_connections": 1000, "max_waiting": 5000, "idle_timeout": "10m", "max_lifetime": "1h"})
    before = pool.resident_kib()
    load(str(pool.lmtp_socket), "--messages", "1000", "--sessions", "1000", "--size", "512")
    time.sleep(4)
    connections = pool.totals()["connections_open"]
    each = (pool.resident_kib() - before) / max(connections, 1)
    say(f"{connections} idle {kind} connections, each", f"{each:.1f} KiB", floor)
    pool.process.stop()
    return before
