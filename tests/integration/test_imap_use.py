"""What operators and accounts use: sockets for those who may connect, tokens, certificates, poolctl."""

import base64
import pwd
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.certificates import Authority, Certificate, keep_for_mailpool
from lab.fakeimap import Command, FakeImap, Session
from lab.imap import Imap
from lab.imap_pool import PROFILE, ImapPool
from lab.mailpool import program
from lab.process import Lab, wait_until

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/python"))
import mailpool  # noqa: E402

USER, PASSWORD = "anna", "anna-secret"
LOOK = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(200).decode())"


def greeting_of(user: str, socket: Path) -> subprocess.CompletedProcess[str]:
    """What a user of this host finds at a socket."""
    return subprocess.run(["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups", sys.executable, "-c", LOOK, str(socket)],
                          capture_output=True, text=True, check=False, cwd="/")


# --- allow_users

def test_a_user_of_allow_users_can_open_the_socket_and_another_is_told(lab: Lab, fake: FakeImap):
    pool = ImapPool(lab, fake.address, tls="none", socket_group="")
    assert greeting_of("guest", pool.socket()).stdout.startswith("* OK")
    told = greeting_of("nobody", pool.socket())
    assert "allow_users" in told.stdout, told
    assert not any(found["level"] != "good" for found in pool.manager.poolctl.json("check")["findings"] if "allow_users: " in found["text"])


def test_a_mode_that_keeps_users_of_allow_users_out_is_told(lab: Lab, fake: FakeImap):
    pool = ImapPool(lab, fake.address, tls="none", socket_mode="0660")
    assert "Permission" in greeting_of("guest", pool.socket()).stderr
    wanted = "guest cannot open the socket (socket_mode 0660, socket_group mailpool)"
    assert wanted in pool.manager.poolctl("check").stdout.replace("\n", " ").replace("  ", " ") or wanted in str(
        pool.manager.poolctl.json("check"))
    checked = subprocess.run([program("mailpoold"), "--check", "--config", pool.manager.config_file], capture_output=True, text=True,
                             check=False)
    assert checked.returncode == 0 and wanted in checked.stdout, checked


@pytest.mark.parametrize("section", ["[imap.bounces]", "[imap.bounces.account]", "[imap_dynamic]"])
def test_every_kind_of_socket_that_keeps_its_users_out_is_told(lab: Lab, fake: FakeImap, section: str):
    secrets, closed = lab.directory("secrets"), {"socket_mode": "0600", "allow_users": ["root"]}
    (secrets / "password").write_text("x\n")
    own = {"[imap.bounces]": {"allow_users": ["guest"]}, "[imap.bounces.account]": {
        "account": {"user": USER, "password_file": str(secrets / "password"), "listen": [str(secrets / "a.sock")], "allow_users": ["guest"]}}}
    dynamic = {**closed, "listen": [str(secrets / "d.sock")], "servers": [fake.address], **({"allow_users": ["guest"]} if "dynamic" in section else {})}
    pool = ImapPool(lab, fake.address, tls="none", start=False)
    pool.manager.configure({"imap": {PROFILE: {**pool.profiles[PROFILE], **closed, **own.get(section, {})}}, "imap_dynamic": dynamic})
    checked = subprocess.run([program("mailpoold"), "--check", "--config", pool.manager.config_file], capture_output=True, text=True,
                             check=False)
    told = [line for line in checked.stdout.splitlines() if "cannot open the socket" in line]
    assert len(told) == 1 and f"{section} allow_users: guest" in told[0], checked


# --- accounts

def account(lab: Lab, **secret: object) -> tuple[dict[str, object], Path]:
    socket = lab.directory("account", owner="mailpool", group="mailpool") / "anna.sock"
    return {"user": USER, "listen": [str(socket)], "allow_users": ["root"], **secret}, socket


class Tokens:
    """A server that takes one token at a time."""

    def __init__(self, fake: FakeImap):
        self.good = "first"
        self.heard: list[str] = []
        fake.before_login = "IMAP4rev1 SASL-IR AUTH=XOAUTH2"
        fake.hooks["AUTHENTICATE"] = self.hear

    def hear(self, session: Session, command: Command) -> None:
        token = base64.b64decode(command.arguments.split()[1]).decode().split("Bearer ")[1].rstrip("\1")
        self.heard.append(token)
        if token == self.good:
            session.user = USER
            session.answer(command, f"OK [CAPABILITY {session.server.after_login}] in")
        else:
            session.say(b"+ e30=\r\n")
            session.read_line()
            session.answer(command, "NO [AUTHENTICATIONFAILED] the token is old")


def test_an_account_logs_in_with_the_token_of_a_file_and_reads_it_again_when_it_is_refused(lab: Lab, fake: FakeImap):
    tokens = Tokens(fake)
    file = lab.directory("secrets", owner="mailpool", group="mailpool") / "token"
    file.write_text("first\n")
    file.chmod(0o600)
    subprocess.run(["chown", "mailpool", file], check=True)
    settings, socket = account(lab, token_file=str(file), refresh="1h")
    pool = ImapPool(lab, fake.address, tls="none", account=settings)
    wait_until(lambda: greets_with_preauth(socket), 10, "the token was read")
    file.write_text("second\n")
    tokens.good = "second"
    pool.manager.poolctl("imap", "flush", USER)
    wait_until(lambda: greets_with_preauth(socket), 10, "the new token is read")
    assert tokens.heard[0] == "first" and tokens.heard[-1] == "second"
    assert "first" not in pool.manager.log() and "second" not in pool.manager.log()


def test_a_token_is_read_again_before_anybody_refuses_it(lab: Lab, fake: FakeImap):
    tokens = Tokens(fake)
    file = lab.directory("secrets", owner="mailpool", group="mailpool") / "token"
    file.write_text("first\n")
    file.chmod(0o600)
    subprocess.run(["chown", "mailpool", file], check=True)
    settings, socket = account(lab, token_file=str(file), refresh="1s")
    pool = ImapPool(lab, fake.address, tls="none", account=settings)
    wait_until(lambda: greets_with_preauth(socket), 10, "the token was read")
    file.write_text("second\n")
    time.sleep(2.5)
    tokens.good = "second"
    pool.manager.poolctl("imap", "flush", USER)
    wait_until(lambda: greets_with_preauth(socket), 10, "it logs in again")
    assert tokens.heard == ["first", "second"]


def greets_with_preauth(socket: Path) -> bool:
    with Imap.over_unix(socket) as session:
        return session.greeting.startswith(b"* PREAUTH")


def test_an_account_logs_in_with_the_token_that_a_program_writes(lab: Lab, fake: FakeImap):
    tokens = Tokens(fake)
    program = lab.directory("programs") / "token"
    program.write_text("#!/bin/sh\necho first\n")
    program.chmod(0o755)
    settings, socket = account(lab, token_command=[str(program)])
    pool = ImapPool(lab, fake.address, tls="none", account=settings, min_idle=1)
    pool.wait_for(USER, idle=1)
    assert greets_with_preauth(socket) and set(tokens.heard) == {"first"}


def test_a_program_that_writes_no_token_is_named_in_the_log(lab: Lab, fake: FakeImap):
    settings, socket = account(lab, token_command=["/bin/false"])
    pool = ImapPool(lab, fake.address, tls="none", account=settings)
    wait_until(lambda: "token_command" in pool.manager.log(), 10, "the log names the option")
    with Imap.over_unix(socket) as session:
        assert session.greeting.startswith(b"* BYE [UNAVAILABLE]")


def test_an_account_logs_in_with_a_certificate(lab: Lab, authority: Authority, imap_certificate: Certificate):
    own = authority.issue("bounces.example.com")
    fake = FakeImap(lab, certificate=imap_certificate, before_login="IMAP4rev1 SASL-IR AUTH=EXTERNAL AUTH=PLAIN")
    assert fake._context
    fake._context.load_verify_locations(authority.certificate)
    fake._context.verify_mode = __import__("ssl").CERT_REQUIRED
    shown: list[object] = []

    def external(session: Session, command: Command) -> None:
        shown.append((command.arguments, session.connection.getpeercert()))
        session.user = USER
        session.answer(command, f"OK [CAPABILITY {session.server.after_login}] in")
    fake.hooks["AUTHENTICATE"] = external
    both = lab.directory("secrets", owner="mailpool", group="mailpool") / "both.pem"
    both.write_text(Path(own.certificate).read_text() + Path(own.key).read_text())
    keep_for_mailpool(both)
    settings, socket = account(lab, external=True)
    ImapPool(lab, fake.address, authority.certificate, account=settings, tls_certificate_file=str(both))
    wait_until(lambda: greets_with_preauth(socket), 10, "it is logged in")
    arguments, certificate = shown[0]
    assert arguments == b"EXTERNAL " + base64.b64encode(USER.encode())
    assert "bounces.example.com" in str(certificate)


# --- poolctl

def test_poolctl_shows_one_user_and_kills_one_connection(lab: Lab, fake: FakeImap):
    pool = ImapPool(lab, fake.address, tls="none")
    anna, bert = pool.login(USER, PASSWORD), pool.login("bert", "bert-secret")
    assert {row["user"] for row in pool.rows()} == {"anna", "bert"}
    assert [row["user"] for row in pool.manager.poolctl.json("imap", "bert")["users"]] == ["bert"]
    rows = {row["user"]: row for row in pool.manager.poolctl.json("imap", "connections")["connections"]}
    done = pool.manager.poolctl("imap", "kill", str(rows["anna"]["id"]))
    assert done.returncode == 0, done.stderr
    assert b"killed" in anna.read_response()
    assert bert.expect("NOOP").ok
    assert pool.wait_for(USER, active=0)["discarded"]["killed"] == 1
    assert pool.manager.poolctl("imap", "kill", str(rows["anna"]["id"])).returncode != 0


def test_status_and_check_name_a_server_that_is_down(lab: Lab, fake: FakeImap):
    pool = ImapPool(lab, fake.address, tls="none")
    fake.end()
    with pool.session() as session:
        assert not session.try_login(USER, PASSWORD).ok
    for command in ("status", "check"):
        assert f"{fake.address} is down" in " ".join(pool.manager.poolctl(command).stdout.split()), command


def test_check_names_a_servers_certificate_that_ends_soon(lab: Lab, authority: Authority):
    soon = authority.issue("127.0.0.1", days=5)
    fake = FakeImap(lab, certificate=soon)
    pool = ImapPool(lab, fake.address, authority.certificate)
    pool.login(USER, PASSWORD).logout()
    assert f"the certificate of {fake.address} ends on" in " ".join(pool.manager.poolctl("check").stdout.split())


# --- Python

def test_python_asks_how_the_pool_is_doing_while_all_is_lent(lab: Lab, fake: FakeImap):
    pool = ImapPool(lab, fake.address, tls="none", pool_size=1)
    borrowed = mailpool.IMAPPool(PROFILE, directory=pool.sockets)
    with borrowed.connection(USER, PASSWORD):
        status = borrowed.status()
    assert (status.profile, status.state, status.active, status.connections, status.pool_size, status.lent) == (
        PROFILE, "open", 1, 1, 1, 1)
    fake.end()
    with pytest.raises(mailpool.PoolError):
        for _ in range(3):
            mailpool.IMAPPool(PROFILE, directory=pool.sockets).get_connection("bert", "bert-secret")
    assert borrowed.status().state == "backing_off"
