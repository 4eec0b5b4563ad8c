"""What the milter costs: time per recipient in front of a busy Postfix, and memory over many sessions."""

import selectors
import socket
import struct
import threading
import time

from common import Scenarios, say
from lab.mailpool import Mailpoold
from lab.milter import Milter
from lab.postfix import Postfix
from lab.process import Lab, free_port

SESSIONS = 200
DOMAINS = 20
RATE = 400  # recipients per second, over all sessions
ROUNDS = 4
SECONDS_A_ROUND = 4.0


class Sessions:
    """Many SMTP sessions inside a transaction; recipients come at a steady rate, whichever is free takes the next."""

    def __init__(self, port: int):
        self.selector = selectors.DefaultSelector()
        self.idle = [self.begin(port) for _ in range(SESSIONS)]
        self.sent: dict[socket.socket, float] = {}
        self.latencies: list[float] = []
        for session in self.idle:
            self.selector.register(session, selectors.EVENT_READ)

    @staticmethod
    def begin(port: int) -> socket.socket:
        session = socket.create_connection(("127.0.0.1", port), timeout=60)
        with session.makefile("rb") as lines:
            lines.readline()
            for command in ("EHLO client.example.com", "MAIL FROM:<a@b.example>"):
                session.sendall(command.encode() + b"\r\n")
                while lines.readline()[3:4] == b"-":
                    pass
        session.setblocking(False)
        return session

    def take_replies(self, until: float) -> None:
        while True:
            for key, _ in self.selector.select(max(0.0, until - time.perf_counter())):
                session = key.fileobj
                assert isinstance(session, socket.socket)
                reply = session.recv(4096)
                assert reply.startswith(b"250"), reply
                self.latencies.append(time.perf_counter() - self.sent.pop(session))
                self.idle.append(session)
            if time.perf_counter() >= until:
                return

    def run(self, seconds: float) -> list[float]:
        """Seconds from RCPT to its reply."""
        self.latencies.clear()
        began = time.perf_counter()
        for number in range(int(RATE * seconds)):
            self.take_replies(began + number / RATE)
            if not self.idle:
                continue
            session = self.idle.pop(0)
            self.sent[session] = time.perf_counter()
            session.sendall(b"RCPT TO:<u%d@d%d.example>\r\n" % (number, number % DOMAINS))
        self.take_replies(time.perf_counter() + 1)
        return sorted(self.latencies)

    def close(self) -> None:
        for session in [*self.idle, *self.sent]:
            session.close()


def latency(lab: Lab) -> None:
    plain = free_port()
    service = (f"127.0.0.1:{plain} inet n - y - 500 smtpd\n    -o syslog_name=postfix/plain\n    -o smtpd_milters=\n")
    postfix = Postfix(lab, "front", {"smtpd_milters": "unix:mailpool-milter/milter.sock", "milter_default_action": "tempfail",
                                     "default_process_limit": "500", "smtpd_recipient_limit": "100000",
                                     "default_transport": "mailpool:unix:mailpool/lmtp.sock"}, service)
    limited = {f"d{number}.example": {"accept_rate": "1000000/s"} for number in range(DOMAINS)}
    manager = Mailpoold(lab, {"domain": limited, "milter": {"allow_users": ["mailpool-milter"]}, "log": {"to": "/dev/null"}},
                        postfix).start()
    milter = Milter(lab, manager, postfix).start({"deadline": "5ms", "cache": "1s"})
    postfix.start()
    found: dict[str, list[tuple[float, float]]] = {"plain": [], "milter": []}
    both = {"plain": Sessions(plain), "milter": Sessions(postfix.port)}
    for turn in range(ROUNDS + 1):
        for name, sessions in both.items():
            times = sessions.run(SECONDS_A_ROUND if turn else 1.0)
            if turn:  # the first one only warms up
                found[name].append((times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000))
    for sessions in both.values():
        sessions.close()
    for number, percentile, floor in ((0, "p50", "at most 0.2 ms"), (1, "p99", "at most 1 ms")):
        without, behind = (min(each[number] for each in found[name]) for name in ("plain", "milter"))
        say(f"a recipient at {SESSIONS} sessions into Postfix: {percentile} with the milter", f"{behind:.2f} ms", "")
        say(f"of that, added by the milter ({percentile} without it: {without:.2f} ms)", f"{behind - without:.2f} ms", floor)
    if "unasked" in milter.log():
        say("mailpoold was late in this run", "yes", "no")


def packet(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload) + 1) + kind + payload


SESSION = b"".join([
    struct.pack(">Ic3I", 13, b"O", 6, 0x1FF, 0x1FFFFF),
    packet(b"C", b"client.example.com\x004\x00\x19192.0.2.1\0"),
    packet(b"D", b"M{auth_authen}\0shop\0"), packet(b"M", b"<a@b.example>\0"),
    packet(b"D", b"R{rcpt_mailer}\0mailpool\0"), packet(b"R", b"<u@d1.example>\0"),
    packet(b"L", b"Subject\0x\0"), packet(b"L", b"X-Mailpool-Tenant\0forged\0"),
    packet(b"E"), packet(b"Q")])


def sessions_alone(milter: Milter, count: int) -> None:
    """Whole sessions, one after the other, by a few threads."""
    def work(number: int) -> None:
        for _ in range(number):
            with milter.connect() as peer:
                peer.sendall(SESSION)
                while peer.recv(65536):
                    pass
    threads = [threading.Thread(target=work, args=(count // 8,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def memory(lab: Lab) -> None:
    limited = {"d1.example": {"accept_rate": "1000000/s"}}
    manager = Mailpoold(lab, {"domain": limited, "tenant": {"shop": {"logins": ["shop"]}}, "log": {"to": "/dev/null"},
                              "milter": {"allow_users": ["mailpool-milter"]}}).start()
    milter = Milter(lab, manager).start({"deadline": "1s"})
    idle = milter.resident_kib()
    sessions_alone(milter, 10000)
    early = milter.resident_kib()
    began = time.monotonic()
    sessions_alone(milter, 90000)
    say("the milter without work, resident", f"{idle / 1024:.1f} MiB", "")
    say("growth from the 10,000th to the 100,000th session", f"{milter.resident_kib() - early} KiB", "under 1024 KiB")
    say("sessions per second, each with a recipient asked and a message sealed", f"{90000 / (time.monotonic() - began):.0f}", "")
    say("descriptors open at the end", str(milter.open_files()), "under 60")


def milter(lab: Lab) -> None:
    """What the milter adds to a recipient at 200 sessions into Postfix; its memory over 100,000 sessions."""
    latency(lab)
    memory(lab)


SCENARIOS: Scenarios = {"milter": milter}
