"""What the IMAP pool costs and gains: against Dovecot itself (TLS 1.3, ARGON2ID) and Debian's imapproxy, in turns on one machine."""

import asyncio
import imaplib
import random
import re
import selectors
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from common import Scenarios, percentile, say
from lab.certificates import Authority
from lab.dovecot import Dovecot
from lab.fakeimap import BlackHole, FakeImap
from lab.imap import Imap
from lab.imap_cases import CASES, PROFILE_OF, PROFILES, Front, sentence
from lab.imap_cases import users as users_of_cases
from lab.imap_pool import PROFILE, ImapPool
from lab.imapproxy import Imapproxy
from lab.isolation import over_tcp, over_tls, over_unix
from lab.mailpool import Value
from lab.process import Lab, LabError, free_port, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
import mailpool  # noqa: E402
from mailpool import aio  # noqa: E402

USER, PASSWORD = "anna", "anna-secret"
QUIET: dict[str, Value] = {"log": {"to": "/dev/null", "level": "warning"}}
GROWING = 3.0  # seconds of load in which a pool has grown
ROOM_FOR_MANY = """
default_process_limit = 2000
default_client_limit = 4000
service imap {
  process_limit = 2000
}
"""
Connect = Callable[[], socket.socket]


def milliseconds(times: list[float]) -> str:
    return f"{percentile(times, 50) * 1e3:.2f} / {percentile(times, 99) * 1e3:.2f}"


class Field:
    """Dovecot as the world runs it, and both ways before it: `targets` in the order of the tables."""

    def __init__(self, lab: Lab, *, scheme: str = "ARGON2ID", users: dict[str, str] | None = None,
                 profiles: dict[str, dict[str, Value]] | None = None, settings: str = "", **options: Value):
        authority = Authority(lab.directory("authority"))
        self.server = Dovecot(lab, authority.issue("imap.example.com", "127.0.0.1"), scheme=scheme,
                              users=users or {USER: PASSWORD}, settings=settings).start()
        self.pool = ImapPool(lab, f"127.0.0.1:{self.server.port}", authority.certificate, settings=QUIET, profiles=profiles, start=False,
                             **options)
        self.tcp_port = free_port()
        listen = self.pool.profiles[PROFILE]["listen"]
        assert isinstance(listen, list)
        listen.append(f"127.0.0.1:{self.tcp_port}")
        self.pool.manager.configure({**QUIET, "imap": self.pool.profiles})
        self.pool.manager.start()
        wait_until(self.pool.socket().exists, 5, "the profile's socket is there")
        self.proxy = Imapproxy(lab, self.server.plain_port, tls=True, authority=authority.certificate)
        self.targets: dict[str, Connect] = {"mailpoold": over_unix(self.pool.socket()), "imapproxy": over_tcp(self.proxy.port),
                                            "Dovecot": over_tls(self.server.port)}


# --- login

def login_time(connect: Connect, quick_ack: bool) -> float:
    """From connect() to the tagged OK; LOGOUT and its answer are not counted."""
    began = time.perf_counter()
    connection = connect()
    read_until(connection, b"\r\n", quick_ack)
    connection.sendall(f"a LOGIN {USER} {PASSWORD}\r\n".encode())
    answer = read_until(connection, b"a ", quick_ack)
    took = time.perf_counter() - began
    if b"a OK" not in answer:
        raise LabError(f"no login: {answer!r}")
    connection.sendall(b"b LOGOUT\r\n")
    while connection.recv(4096):
        pass
    connection.close()
    return took


def read_until(connection: socket.socket, mark: bytes, quick_ack: bool) -> bytes:
    octets = b""
    while not (mark in octets and octets.endswith(b"\r\n")):
        if quick_ack:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        piece = connection.recv(65536)
        if not piece:
            break
        octets += piece
    return octets


def imap_login(lab: Lab) -> None:
    """From connect to LOGIN OK with a warm pool, one client: p50 / p99 in ms."""
    field = Field(lab)
    targets = {**field.targets, "mailpoold, TCP": over_tcp(field.tcp_port)}
    times: dict[str, list[float]] = {name: [] for name in ("mailpoold", "mailpoold, TCP", "imapproxy", "imapproxy, quick acks", "Dovecot")}
    for connect in targets.values():
        login_time(connect, False)
    time.sleep(0.3)
    for _ in range(15):
        for name, connect in targets.items():
            for _ in range(4 if name == "Dovecot" else 20):
                times[name].append(login_time(connect, False))
        for _ in range(20):
            times["imapproxy, quick acks"].append(login_time(field.targets["imapproxy"], True))
    ours, floors = percentile(times["mailpoold"], 50), {"mailpoold": "p50 at most 0.5", "mailpoold, TCP": "p99 at most 5"}
    for name, values in times.items():
        say(f"{name}: connect to LOGIN OK, p50 / p99 of {len(values)}", milliseconds(values), floors.get(name, ""))
    say("Dovecot's p50, of mailpoold's", f"{percentile(times['Dovecot'], 50) / ours:.0f}", "at least 50")
    hit = min(percentile(times["imapproxy"], 50), percentile(times["imapproxy, quick acks"], 50))
    say("mailpoold's p50, of imapproxy's better one", f"{ours / hit:.2f}", "at most 1.00")


# --- a bounce job

class QuickAcks(socket.socket):
    """Acknowledges at once: imapproxy answers in small pieces and waits for each to be acknowledged (Nagle)."""

    @classmethod
    def over(cls, connect: Connect) -> Connect:
        def connect_quickly() -> socket.socket:
            quick = cls(fileno=connect().detach())
            quick.settimeout(10)
            return quick
        return connect_quickly

    def recv_into(self, *arguments: Any) -> int:
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().recv_into(*arguments)


class Over(imaplib.IMAP4):
    """imaplib over whatever `connect` opens."""

    def __init__(self, connect: Connect):
        self._connect_to = connect
        super().__init__()

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._connect_to()


def job(connect: Connect) -> None:
    conn = Over(connect)
    conn.login(USER, PASSWORD)
    conn.select("INBOX")
    _, found = conn.uid("SEARCH", "UNDELETED")
    uid = found[0].split()[-1].decode()
    _, mail = conn.uid("FETCH", uid, "(BODY.PEEK[])")
    assert mail and isinstance(mail[0], tuple)
    conn.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)")
    conn.logout()


def jobs_per_second(connect: Connect, clients: int, seconds: float, may_hang: bool = False) -> float:
    """`may_hang`: a client that gets no answer any more goes home (imapproxy, with 32 at once)."""
    end = time.monotonic() + seconds

    def client() -> int:
        done = 0
        while time.monotonic() < end:
            try:
                job(connect)
            except TimeoutError:
                if not may_hang:
                    raise
                break
            done += 1
        return done
    began = time.monotonic()
    with ThreadPoolExecutor(clients) as threads:
        running = [threads.submit(client) for _ in range(clients)]
        done = sum(each.result() for each in running)
    return done / (time.monotonic() - began)


def imap_job(lab: Lab) -> None:
    """A whole bounce job with Python's imaplib (login, SELECT, SEARCH, FETCH one, STORE, LOGOUT): jobs per second, in turns."""
    field = Field(lab, checkout_timeout="60s", pool_size=8, profiles={"opened": {"checkout_timeout": "60s", "pool_size": 8}})
    for number in range(20):
        field.server.put(USER, b"Subject: bounce %d\r\n\r\n" % number + b"it did not work\r\n" * 100)
    job(field.targets["Dovecot"])  # it makes the index, which leaves its process slower than others for good
    targets = {**field.targets, "opened beforehand": over_unix(field.pool.socket("opened")),
               "imapproxy, quick acks": QuickAcks.over(field.targets["imapproxy"])}
    for clients in (1, 8, 32):
        rates: dict[str, list[float]] = {name: [] for name in targets}
        field.pool.manager.poolctl("imap", "flush", USER)
        for session in [field.pool.login(USER, PASSWORD, "opened") for _ in range(8)]:
            session.logout()
        job(field.targets["mailpoold"])  # this one begins with a single connection, and grows by its own judgement
        jobs_per_second(field.targets["mailpoold"], clients, GROWING)
        for _ in range(5):
            for name, connect in targets.items():
                rates[name].append(jobs_per_second(connect, clients, 0.4 if name == "Dovecot" else 1.5, "imapproxy" in name))
        median = {name: statistics.median(values) for name, values in rates.items()}
        for name, rate in median.items():
            say(f"{clients} clients: {name}, jobs per second", f"{rate:.1f}", "")
        say(f"{clients} clients: mailpoold, of Dovecot", f"{median['mailpoold'] / median['Dovecot']:.1f}", "more than 1")
        say(f"{clients} clients: mailpoold, of a pool that was opened beforehand",
            f"{median['mailpoold'] / median['opened beforehand']:.2f}", "at least 0.95")
        better = max(median["imapproxy"], median["imapproxy, quick acks"])
        say(f"{clients} clients: mailpoold, of imapproxy's better one", f"{median['mailpoold'] / better:.2f}", "at least 1.10")


# --- growth

def imap_growth(lab: Lab) -> None:
    """8 clients with jobs all the time, pool_size 8, one connection open: when the others are (with ARGON2ID, all parties share the processors)."""
    for scheme in ("PLAIN", "ARGON2ID"):
        field = Field(lab, scheme=scheme, checkout_timeout="60s", pool_size=8)
        field.server.put(USER, b"Subject: bounce\r\n\r\nit did not work\r\n")
        runs = [growth(field) for _ in range(4)]
        for connections in (2, 4, 8):
            times = [run[connections - 2] for run in runs if len(run) >= connections - 1]
            say(f"{scheme}: {connections} connections open after, median of {len(times)} of {len(runs)} runs, s",
                f"{statistics.median(times):.2f}" if times else "never", "")


def growth(field: Field) -> list[float]:
    """When the second connection was open, the third, ...: seconds from the first of the load, 6 at most."""
    wait_until(lambda: field.pool.row(USER)["login"] == 0, 20, "nothing of the run before is on its way")
    field.pool.manager.poolctl("imap", "flush", USER)
    job(field.targets["mailpoold"])
    reached: list[float] = []
    began = time.monotonic()
    with ThreadPoolExecutor(1) as aside:
        load = aside.submit(jobs_per_second, field.targets["mailpoold"], 8, 6.0)
        while not load.done() and len(reached) < 7:
            row = field.pool.row(USER)
            count = row["active"] + row["idle"] + row["resetting"] + row["checking"]
            reached += [time.monotonic() - began] * (count - 1 - len(reached))
            time.sleep(0.02)
        load.result()
    return reached


# --- many users

def imap_crowd(lab: Lab) -> None:
    """1,000 clients (asyncio) of 100 users: logins as they come for 20 s, then all at one moment; memory of the manager."""
    users = {f"user{number}": f"secret{number}" for number in range(100)}
    field = Field(lab, scheme="PLAIN", users=users, settings=ROOM_FOR_MANY, pool_size=4, max_connections=400, checkout_timeout="60s")
    for user, password in users.items():
        field.pool.login(user, password).logout()
    rest = field.pool.manager.resident_kib()
    peak = Peak(field.pool)
    pool = aio.IMAPPool(socket=field.pool.socket())
    times, failures = asyncio.run(crowd(pool, users, begin_within=4.0, lasts=20.0))
    say(f"{len(times)} logins of 1,000 clients of 100 users, {len(times) / 20:.0f} a second: p50 / p99, ms", milliseconds(times), "p99 at most 20")
    say("the same: refused", str(failures), "0")
    at_once, failures = asyncio.run(crowd(pool, users, begin_within=0.0, lasts=0.0))
    say("all 1,000 at one moment: the last is logged in after, s; refused", f"{max(at_once):.2f}; {failures}", "")
    say("memory of the manager: with 100 idle connections; the most meanwhile, MiB", f"{rest / 1024:.1f}; {peak.stop() / 1024:.1f}", "64")


async def crowd(pool: aio.IMAPPool, users: dict[str, str], begin_within: float, lasts: float) -> tuple[list[float], int]:
    """How long each login took, and how many failed. A client logs in, says NOOP, leaves, and comes again 2 to 6 s later."""
    times: list[float] = []
    failures = 0
    end = time.monotonic() + lasts

    async def client(user: str, password: str) -> None:
        nonlocal failures
        await asyncio.sleep(random.uniform(0, begin_within))
        while True:
            began = time.perf_counter()
            try:
                async with pool.connection(user, password) as conn:
                    times.append(time.perf_counter() - began)
                    await conn.noop()
            except mailpool.PoolError:
                failures += 1
            wait = random.uniform(2, 6)
            if time.monotonic() + wait >= end:
                return
            await asyncio.sleep(wait)
    await asyncio.gather(*(client(user, password) for user, password in users.items() for _ in range(10)))
    return times, failures


# --- a hundred at once

def imap_parallel(lab: Lab) -> None:
    """100 clients of one user at once: connections at the server, who is served, in whose order."""
    field = Field(lab, scheme="PLAIN", checkout_timeout="60s", pool_size=8)
    for name in ("mailpoold", "imapproxy"):
        order, most = hundred(field, field.targets[name])
        late = max((abs(place - number) for place, number in enumerate(order)), default=0)
        say(f"{name}: clients served of 100", str(len(order)), "100")
        say(f"{name}: most connections at the server at once", str(most), "at most 8" if name == "mailpoold" else "")
        say(f"{name}: places between a client's arrival and its turn, at most", str(late), "at most 8" if name == "mailpoold" else "")


def hundred(field: Field, connect: Connect) -> tuple[list[int], int]:
    """Opens 100 sessions one after the other, each with its LOGIN; each stays 20 ms and leaves. The order of the OKs."""
    front = Front(lambda: Imap(connect()), field.server)
    before, most, order = front.upstream(), 0, []
    selector = selectors.DefaultSelector()
    for number in range(100):
        session = Imap(connect(), timeout=60)
        session.send(f"a LOGIN {USER} {PASSWORD}\r\n".encode())
        selector.register(session.connection, selectors.EVENT_READ, (number, session))
    leaving: list[tuple[float, Imap]] = []
    end = time.monotonic() + 30
    while (len(order) < 100 or leaving) and time.monotonic() < end:
        for key, _ in selector.select(0.005):
            number, session = key.data
            if b"a OK" in session.connection.recv(65536):
                order.append(number)
                leaving.append((time.monotonic() + 0.02, session))
                selector.unregister(session.connection)
        most = max(most, front.upstream() - before)
        while leaving and leaving[0][0] < time.monotonic():
            leaving.pop(0)[1].logout()
    return order, most


# --- large messages

def imap_bulk(lab: Lab) -> None:
    """A message of 50 MiB through the pool and directly: rate, and what the manager's memory grows by."""
    field = Field(lab, scheme="PLAIN")
    size = 50 << 20
    line = b"x" * 76 + b"\r\n"
    content = (b"Subject: large\r\n\r\n" + line * (size // len(line) + 1))[:size]
    targets = {name: field.targets[name] for name in ("mailpoold", "Dovecot")}
    rates: dict[tuple[str, str], list[float]] = {(kind, name): [] for kind in ("FETCH", "APPEND") for name in targets}
    for connect in targets.values():
        append(connect, content[:1000])
    rest = field.pool.manager.resident_kib()
    peak = Peak(field.pool)
    for _ in range(3):
        for name, connect in targets.items():
            rates["APPEND", name].append(append(connect, content))
            rates["FETCH", name].append(fetch(connect, size))
    growth = (peak.stop() - rest) / 1024
    for kind in ("FETCH", "APPEND"):
        through, direct = statistics.median(rates[kind, "mailpoold"]), statistics.median(rates[kind, "Dovecot"])
        say(f"{kind} of 50 MiB: MiB per second through the pool / directly", f"{through:.0f} / {direct:.0f}", "")
        say(f"{kind} of 50 MiB: rate through the pool, of the direct one", f"{through / direct:.2f}", "at least 0.7")
    say("growth of the manager's resident memory meanwhile", f"{growth:.1f} MiB", "under 8 MiB")


class Peak:
    """The most resident memory of a manager, until stop()."""

    def __init__(self, pool: ImapPool):
        self._most, self._pool, self._ended = 0, pool, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self._most = max(self._most, self._pool.manager.resident_kib())

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._most


def append(connect: Connect, content: bytes) -> float:
    """MiB per second from the continuation to the tagged OK; the mailbox is emptied before."""
    with Imap(connect(), timeout=60) as session:
        session.login(USER, PASSWORD)
        session.expect("SELECT INBOX")
        session.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")  # BAD where it is empty
        session.expect("EXPUNGE")
        tag = session.start(f"APPEND INBOX {{{len(content)}}}")
        session.wait_for_continuation()
        began = time.perf_counter()
        session.send(content)
        session.send(b"\r\n")
        session.finish(tag)
        took = time.perf_counter() - began
        session.logout()
    return len(content) / took / (1 << 20)


def fetch(connect: Connect, size: int) -> float:
    """MiB per second of the newest message; octets are counted, not kept."""
    with Imap(connect(), timeout=60) as session:
        session.login(USER, PASSWORD)
        session.expect("SELECT INBOX")
        tag = session.start("FETCH * BODY.PEEK[]")
        began = time.perf_counter()
        line = session.read_line()
        literal = re.search(rb"\{(\d+)\}$", line)
        assert literal and int(literal[1]) == size, line
        left = size
        buffer = memoryview(bytearray(1 << 20))
        left -= len(session.take_unread(left))
        while left:
            count = session.connection.recv_into(buffer[:min(left, 1 << 20)])
            assert count, "the connection ended"
            left -= count
        session.read_line()
        session.finish(tag)
        took = time.perf_counter() - began
        session.logout()
    return size / took / (1 << 20)


# --- a spike

def imap_spike(lab: Lab) -> None:
    """HikariCP's spike: 50 clients at once, 5 connections idle, a login that costs 150 ms; commands of 2 ms, then of 200 ms."""
    for milliseconds_each, justified in ((2, "0: nobody waits as long as a login takes"), (200, "15, up to pool_size")):
        waits, took, opened = spike(lab, milliseconds_each / 1000)
        what = f"commands of {milliseconds_each} ms"
        say(f"{what}: clients served of 50", str(len(waits)), "50")
        say(f"{what}: wait for a connection, median / longest, ms",
            f"{statistics.median(waits) * 1e3:.0f} / {max(waits) * 1e3:.0f}", "under 10000, the checkout_timeout")
        say(f"{what}: time until all were served, ms", f"{took * 1e3:.0f}", "")
        say(f"{what}: connections opened for the spike", str(opened), justified)


def spike(lab: Lab, command_takes: float) -> tuple[list[float], float, int]:
    """Each client's wait, the time until all were served, and the connections that were opened meanwhile."""
    fake = FakeImap(lab)
    fake.login_delay = 0.15
    fake.hooks["CHECK"] = lambda session, command: time.sleep(command_takes) or True
    pool = ImapPool(lab, fake.address, tls="none", settings=QUIET, pool_size=20, checkout_timeout="10s", connect_timeout="5s")
    warm = [pool.login(USER, PASSWORD) for _ in range(5)]
    for session in warm:
        session.logout()
    for _ in range(30):  # the pool has seen what a loan usually takes, as any that serves programs has
        with pool.login(USER, PASSWORD) as session:
            session.expect("CHECK")
            session.logout()
    wait_until(lambda: pool.row(USER)["idle"] == 5, 10, "5 connections are idle")
    waits: list[float] = []
    gate = threading.Barrier(51)

    def client() -> None:
        gate.wait()
        began = time.monotonic()
        with pool.login(USER, PASSWORD) as session:
            waits.append(time.monotonic() - began)
            session.expect("CHECK")
            session.logout()
    threads = [threading.Thread(target=client) for _ in range(50)]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.monotonic()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    time.sleep(0.5)
    return waits, took, len(fake.sessions) - 5


# --- a black hole

def imap_hole(lab: Lab) -> None:
    """Logins at a healthy server while another is a black hole with 100 clients waiting: p99, of that alone."""
    fake, hole = FakeImap(lab), BlackHole(lab)
    pool = ImapPool(lab, fake.address, tls="none", settings=QUIET, profiles={
        "hole": {"server": [hole.address], "connect_timeout": "30s", "checkout_timeout": "30s"}})
    connect = over_unix(pool.socket())

    def times() -> list[float]:
        return [login_time(connect, False) for _ in range(600)]
    times()
    alone: list[float] = []
    beside: list[float] = []
    for _ in range(12):
        alone += times()
        waiting = [pool.session("hole") for _ in range(100)]
        for session in waiting:
            session.start(f"LOGIN {USER} {PASSWORD}")
        time.sleep(0.3)  # they have come, and wait
        beside += times()
        for session in waiting:
            session.close()
        time.sleep(0.3)
    say("p99 of a healthy server's logins beside a black hole, of that alone", f"{percentile(beside, 99) / percentile(alone, 99):.2f}", "at most 1.10")


# --- T1 to T15

def imap_cases(lab: Lab) -> None:
    """What a pool can get wrong, T1 to T15: mailpoold, and imapproxy for comparison."""
    users = users_of_cases()
    both = {**users, **{f"{name}p": secret for name, secret in users.items()}}
    field = Field(lab, scheme="PLAIN", users=both, profiles=PROFILES, pool_size=4, checkout_timeout="8s")
    caching = Imapproxy(lab, field.server.plain_port, select_cache=True)
    for number in sorted(CASES, key=lambda number: int(number[1:])):
        proxy = caching if number == "T10" else field.proxy
        profile = PROFILE_OF.get(number, "bounces")
        words = []
        for front, user in ((Front(partial(field.pool.session, profile), field.server, pool_size=4), number.lower()),
                            (Front(proxy.session, field.server, pool_size=4), f"{number.lower()}p")):
            try:
                problem = CASES[number](front, user)
            except (RuntimeError, OSError) as trouble:
                problem = str(trouble)
            words.append("holds" if problem is None else f"BROKEN: {' '.join(problem.split())[:60]}")
        print(f"  {number:<4} {sentence(CASES[number]):<55} mailpoold: {words[0]:<8} imapproxy: {words[1]}", flush=True)


SCENARIOS: Scenarios = {
    scenario.__name__: scenario
    for scenario in (imap_login, imap_job, imap_growth, imap_crowd, imap_parallel, imap_bulk, imap_spike, imap_hole, imap_cases)}
