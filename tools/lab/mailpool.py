"""mailpoold and poolctl: started, asked, reloaded, killed."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .events import Event, read_events
from .lmtp import Lmtp
from .postfix import MAILPOOL_SERVICE, Postfix
from .process import Lab, LabError, Program, wait_until

# A line that mailpoold writes for each recipient.
OUTCOME = re.compile(
    r"(?P<id>\S+): to=<(?P<recipient>[^>]*)>, site=(?P<site>[^,]*), (?:tenant=[^,]*, )?(?:campaign=[^,]*, )?(?:source=[^,]*, )?(?:class=\w+, )?relay=(?P<relay>[^,]*), (?:conn_use=(?P<use>\d+), )?"
    r"delay=(?P<delay>[\d.]+), delays=(?P<waiting>[\d.]+)/(?P<connecting>[\d.]+)/(?P<transaction>[\d.]+), "
    r"dsn=(?P<dsn>\d\.\d+\.\d+), status=(?P<status>sent|deferred|bounced) \((?P<text>.*)\)$")

Value = str | int | bool | list["Value"] | dict[str, "Value"]


def program(name: str) -> Path:
    """A program of the build under test (MAILPOOL_BUILD)."""
    folder = {"mailpoold": "plugin/manager", "mailpool-milter": "plugin/milter",
              "mailpool-load": "tools/bench/load", "mailpool-decide": "tools/bench/decide",
              "mailpoold-without-reset": "tests/without_reset"}.get(name, f"tools/{name}")
    path = Path(os.environ["MAILPOOL_BUILD"], folder, name)
    if not path.exists():
        raise LabError(f"{path} is not built")
    return path


def toml(settings: dict[str, Value], prefix: str = "") -> str:
    """Settings as TOML; a nested dictionary is a table."""
    lines = [f"{quoted_key(key)} = {toml_value(value)}" for key, value in settings.items() if not isinstance(value, dict)]
    for key, value in settings.items():
        if isinstance(value, dict):
            name = f"{prefix}{quoted_key(key)}"
            lines += [f"\n[{name}]", toml(value, f"{name}.")]
    return "\n".join(lines)


def quoted_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def toml_value(value: Value) -> str:
    if isinstance(value, dict):  # in a list, as the rules are
        return "{ " + ", ".join(f"{quoted_key(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def merged(base: dict[str, Value], over: dict[str, Value]) -> dict[str, Value]:
    result = dict(base)
    for key, value in over.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


@dataclass(frozen=True)
class Outcome:
    """One outcome line of mailpoold's log."""

    id: str
    recipient: str
    site: str
    relay: str
    use: int  # of the connection; the log says it from the second on, as Postfix's does
    dsn: str
    status: str
    text: str


class Poolctl:
    """Runs poolctl against one control socket."""

    def __init__(self, socket: Path):
        self.socket = socket

    def __call__(self, *arguments: str, user: str | None = None, environment: dict[str, str] | None = None,
                 ) -> subprocess.CompletedProcess:
        identity = {"user": user, "group": user, "extra_groups": []} if user else {}
        return subprocess.run([program("poolctl"), "--socket", self.socket, *arguments], capture_output=True, text=True,
                              check=False, timeout=30, stdin=subprocess.DEVNULL,
                              env={**os.environ, **(environment or {})}, **identity)

    def json(self, *arguments: str) -> dict:
        done = self("--json", *arguments)
        if done.returncode != 0:
            raise LabError(f"poolctl --json {' '.join(arguments)}: {done.returncode} {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def ask(self, command: str) -> dict:
        """What `poolctl --json COMMAND` prints, asked of the manager itself: what is looked at again and again while a test
        waits costs no process each time, which a sanitizer makes dear."""
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(30)
                control.connect(str(self.socket))
                control.sendall(json.dumps({"v": 1, "command": command}).encode() + b"\n")
                with control.makefile("rb") as answers:
                    answer = json.loads(answers.readline() or "{}")
        except OSError as trouble:
            raise LabError(f"{command}: {trouble}") from trouble
        if "result" not in answer:
            raise LabError(f"{command}: {answer}")
        return answer["result"]


class Mailpoold:
    """One manager. With a Postfix, its LMTP socket is in that Postfix's queue directory, as the packages put it."""

    writes_events = False  # unless its settings say so; those of integration tests all do

    def __init__(self, lab: Lab, settings: dict[str, Value] | None = None, postfix: Postfix | None = None,
                 environment: dict[str, str] | None = None, build: str = "mailpoold"):
        self.lab = lab
        self.directory = lab.directory("mailpoold", owner="mailpool", group="mailpool")
        self.log_file = self.directory / "mailpoold.log"
        if postfix:
            sockets = door_directory(postfix)
        else:
            sockets = lab.directory("sockets", owner="mailpool", group="mailpool")
        self.lmtp_socket = sockets / "lmtp.sock"
        self.control_socket = self.directory / "control.sock"
        self.config_file = self.directory / "mailpool.toml"
        self.events_file = self.directory / "events.jsonl"
        self.poolctl = Poolctl(self.control_socket)
        state = self.directory / "state"
        state.mkdir()
        shutil.chown(state, "mailpool", "mailpool")
        self.defaults: dict[str, Value] = {
            "hostname": "mail.example.com",
            "state_dir": str(state),
            "drain_timeout": "5s",
            "lmtp": {"listen": [str(self.lmtp_socket)], "socket_group": "postfix" if postfix else "mailpool",
                     "allow_users": ["root", "postfix"]},
            "control": {"listen": str(self.control_socket)},
            "postfix": {"map": str((sockets if postfix else self.directory) / "map")},
            "dns": {"servers": ["127.0.0.1:9"], "trust_anchor": "", "timeout": "2s"},
            "log": {"to": str(self.log_file), "level": "debug"},
        }
        if self.writes_events:
            self.defaults["events"] = {"file": str(self.events_file)}
        self.settings: dict[str, Value] = {}
        self.configure(settings or {})
        sanitizers = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1"}
        self.process = Program("mailpoold", [program(build), "--config", self.config_file],
                               self.directory / "mailpoold.err.log", user="mailpool", groups=["postfix", "postdrop"],
                               environment={**sanitizers, **(environment or {})})
        self.generation = 0
        lab.at_close(self.end)

    def configure(self, settings: dict[str, Value]) -> None:
        """Writes the configuration: these settings over the lab's own. A running manager keeps the old ones."""
        self.settings = merged(self.defaults, settings)
        # Whole or not at all: a reload may be reading it.
        written = self.config_file.with_suffix(".new")
        written.write_text(toml(self.settings) + "\n")
        written.replace(self.config_file)

    def start(self, timeout: float = 15) -> "Mailpoold":
        self.process.start()
        self.wait_until_ready(timeout)
        return self

    def wait_until_ready(self, timeout: float = 15) -> None:
        def ready() -> bool:
            self.process.require_running()
            try:
                return self.lmtp_socket.exists() and bool(self.status())
            except LabError:
                return False
        wait_until(ready, timeout, f"mailpoold is ready\n{self.log()[-3000:]}", interval=0.05)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        self.process.signal(signal.SIGTERM)

    def hang_up(self) -> None:
        """A reload; it may not have begun when this returns."""
        self.process.signal(signal.SIGHUP)

    def reload(self) -> None:
        """Until the settings have been read, and are in force if they are good."""
        def read() -> int:
            return len(re.findall(" was (not )?applied", self.log()))

        before = read()
        self.hang_up()
        wait_until(lambda: read() > before, 30, "the configuration is read")

    def end(self) -> None:
        """At the end of a lab: a sanitizer's finding fails the test that caused it."""
        if self.process.is_running():
            self.process.stop(timeout=8)
        words = self.process.output()
        if "ERROR: AddressSanitizer" in words or "runtime error:" in words or "Assertion" in words:
            raise LabError(f"mailpoold broke:\n{words[-6000:]}")
        for _ in self.each_event():
            pass

    def lmtp(self, timeout: float = 30) -> Lmtp:
        """A session with it, as root."""
        return Lmtp(self.lmtp_socket, timeout)

    # --- looking

    def log(self) -> str:
        """All that was logged until now: lines are gathered for 2 ms before they are written."""
        time.sleep(0.05)
        return (self.log_file.read_text(errors="replace") if self.log_file.exists() else "") + self.process.output()

    def outcomes(self) -> list[Outcome]:
        found = []
        for line in self.log().splitlines():
            if match := OUTCOME.search(line):
                found.append(Outcome(match["id"], match["recipient"], match["site"], match["relay"], int(match["use"] or 1),
                                     match["dsn"], match["status"], match["text"]))
        return found

    def events(self, kind: str = "") -> list[Event]:
        """All that it wrote until now, or those of one kind."""
        time.sleep(0.05)
        return [event for event in self.each_event() if kind in ("", event["kind"])]

    def each_event(self) -> Iterator[Event]:
        return read_events(self.events_file, self.process.kills)

    def status(self) -> dict:
        return self.poolctl.ask("status")

    def totals(self) -> dict[str, int]:
        return self.status()["totals"]

    def site(self, name: str) -> dict:
        for site in self.status()["sites"]:
            if site["site"] == name:
                return site
        raise LabError(f"no site {name} in {self.status()}")

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


class Waits:
    """What mail has waited for at each site, in the manager's words, as often as somebody looked."""

    def __init__(self, manager: Mailpoold):
        self.manager = manager
        self.at: dict[str, set[str]] = defaultdict(set)

    def look(self) -> None:
        for site in self.manager.status()["sites"]:
            if site["reason"]:
                self.at[site["site"]].add(site["reason"].partition(", next")[0])


def door_directory(postfix: Postfix) -> Path:
    """`mailpool/` in the queue directory, owned as packages make it."""
    directory = postfix.queue / "mailpool"
    if not directory.exists():
        directory.mkdir()
        shutil.chown(directory, "mailpool", "postfix")
        directory.chmod(0o2750)
    return directory


def postfix_through_mailpool(lab: Lab, name: str = "sender", settings: dict[str, str] | None = None) -> Postfix:
    """A Postfix whose whole outbound mail goes to mailpoold's socket in its queue directory (default_transport)."""
    return Postfix(lab, name, {"default_transport": "mailpool:unix:mailpool/lmtp.sock",
                               "mailpool_destination_concurrency_limit": "50",
                               "mailpool_destination_concurrency_failed_cohort_limit": "0",
                               **(settings or {})}, MAILPOOL_SERVICE)
