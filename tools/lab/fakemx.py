"""fakemx, the project's scripted server: what it was told to do, what it accepted, what it saw broken."""

import json
import re
import socket

from .certificates import Certificate
from .mailpool import program
from .oracle import Accepted
from .process import Lab, LabError, Program, free_port, wait_until


class Fakemx:
    """One server. `script` is in fakemx's own language (fakemx --help-script)."""

    def __init__(self, lab: Lab, script: str = "", *, host: str = "127.0.0.1", port: int | None = None,
                 certificate: Certificate | None = None, lmtp: bool = False, tls: bool = True,
                 flags: tuple[str, ...] = ()):
        self.host = host
        self.port = port or free_port()
        self.directory = lab.directory("fakemx")
        self.script_file = self.directory / "script"
        self.script_file.write_text(script + "\n")
        self.log_file = self.directory / "accepted.jsonl"
        self.trace_file = self.directory / "trace.log"
        self.control_socket = self.directory / "control.sock"
        argv = [program("fakemx"), "--listen", self.address, "--script", self.script_file, "--log", self.log_file,
                "--trace", self.trace_file, "--control", self.control_socket]
        if certificate:
            argv += ["--cert", certificate.certificate, "--key", certificate.key]
        if lmtp:
            argv.append("--lmtp")
        if not tls:
            argv += ["--without", "STARTTLS"]
        argv += flags
        self.process = lab.run(Program("fakemx", argv, self.directory / "fakemx.log"))
        wait_until(self._is_ready, 10, "fakemx is ready", interval=0.01)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def _is_ready(self) -> bool:
        self.process.require_running()
        return f"listening {self.address}" in self.process.output()

    def ask(self, command: str) -> str:
        """A command of its control socket and the answer."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(10)
            control.connect(str(self.control_socket))
            control.sendall(command.encode() + b"\n")
            with control.makefile("r") as lines:
                answer = lines.readline().strip()
        if answer.startswith("error"):
            raise LabError(f"fakemx: {command}: {answer}")
        return answer

    def stop(self) -> None:
        self.process.stop()

    def accepted(self) -> list[Accepted]:
        """What it has answered 250 for, or is about to."""
        if not self.log_file.exists():
            return []
        entries = [json.loads(line) for line in self.log_file.read_text().splitlines()]
        return [Accepted(entry["from"], entry["rcpt"], entry["tok"], entry["sha256_no_received"]) for entry in entries
                if entry["outcome"] == "accepted"]

    def stats(self) -> dict:
        return json.loads(self.ask("stats"))

    def connections(self) -> int:
        """Since its start, those that it turned away too."""
        return self.stats()["connections"]["total"]

    def violations(self) -> int:
        """How often the provider's rules (max-connections, max-messages, rate, limit) were broken."""
        return sum(self.stats()["violations"].values())

    def client_violations(self) -> dict[str, list[str]]:
        """What a client must never do, whatever is done to it: kind and examples."""
        return {kind: found["examples"] for kind, found in self.stats()["client_violations"].items()}

    def commands(self, verb: str = "") -> list[str]:
        """What clients said, of all connections: the commands that begin with `verb`."""
        if not self.trace_file.exists():
            return []
        said = re.findall(r"^\S+ \d+ C (.*)$", self.trace_file.read_text(errors="replace"), re.MULTILINE)
        return [command for command in said if command.startswith(verb)]

    def transcript(self) -> str:
        """The last commands and replies of all connections."""
        if not self.trace_file.exists():
            return ""
        return "\n".join(self.trace_file.read_text(errors="replace").splitlines()[-60:])
