"""What survives a restart and a kill -9: suspensions with their words, the counts of the day; and that no damage stops mail."""

import stat
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lab.fakemx import Fakemx
from lab.lmtp import Lmtp
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, wait_until

SITES = ("alpha", "beta", "gamma")
LATEST = 5  # seconds that counters may be behind


def manager_of(lab: Lab, receiver: Fakemx, **more: object) -> Mailpoold:
    return Mailpoold(lab, {"route": {"*": [receiver.address]}, "smtp": {"tls": "none"},
                           "site": {name: {"domains": [f"{name}.example"]} for name in SITES}, **more})


def database(manager: Mailpoold) -> Path:
    return Path(manager.settings["state_dir"]) / "state.db"


def send(manager: Mailpoold, domain: str) -> str:
    """The answer to one recipient."""
    with manager.lmtp() as client:
        return deliver(client, domain)


def deliver(client: Lmtp, domain: str) -> str:
    return str(client.deliver("sender@example.com", [f"someone@{domain}"], message(b"hello\r\n", "state"))[0])


@dataclass(frozen=True)
class Suspension:
    is_domain: bool
    reason: str
    by: str
    since: datetime
    until: datetime

    def is_that_of(self, other: "Suspension") -> bool:
        """The same in every word; the same times to the second."""
        same = (self.is_domain, self.reason, self.by) == (other.is_domain, other.reason, other.by)
        return same and all(abs(mine - theirs) < timedelta(seconds=1.5)
                            for mine, theirs in ((self.since, other.since), (self.until, other.until)))


def suspensions(manager: Mailpoold) -> dict[str, Suspension]:
    return {entry["name"]: Suspension(entry["is_domain"], entry["reason"], entry["by"], datetime.fromisoformat(entry["since"]),
                                      datetime.fromisoformat(entry["until"])) for entry in manager.status()["suspensions"]}


def suspend(manager: Mailpoold, *arguments: str) -> None:
    done = manager.poolctl("suspend", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def receiver(lab: Lab) -> Fakemx:
    return Fakemx(lab)


def test_suspensions_survive_a_kill_with_reason_author_and_times(lab: Lab, receiver: Fakemx):
    manager = manager_of(lab, receiver).start()
    suspend(manager, "alpha", "--for", "2h", "--reason", "they asked us to")
    suspend(manager, "beta", "--for", "3d", "--reason", "a reason with \"quotes\"\tand a tab")
    suspend(manager, "--domain", "list.example.org", "--for", "1h", "--reason", "list bombing")
    before = suspensions(manager)
    manager.kill()
    manager.start()
    after = suspensions(manager)
    assert set(after) == {"alpha", "beta", "list.example.org"}
    for name, suspension in after.items():
        assert suspension.is_that_of(before[name]), f"{name}: {suspension} was {before[name]}"
    assert "suspended until" in send(manager, "alpha.example") and "they asked us to" in send(manager, "alpha.example")
    assert send(manager, "gamma.example").startswith("250")
    assert "list bombing" in send(manager, "list.example.org")
    assert manager.poolctl("resume", "alpha").returncode == 0
    manager.kill()
    manager.start()
    assert set(suspensions(manager)) == {"beta", "list.example.org"}
    assert send(manager, "alpha.example").startswith("250")


def test_sites_suspended_by_rule_and_one_by_hand_are_all_still_so_after_a_kill(lab: Lab, receiver: Fakemx):
    """Also after a second one, and the rules suspend for as long as they said, from the reply on."""
    throttling = Fakemx(lab, "mail from=a@* -> 421 4.7.28 Our system has detected an unusual rate; close\n"
                             "mail from=b@* -> 451 4.7.650 Temporarily rate limited")
    rule = {"do": "suspend", "for": "2h"}
    manager = manager_of(lab, receiver,
                         route={"alpha.example": [throttling.address], "beta.example": [throttling.address],
                                "*": [receiver.address]},
                         rule=[{"site": "alpha", "reply": r"^421 4\.7\.28", "reason": "too fast for alpha", **rule},
                               {"site": "beta", "reply": r"rate limited", **rule}]).start()
    for name, sender in (("alpha", "a@example.com"), ("beta", "b@example.com")):
        with manager.lmtp() as client:
            client.deliver(sender, [f"someone@{name}.example"], message(b"hello\r\n", "state"))
    suspend(manager, "gamma", "--for", "3h", "--reason", "by hand")
    before = suspensions(manager)
    assert set(before) == set(SITES)
    assert before["alpha"].reason.startswith("too fast for alpha") and "rate limited" in before["beta"].reason
    assert before["gamma"].by == "root" and "rule" in before["alpha"].by
    for _ in range(2):
        manager.kill()
        manager.start()
        after = suspensions(manager)
        assert set(after) == set(SITES)
        for name in SITES:
            assert after[name].is_that_of(before[name]), f"{name}: {after[name]} was {before[name]}"
            assert f"{name}: suspended until" in send(manager, f"{name}.example")


def test_what_a_rule_holds_of_a_sites_mail_is_held_after_a_kill_until_it_is_resumed(lab: Lab, receiver: Fakemx):
    touchy = Fakemx(lab, "mail from=*@shop.example -> 451 4.7.0 not your domain now")
    manager = manager_of(lab, receiver, route={"alpha.example": [touchy.address], "*": [receiver.address]},
                         rule=[{"site": "alpha", "reply": "not your domain", "scope": "sender_domain", "do": "suspend", "for": "2h",
                                "reason": "they know the shop"}]).start()

    def answer(sender: str) -> str:
        with manager.lmtp() as client:
            return str(client.deliver(sender, ["someone@alpha.example"], message(b"hello\r\n", "state"))[0])

    assert "not your domain now" in answer("news@shop.example")
    before = manager.status()["suspensions"]
    assert [(entry["name"], entry["scope"], entry["is_domain"]) for entry in before] == [("alpha", "sender_domain shop.example", False)]
    manager.kill()
    manager.start()
    after = manager.status()["suspensions"]
    for key in ("name", "scope", "reason", "by", "since"):
        assert after[0][key] == before[0][key]
    assert abs(datetime.fromisoformat(after[0]["until"]) - datetime.fromisoformat(before[0]["until"])) < timedelta(seconds=1.5)
    assert "they know the shop" in answer("news@shop.example") and "suspended until" in answer("news@shop.example")
    assert answer("news@other.example").startswith("250")
    shown = manager.poolctl("status").stdout
    assert "mail from sender domain shop.example to site alpha is suspended until" in " ".join(shown.split())
    assert manager.poolctl("resume", "alpha", "--source", "shop.example").returncode == 1
    assert manager.poolctl("resume", "alpha", "--sender-domain", "shop.example").returncode == 0
    manager.kill()
    manager.start()
    assert manager.status()["suspensions"] == []
    touchy_again = answer("news@shop.example")
    assert "not your domain now" in touchy_again and "suspended until" not in touchy_again


def test_what_poolctl_said_is_so_even_if_the_kill_comes_at_once(lab: Lab, receiver: Fakemx):
    manager = manager_of(lab, receiver).start()
    for attempt in range(10):
        suspend(manager, SITES[attempt % 3], "--for", "2h", "--reason", f"attempt {attempt}")
        manager.kill()
        manager.start()
        assert suspensions(manager)[SITES[attempt % 3]].reason == f"attempt {attempt}"


def test_a_kill_loses_at_most_five_seconds_of_counts(lab: Lab, receiver: Fakemx):
    manager = manager_of(lab, receiver).start()
    sent = []
    with manager.lmtp() as client:
        began = time.monotonic()
        while time.monotonic() - began < LATEST + 2:
            assert deliver(client, "alpha.example").startswith("250")
            sent.append(time.monotonic())
            time.sleep(0.02)
    manager.kill()
    killed = time.monotonic()
    manager.start()
    today = manager.poolctl.json("status", "alpha")["sites"][0]["today"]["delivered"]
    assert sum(1 for at in sent if at < killed - LATEST) <= today <= len(sent)
    assert send(manager, "alpha.example").startswith("250")
    assert manager.poolctl.json("status", "alpha")["sites"][0]["today"]["delivered"] == today + 1
    print(f"{len(sent)} delivered, {today} of them known after the kill")


def test_only_its_own_user_may_read_the_database(lab: Lab, receiver: Fakemx):
    manager = manager_of(lab, receiver).start()
    suspend(manager, "alpha", "--for", "2h", "--reason", "x")
    for path in (database(manager), Path(f"{database(manager)}-wal")):
        wait_until(path.exists, 5, f"{path} is there")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.owner() == "mailpool"


def test_what_is_in_force_is_written_again_when_the_database_is_taken_away(lab: Lab, receiver: Fakemx):
    manager = manager_of(lab, receiver).start()
    suspend(manager, "alpha", "--for", "2h", "--reason", "first")
    database(manager).unlink()
    suspend(manager, "beta", "--for", "2h", "--reason", "second")
    wait_until(lambda: "removed or replaced" in manager.log(), 10, "it is noticed")
    wait_until(lambda: manager.status()["state_file"]["written"] >= 4, 10, "all is written once more")
    manager.kill()
    manager.start()
    assert set(suspensions(manager)) == {"alpha", "beta"}


def test_mail_flows_whatever_became_of_the_database(lab: Lab, receiver: Fakemx):
    """Garbage, half a file, somebody else's file: set aside in words; a directory that cannot be written: said in words."""
    manager = manager_of(lab, receiver).start()
    path = database(manager)
    for number, ruin in enumerate((lambda: path.write_bytes(b"#" * 9000), lambda: path.write_bytes(path.read_bytes()[:100]),
                                   lambda: path.write_bytes(b""))):
        suspend(manager, "alpha", "--for", "2h", "--reason", "x")
        manager.kill()
        Path(f"{path}-wal").unlink(missing_ok=True)
        ruin()
        manager.start()
        assert send(manager, "alpha.example").startswith("250")
        assert manager.log().count("is damaged (") == number + 1
        assert len(manager.status()["state_file"]["set_aside"]) == 1
        findings = [finding for finding in manager.poolctl.json("check")["findings"] if finding["area"] == "state"]
        assert any(finding["level"] == "warning" and "set aside as" in finding["text"] for finding in findings)
    manager.kill()
    for child in path.parent.iterdir():
        child.unlink()
    path.parent.chmod(0o500)
    manager.start()
    assert send(manager, "alpha.example").startswith("250")
    assert "Permission denied" in manager.status()["state_file"]["problem"]
    suspend(manager, "alpha", "--for", "2h", "--reason", "kept in memory")
    path.parent.chmod(0o700)
    wait_until(lambda: manager.status()["state_file"]["problem"] == "", 20, "it is written as soon as that works again")
    manager.kill()
    manager.start()
    assert suspensions(manager)["alpha"].reason == "kept in memory"
