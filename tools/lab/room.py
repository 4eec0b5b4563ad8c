"""A room: Linux namespaces in which mail servers can be started as on a machine of their own.

In it, /etc, /usr and /var are copies on write of the machine's, with the unpacked mail servers laid over them; users
that these need exist; there is no network but loopback, so every port is free; /run and /srv are empty. When the first
process of the room ends, the kernel ends all others and takes the mounts away: nothing is left behind, whatever
happened inside. The machine's own mail server, ports, users and files are not touched, and not even visible.

  python3 -m lab.room COMMAND...    run a command in a room
"""

import fcntl
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

from . import packages
from .checkout import mount, open_checkout

INSIDE = "MAILPOOL_LAB_ROOM"
COPIED = ("etc", "usr", "var")
# name, uid, gid, group members beside. Only users the machine lacks are added, and only in the room.
USERS = (("postfix", 64701), ("Debian-exim", 64703), ("opensmtpd", 64704), ("opensmtpq", 64705), ("mailpool", 64706),
         ("guest", 64707), ("smmta", 64708), ("smmsp", 64709), ("mailpool-milter", 64711))
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
GROUPS = (("postdrop", 64702),)


class NoRoom(RuntimeError):
    """This machine lets us make no namespaces (not root, or a container without CAP_SYS_ADMIN)."""


def is_inside() -> bool:
    return INSIDE in os.environ


def command(argv: list[str]) -> list[str]:
    """The command line that runs argv in a new room."""
    return ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc",
            "--propagation", "private", "/usr/bin/python3", "-m", "lab.room", "--furnish", *argv]


def environment() -> dict[str, str]:
    tools = str(Path(__file__).resolve().parent.parent)
    return {**os.environ, "PYTHONPATH": tools, "PYTHONDONTWRITEBYTECODE": "1"}


def enter(argv: list[str]) -> None:
    """Replaces this process by argv, run in a new room. Packages are fetched before, while there is a network."""
    check_possible()
    packages.tree()
    os.execvpe("unshare", command(argv), environment())


def check_possible() -> None:
    if os.geteuid() != 0:
        raise NoRoom("the lab needs root: it starts mail servers that drop root themselves")
    tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, text=True,
                           check=False)
    if tried.returncode != 0:
        raise NoRoom(f"the lab needs namespaces (CAP_SYS_ADMIN): {tried.stderr.strip()}")


def furnish() -> None:
    """Runs inside the fresh namespaces: mounts, users, loopback, host name."""
    mount("-t", "tmpfs", "-o", "mode=755", "room", "/run")
    servers = packages.tree()
    for name in COPIED:
        upper, work = Path("/run", name), Path("/run", f"{name}.work")
        upper.mkdir()
        work.mkdir()
        lower = [f"/{name}"] if name == "var" else [str(servers / name), f"/{name}"]
        mount("-t", "overlay", "-o", f"lowerdir={':'.join(lower)},upperdir={upper},workdir={work}", "room", f"/{name}")
    open_checkout(Path("/run"))
    os.chdir(os.getcwd())  # the way there may be another one now
    devices()
    for place in ("/run", "/srv"):  # the first /run stays below, for the mounts that live on it
        mount("-t", "tmpfs", "-o", "mode=755", "room", place)
    add_users()
    Path("/etc/resolv.conf").unlink(missing_ok=True)
    Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    Path("/etc/hosts").write_text("127.0.0.1 localhost mail.example.com\n::1 localhost\n")
    Path("/etc/mailname").write_text("mail.example.com\n")
    socket.sethostname("mail.example.com")
    for program in ("/usr/sbin/postdrop", "/usr/sbin/postqueue"):  # as Postfix's installation does
        shutil.chown(program, "root", "postdrop")
        os.chmod(program, 0o2755)
    raise_loopback()


def devices() -> None:
    """A /dev of the room's own: a server may put its /dev/log there."""
    place = Path("/run/dev")
    place.mkdir()
    mount("-t", "tmpfs", "-o", "mode=755", "room", str(place))
    for name in DEVICES:
        (place / name).touch()
        mount("--bind", f"/dev/{name}", str(place / name))
    for name in ("shm", "pts"):
        (place / name).mkdir()
    mount("-t", "tmpfs", "-o", "mode=1777", "room", str(place / "shm"))
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620", "room", str(place / "pts"))
    (place / "ptmx").symlink_to("pts/ptmx")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        (place / name).symlink_to(f"/proc/self/fd{target}")
    mount("--move", str(place), "/dev")


def add_users() -> None:
    known = {entry.pw_name for entry in pwd.getpwall()}
    with open("/etc/passwd", "a") as passwd, open("/etc/group", "a") as group:
        taken = {line.split(":")[0] for line in Path("/etc/group").read_text().splitlines()}
        for name, number in USERS:
            if name not in taken:
                print(f"{name}:x:{number}:", file=group)
            if name not in known:
                print(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin", file=passwd)
        for name, number in GROUPS:
            if name not in taken:
                print(f"{name}:x:{number}:", file=group)


def raise_loopback() -> None:
    siocgifflags, siocsifflags, iff_up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0).ljust(40, b"\0")
        flags = struct.unpack_from("16sh", fcntl.ioctl(control, siocgifflags, request))[1]
        fcntl.ioctl(control, siocsifflags, struct.pack("16sh", b"lo", flags | iff_up).ljust(40, b"\0"))


def supervise(argv: list[str]) -> int:
    """The room's process 1: runs argv, buries orphans, and answers with argv's exit code."""
    child = subprocess.Popen(argv, env={**os.environ, INSIDE: "1"})
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: child.send_signal(received))
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child.pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--furnish"]:
        furnish()
        return supervise(arguments[1:])
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        enter(arguments)
    except (NoRoom, packages.MissingPackage) as trouble:
        print(trouble, file=sys.stderr)
    return 69


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
