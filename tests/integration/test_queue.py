"""Mail that waits, waits in Postfix's queue and is woken there: real Postfix as `poolctl postfix enable` wires it, stock retry times
(nothing that is deferred comes back within five minutes by itself)."""

import re
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.backlog import QueueWorld, Slow
from lab.fakemx import Fakemx
from lab.lmtp import Lmtp
from lab.mailpool import MAILPOOL_SERVICE, Mailpoold, door_directory
from lab.messages import message
from lab.postfix import Postfix
from lab.process import Lab, wait_until
from lab.sendmail import Sendmail, with_mailpool

TWO_A_SECOND = Slow("two", "2/s", 2, 120)
WOKEN = "is woken when there is room for it"
TROUBLE = "comes by Postfix's own clock"


def accepted(world: QueueWorld, one: Slow = TWO_A_SECOND) -> int:
    return world.accepted()[one]


def wait_for_more(world: QueueWorld, more: int, timeout: float, one: Slow = TWO_A_SECOND) -> None:
    before = accepted(world, one)
    wait_until(lambda: accepted(world, one) >= before + more, timeout, f"{more} more messages reach {one.name}", interval=0.1)


def tries(world: QueueWorld) -> Counter[str]:
    """How often each message was taken up by the queue manager."""
    return Counter(re.findall(r"qmgr\[\d+\]: (\w+): from=<news@example.com>.*queue active", world.postfix.log()))


@pytest.fixture
def queue(lab: Lab) -> Callable[..., QueueWorld]:
    def make(*slow: Slow, **more) -> QueueWorld:
        return QueueWorld(lab, list(slow or (TWO_A_SECOND,)), **more)
    return make


def test_providers_with_a_backlog_hold_up_nobody_and_use_what_they_may(queue: Callable[..., QueueWorld]):
    slow = [Slow(f"slow{n}", "20/min", 20 / 60, 60) for n in range(3)] + [Slow(f"two{n}", "2/s", 2, 150) for n in range(3)]
    world = queue(*slow)
    began = time.monotonic()
    with world.sending_healthy():
        world.fill()
        time.sleep(max(0.0, 50 - (time.monotonic() - began)))
    lasted = time.monotonic() - began
    counts = world.accepted()
    waits = sorted(world.healthy_waits())
    assert len(waits) > 50
    # Behind what waits it would be minutes; the rest is for machines that do other things too.
    assert waits[len(waits) // 2] < 1, waits
    assert waits[-1] < 10, waits
    for one in slow:
        assert counts[one] >= 0.85 * min(one.messages, one.per_second * (lasted - 3)), (one, counts, lasted)
    assert sum(server.violations() for server in world.servers.values()) == 0
    # They came by their ids: nothing comes twice within minutes by Postfix's clock.
    again = tries(world)
    assert sum(1 for times in again.values() if times > 1) > 50
    assert max(again.values()) <= 6, again.most_common(5)


# --- what can be wrong with public/flush

def replace_with_file(path: Path) -> None:
    path.write_text("")
    path.chmod(0o666)


class Impostor:
    """Listens in the place of flush(8): takes connections, or not, and says what it likes."""

    def __init__(self, path: Path, words: bytes | None, listens: bool = True):
        self.words = words
        self.listens = listens
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o666)
        self.listener.listen(16)
        self.heard: list[bytes] = []
        if words is not None:
            threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                try:
                    if self.listens:
                        self.heard.append(client.recv(4096))
                    client.sendall(self.words or b"")
                except OSError:
                    pass

    def close(self) -> None:
        self.listener.close()


FAULTS = [
    ("missing", "No such file or directory", True), ("file", "Connection refused", False), ("unreadable", "Permission denied", True),
    ("hanging", "no answer within 10s", True), ("closing", "closed the connection without an answer", False),
    ("garbage", 'an answer of no flush service: "220 mail.example.com ESMTP', True), ("endless", "an answer of no flush service", False)]


@pytest.mark.parametrize(("kind", "said"), [pytest.param(kind, said, id=kind, marks=[] if is_short else [pytest.mark.full])
                                            for kind, said, is_short in FAULTS])
def test_a_flush_service_that_does_not_work_stops_no_mail_and_is_named(kind: str, said: str, queue: Callable[..., QueueWorld]):
    world = queue()
    flush, real = world.postfix.queue / "public/flush", world.postfix.queue / "public/real"
    wait_until(lambda: WOKEN in world.pool.log(), 10, "waking works")
    flush.rename(real)
    impostor = None
    if kind == "file":
        replace_with_file(flush)
    elif kind == "unreadable":
        impostor = Impostor(flush, b"")
        flush.chmod(0)
    elif kind != "missing":
        words = {"hanging": None, "closing": b"", "garbage": b"220 mail.example.com ESMTP\r\n", "endless": b"protocol\0" + b"x" * 100_000}
        impostor = Impostor(flush, words[kind])
    world.fill()
    world.postfix.submit("person@example.com", ["h@healthy.example"], message(b"hello\r\n", "m"))
    wait_until(lambda: world.healthy.accepted(), 10, "healthy mail is delivered")
    wait_until(lambda: re.search(f"public/flush: {re.escape(said)}.*{TROUBLE}", world.pool.log()), 20, f"the log says {said}")
    checked = world.pool.poolctl("check")
    assert said.partition('"')[0].strip() in " ".join(checked.stdout.split()), checked.stdout
    assert "group postdrop" in checked.stdout
    assert len(re.findall(TROUBLE, world.pool.log())) == 1, "it is said once"
    if impostor is not None:
        impostor.close()
    real.rename(flush)
    wait_until(lambda: world.pool.log().count(WOKEN) > 1, 10, "waking works again")
    wait_for_more(world, 10, 15)


def test_postfix_is_restarted_and_what_waits_goes_on_coming(queue: Callable[..., QueueWorld]):
    world = queue()
    world.fill()
    wait_for_more(world, 4, 10)
    world.postfix.command("postfix", "stop")
    wait_until(lambda: TROUBLE in world.pool.log(), 15, "the log says that nothing can be woken")
    assert world.postfix.command("postfix", "start").returncode == 0
    wait_for_more(world, 20, 25)


@pytest.mark.parametrize("switch", ["-d", "-h"], ids=["removed", "held"])
def test_messages_removed_or_held_by_hand_hold_up_no_others(switch: str, queue: Callable[..., QueueWorld]):
    """The older half, which would be next."""
    world = queue()
    world.fill()
    wait_until(lambda: len(tries(world)) == TWO_A_SECOND.messages, 30, "all were tried")
    deferred = sorted((entry for entry in world.postfix.queued() if entry["queue_name"] == "deferred"), key=lambda entry: entry["arrival_time"])
    gone = [entry["queue_id"] for entry in deferred[:len(deferred) // 2]]
    done = world.postfix.command("postsuper", switch, "-", input="\n".join(gone).encode())
    assert done.returncode == 0, done.stderr
    wait_for_more(world, 20, 25)
    assert TROUBLE not in world.pool.log()


def test_after_kill_9_what_waits_is_known_again_from_the_queue(queue: Callable[..., QueueWorld]):
    world = queue()
    world.fill()
    wait_for_more(world, 4, 10)
    for _ in range(2):
        world.pool.kill()
        world.pool.start()
        began = time.monotonic()
        remembered = re.compile(r"\d+ recipients that wait in \S+ are remembered")
        wait_for_more(world, 8, 10)
        assert remembered.search(world.pool.log())
        print(f"8 more {time.monotonic() - began:.1f} s after the start")


@pytest.mark.parametrize(("words", "said"), [
    pytest.param("missing", "No such file or directory", id="missing"),
    pytest.param(b"220 mail.example.com ESMTP\r\n" * 4000, "what it says is no list of a queue", id="garbage"),
    pytest.param(b"protocol\0queue_list_protocol\0\0", "the list has no end", id="cut-short"),
    pytest.param(None, "", id="hanging")])
def test_a_queue_that_cannot_be_read_after_a_restart_stops_no_mail(words: str | bytes | None, said: str, queue: Callable[..., QueueWorld]):
    world = queue()
    world.fill()
    wait_for_more(world, 2, 10)
    world.pool.kill()
    showq = world.postfix.queue / "public/showq"
    showq.rename(world.postfix.queue / "public/real")
    impostor = None if words == "missing" else Impostor(showq, words if isinstance(words, bytes) else None, listens=False)
    world.pool.start()
    world.postfix.submit("person@example.com", ["h@healthy.example"], message(b"hello\r\n", "m"))
    wait_until(lambda: world.healthy.accepted(), 10, "healthy mail is delivered")
    if said:
        wait_until(lambda: re.search(f"what waits in .* is not known: public/showq: {said}", world.pool.log()), 10, f"the log says {said}")
    if impostor is not None:
        impostor.close()


def test_from_resume_to_the_first_delivery(queue: Callable[..., QueueWorld]):
    quick = Slow("quick", "20/s", 20, 100)
    world = queue(quick)
    world.pool.poolctl("suspend", "quick", "--for", "1h", "--reason", "an audit")
    world.postfix.submit("person@example.com", ["first@quick.example"], message(b"hello\r\n", "m"))
    # The site is made by its first message; a suspension before that would name nothing.
    world.pool.poolctl("suspend", "quick", "--for", "1h", "--reason", "an audit")
    time.sleep(1)
    before = accepted(world, quick)
    world.fill()
    wait_until(lambda: len(world.postfix.queued()) >= quick.messages and all(
        entry["queue_name"] == "deferred" for entry in world.postfix.queued()), 30, "all were put off")
    time.sleep(2)
    assert accepted(world, quick) == before
    began = time.monotonic()
    assert world.pool.poolctl("resume", "quick").returncode == 0
    wait_until(lambda: accepted(world, quick) > before, 2, "the first is delivered", interval=0.02)
    first = time.monotonic() - began
    wait_until(lambda: accepted(world, quick) >= before + 60, 8, "the rate is used", interval=0.05)
    print(f"first delivery {first:.2f} s after resume, 60 after {time.monotonic() - began:.2f} s")
    assert first < 4  # 2 s, on a machine of its own


# --- poolctl queue

def test_poolctl_queue_counts_lists_holds_releases_and_deletes(queue: Callable[..., QueueWorld]):
    slow = Slow("slow", "1/h", 1 / 3600, 20)
    world = queue(slow)
    world.fill()
    wait_until(lambda: [entry["queue_name"] for entry in world.postfix.queued()] == ["deferred"] * 19, 30, "19 of 20 wait")
    poolctl, instance = world.pool.poolctl, ("--config-directory", str(world.postfix.config))
    shown = poolctl.json("queue", *instance)
    assert shown["all"]["messages"] == 19
    (row,) = shown["sites"]
    assert (row["site"], row["messages"], row["limit"], row["active"], row["held"]) == ("slow", 19, 19, 0, 0)
    assert 17 * 3600 < row["empty_in"] < 20 * 3600
    assert shown["manager"]["parked"] == 19 and shown["manager"]["queues"][0]["works"]
    table = poolctl("queue", *instance).stdout
    assert re.search(r"^slow +19 +19 ", table, re.MULTILINE), table
    listed = poolctl("queue", "--list", "--site", "slow", *instance).stdout.splitlines()
    assert sorted(line.split()[0] for line in listed) == sorted(entry["queue_id"] for entry in world.postfix.queued())
    assert poolctl("status").stdout.count("QUEUED") == 1

    def folders() -> Counter[str]:
        return Counter(entry["queue_name"] for entry in world.postfix.queued())

    assert poolctl("queue", "hold", "--site", "slow", *instance).returncode == 1, "nobody is there to ask"
    assert "postsuper" in poolctl("queue", "delete", "--site", "slow", "--dry-run", *instance).stdout
    assert poolctl("queue", "delete", "--yes", *instance).returncode == 1, "without a selection"
    assert poolctl("queue", "hold", "--site", "elsewhere", "--yes", *instance).returncode == 0
    assert folders() == {"deferred": 19}
    done = poolctl("queue", "hold", "--sender", "@example.com", "--yes", *instance)
    assert done.returncode == 0 and "19 messages held" in done.stdout, done.stdout + done.stderr
    assert folders() == {"hold": 19}
    assert poolctl("queue", "release", "--domain", slow.domain, "--yes", *instance).returncode == 0
    assert folders()["hold"] == 0
    assert poolctl("queue", "delete", "--all", "--yes", *instance).returncode == 0
    assert folders() == {}


def test_a_suspended_campaign_waits_in_the_queue_is_counted_there_and_comes_when_resumed(queue: Callable[..., QueueWorld]):
    quick = Slow("quick", "100/s", 100, 10)
    world = queue(quick, lmtp={"trust_unsigned_tenant": True})
    poolctl, instance = world.pool.poolctl, ("--config-directory", str(world.postfix.config))
    assert poolctl("suspend", "--campaign", "spring", "--for", "1h", "--reason", "a wrong link").returncode == 0
    for number in range(6):
        header = b"X-Mailpool-Campaign: spring\r\n" if number % 2 else b"X-Mailpool-Campaign: autumn\r\n"
        world.postfix.submit("person@example.com", [f"u{number}@quick.example"], header + message(b"hello\r\n", f"m{number}"))
    wait_until(lambda: [entry["queue_name"] for entry in world.postfix.queued()] == ["deferred"] * 3, 30, "three wait")
    assert accepted(world, quick) == 3
    (row,) = (row for row in world.pool.status()["campaigns"] if row["campaign"] == "spring")
    assert (row["parked"], row["deferred"], row["state"]) == (3, 3, "suspended")
    shown = poolctl.json("queue", *instance)
    (row,) = shown["campaigns"]
    assert (row["campaign"], row["messages"], row["suspended"]) == ("spring", 3, 3)
    assert re.search(r"^spring +3 +", poolctl("queue", *instance).stdout, re.MULTILINE)
    listed = poolctl("--json", "queue", "--list", "--campaign", "spring", *instance).stdout.splitlines()
    assert len(listed) == 3 and all('"campaign":"spring"' in line for line in listed)
    assert poolctl("queue", "--list", "--campaign", "autumn", *instance).stdout == ""
    done = poolctl("queue", "delete", "--campaign", "autumn", "--yes", *instance)
    assert done.returncode == 0 and len(world.postfix.queued()) == 3
    assert poolctl("resume", "--campaign", "spring").returncode == 0
    wait_until(lambda: accepted(world, quick) == 6, 10, "they come within seconds, not by Postfix's clock")
    assert world.postfix.queued() == []


def test_sendmails_queue_is_counted_too(lab: Lab):
    server = Fakemx(lab)
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "lmtp": {"max_wait": "200ms"},
                              "site": {"slow": {"domains": ["slow.example"], "rate": "1/h"}}}).start()
    sendmail = Sendmail(lab, "front", with_mailpool(manager.lmtp_socket), queue_interval="10m").start()
    for number in range(4):
        sendmail.send("news@home.example.net", [f"u{number}@slow.example"], message(b"x\r\n", f"m{number}"))
    wait_until(lambda: sum(delivery.status == "deferred" for delivery in sendmail.deliveries()) == 3, 30, "three wait")
    shown = manager.poolctl.json("queue", "--sendmail", str(sendmail.cf))
    (row,) = shown["sites"]
    assert (row["site"], row["messages"], row["limit"]) == ("slow", 3, 3), shown
    assert row["oldest"] is not None
    assert len(manager.poolctl("queue", "--list", "--sendmail", str(sendmail.cf)).stdout.splitlines()) == 3


# --- queue ids from outside

HOSTILE = ["../../../etc/passwd", "..+2Factive+2FABCDEF", "ABCDEF+0D+0A", "ABC+00DEF", "A" * 500, "AAAAAA;reboot", "-d+20ALL", "ALL",
           "%41%42", "+FF+FE+80", "ABCDEF GHI", "", "*", "NOQUEUE.", "$(id)", "mp1A-2"]


def test_an_ident_of_any_octets_wakes_nothing(lab: Lab):
    spool = lab.directory("spool", owner="mailpool", group="mailpool")
    (spool / "public").mkdir()
    (spool / "mailpool").mkdir()
    for folder in (spool / "public", spool / "mailpool"):
        folder.chmod(0o777)
    impostor = Impostor(spool / "public/flush", b"protocol\0queue_flush_protocol\0\0status\x000\0\0")
    server = Fakemx(lab)
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "lmtp": {"listen": [str(spool / "mailpool/lmtp.sock")], "max_wait": "200ms"},
                              "postfix": {"map": str(spool / "mailpool/map")},
                              "site": {"slow": {"domains": ["slow.example"], "rate": "1/h"}}})
    manager.lmtp_socket = spool / "mailpool/lmtp.sock"
    manager.start()
    wait_until(lambda: WOKEN in manager.log(), 10, "waking works")
    for number, ident in enumerate([*HOSTILE, "ABCDEF0123"]):
        with Lmtp(manager.lmtp_socket) as client:
            client.command(f"XFORWARD IDENT={ident}")
            reply = client.deliver("news@example.com", [f"u{number}@slow.example"], message(b"x\r\n", f"m{number}"))[0]
            assert reply.code in (250, 451), reply
    assert manager.poolctl("resume", "slow").returncode == 0  # gives the rate back
    wait_until(lambda: any(b"ABCDEF0123" in asked for asked in impostor.heard), 10, "the one good id is asked for")
    ids = {match[1] for asked in impostor.heard if (match := re.fullmatch(rb"request\0send_file\0queue_id\0(.*)\0\0", asked, re.DOTALL))}
    assert len(impostor.heard) > 0 and len(ids) <= 3, ids
    assert all(re.fullmatch(rb"[0-9A-Za-z]{6,22}", one) for one in ids), ids
    assert ids <= {b"000000", b"ABCDEF0123"}, ids
    with manager.lmtp() as client:
        assert client.deliver("person@example.com", ["h@healthy.example"], message(b"x\r\n", "h"))[0].code == 250


# --- several instances

def test_two_postfix_instances_feed_one_manager_and_each_is_woken(lab: Lab):
    server = Fakemx(lab, "set rate 2/s")
    fronts = [Postfix(lab, name, {"default_transport": "mailpool:unix:mailpool/lmtp.sock", "minimal_backoff_time": "300s",
                                  "maximal_backoff_time": "4000s", "queue_run_delay": "300s",
                                  "mailpool_destination_concurrency_failed_cohort_limit": "0"}, MAILPOOL_SERVICE)
              for name in ("first", "second")]
    sockets = [str(door_directory(front) / "lmtp.sock") for front in fronts]
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "lmtp": {"listen": sockets},
                              "site": {"two": {"domains": ["two.example"], "rate": "2/s"}}}, fronts[0]).start()
    for front in fronts:
        front.start()
    wait_until(lambda: manager.log().count(WOKEN) == 2, 15, "both can be woken")
    sources = [subprocess.Popen(["smtp-source", "-s", "4", "-m", "30", "-f", f"{front.name}@example.com", "-t", "u@two.example",
                                 f"127.0.0.1:{front.port}"]) for front in fronts]
    assert [source.wait(60) for source in sources] == [0, 0]
    wait_until(lambda: server.stats()["messages"] == 60, 45, "all are delivered")
    assert server.violations() == 0
    senders = Counter(entry.sender for entry in server.accepted())
    assert senders == {"first@example.com": 30, "second@example.com": 30}
