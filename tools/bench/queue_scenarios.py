"""Out of a real queue: Postfix with the table and the doors, wired by `poolctl postfix enable`, stock retry times, providers that
allow less than what waits for them, and one that is healthy."""

import os
import time
from collections.abc import Callable

from common import Scenarios, cpu_us, percentile, say
from lab.backlog import ProviderQueue, QueueWorld, Slow, StockWorld, send_mailings
from lab.process import Lab, wait_until

TWELVE = [Slow(f"slow{n}", "20/min", 20 / 60, 250) for n in range(6)] + [Slow(f"two{n}", "2/s", 2, 1500) for n in range(6)]

SESSIONS = int(os.environ.get("MAILPOOL_QUEUE_SESSIONS", "1"))  # SMTP sessions of each mailing
PACE = float(os.environ.get("MAILPOOL_QUEUE_PACE", "100"))  # messages a second of all mailings together


def seconds_of(usual: float) -> float:
    """How long a run is to last."""
    return float(os.environ.get("MAILPOOL_QUEUE_SECONDS", usual))


def say_healthy(waits: list[float], limits: tuple[float, float], beside: str) -> None:
    say(f"healthy mail beside {beside}: {len(waits)} messages, p50", f"{percentile(waits, 50):.3f} s", f"at most {limits[0]} s")
    say("the same, p99", f"{percentile(waits, 99):.3f} s", f"at most {limits[1]} s")
    say("the same, longest; those that took longer than 0.2 s", f"{max(waits):.3f} s; {sum(wait > 0.2 for wait in waits)}", "")


def run_queue(lab: Lab, slow: list[Slow], seconds: float, limits: tuple[float, float], per_second: float = PACE,
              meanwhile: Callable[[QueueWorld, float], None] | None = None) -> QueueWorld:
    """The mailings come at so many messages a second, 0: as fast as Postfix takes them; `meanwhile` may disturb the world until a time
    of time.monotonic()."""
    world = QueueWorld(lab, slow)
    began = time.monotonic()
    cpu = cpu_us(world.pool.process.pid)
    with world.sending_healthy():
        world.fill(SESSIONS, per_second)
        filled = time.monotonic() - began
        if meanwhile:
            meanwhile(world, began + seconds)
        time.sleep(max(0.0, began + seconds - time.monotonic()))
    lasted = time.monotonic() - began
    counts = world.accepted()
    cpu = cpu_us(world.pool.process.pid) - cpu
    uses = {one: counts[one] / min(one.messages, one.per_second * lasted) for one in slow}
    say(f"all {sum(one.messages for one in slow)} messages were in the queue after", f"{filled:.0f} s", "")
    say_healthy(world.healthy_waits(), limits, f"{len(slow)} providers with a backlog")
    for one in slow if len(slow) <= 12 else [min(uses, key=lambda one: uses[one])]:
        say(f"{one.name} ({one.rate}, {one.messages} messages): used in {lasted:.0f} s", f"{uses[one]:.1%}", "at least 95 %")
    if not meanwhile:
        late = [wait for one in slow for wait in world.late_starts(one)]
        say("from the moment that a rate lets a message go to its MAIL, p50", f"{percentile(late, 50):.3f} s", "under 0.2 s")
        say("the same, p99", f"{percentile(late, 99):.3f} s", "under 1 s")
        say("CPU of mailpoold per delivered message", f"{cpu / max(1, sum(counts.values()) + len(world.sent)):.0f} us", "")
    deferrals = sum(world.deferrals().values())
    say("deferrals per message that was delivered or waits", f"{deferrals / sum(one.messages for one in slow):.2f}", "at most 2.5")
    say("violations of what the providers allow", str(sum(server.violations() for server in world.servers.values())), "0")
    return world


def queue_stock(lab: Lab) -> None:
    """The mailings of `queue` through Postfix alone, to servers that take all at once: what its own intake costs other mail."""
    world = StockWorld(lab, TWELVE)
    began = time.monotonic()
    with world.sending_healthy():
        send_mailings(TWELVE, world.postfix, SESSIONS)
        filled = time.monotonic() - began
        time.sleep(5)
    waits = world.healthy_waits()
    say(f"healthy mail while Postfix alone takes the mailings ({filled:.0f} s): {len(waits)} messages, p50", f"{percentile(waits, 50):.3f} s", "")
    say("the same, p99; longest", f"{percentile(waits, 99):.3f}; {max(waits):.3f} s", "")
    say("the same: messages that took longer than 0.2 s", f"{sum(wait > 0.2 for wait in waits)}", "")


def queue(lab: Lab) -> None:
    """Ten minutes out of Postfix's queue: six providers at 20/min with 250 messages each, six at 2/s with 1,500, one healthy."""
    run_queue(lab, TWELVE, seconds_of(600), (0.05, 0.2))


def queue_flood(lab: Lab) -> None:
    """A minute of the same, the mailings as fast as Postfix takes them: what is late then is late before the queue manager has it."""
    run_queue(lab, TWELVE, seconds_of(60), (0.05, 0.2), per_second=0)


def queue_hundred(lab: Lab) -> None:
    """A hundred providers with a backlog (1 to 20/min, 100 messages each) and one healthy, five minutes."""
    slow = [Slow(f"p{n}", f"{n % 20 + 1}/min", (n % 20 + 1) / 60, 100) for n in range(100)]
    run_queue(lab, slow, seconds_of(300), (0.05, 1.0))


def queue_short(lab: Lab) -> None:
    """A minute of the same with four providers, for tools/check."""
    slow = [Slow(f"slow{n}", "20/min", 20 / 60, 60) for n in range(2)] + [Slow(f"two{n}", "2/s", 2, 200) for n in range(2)]
    run_queue(lab, slow, 60, (0.05, 0.5))


def queue_kills(lab: Lab) -> None:
    """The ten minutes of `queue`, mailpoold killed twenty times once the queue is full: what is lost, doubled, unused."""
    kills: list[float] = []
    back: list[float] = []

    def kill(world: QueueWorld, until: float) -> None:
        pause = max(5.0, (until - time.monotonic() - 20) / 20)
        while len(kills) < 20 and time.monotonic() + pause / 2 < until:
            time.sleep(pause / 2)
            before = world.parked()
            kills.append(time.time())
            world.pool.kill()
            began = time.monotonic()
            world.pool.start()
            # What was under way and what was delivered meanwhile is less.
            wait_until(lambda: world.parked() >= 0.9 * before, 60, "what waits is known again", interval=0.1)
            back.append(time.monotonic() - began)
            time.sleep(max(0.0, pause / 2 - back[-1]))

    world = run_queue(lab, TWELVE, seconds_of(600), (0.05, 0.2), meanwhile=kill)
    say(f"{len(kills)} times kill -9: the register is back after, longest", f"{max(back):.1f} s", "at most 10 s")
    world.pool.poolctl("drain")
    wait_until(lambda: all(entry["queue_name"] == "deferred" for entry in world.postfix.queued()), 60, "nothing is under way")
    again = world.delivered_twice()
    near = sum(1 for when in again if any(-1 < when - killed < 60 for killed in kills))
    say("messages delivered twice; of these, within a minute of a kill", f"{len(again)}; {near}", "ambiguous ends only")
    say("messages lost", str(world.lost()), "0")


def queue_resume(lab: Lab) -> None:
    """From `poolctl resume` of a provider with 20/s to its first delivery out of Postfix's queue, and to its full rate."""
    quick = Slow("quick", "20/s", 20, 400)
    world = QueueWorld(lab, [quick])
    world.postfix.submit("person@example.com", [f"first@{quick.domain}"], b"Subject: x\r\n\r\nx\r\n")
    wait_until(lambda: world.accepted()[quick] == 1, 20, "the site is known")
    world.pool.poolctl("suspend", "quick", "--for", "1h", "--reason", "an audit")
    world.fill()
    wait_until(lambda: [entry["queue_name"] for entry in world.postfix.queued()] == ["deferred"] * quick.messages, 60, "all were put off")
    time.sleep(2)
    resumed = time.time()
    world.pool.poolctl("resume", "quick")
    wait_until(lambda: world.accepted()[quick] > quick.messages * 0.9, 60, "they come")
    times = [entry - resumed for entry in world.accepted_at(quick)[1:]]
    full = next((first for first, last in zip(times, times[18:]) if last - first <= 1.0), float("inf"))
    say("from resume to the first delivery", f"{times[0]:.2f} s", "under 2 s")
    say("from resume to the full rate (95 % of it within the next second)", f"{full:.2f} s", "under 5 s")


def queue_providers(lab: Lab) -> None:
    """The eight strict providers out of Postfix's queue, 100,000 messages in it; what limits cost in CPU."""
    number = int(os.environ.get("MAILPOOL_QUEUE_MESSAGES", "100000"))
    world = ProviderQueue(lab, limits=True)
    before, began = world.cpu(), time.monotonic()
    world.fill(number)
    world.wait_until_all_were_tried()
    parked = number - world.accepted()
    say(f"{number} messages were in the queue and tried once after", f"{time.monotonic() - began:.0f} s", "")
    filling = [after - at for after, at in zip(world.cpu(), before)]
    before = world.cpu()
    with world.sending_healthy():
        uses = world.town.uses(seconds_of(180))
    draining = [after - at for after, at in zip(world.cpu(), before)]
    left = {site["site"]: site["parked"] for site in world.pool.status()["sites"]}
    for use in uses:
        say(str(use), f"{use.share:.1%}", "at least 95 %" if left.get(use.provider.name) else "its backlog was over")
    say_healthy(world.healthy_waits(), (0.05, 1.0), "eight providers with a backlog")
    say("violations from the first to the last message", str(sum(world.town.violations().values())), "0")
    delivered = sum(use.accepted for use in uses)
    world.stop()
    free = ProviderQueue(lab, limits=False)
    before = free.cpu()
    free.fill(number // 10)
    wait_until(lambda: free.accepted() >= number // 10, 300, "all are delivered")
    plain = [(after - at) / (number // 10) for after, at in zip(free.cpu(), before)]
    for name, fill, drain, without in zip(("Postfix", "mailpoold"), filling, draining, plain):
        say(f"CPU of {name}: to take and put off one ({parked} were); to wake and deliver it; beside without limits",
            f"{fill / number:.0f} + {drain / max(1, delivered):.0f}; {without:.0f} us", "")


SCENARIOS: Scenarios = {scenario.__name__: scenario for scenario in
                        (queue, queue_flood, queue_stock, queue_hundred, queue_short, queue_kills, queue_resume, queue_providers)}
