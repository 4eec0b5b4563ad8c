"""The AppArmor profile: what mailpoold opens in a full run, and what its options name by default, is allowed.

This kernel need not enforce anything: strace sees what is opened, and Debian's python3-apparmor says whether a rule allows it.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from lab.apparmor import Access, Profile, accesses, strace
from lab.certificates import Authority
from lab.fakeimap import FakeImap
from lab.imap import Imap
from lab.lmtp import Lmtp
from lab.mailpool import Poolctl, program, toml
from lab.messages import message
from lab.process import Lab, Program, free_port, wait_until
from lab.receivers import SmtpSink

TOP = Path(__file__).resolve().parents[2]
PROFILE = TOP / "packaging/apparmor/usr.sbin.mailpoold"
CONTROL = Path("/run/mailpool/control.sock")
SOCKET = Path("/run/mailpool/imap/bounces-account.sock")
SANITIZERS = re.compile(r"/proc/(self|\d+)/(cmdline|environ|maps|exe|task|fd|auxv|status)|/proc/self/|/proc/sys/vm/overcommit_memory")  # of the build that is tested, not of what ships


@pytest.fixture(scope="module")
def profile() -> Profile:
    return Profile(PROFILE)


def place(path: str, text: str | bytes, mode: int = 0o644, owner: str = "root") -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    shutil.chown(file, owner)
    return file


def as_installed(authority: Authority) -> None:
    """The directories as the packages make them, and the files that options name by default or as an example."""
    for directory in ("/run/mailpool", "/run/mailpool/imap", "/var/lib/mailpool", "/var/spool/postfix/mailpool", "/var/log/mailpool"):
        Path(directory).mkdir(parents=True, exist_ok=True)
        shutil.chown(directory, "mailpool", "mailpool")
    shutil.copy(program("mailpoold"), "/usr/sbin/mailpoold")
    place("/etc/mailpool/providers.toml", (TOP / "conf/providers.toml").read_bytes())
    place("/etc/mailpool/seal.key", "ab" * 32 + "\n", 0o600, "mailpool")
    place("/etc/mailpool/bounces.password", "anna-secret\n", 0o600, "mailpool")
    place("/etc/mailpool/token", "#!/bin/sh\n/bin/cat /etc/hostname >/dev/null\n/usr/bin/env echo a-token\n", 0o755)
    ours = authority.issue("mail.example.com")
    place("/etc/ssl/private/mail.key", ours.key.read_bytes(), 0o640, "mailpool")
    place("/etc/ssl/certs/mail.pem", ours.certificate.read_bytes())
    Path("/etc/ssl/private").chmod(0o755)


def full_configuration(sink: SmtpSink, fake: FakeImap) -> str:
    return toml({
        "hostname": "mail.example.com",
        "lmtp": {"spill_above": "64KiB", "max_wait": "1s"},
        "dns": {"servers": ["127.0.0.1:9"], "timeout": "1s"},
        "log": {"to": "/var/log/mailpool/mailpoold.log"},
        "metrics": {"listen": f"127.0.0.1:{free_port()}"},
        "tls": {"certificate": "/etc/ssl/certs/mail.pem", "key": "/etc/ssl/private/mail.key"},
        "site": {"big": {"domains": ["example.org"]}},
        "login": {"cloud": {"user": "relay", "token_command": ["/etc/mailpool/token"]}},
        "route": {"*": [sink.address], "cloud.example": {"hosts": [sink.address], "login": "cloud"}},
        "imap": {"bounces": {"server": [fake.address], "tls": "none", "listen": ["/run/mailpool/imap/bounces.sock"],
                             "account": {"user": "anna", "password_file": "/etc/mailpool/bounces.password", "listen": [str(SOCKET)],
                                         "allow_users": ["root"]}}}}) + "\n"


def traced_by(tracer: int) -> int:
    return next(int(status.parent.name) for status in Path("/proc").glob("[0-9]*/status")
                if f"TracerPid:\t{tracer}\n" in status.read_text() and "Name:\tmailpoold\n" in status.read_text())


def full_run(lab: Lab, sink: SmtpSink, fake: FakeImap, authority: Authority) -> set[Access]:
    as_installed(authority)
    place("/etc/mailpool/mailpool.toml", full_configuration(sink, fake))
    prefix = lab.directory("strace", mode=0o777) / "calls"
    manager = lab.run(Program("mailpoold", [*strace(prefix, "mailpool"), "/usr/sbin/mailpoold"], lab.root / "mailpoold.err.log",
                              environment={"ASAN_OPTIONS": "detect_leaks=0"}))
    poolctl = Poolctl(CONTROL)
    wait_until(lambda: manager.require_running() or poolctl("status").returncode == 0, 30, "mailpoold answers")
    with Lmtp(Path("/run/mailpool/lmtp.sock"), 60) as client:
        assert client.deliver("s@example.com", ["u@example.org"], message(b"x" * 70 + b"\r\n") * 4000)[0].code == 250
        client.deliver("s@example.com", ["u@cloud.example"], message(b"x\r\n"))
    with Imap.over_unix(SOCKET) as session:
        assert session.greeting.startswith(b"* PREAUTH"), session.greeting
    assert poolctl("suspend", "big", "--for", "1h", "--reason", "test").returncode == 0
    assert poolctl("reload").returncode == 0
    wait_until(lambda: "was applied" in Path("/var/log/mailpool/mailpoold.log").read_text(), 20, "the reload")
    wait_until(Path("/var/spool/postfix/mailpool/map").exists, 10, "the map is published")
    # strace itself hears no SIGTERM.
    os.kill(traced_by(manager.pid), signal.SIGTERM)
    assert manager.wait(60) == 0, manager.last_words()
    return accesses(prefix, "mailpoold", "token_command")


def test_whatever_a_full_run_touches_is_allowed(lab: Lab, sink: SmtpSink, fake: FakeImap, authority: Authority, profile: Profile):
    seen = full_run(lab, sink, fake, authority)
    touched = {(access.path, letter) for access in seen for letter in access.needs if access.who == "mailpoold"}
    # The run is full: each of these was not allowed once, or is a part of its own.
    for path, letter in (("/etc/ssl/private/mail.key", "r"), (f"{SOCKET}.lock", "k"), ("/run/mailpool/lmtp.sock", "w"), ("/etc/mailpool/token", "x"),
                         ("/etc/mailpool/seal.key", "r"), ("/var/spool/postfix/mailpool/map.new", "w"),
                         ("/var/log/mailpool/mailpoold.log", "w"), ("/var/lib/mailpool/state.db", "w")):
        assert (path, letter) in touched, f"{path} was not touched ({letter})\n{sorted(touched)}"
    assert any(access.who == "token_command" and access.path == "/etc/hostname" for access in seen)
    missing = {(access, profile.lacks(access)) for access in seen if profile.lacks(access) and not SANITIZERS.match(access.path)}
    assert not missing, sorted(f"{access.who}: {access.path} lacks {letters}" for access, letters in missing)


def test_whatever_the_options_name_is_allowed(profile: Profile):
    """conf/mailpool.reference.toml has each option with its default or an example, out of the program's table."""
    text = (TOP / "conf/mailpool.reference.toml").read_text()
    named = re.findall(r'^#?(\w+) = .*"(/[^"]+)"', text, re.MULTILINE)
    assert len(named) >= 12
    for option, path in named:
        needs = "rw" if option in ("listen", "state_dir", "map") or path.endswith(".sock") else "r"
        for each in (path, path + ".lock") if path.endswith(".sock") else (path,):
            at = each + "/x" if option == "state_dir" else each
            assert not profile.lacks(Access("mailpoold", at, needs)), f"{option} = {path}: {needs}"


def test_what_is_no_business_of_the_manager_is_not_allowed(profile: Profile):
    for who, path, needs in (("mailpoold", "/etc/shadow", "r"), ("mailpoold", "/root/.ssh/id_rsa", "r"), ("mailpoold", "/home/anna/mbox", "r"),
                             ("mailpoold", "/etc/mailpool/mailpool.toml", "w"), ("mailpoold", "/usr/sbin/mailpoold", "w"),
                             ("mailpoold", "/var/spool/postfix/maildrop/x", "w"), ("token_command", "/var/lib/mailpool/state.db", "r"),
                             ("token_command", "/run/mailpool/control.sock", "w"), ("token_command", "/etc/mailpool/token", "w")):
        assert profile.lacks(Access(who, path, needs)), f"{who}: {path} {needs}"


def test_the_profile_compiles_as_it_is_generated():
    said = subprocess.run(["apparmor_parser", "--skip-kernel-load", "--skip-cache", "--stdout", PROFILE], capture_output=True, check=False)
    assert said.returncode == 0, said.stderr.decode()
