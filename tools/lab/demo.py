"""The demo: what tools/demo runs, outside and inside the room."""

import argparse
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from . import packages, room
from .dns import Dns
from .fakemx import Fakemx
from .mailpool import Mailpoold, Value, postfix_through_mailpool, program
from .messages import message
from .postfix import Postfix
from .process import Lab

PLACE = Path("/tmp/mailpool-demo")  # outside and inside the room alike
CONTROL = PLACE / "mailpoold/control.sock"
READY, STOP, ROOM_PID, SUBMISSION = PLACE / "ready", PLACE / "stop", PLACE / "room.pid", PLACE / "submission.port"


@dataclass(frozen=True)
class Provider:
    """Where some domains have their mail, what it allows, and how far away it is."""

    name: str
    address: str
    domains: tuple[str, ...]
    share: int  # of 20 messages
    rules: str
    limits: dict[str, Value]  # what the operator wrote down about it


PROVIDERS = (
    Provider("bigmail", "127.0.1.1", ("bigmail.example.com", "acme.example.com", "umbrella.example.com"), 9,
             "set rtt 20ms\nset max-connections 5\nset max-messages 50\nset rate 150/s",
             {"mx": [".bigmail.example.net"], "max_connections": 5, "max_messages": 50, "rate": "150/s"}),
    Provider("webmail", "127.0.1.2", ("webmail.example.com", "club.example.org"), 6,
             "set rtt 10ms\nset max-connections 3\nset max-messages 20\nset max-messages-how silent\nset rate 50/s",
             {"mx": [".webmail.example.net"], "max_connections": 3, "max_messages": 20, "rate": "50/s"}),
    Provider("firm", "127.0.1.3", ("firm.example.org",), 4, "set rtt 30ms\nset without CHUNKING\nset max-connections 4",
             {"domains": ["firm.example.org"], "max_connections": 4}),
    Provider("hut", "127.0.1.4", ("hut.example.org",), 1, "set rtt 40ms\nset max-connections 1\nset rate 10/s",
             {"domains": ["hut.example.org"], "max_connections": 1, "rate": "10/s"}),
)


@dataclass
class Demo:
    """All that runs in the room."""

    lab: Lab
    sender: Postfix
    manager: Mailpoold
    receivers: dict[str, Fakemx]

    @classmethod
    def start(cls) -> "Demo":
        lab = Lab(PLACE)
        dns = Dns()
        lab.at_close(dns.close)
        receivers = {}
        for provider in PROVIDERS:
            host = f"mx.{provider.name}.example.net"
            dns.a(host, provider.address)
            for domain in provider.domains:
                dns.mx(domain, host)
            receivers[provider.name] = Fakemx(lab, provider.rules, host=provider.address, port=25)
        sender = postfix_through_mailpool(lab, "postfix")
        manager = Mailpoold(lab, {
            "dns": {"servers": dns.servers},
            "smtp": {"prohibited": []},  # the providers of this demo live on loopback addresses
            "site": {provider.name: provider.limits for provider in PROVIDERS},
            "log": {"level": "info"},
        }, sender)
        manager.start()
        sender.start()
        return cls(lab, sender, manager, receivers)

    def violations(self) -> int:
        return sum(receiver.violations() for receiver in self.receivers.values())


def recipients(count: int) -> list[str]:
    """So many addresses, spread over the providers by their shares and over their domains in turn."""
    pattern = [provider for provider in PROVIDERS for _ in range(provider.share)]
    pattern = [pattern[(7 * number) % len(pattern)] for number in range(len(pattern))]  # mixed, 7 and 20 have no common divisor
    found = []
    for number in range(count):
        provider = pattern[number % len(pattern)]
        found.append(f"user{number}@{provider.domains[number // len(pattern) % len(provider.domains)]}")
    return found


def submit(port: int, addresses: list[str]) -> None:
    """Hands messages to Postfix, in four sessions side by side."""
    def session(mine: list[str]) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            for address in mine:
                client.sendmail("news@example.com", [address], message(b"A message of the demo.\r\n" * 20, address))
    threads = [threading.Thread(target=session, args=(addresses[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def watch(demo: Demo, wanted: int, patience: float = 120) -> dict[str, int]:
    """Shows progress until everything has an outcome; the manager's totals."""
    began = time.monotonic()
    on_terminal = sys.stdout.isatty()
    last = -1.0
    while True:
        totals = demo.manager.totals()
        done = totals["delivered"] + totals["refused"]
        elapsed = time.monotonic() - began
        if elapsed - last >= 1 or done >= wanted:
            last = elapsed
            bar = "#" * (done * 30 // wanted)
            line = (f"[{bar:<30}] {done:>5}/{wanted} delivered, {totals['waiting']:>3} waiting, "
                    f"{totals['connections_open']:>2} connections")
            print(f"\r{line}" if on_terminal else line, end="" if on_terminal else "\n", flush=True)
        if done >= wanted or elapsed > patience:
            print() if on_terminal else None
            return totals
        time.sleep(0.1)


def summary(demo: Demo, wanted: int, seconds: float, totals: dict[str, int]) -> bool:
    """The figures; whether all is well."""
    opened, reused = totals["connections_opened"], totals["connections_reused"]
    transactions = opened + reused
    violations = demo.violations()
    accepted = sum(len(receiver.accepted()) for receiver in demo.receivers.values())
    print(f"\ndelivered            {totals['delivered']} of {wanted} in {seconds:.1f} s "
          f"(the providers' own logs say {accepted})\n"
          f"connections opened   {opened}\n"
          f"reuse ratio          {reused / max(transactions, 1):.2f} (transactions on a connection that was already open)\n"
          f"limit violations     {violations} (counted by the providers)", flush=True)
    return totals["delivered"] == wanted == accepted and violations == 0


def inside(count: int, keep: bool) -> int:
    print("starting a private Postfix, mailpoold and four providers", flush=True)
    demo = Demo.start()
    try:
        SUBMISSION.write_text(str(demo.sender.port))
        print(f"sending {count} messages to {sum(len(provider.domains) for provider in PROVIDERS)} domains", flush=True)
        began = time.monotonic()
        sending = threading.Thread(target=submit, args=(demo.sender.port, recipients(count)))
        sending.start()
        totals = watch(demo, count)
        sending.join()
        seconds = time.monotonic() - began
        print("\n$ poolctl status", flush=True)
        sys.stdout.write(demo.manager.poolctl("status").stdout)
        good = summary(demo, count, seconds, totals)
        if not good:
            print(demo.manager.log()[-3000:], demo.sender.log()[-2000:], sep="\n", file=sys.stderr)
        if keep:
            wait_to_be_stopped(good)
        return 0 if good else 1
    finally:
        demo.lab.close()


def wait_to_be_stopped(good: bool) -> None:
    """Lets the process outside go, and stays."""
    quiet = os.open(PLACE / "demo.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    for descriptor in (1, 2):
        os.dup2(quiet, descriptor)
    READY.write_text("0" if good else "1")
    while not STOP.exists():
        time.sleep(0.2)


# --- outside the room

HOW_TO_PLAY = """
It stays up. To play with it:
  poolctl() {{ {poolctl} --socket {control} "$@"; }}
  poolctl status; poolctl connections; poolctl explain user@club.example.org
  poolctl suspend webmail --for 5m --reason test; poolctl resume webmail
  sudo tools/demo send 500                     500 more messages
  sudo tools/demo shell                        a shell in there: postqueue -c {postfix} -p, kill, ss, ...
  tail -f {log}
  sudo tools/demo stop                         ends all of it and removes {place}
"""


def run(count: int, keep: bool) -> int:
    if PLACE.exists():
        if is_up():
            print("a demo is up: sudo tools/demo stop", file=sys.stderr)
            return 1
        shutil.rmtree(PLACE)
    PLACE.mkdir()
    room.check_possible()
    packages.tree()
    arguments = [sys.executable, "-m", "lab.demo", "inside", "--messages", str(count), *(["--keep"] if keep else [])]
    process = subprocess.Popen(room.command(arguments), env=room.environment(), stdin=subprocess.DEVNULL,
                               start_new_session=keep)
    ROOM_PID.write_text(str(process.pid))
    try:
        while process.poll() is None and not READY.exists():
            time.sleep(0.1)
    except KeyboardInterrupt:
        process.kill()
    if READY.exists():
        print(HOW_TO_PLAY.format(poolctl=program("poolctl"), control=CONTROL, postfix=PLACE / "postfix/etc",
                                 log=PLACE / "mailpoold/mailpoold.log", place=PLACE))
        return int(READY.read_text())
    code = process.wait()
    shutil.rmtree(PLACE, ignore_errors=True)
    return code


def is_up() -> bool:
    try:
        return b"lab.room" in Path(f"/proc/{int(ROOM_PID.read_text())}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False


def in_the_room(argv: list[str]) -> list[str]:
    """A command line that joins a kept demo's room."""
    outer = ROOM_PID.read_text().strip()
    inner = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()[0]
    return ["nsenter", "--target", inner, "--mount", "--net", "--pid", "--ipc", "--uts", *argv]


def stop() -> int:
    if is_up():
        STOP.touch()
        end = time.monotonic() + 20
        while is_up() and time.monotonic() < end:
            time.sleep(0.1)
        if is_up():  # the kernel ends the room with it
            os.kill(int(ROOM_PID.read_text()), signal.SIGKILL)
    shutil.rmtree(PLACE, ignore_errors=True)
    print("nothing of the demo is left")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/demo")
    parser.add_argument("command", nargs="?", default="run", choices=("run", "send", "shell", "stop", "inside", "submit"))
    parser.add_argument("count", nargs="?", type=int, default=100)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    match options.command:
        case "run":
            return run(options.messages, options.keep)
        case "inside":
            return inside(options.messages, options.keep)
        case "submit":
            submit(int(SUBMISSION.read_text()), recipients(options.count))
            return 0
        case "stop":
            return stop()
    if not is_up():
        print("no demo is up: sudo tools/demo --keep", file=sys.stderr)
        return 1
    if options.command == "shell":
        os.execvp("nsenter", in_the_room(["bash"]))
    return subprocess.run(in_the_room([sys.executable, "-m", "lab.demo", "submit", str(options.count)]), check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (room.NoRoom, packages.MissingPackage) as trouble:
        print(f"tools/demo: {trouble}", file=sys.stderr)
        sys.exit(69)
