"""Dovecot, as the IMAP server behind a pool: Debian's programs, users and passwords of the lab, ended, hung and restarted at will."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import dovecot_settings
from .certificates import Certificate
from .imap import Imap
from .process import Lab, LabError, Program, free_port, wait_until

SERVER_NAME = "imap.example.com"


@dataclass
class Dovecot:
    """One server on two ports: `port` speaks TLS from the first octet, `plain_port` STARTTLS. Users have a maildir each, `files(user)`.

    `scheme` is Dovecot's password scheme: ARGON2ID costs what a login costs in the world, PLAIN nearly nothing. `failure_delay`
    is how long a refused login waits for its NO.
    """

    lab: Lab
    certificate: Certificate
    users: dict[str, str] = field(default_factory=lambda: {"anna": "anna-secret", "bert": "bert-secret"})
    scheme: str = "ARGON2ID"
    failure_delay: str = "0s"
    settings: str = ""

    def __post_init__(self) -> None:
        self.directory = self.lab.directory("dovecot")
        self.mail = self.lab.directory("dovecot-mail", owner="guest", group="guest")
        self.port, self.plain_port = free_port(), free_port()
        self.log_file = self.directory / "dovecot.log"
        self.password_file = self.directory / "users"
        self.config = self.directory / "dovecot.conf"
        self.run_directory = Path("/run", f"dovecot-{self.port}")  # its socket names must stay short
        self.run_directory.mkdir()
        self.config.write_text(dovecot_settings.of_server(
            run=self.run_directory, log=self.log_file, port=self.port, plain_port=self.plain_port,
            certificate=self.certificate.certificate, key=self.certificate.key, users=self.password_file, mail=self.mail,
            failure_delay=self.failure_delay) + self.settings)
        self._hashes: dict[tuple[str, str], str] = {}
        self.write_passwords()
        self.program = Program("dovecot", ["dovecot", "-F", "-c", self.config], self.directory / "dovecot.err.log")
        self.lab.at_close(self.kill)

    @property
    def address(self) -> str:
        return f"{SERVER_NAME}:{self.port}"

    def write_passwords(self) -> None:
        """Read anew by Dovecot at the next login."""
        lines = [f"{user}:{self.hash_of(user, password)}" for user, password in self.users.items()]
        fresh = self.password_file.with_suffix(".new")
        fresh.write_text("\n".join(lines) + "\n")
        fresh.chmod(0o644)
        fresh.rename(self.password_file)

    def hash_of(self, user: str, password: str) -> str:
        if self.scheme == "PLAIN":
            return f"{{PLAIN}}{password}"
        if (user, password) not in self._hashes:
            self._hashes[user, password] = subprocess.run(
                ["doveadm", "-c", self.config, "pw", "-s", self.scheme, "-p", password], capture_output=True, text=True,
                check=True).stdout.strip()
        return self._hashes[user, password]

    def set_password(self, user: str, password: str) -> None:
        self.users[user] = password
        self.write_passwords()

    def start(self) -> "Dovecot":
        self.program.start()
        wait_until(self.answers, 20, "dovecot answers", interval=0.05)
        return self

    def answers(self) -> bool:
        self.program.require_running()
        try:
            with self.session(timeout=5):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        """As a stop of the service does: its sessions get BYE. (As our child its master tells its own children nothing.)"""
        family = self.processes()
        sessions = [pid for pid in family if command_of(pid) == "imap"]
        for pid in [*sessions, self.program.pid]:
            quietly_kill(pid, signal.SIGTERM)
        self.program.wait()
        try:
            wait_until(lambda: not any(map(is_alive, sessions)), 2, "dovecot's sessions end")
        except LabError:
            pass
        time.sleep(0.05)  # what passes TLS on has to pass the last words on
        for pid in family[1:]:
            quietly_kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """kill -9 of all its processes: connections end without a word."""
        for pid in self.processes():
            quietly_kill(pid, signal.SIGKILL)
        if self.program.process is not None:
            self.program.wait()

    def hang(self) -> None:
        """SIGSTOP: the kernel still accepts connections and octets, nobody answers."""
        for pid in self.processes():
            quietly_kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in self.processes():
            quietly_kill(pid, signal.SIGCONT)

    def processes(self) -> list[int]:
        """The master and all that it started, the master first."""
        if not self.program.is_running():
            return []
        master = self.program.pid
        return [master, *children(master)]

    # --- sessions and mail

    def session(self, timeout: float = 20) -> Imap:
        """Directly, over TLS; the greeting is read."""
        return Imap.over_tls("127.0.0.1", self.port, timeout)

    def files(self, user: str) -> Path:
        return self.mail / user

    def put(self, user: str, content: bytes, mailbox: str = "INBOX") -> None:
        """A message, by a session of its own."""
        with self.session() as session:
            session.login(user, self.users[user])
            session.append(mailbox, content)

    def logins(self, user: str | None = None) -> int:
        """How many logins succeeded."""
        wanted = "Login: user=<" + (f"{user}>" if user else "")
        return sum(wanted in line for line in self.log().splitlines())

    def refused_logins(self) -> int:
        return sum("auth failed" in line for line in self.log().splitlines())

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""


def children(parent: int) -> list[int]:
    """All living descendants of a process."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, heads = [], [parent]
    while heads:
        below = parents.get(heads.pop(), [])
        found += below
        heads += below
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def quietly_kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
