"""Servers that try to keep the event loop from everybody else, and somebody who is served beside them.

Each is one way to do it; what it serves has a domain (or an IMAP profile) of its own, and one delivery or login sets it off."""

import base64
import random
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dnslib import TXT

from .certificates import Authority, Certificate
from .dns import Dns
from .fakemx import Fakemx
from .gnutls import TLS13, Gnutls
from .imap import Imap
from .lmtp import Lmtp
from .mailpool import Mailpoold, Value
from .messages import message
from .process import Lab, LabError, free_port

HELLO_REQUEST = bytes((22, 3, 3, 0, 4, 0, 0, 0, 0))  # a record that OpenSSL's clients read, and go on
FLOOD = 30 << 20
UPDATES = 200_000
DH_BITS = 10_000
ITERATIONS = 50_000  # as many as mailpoold does
SECRET = "hostile-secret"
CPU_BOUND_MS = 50  # what nobody may take of the loop from another


Begun = Callable[[], None]
Serve = Callable[[socket.socket, Begun], None]  # says when its attack begins: the client has come that far


class Listener:
    """A port whose every connection is served by a thread. `attacks` says on how many of them the attack has begun."""

    def __init__(self, lab: Lab, serve: Serve, address: str = "127.0.0.1", port: int | None = None):
        self.port = port or free_port()
        self.attacks = 0
        self._serve = serve
        self._listener = socket.create_server((address, self.port), backlog=64)
        lab.at_close(self._close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # ends accept(), which would keep the port
        self._listener.close()

    def _begun(self) -> None:
        self.attacks += 1

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection, self._begun)
            except OSError:  # the client has had enough
                pass


# --- what they do

def flood(connection: socket.socket, octets: bytes, begun: Begun) -> None:
    """Until the client has had enough, or FLOOD was sent."""
    begun()
    many = octets * (65536 // len(octets))
    for _ in range(FLOOD // len(many)):
        connection.sendall(many)


def update_keys(session: Gnutls) -> None:
    for _ in range(UPDATES):
        session.update_key()


def send_nothing(session: Gnutls) -> None:
    for _ in range(UPDATES):
        session.send_nothing()


def smtp_until_starttls(connection: socket.socket) -> None:
    """Returns when TLS is due."""
    lines = connection.makefile("rb")
    connection.sendall(b"220 hostile ESMTP\r\n")
    lines.readline()
    connection.sendall(b"250-hostile\r\n250 STARTTLS\r\n")
    lines.readline()
    connection.sendall(b"220 go\r\n")


def smtp_under_tls(session: Gnutls, *, messages: int) -> None:
    """Replies as a good server does, until so many messages have been taken."""
    for line in iter(session.read_line, "QUIT"):
        session.say("354 go on" if line == "DATA" else "250 2.0.0 OK")
        if line == "DATA":
            while session.read_line() != ".":
                pass
            session.say("250 2.0.0 kept")
            messages -= 1
            if messages == 0:
                return


def imap_under_tls(session: Gnutls) -> None:
    """Returns some time after the login."""
    session.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hostile")
    while True:
        tag, _, command = session.read_line().partition(" ")
        session.say(f"{tag} OK done")
        if command.startswith(("AUTHENTICATE", "LOGIN")):
            return


def dh_parameters(directory: Path) -> Path:
    """Numbers of DH_BITS, as no client should compute with: odd, and not even prime."""
    def integer(number: int) -> bytes:
        octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
        return b"\x02" + length(len(octets)) + octets

    def length(n: int) -> bytes:
        return bytes([n]) if n < 128 else b"\x82" + n.to_bytes(2, "big")
    modulus = random.Random(1).getrandbits(DH_BITS) | 1 | 1 << DH_BITS - 1
    inside = integer(modulus) + integer(2)
    der = b"\x30" + length(len(inside)) + inside
    path = directory / "dh.pem"
    text = base64.encodebytes(der).decode()
    path.write_text(f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n")
    return path


def scram(connection: socket.socket, begun: Begun) -> None:
    """Wants as many iterations as are done."""
    lines = connection.makefile("rb")
    connection.sendall(b"220 hostile ESMTP\r\n")
    lines.readline()
    connection.sendall(b"250-hostile\r\n250 AUTH SCRAM-SHA-256\r\n")
    first = base64.b64decode(lines.readline().split()[2]).decode()
    nonce = re.search("r=(.*)$", first)[1]
    answer = f"r={nonce}more,s={base64.b64encode(b'sixteen octets !').decode()},i={ITERATIONS}"
    connection.sendall(b"334 " + base64.b64encode(answer.encode()) + b"\r\n")
    if b"p=" in base64.b64decode(lines.readline()):  # it has computed them
        begun()
    connection.sendall(b"535 5.7.8 no\r\n")


# --- all of them

def domain_of(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower()) + ".test"


@dataclass
class Threat:
    name: str
    set_off: Callable[[], None]  # returns when it is over
    server: Listener


class Hostile:
    """One manager, one good server, and all the threats of the network to it."""

    def __init__(self, lab: Lab, authority: Authority, **settings: Value):
        self.lab = lab
        self.dns = Dns()
        lab.at_close(self.dns.close)
        self.good = Fakemx(lab)
        self.threats: list[Threat] = []
        self._routes: dict[str, Value] = {"good.test": [self.good.address]}
        self._domains: dict[str, Value] = {}
        self._imap: dict[str, Value] = {}
        self._hosts = 0
        self._certificate = authority.issue("127.0.0.1", "hostile.example")
        self._authority = authority
        self._sockets = lab.directory("imap", owner="mailpool", group="mailpool")
        self._add_smtp()
        self._add_imap()
        self._add_policy_hosts()
        password = lab.root / "password"
        password.write_text(SECRET)
        password.chmod(0o600)
        shutil.chown(password, "mailpool")
        self.manager = Mailpoold(lab, {
            "dns": {"servers": self.dns.servers}, "tls": {"ca_file": str(authority.certificate)}, "mta_sts": {"timeout": "8s"},
            "smtp": {"starttls_timeout": "8s", "ehlo_timeout": "8s", "prohibited": [], "port": self.good.port}, "log": {"level": "info"},
            "login": {"hostile": {"user": "u", "password_file": str(password), "allow_plaintext": True}},
            "site": {"named": {"domains": [domain_of("DHE of 10,000 bits that ciphers name")], "tls_ciphers": "DHE"}},
            "route": self._routes, "domain": self._domains, "imap": self._imap, **settings},
            environment={"ASAN_OPTIONS": "quarantine_size_mb=1"}).start()  # what was freed is no memory of ours

    # --- SMTP

    def _smtp(self, name: str, serve: Serve, *, login: str = "", tls: str = "encrypt") -> None:
        domain = domain_of(name)
        server = Listener(self.lab, serve)
        target = f"127.0.0.1:{server.port}"
        self._routes[domain] = {"hosts": [target], "login": login} if login else [target]
        self._domains[domain] = {"tls": tls}
        self.threats.append(Threat(f"SMTP: {name}", lambda: self._deliver(domain), server))

    def _deliver(self, domain: str) -> None:
        with self.manager.lmtp(timeout=60) as session:
            session.deliver("sender@example.com", [f"u@{domain}"], message(b"x\r\n", domain))
        time.sleep(1)  # for what comes afterwards

    def _add_smtp(self) -> None:
        certificate = self._certificate

        def under_tls(attack: Callable[[Gnutls], None], messages: int, rest: float = 0) -> Serve:
            def serve(connection: socket.socket, begun: Begun) -> None:
                smtp_until_starttls(connection)
                session = Gnutls(connection, certificate)
                if messages:
                    smtp_under_tls(session, messages=messages)
                time.sleep(rest)
                begun()
                attack(session)
            return serve

        def hello_requests(connection: socket.socket, begun: Begun) -> None:
            smtp_until_starttls(connection)
            flood(connection, HELLO_REQUEST, begun)

        def full_records(connection: socket.socket, begun: Begun) -> None:
            smtp_until_starttls(connection)
            flood(connection, bytes((22, 3, 3, 0x40, 0)) + bytes(0x4000), begun)

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DHE:@SECLEVEL=0")
        context.load_dh_params(str(dh_parameters(self.lab.directory("dh"))))

        def long_numbers(connection: socket.socket, begun: Begun) -> None:
            smtp_until_starttls(connection)
            begun()
            context.wrap_socket(connection, server_side=True)

        def long_group(connection: socket.socket, begun: Begun) -> None:
            smtp_until_starttls(connection)
            begun()
            Gnutls(connection, certificate, f"{TLS13}:-GROUP-ALL:+GROUP-FFDHE8192")

        self._smtp("HelloRequest records", hello_requests)
        self._smtp("records full of HelloRequest", full_records)
        self._smtp("key updates before a reply", under_tls(update_keys, 0))
        self._smtp("key updates on an idle connection", under_tls(update_keys, 1, rest=0.2))
        self._smtp("records without content", under_tls(send_nothing, 0))
        self._smtp("DHE of 10,000 bits", long_numbers)
        self._smtp("DHE of 10,000 bits that ciphers name", long_numbers)
        self._smtp("ffdhe8192", long_group)
        self._smtp("SCRAM iterations", scram, login="hostile", tls="none")

    # --- IMAP

    def _imap_profile(self, name: str, serve: Serve) -> None:
        word = name.replace(" ", "-").lower()
        path = self._sockets / f"{word}.sock"
        server = Listener(self.lab, serve)
        self._imap[word] = {"server": [f"127.0.0.1:{server.port}"], "tls": "implicit", "listen": [str(path)],
                            "socket_group": "mailpool", "allow_users": ["root"], "tls_ca_file": str(self._authority.certificate),
                            "checkout_timeout": "8s", "login_timeout": "8s"}

        def set_off() -> None:
            with Imap.over_unix(path, 60) as session:
                session.try_login("u", SECRET)
            time.sleep(1)
        self.threats.append(Threat(f"IMAP: {name}", set_off, server))

    def _add_imap(self) -> None:
        def updates(connection: socket.socket, begun: Begun) -> None:
            session = Gnutls(connection, self._certificate)
            imap_under_tls(session)
            time.sleep(0.2)
            begun()
            update_keys(session)

        self._imap_profile("HelloRequest records", lambda connection, begun: flood(connection, HELLO_REQUEST, begun))
        self._imap_profile("key updates after the login", updates)

    # --- MTA-STS

    def _policy_host(self, name: str, serve: Serve) -> None:
        self._hosts += 1
        domain = f"sts{self._hosts}.example.net"
        address = f"127.0.3.{self._hosts}"
        server = Listener(self.lab, serve, address, 443)
        self.dns.add(f"_mta-sts.{domain}", TXT("v=STSv1; id=1;"))
        self.dns.a(f"mta-sts.{domain}", address)
        self.dns.mx(domain, f"mx.{domain}")
        self.dns.a(f"mx.{domain}", self.good.host)
        self._names.append(f"mta-sts.{domain}")
        self.threats.append(Threat(f"MTA-STS: {name}", lambda: self._deliver(domain), server))

    def _add_policy_hosts(self) -> None:
        self._names: list[str] = []
        shown: list[Certificate] = []

        def https(answer: bytes, endless: bytes) -> Serve:
            def serve(connection: socket.socket, begun: Begun) -> None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(shown[0].certificate, shown[0].key)
                with context.wrap_socket(connection, server_side=True) as session:
                    session.recv(4096)
                    session.sendall(answer)
                    flood(session, endless, begun)
            return serve

        def updates(connection: socket.socket, begun: Begun) -> None:
            session = Gnutls(connection, shown[0])
            session.read_line()
            begun()
            update_keys(session)

        begin = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        self._policy_host("HelloRequest records", lambda connection, begun: flood(connection, HELLO_REQUEST, begun))
        self._policy_host("key updates", updates)
        self._policy_host("trailers without end", https(begin + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X-Trailer: more\r\n"))
        self._policy_host("a header without end", https(begin, b"X-Header: more\r\n"))
        shown.append(self._authority.issue(*self._names, stem="policy-hosts"))


# --- what they take of the loop

@dataclass
class Stall:
    cpu_ms: float  # of the loop's thread, from the beginning of one good delivery to its end
    wall_ms: float
    deliveries: int


class Beside:
    """Somebody who is served all the while: one delivery after the other to the good server."""

    def __init__(self, manager: Mailpoold):
        self._manager = manager
        self._ends = threading.Event()
        self._stall = Stall(0, 0, 0)
        self._troubles: list[Exception] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Beside":
        self._thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._manager.lmtp(timeout=60) as session:
                self._one(session)  # opens the connection
                self._stall = Stall(0, 0, 0)
                while not self._ends.is_set():
                    self._one(session)
        except Exception as trouble:  # noqa: BLE001, told by worst()
            self._troubles.append(trouble)

    def _one(self, session: Lmtp) -> None:
        cpu, wall = self._cpu_ms(), time.monotonic()
        reply = session.deliver("sender@example.com", ["u@good.test"], message(b"x\r\n", "good"))[-1]
        stall = self._stall
        self._stall = Stall(max(stall.cpu_ms, self._cpu_ms() - cpu), max(stall.wall_ms, (time.monotonic() - wall) * 1e3),
                            stall.deliveries + 1)
        if reply.code != 250:
            raise RuntimeError(f"the good delivery: {reply}")

    def _cpu_ms(self) -> float:
        """Of the loop's thread alone: what runs beside it keeps nobody waiting."""
        pid = self._manager.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e6

    def worst(self) -> Stall:
        if self._troubles:
            raise self._troubles[0]
        return self._stall


def measure(hostile: Hostile, threat: Threat) -> Stall:
    with Beside(hostile.manager) as beside:
        threat.set_off()
    if threat.server.attacks == 0:
        raise LabError(f"{threat.name}: its client never came so far")
    return beside.worst()
