"""How long one server can keep the event loop from everybody else."""

import json
import subprocess

from common import Scenarios, say
from lab.certificates import Authority
from lab.hostile import CPU_BOUND_MS, Hostile, measure
from lab.mailpool import program
from lab.process import Lab

SITES = 30_000


def stalls(lab: Lab) -> None:
    """The longest that a good delivery was kept from the loop by each hostile stream: CPU of the loop's thread from its beginning to its end."""
    hostile = Hostile(lab, Authority(lab.directory("authority")), log={"to": "/dev/null"})
    for threat in hostile.threats:
        stall = measure(hostile, threat)
        say(threat.name, f"{stall.cpu_ms:.1f} ms", f"at most {CPU_BOUND_MS} ms; {stall.wall_ms:.1f} ms on the clock, {stall.deliveries} good deliveries")
    forgotten = subprocess.run([program("mailpool-decide"), "--forget", str(SITES)], check=True, capture_output=True, text=True)
    say(f"{SITES} sites forgotten", f"{json.loads(forgotten.stdout)['milliseconds']:.1f} ms", f"at most {CPU_BOUND_MS} ms; the longest turn of a day")


SCENARIOS: Scenarios = {"stalls": stalls}
