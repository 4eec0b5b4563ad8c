"""An IMAP server that does what a test tells it to: faults, delays and lies, one hook a command."""

import base64
import ctypes
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .certificates import Certificate
from .process import Lab, LabError, free_port, wait_until

BEFORE_LOGIN = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE AUTH=PLAIN"
AFTER_LOGIN = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE UNSELECT UIDPLUS CONDSTORE NAMESPACE CHILDREN"
LITERAL = re.compile(rb"~?\{(\d+)(\+?)\}$")


@dataclass
class Command:
    """A whole command with its literals. `name` is in capitals, with UID kept in front ("UID FETCH")."""

    tag: bytes
    name: str
    arguments: bytes
    octets: bytes


Hook = Callable[["Session", Command], object]


class Session:
    """One client. A hook may `say` what it likes; `answer` is the tagged response."""

    def __init__(self, server: "FakeImap", connection: socket.socket, number: int):
        self.server = server
        self.connection = connection
        self.number = number
        self.user: str | None = None
        self.selected: str | None = None
        self.commands: list[Command] = []
        self.received = bytearray()
        self.closed = threading.Event()
        self._unread = b""

    def say(self, octets: bytes) -> None:
        try:
            self.connection.sendall(octets)
        except OSError:
            self.closed.set()

    def answer(self, command: Command, text: str = "OK done") -> None:
        self.say(command.tag + b" " + text.encode() + b"\r\n")

    def close(self) -> None:
        """FIN, after what was said."""
        self.closed.set()
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()

    def reset(self) -> None:
        """RST. (Closing sends nothing while another thread waits in recv; connecting to nowhere does.)"""
        self.closed.set()
        ctypes.CDLL(None).connect(self.connection.fileno(), bytes(16), 16)

    def hang(self) -> None:
        """Reads no more and answers nothing, until the server ends."""
        self.server.ended.wait()

    def read_line(self) -> bytes:
        while b"\r\n" not in self._unread:
            self._read()
        line, _, self._unread = self._unread.partition(b"\r\n")
        return line

    def read_exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._read()
        octets, self._unread = self._unread[:count], self._unread[count:]
        return octets

    def _read(self) -> None:
        octets = self.connection.recv(65536)
        if not octets:
            raise ConnectionError("the client went away")
        self.received += octets
        self._unread += octets

    def read_command(self) -> Command:
        whole = self.read_line()
        while literal := LITERAL.search(whole):
            if not literal[2]:
                self.say(b"+ go on\r\n")
            whole += b"\r\n" + self.read_exactly(int(literal[1])) + self.read_line()
        tag, _, rest = whole.partition(b" ")
        name, _, arguments = rest.partition(b" ")
        if name.upper() == b"UID":
            second, _, arguments = arguments.partition(b" ")
            name += b" " + second
        return Command(tag, name.decode("latin-1").upper(), arguments, whole)

    def run(self) -> None:
        try:
            self.server.greet(self)
            while not self.closed.is_set():
                command = self.read_command()
                self.commands.append(command)
                self.server.handle(self, command)
        except (OSError, ConnectionError, ValueError):
            pass
        finally:
            self.closed.set()
            self.connection.close()


@dataclass
class FakeImap:
    """Listens as soon as it is made. `hooks` by command name; one that returns True lets the ordinary answer follow."""

    lab: Lab
    certificate: Certificate | None = None
    users: dict[str, str] = field(default_factory=lambda: {"anna": "anna-secret", "bert": "bert-secret"})
    before_login: str = BEFORE_LOGIN
    after_login: str = AFTER_LOGIN
    greeting: bytes | None = None
    hooks: dict[str, Hook] = field(default_factory=dict)
    login_delay: float = 0
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.sessions: list[Session] = []
        self.ended = threading.Event()
        self.logins: list[tuple[str, bool]] = []  # user, and whether the password was right
        self.most_open = 0
        self._lock = threading.Lock()
        self._context = None
        if self.certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(self.certificate.certificate, self.certificate.key)
        self.listen()
        self.lab.at_close(self.end)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop_listening(self) -> None:
        """New connections are refused from now on; open ones stay."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def end(self) -> None:
        self.ended.set()
        self.stop_listening()
        for session in self.open():
            session.close()

    def open(self) -> list[Session]:
        return [session for session in self.sessions if not session.closed.is_set()]

    def wait_for_session(self, count: int = 1) -> Session:
        """The newest, once there are `count`, closed ones counted."""
        wait_until(lambda: len(self.sessions) >= count, 10, f"{count} sessions at the server, not {len(self.sessions)}")
        return self.sessions[-1]

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        with self._lock:
            session = Session(self, connection, len(self.sessions))
            self.sessions.append(session)
            self.most_open = max(self.most_open, len(self.open()))
        session.run()

    # --- ordinary behaviour

    def greet(self, session: Session) -> None:
        if "greeting" in self.hooks and not self.hooks["greeting"](session, Command(b"", "", b"", b"")):
            return
        session.say(self.greeting or f"* OK [CAPABILITY {self.before_login}] fake ready\r\n".encode())

    def handle(self, session: Session, command: Command) -> None:
        hook = self.hooks.get(command.name) or self.hooks.get("*")
        if hook and hook(session, command) is not True:
            return
        ordinary = getattr(self, "do_" + command.name.lower().replace(" ", "_"), None)
        if ordinary:
            ordinary(session, command)
        else:
            session.answer(command)

    def do_capability(self, session: Session, command: Command) -> None:
        session.say(f"* CAPABILITY {self.after_login if session.user else self.before_login}\r\n".encode())
        session.answer(command)

    def do_login(self, session: Session, command: Command) -> None:
        user, password = astrings(command.arguments)[:2]
        self.judge(session, command, user, password)

    def do_authenticate(self, session: Session, command: Command) -> None:
        mechanism, _, initial = command.arguments.partition(b" ")
        if mechanism.upper() != b"PLAIN":
            session.answer(command, "NO no such mechanism")
            return
        if not initial:
            session.say(b"+ \r\n")
            initial = session.read_line()
        _, user, password = base64.b64decode(initial).decode().split("\0")
        self.judge(session, command, user, password)

    def do_unauthenticate(self, session: Session, command: Command) -> None:
        session.user = session.selected = None
        session.answer(command)

    def judge(self, session: Session, command: Command, user: str, password: str) -> None:
        if session.user:
            session.answer(command, "BAD somebody is logged in already")
            return
        time.sleep(self.login_delay)
        right = self.users.get(user) == password
        self.logins.append((user, right))
        if right:
            session.user = user
            session.answer(command, f"OK [CAPABILITY {self.after_login}] {user} logged in")
        else:
            session.answer(command, "NO [AUTHENTICATIONFAILED] these words are the server's own")

    def do_select(self, session: Session, command: Command) -> None:
        session.selected = astrings(command.arguments)[0]
        session.say(b"* FLAGS (\\Seen \\Deleted)\r\n* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1] valid\r\n")
        session.answer(command, "OK [READ-WRITE] selected")

    do_examine = do_select

    def do_unselect(self, session: Session, command: Command) -> None:
        session.answer(command, "OK unselected" if session.selected else "BAD nothing is selected")
        session.selected = None

    def do_fetch(self, session: Session, command: Command) -> None:
        text = f"watermark of {session.user} in {session.selected}".encode()
        session.say(b"* 1 FETCH (BODY[] {%d}\r\n%s)\r\n" % (len(text), text))
        session.answer(command)

    def do_idle(self, session: Session, command: Command) -> None:
        session.say(b"+ idling\r\n")
        line = session.read_line()
        session.answer(command, "OK idle ended" if line.upper() == b"DONE" else "BAD expected DONE")

    def do_logout(self, session: Session, command: Command) -> None:
        session.say(b"* BYE fake says goodbye\r\n")
        session.answer(command)
        session.close()


class BlackHole:
    """A port whose backlog is full: connecting neither succeeds nor fails."""

    def __init__(self, lab: Lab):
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=0)
        self._fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)
        lab.at_close(self.close)
        self._require_full()

    def _require_full(self) -> None:
        with socket.socket() as probe:
            probe.settimeout(0.3)
            try:
                probe.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return
        raise LabError("a connection into the black hole succeeded")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._listener.close()


def astrings(arguments: bytes) -> list[str]:
    """Atoms, quoted strings and literals, decoded; parentheses stay part of their atom."""
    found, rest = [], arguments
    while rest := rest.lstrip(b" "):
        if rest[:1] == b'"':
            match = re.match(rb'"((?:[^"\\]|\\.)*)"', rest)
            if not match:
                raise ValueError(f"an unfinished quoted string: {rest!r}")
            found.append(re.sub(rb"\\(.)", rb"\1", match[1]).decode())
            rest = rest[match.end():]
        elif match := re.match(rb"~?\{(\d+)\+?\}\r\n", rest):
            end = match.end() + int(match[1])
            found.append(rest[match.end():end].decode())
            rest = rest[end:]
        else:
            atom, _, rest = rest.partition(b" ")
            found.append(atom.decode())
    return found
