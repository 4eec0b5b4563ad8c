"""Every figure that `poolctl --json` shows is one that something moves: none keeps for ever what its struct began with."""

import base64
import json
import shutil
import socket
import struct
import subprocess
import sys
import time
from datetime import datetime, timezone
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.certificates import Authority, Certificate
from lab.dns import Dns
from lab.fakeimap import Command, FakeImap, Session
from lab.fakemx import Fakemx
from lab.imap import Imap
from lab.lmtp import Lmtp, stuffed
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, free_port, wait_until
from lab.receivers import SERVER_NAME

SENDER = "sender@sender.example.com"
SHOP = "s@shop.example.com"
ROOT = Path(__file__).resolve().parents[2]
# What a struct of snapshot.h begins with, beside nothing, zero and false; by key.
BEGINS_WITH_TRUE = {"dnssec_expected"}
BEGINS_WITH = {"state": ("open", "starting", "usable"), "port": (25,), "level": ("good",)}
# What would take too long, or a broken machine, to be driven here; the test that drives it.
DRIVEN_ELSEWHERE = {
    **{f"status.{key}": ("tests/integration/test_intake.py", "test_bodies_beyond_the_memory_limit_are_put_off") for key in ("bodies_refused", "bodies_problem")},
    "events[].problem": ("tests/integration/test_events.py", "test_a_file_that_cannot_be_written_holds_up_no_mail"),
    "events[].dropped": ("tests/unit/manager/event_writer_test.cc", "what_waits_for_a_full_disk_is_bounded_and_no_line_is_torn"),
    "status.log_dropped": ("tests/unit/manager/log_writer_test.cc", "lines_beyond_what_can_wait_are_dropped_and_counted"),
    **dict.fromkeys([f"status.parking.{key}" for key in ("slots_waiting", "turned_away", "woken", "came", "unheard", "given_up")],
                    ("tests/unit/manager/queue_desk_test.cc", "status_says_what_became_of_those_that_were_woken")),
    **dict.fromkeys([f"status.parking.{key}" for key in ("limit", "suspended", "backing_off", "draining", "route")],
                    ("tests/unit/manager/queue_desk_test.cc", "status_counts_what_waits_by_why")),
    **dict.fromkeys(("sites[].parked", "status.parked", "status.queues"),
                    ("tests/unit/manager/queue_desk_test.cc", "status_says_how_many_wait_in_the_queue_and_what_for")),
    **{key: ("tests/integration/test_sources.py", "test_a_rate_is_each_source_s_own_and_status_explain_and_the_answer_name_the_path")
       for key in ("sites[].paths", "suspensions[].is_source", *(f"paths[].{key}" for key in (
           "source", "connections", "max_connections", "rate", "max_messages", "blocked_by", "not_before", "not_before_in", "not_before_at",
           "reason", "why_less")))},
    **dict.fromkeys(("warm_ups[].held", "warm_ups[].reason", "warm_ups[].put_off", "sources[].warm_ups_held"),
                    ("tests/integration/test_sources.py", "test_a_step_of_a_warm_up_is_held_shown_and_kept_over_a_restart")),
    "sites[].guest_connections": ("tests/integration/test_mixed_mx.py", "test_what_is_limited_at_home_is_shown_and_explained"),
    "campaigns[].parked": ("tests/integration/test_queue.py", "test_a_suspended_campaign_waits_in_the_queue_is_counted_there_and_comes_when_resumed"),
    "status.state_file.dropped": ("tests/unit/manager/state_database_test.cc", "what_waits_for_a_broken_disk_is_bounded"),
    "status.state_file.problem": ("tests/integration/test_state.py", "test_mail_flows_whatever_became_of_the_database"),
    **{f"{where}.forgotten.{key}": ("tests/unit/core/imap/totals_test.cc", "sums_add_up_by_reason") for where in ("status.imap", "imap")
       for key in ("created", "reused", "logins_refused", "discarded")},
}
# What only an explanation says of a host, and what only the status of a site does.
OF_OTHERS = {"endpoints[].require_tls", "endpoints[].tls_now"}


def today() -> str:
    return datetime.now(timezone.utc).date().isoformat()


class Seen:
    """All keys that were shown, by the struct they are in, and those that were once away from what they begin with."""

    def __init__(self) -> None:
        self.shown: set[str] = set()
        self.driven: set[str] = set()

    def look(self, name: str, answer: object) -> None:
        if isinstance(answer, dict):
            if name in self.shown:  # where it was null before
                self._note(name, True)
            for key, value in answer.items():
                self.look(f"{name}.{key}", value)
        elif isinstance(answer, list):
            self._note(name, bool(answer))
            if answer and not isinstance(answer[0], dict):
                return
            # Rows of one kind are one struct, wherever they are shown.
            kind = name.rpartition(".")[2]
            for item in answer:
                self.look(f"{'domains' if kind == 'unrouted' else kind}[]", item)
        else:
            key = name.rpartition(".")[2].removesuffix("[]")
            self._note(name, answer is False if key in BEGINS_WITH_TRUE else answer not in (None, "", 0, False, *BEGINS_WITH.get(key, ())))

    def _note(self, name: str, is_driven: bool) -> None:
        self.shown.add(name)
        if is_driven:
            self.driven.add(name)


def ask_for_room(manager: Mailpoold, domain: str, tenant: str = "") -> None:
    """As the milter does; the answer does not matter."""
    payload = struct.pack(">H", 1) + b"".join(bytes([len(text)]) + text.encode() for text in (domain, tenant))
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(10)
        control.connect(str(manager.control_socket))
        control.sendall(b"\0m\x01\x01" + struct.pack(">HH", 1, len(payload)) + payload)
        assert control.recv(64)[:4] == b"\0m\x01\x02"


SPRING = b"X-Mailpool-Campaign: spring\r\n"


def hand_in(stack: ExitStack, manager: Mailpoold, recipient: str, sender: str = SENDER, body: bytes = b"x\r\n", header: bytes = b"") -> Lmtp:
    """A message whose answer nobody waits for."""
    client = stack.enter_context(manager.lmtp(timeout=60))
    replies = client.envelope(sender, [recipient])
    assert all(reply.code == 250 for reply in replies), replies
    assert client.command("DATA").code == 354
    client.send(stuffed(header + message(body)) + b".\r\n")
    return client


def deliver(manager: Mailpoold, recipient: str, sender: str = SENDER, header: bytes = b"") -> int:
    with manager.lmtp(timeout=60) as client:
        return client.deliver(sender, [recipient], header + message(b"x\r\n"))[0].code


class World:
    """One manager with all that it can have, among servers that answer well, slowly, wrongly or never."""

    def __init__(self, lab: Lab, authority: Authority, certificate: Certificate, imap_certificate: Certificate, dns: Dns):
        self.good = Fakemx(lab, "set limits MAILMAX=50\nmail from=refused@* -> 550 5.7.1 Never\n"
                                "mail from=throttled@* -> 451 4.7.28 Too fast, slow down\nend from=ambiguous@* -> commit; close",
                           certificate=certificate, flags=("--tls12",))
        self.mx = Fakemx(lab, "mail from=refused@* -> 550 5.7.1 Never", host="127.0.0.7", certificate=certificate, flags=("--tls12",))
        hostile = {"silent": "connect -> hang", "slow": "end -> hang", "stale": "rset -> hang", "rude": "quit -> hang"}
        self.hostile = {name: Fakemx(lab, script, tls=False) for name, script in hostile.items()}
        self.login = Fakemx(lab, "", tls=False, flags=("--auth", "relay:right"))
        dns.mx("by-mx.example.com", "mx.example.com")
        dns.a("mx.example.com", "127.0.0.7")
        self.secrets = lab.directory("secrets", owner="mailpool", group="mailpool")
        self.write("right")
        users = dict.fromkeys(("idle", "lent", "slow", "stale", "rude", "unclean", "twice"), "s")
        self.imap = FakeImap(lab, users=users, hooks={name: self.imap_hook for name in ("*", "LOGIN", "AUTHENTICATE")})
        self.imap_tls = FakeImap(lab, imap_certificate, users=users)
        self.hangs: set[tuple[str, str]] = set()
        self.sockets = lab.directory("imap", owner="mailpool", group="mailpool")
        state = lab.directory("broken", owner="mailpool", group="mailpool") / "state.db"
        state.write_bytes(b"this is no database" * 1000)
        shutil.chown(state, "mailpool", "mailpool")
        self.manager = Mailpoold(lab, self.settings(authority, dns, state.parent)).start()

    def write(self, password: str) -> None:
        path = self.secrets / "relay"
        path.write_text(password + "\n")
        path.chmod(0o600)
        shutil.chown(path, "mailpool", "mailpool")

    def settings(self, authority: Authority, dns: Dns, state: Path) -> dict:
        def imap(name: str, server: str, tls: str, **more: object) -> dict:
            return {"server": [server], "tls": tls, "listen": [str(self.sockets / f"{name}.sock")], "socket_group": "mailpool",
                    "allow_users": ["root"], "checkout_timeout": "3s", **more}

        route = {f"{name}.example": [server.address] for name, server in self.hostile.items()}
        return {
            "state_dir": str(state),
            "route": {**route, "login.example": {"hosts": [self.login.address], "login": "relay"},
                      "dead.example": [f"127.0.0.1:{free_port()}"],
                      **{f"{name}.example": [self.good.address] for name in ("named", "limited", "held", "scoped", "lowered", "good", "full")}},
            "login": {"relay": {"user": "relay", "password_file": str(self.secrets / "relay"), "allow_plaintext": True}},
            "lmtp": {"max_wait": "20s", "spill_above": "64KiB", "allow_users": ["root", "ghost"],
                     "trust_unsigned_tenant": True},
            "control": {"read_users": ["root"], "write_users": ["root"]},
            "milter": {"allow_users": ["root"], "on_suspended": "tempfail"},
            "dns": {"servers": dns.servers, "trust_anchor": "", "timeout": "2s"},
            "smtp": {"tls": "may", "check_after": "1s", "prohibited": [], "port": self.mx.port, "rate": "1000/s", "connect_rate": "1000/s"},
            "tls": {"ca_file": str(authority.certificate)},
            "site": {"named": {"domains": ["named.example"], "max_connections": 2, "source": "west"},
                     "limited": {"domains": ["limited.example"], "rate": "1/h"},
                     "held": {"domains": ["held.example"]}, "scoped": {"domains": ["scoped.example"]},
                     "lowered": {"domains": ["lowered.example"]}},
            "domain": {"full.example": {"rate": "1/h", "max_connections": 1, "accept_rate": "1/h"}},
            "tenant": {"shop": {"rate": "3/h", "max_connections": 1, "priority": 7, "sender_domains": ["shop.example.com"]}},
            "source": {"west": {"address": ["127.0.0.1"], "ehlo_name": "west.example.com", "max_connections": 5, "rate": "1/h",
                                "warm_up": {"start": today(), "plan": [1000]}}},
            "rule": [{"site": "scoped", "reply": "Too fast", "do": "suspend", "for": "1h", "scope": "sender_domain"},
                     {"site": "lowered", "reply": "Too fast", "do": "set", "for": "1h", "set": {"rate": "5/min", "max_connections": 1, "max_messages": 2}}],
            "imap": {"plain": imap("plain", self.imap.address, "none", pool_size=2, check_after="0s", check_timeout="30s", reset_timeout="30s"),
                     "secure": imap("secure", self.imap_tls.address, "implicit", tls_ca_file=str(authority.certificate)),
                     "down": imap("down", f"127.0.0.1:{free_port()}", "none")},
        }

    def imap_hook(self, session: Session, command: Command) -> bool:
        """Hangs at what `hangs` says of the session's user; `login` of whoever comes."""
        if command.name == "AUTHENTICATE":
            user = base64.b64decode(command.arguments.split()[-1]).split(b"\0")[1].decode()
        elif command.name == "LOGIN":
            user = command.arguments.split()[0].strip(b'"').decode()
        else:
            user = session.user or ""
        if (user, command.name) in self.hangs or (user, "*") in self.hangs:
            session.hang()
        return True

    def imap_session(self, name: str = "plain") -> Imap:
        return Imap.over_unix(self.sockets / f"{name}.sock")


@pytest.fixture
def busy(lab: Lab, authority: Authority, certificate: Certificate, imap_certificate: Certificate, dns: Dns) -> World:
    return World(lab, authority, certificate, imap_certificate, dns)


def look_at_all(world: World, seen: Seen) -> None:
    ask = world.manager.poolctl.json
    status = ask("status")
    seen.look("status", status)
    seen.look("connections", ask("connections")["connections"])
    for name in ("full.example", "by-mx.example.com", "slow.example", "limited.example", *(site["site"] for site in status["sites"])):
        done = world.manager.poolctl("--json", "status", name)
        if done.returncode == 0:
            seen.look("name", json.loads(done.stdout))
    hosts = ("named", "full", "held", "dead", "slow", "silent", "stale", "rude", "lowered", "limited")
    for address in ("u@by-mx.example.com", "u@nowhere.example.com", *(f"u@{host}.example" for host in hosts)):
        seen.look("explanation", ask("explain", address, "--from", "s@shop.example.com", "--campaign", "spring"))
    seen.look("findings", json.loads(world.manager.poolctl("--json", "check").stdout)["findings"])
    seen.look("imap", ask("imap"))
    seen.look("imap_connections", ask("imap", "connections")["connections"])


def look_at_host(world: World, seen: Seen, domain: str) -> None:
    seen.look("name", world.manager.poolctl.json("status", domain))
    seen.look("explanation", world.manager.poolctl.json("explain", f"u@{domain}"))


def see_what_passes(world: World, seen: Seen) -> None:
    """What lasts a second or two: on a slow machine it is over before all is looked at."""

    def backs_off() -> bool:
        deliver(world.manager, "u@dead.example")  # each failure makes it longer
        look_at_host(world, seen, "dead.example")
        return {f"{hosts}[].not_before_in" for hosts in ("endpoints", "targets")} <= seen.driven

    def closes() -> bool:
        assert deliver(world.manager, "u@rude.example") == 250
        site = world.manager.poolctl.json("status", "rude.example")["sites"][0]["site"]
        assert world.manager.poolctl("flush", site).returncode == 0
        look_at_host(world, seen, "rude.example")
        return {f"{hosts}[].connections.closing" for hosts in ("endpoints", "targets")} <= seen.driven

    wait_until(backs_off, 60, "a host that is seen to back off")
    wait_until(closes, 60, "a connection that is seen to close")


def send_all(world: World) -> None:
    """Mail that ends: delivered, refused, deferred, unknown."""
    manager = world.manager
    for _ in range(2):
        for recipient in ("u@by-mx.example.com", "u@good.example"):
            assert deliver(manager, recipient) == 250
    for recipient in ("u@named.example", "u@login.example", "u@full.example", "u@limited.example"):
        assert deliver(manager, recipient) == 250
    assert deliver(manager, "u@good.example", SHOP, SPRING) == 250
    assert deliver(manager, "u@good.example", "refused@shop.example.com", SPRING) == 550
    assert deliver(manager, "u@by-mx.example.com", "refused@sender.example.com") == 550
    assert deliver(manager, "u@good.example", "ambiguous@sender.example.com", SPRING) == 451
    for site in ("scoped", "lowered"):
        assert deliver(manager, f"u@{site}.example", "throttled@sender.example.com") == 451
    assert deliver(manager, "u@nowhere.example.com") != 250
    for _ in range(4):
        assert deliver(manager, "u@dead.example") == 451


def under_way(world: World, stack: ExitStack) -> None:
    """Connections in every state, transactions that wait, bodies in memory and on disk."""
    manager = world.manager
    for name in ("stale", "rude"):
        assert deliver(manager, f"u@{name}.example") == 250
    hand_in(stack, manager, "u@silent.example")
    hand_in(stack, manager, "u@silent.example").close()
    hand_in(stack, manager, "u@slow.example", SHOP, header=SPRING)
    hand_in(stack, manager, "u@slow.example", body=b"a line of a large message\r\n" * 5000)
    rude = manager.poolctl.json("status", "rude.example")["sites"][0]["site"]
    assert manager.poolctl("flush", rude).returncode == 0
    wait_until(lambda: manager.status()["spilled"], 10, "a body is on disk")
    time.sleep(1.1)  # check_after
    hand_in(stack, manager, "u@stale.example")
    for recipient, sender in (("u@limited.example", SENDER), ("u@good.example", SHOP)):
        hand_in(stack, manager, recipient, sender, header=SPRING)


def put_off(world: World) -> None:
    """Who may not, and what is held back."""
    manager = world.manager
    for socket_file in (manager.lmtp_socket, world.sockets / "plain.sock"):
        subprocess.run([sys.executable, "-c", f"import socket; socket.socket(socket.AF_UNIX).connect({str(socket_file)!r})"],
                       check=True, user="mailpool", group="mailpool", extra_groups=[])
    for arguments in (("held",), ("--domain", "held.example"), ("--tenant", "shop"), ("--campaign", "spring")):
        assert manager.poolctl("suspend", *arguments, "--for", "1h", "--reason", "a test").returncode == 0
    for domain in ("full.example", "full.example", "held.example"):
        ask_for_room(manager, domain)


def hold_all(world: World) -> None:
    assert world.manager.poolctl("suspend", "--all", "--for", "1h", "--reason", "a test").returncode == 0


def imap_of_all_kinds(world: World, stack: ExitStack) -> None:
    def session(user: str, password: str = "s", name: str = "plain") -> Imap:
        """Logged in, perhaps in vain; nobody waits for it."""
        opened = stack.enter_context(world.imap_session(name))
        opened.send(f"a LOGIN {user} {password}\r\n".encode())
        return opened

    def lent(user: str, name: str = "plain") -> Imap:
        opened = stack.enter_context(world.imap_session(name))
        opened.login(user, "s")
        return opened

    lent("idle", "secure").logout()
    for _ in range(2):
        lent("idle").logout()
    for _ in range(2):
        lent("twice")
    session("twice")  # waits: pool_size is 2
    wrong = world.imap_session()
    assert not wrong.try_login("idle", "wrong").ok
    assert not stack.enter_context(world.imap_session("down")).try_login("idle", "s").ok
    for user, command in (("slow", "AUTHENTICATE"), ("slow", "LOGIN"), ("stale", "NOOP"), ("unclean", "*"), ("rude", "LOGOUT")):
        if user in ("stale", "rude"):
            lent(user).logout()
            wait_until(lambda: any(row["user"] == user and row["idle"] for row in world.manager.poolctl.json("imap")["users"]), 10,
                       f"{user} is idle")
        if user == "unclean":
            opened = lent(user)
            opened.expect("SELECT INBOX")
        world.hangs.add((user, command))
    opened.close()
    time.sleep(0.2)  # what was heard of so lately is not asked
    session("slow")
    session("stale")
    (number,) = (str(row["id"]) for row in world.manager.poolctl.json("imap", "connections")["connections"] if row["user"] == "rude")
    assert world.manager.poolctl("imap", "kill", number).returncode == 0
    with world.imap_session() as acting:
        acting.send(b"a AUTHENTICATE PLAIN " + base64.b64encode(b"twice\0idle\0s") + b"\r\n")
        acting.read_response()


def reload_badly(world: World) -> None:
    manager = world.manager
    world.write("wrong")
    assert manager.poolctl("reload").returncode == 0
    assert deliver(manager, "u@login.example") == 451
    manager.config_file.write_text(manager.config_file.read_text() + "\nwhat = 1\n")
    assert manager.poolctl("reload").returncode == 1


def test_every_figure_is_moved_by_something(busy: World):
    seen = Seen()
    look_at_all(busy, seen)
    with ExitStack() as stack:
        for happen in (lambda: send_all(busy), lambda: see_what_passes(busy, seen), lambda: under_way(busy, stack), lambda: put_off(busy),
                       lambda: imap_of_all_kinds(busy, stack), lambda: reload_badly(busy),
                       lambda: hold_all(busy)):
            happen()
            look_at_all(busy, seen)
    wait_until(lambda: busy.manager.status()["state_file"]["records"], 20, "something is kept")
    look_at_all(busy, seen)
    of_paths = {key for key in DRIVEN_ELSEWHERE if key.startswith("paths[]")}  # shown where a site has several
    assert seen.shown >= set(DRIVEN_ELSEWHERE) - of_paths, "no exception without a figure"
    for file, sentence in DRIVEN_ELSEWHERE.values():
        assert sentence in (ROOT / file).read_text(), f"{file}: {sentence}"
    left = seen.shown - seen.driven - set(DRIVEN_ELSEWHERE) - OF_OTHERS
    assert not left, "these never moved:\n" + "\n".join(sorted(left))
