"""Out of a real queue: Postfix with the table and the doors, wired by `poolctl postfix enable`, stock retry times, providers that
allow less than what waits for them, and one that is healthy."""

import os
import threading
import time

from common import Scenarios, cpu_us, percentile, say
from lab.backlog import QueueWorld, Slow
from lab.mailpool import Value
from lab.process import Lab


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
