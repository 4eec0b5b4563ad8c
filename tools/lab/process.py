"""Programs that a lab starts: each in a directory of its own, with its output kept, ended with the lab."""

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 4  # how many times as slow as the machine of a test's author another may be
_ports = itertools.count(20000)


class LabError(RuntimeError):
    """Something in the lab did not do what it must; the message says what, with the program's last words."""


def free_port() -> int:
    """A port nobody else in this room was given; the room has the loopback for itself."""
    return next(_ports)


def wait_until(condition: Callable[[], T], timeout: float, what: str, interval: float = 0.02) -> T:
    """The first true value of the condition; LabError after the timeout, and more of it for a busy machine."""
    end = time.monotonic() + timeout * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"waited {timeout * PATIENCE:g} s in vain: {what}")
        time.sleep(interval)


class Program:
    """One child process; its standard output and error go to `log`."""

    def __init__(self, name: str, argv: list[str], log: Path, *, user: str | None = None, groups: list[str] | None = None,
                 environment: dict[str, str] | None = None, cwd: Path | None = None):
        self.name = name
        self.argv = [str(argument) for argument in argv]
        self.log_file = log
        self.user = user
        self.groups = groups
        self.environment = environment or {}
        self.cwd = cwd
        self.process: subprocess.Popen | None = None
        self.kills = 0

    def start(self) -> "Program":
        identity = {}
        if self.user:
            identity = {"user": self.user, "group": self.user, "extra_groups": self.groups or []}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.cwd,
                                            env={**os.environ, **self.environment}, **identity)
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was not started"
        return self.process.pid

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self.is_running():
            self.kills += number == signal.SIGKILL
            self.process.send_signal(number)

    def wait(self, timeout: float = 20) -> int:
        """The exit code; negative for a signal."""
        assert self.process is not None, f"{self.name} was not started"
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} did not end within {timeout:g} s\n{self.last_words()}") from None

    def stop(self, timeout: float = 10) -> int | None:
        """SIGTERM, and SIGKILL if that does not help. The exit code; None if it never ran."""
        if self.process is None:
            return None
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        self.signal(signal.SIGKILL)
        return self.wait()

    def output(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def last_words(self, lines: int = 30) -> str:
        tail = self.output().splitlines()[-lines:]
        return f"--- {self.name}: {self.log_file}\n" + "\n".join(tail)

    def require_running(self) -> None:
        if not self.is_running():
            code = self.process.returncode if self.process else "never started"
            raise LabError(f"{self.name} ended: {code}\n{self.last_words()}")


class Lab:
    """A directory and all that was started in it; `close()` ends everything, newest first."""

    def __init__(self, root: Path):
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)
        self._closers: list[Callable[[], object]] = []

    def directory(self, name: str, mode: int = 0o755, owner: str | None = None, group: str | None = None) -> Path:
        """A new directory; a second one of the same name gets a number."""
        for number in itertools.count(1):
            path = self.root / (name if number == 1 else f"{name}{number}")
            if not path.exists():
                path.mkdir()
                if owner or group:
                    shutil.chown(path, owner or "root", group or "root")
                path.chmod(mode)
                return path
        raise AssertionError("unreachable")

    def secret(self, name: str, text: str, owner: str = "mailpool") -> Path:
        """A file that its owner alone can read."""
        file = self.directory("secrets", mode=0o755) / name
        file.touch(mode=0o600)
        shutil.chown(file, owner)
        file.write_text(text)
        return file

    def at_close(self, closer: Callable[[], object]) -> None:
        self._closers.append(closer)

    def run(self, program: Program) -> Program:
        program.start()
        self.at_close(program.stop)
        return program

    def close(self) -> None:
        while self._closers:
            self._closers.pop()()

    def logs(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*.log")
                      if path.is_file() and path.stat().st_size and not path.name.endswith("index.log"))
