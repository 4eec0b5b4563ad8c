"""What happened, for programs: every outcome, connection, suspension and reload as one JSON object a line."""

import re
import shutil
import subprocess
from pathlib import Path

from lab.mailpool import Mailpoold, program
from lab.messages import message
from lab.process import Lab, wait_until
from lab.receivers import SmtpSink

SENDER = "sender@shop.example.com"
ROOT = Path(__file__).resolve().parents[2]
LOGROTATE = ROOT / "packaging/debian/mailpool.logrotate"
MANUAL = ROOT / "conf/manual/mailpool-events.7"


def waiting_for(manager: Mailpoold, kind: str, count: int = 1) -> list[dict]:
    return wait_until(lambda: len(found := manager.events(kind)) >= count and found, 20, f"{count} of {kind}: {manager.events()}")


def test_each_recipient_and_connection_is_told(lab: Lab, sink: SmtpSink):
    refusing = SmtpSink(lab, "-f", "RCPT")
    manager = Mailpoold(lab, {"route": {"good.example.org": [sink.address], "bad.example.org": [refusing.address]},
                              "smtp": {"idle_timeout": "5s"}}).start()
    with manager.lmtp() as client:
        client.deliver(SENDER, ["Anna@good.example.org", "b@bad.example.org"], message(b"x\r\n"))
        client.deliver(SENDER, ["second@good.example.org"], message(b"x\r\n"))
        client.deliver(SENDER, ["c@none.example.org"], message(b"x\r\n"))
    outcomes = {event["recipient"]: event for event in waiting_for(manager, "outcome", 4)}
    first, bad, none, second = (outcomes[f"{who}.example.org"] for who in ("Anna@good", "b@bad", "c@none", "second@good"))
    assert (first["result"], first["use"], first["sender_domain"], first["domain"]) == ("delivered", 1, "shop.example.com", "good.example.org")
    assert first["connect"] >= 0 and first["size"] > 0 and first["endpoint"] == f"127.0.0.1[127.0.0.1]:{sink.port}"
    assert "handshake" not in first, "it was plain text"
    assert abs(first["delay"] - sum(first[part] for part in ("dns", "wait", "connecting", "transaction"))) < 1e-5
    assert (second["use"], "connect" in second) == (2, False)
    assert (bad["result"], bad["code"], bad["said_by"]) == ("refused", 500, "remote") and bad["class"]
    assert (none["result"], none["said_by"]) == ("deferred", "mailpool")
    assert "site" not in none and "endpoint" not in none
    assert first["queue_id"] == bad["queue_id"] != second["queue_id"]
    closed = waiting_for(manager, "connection_closed", 2)
    opened = {event["id"]: event for event in manager.events("connection_opened")}
    to_good = next(event for event in closed if event["endpoint"] == first["endpoint"])
    assert opened[to_good["id"]]["endpoint"] == first["endpoint"]
    assert (to_good["messages"], to_good["reason"]) == (2, "idle_timeout")


def test_the_path_that_mail_left_by_is_told(lab: Lab, sink: SmtpSink):
    both = {"sources": {"west": 1, "east": 1}}
    manager = Mailpoold(lab, {"route": {"*": [sink.address]}, "source": {"west": {"address": "127.0.0.2"}, "east": {"address": "127.0.0.3"}},
                              "pool": {"both": both}, "smtp": {"source": "both", "idle_timeout": "1s"}}).start()
    for number in range(2):
        with manager.lmtp() as client:
            client.deliver(SENDER, [f"u{number}@example.org"], message(b"x\r\n"))
    closed = waiting_for(manager, "connection_closed", 2)
    told = manager.events("outcome") + manager.events("connection_opened") + closed
    site = told[0]["site"]
    assert sorted((event["path"], event["source"]) for event in told) == [(f"{site}/east", "east")] * 3 + [(f"{site}/west", "west")] * 3


def test_what_operators_do_is_told(lab: Lab, sink: SmtpSink):
    manager = Mailpoold(lab, {"route": {"*": [sink.address]}, "site": {"google": {"domains": ["g.example.org"]}},
                              "source": {"west": {"address": "127.0.0.2"}}}).start()
    start = waiting_for(manager, "configuration_applied")[0]
    assert start["start"] is True and start["file"] == str(manager.config_file)
    for what in (["google"], ["google", "--source", "west"], ["--source", "west"], ["--domain", "d.example.org"], ["--tenant", "shop"], ["--campaign", "spring"], ["--all"]):
        assert manager.poolctl("suspend", *what, "--for", "1h", "--reason", "a test").returncode == 0
        assert manager.poolctl("resume", *what).returncode == 0
    resumed = waiting_for(manager, "resumed", 7)
    assert [(event["what"], event["name"], event.get("scope", "")) for event in resumed] == [
        ("site", "google", ""), ("site", "google", "source west"), ("source", "west", ""), ("domain", "d.example.org", ""),
        ("tenant", "shop", ""), ("campaign", "spring", ""), ("all", "all", "")]
    assert len(manager.events("suspended")) == 7
    for event in manager.events("suspended"):
        assert event["reason"] == "a test" and 3590 < event["for"] <= 3600 and event["by"]
    manager.reload()
    assert [event["start"] for event in waiting_for(manager, "configuration_applied", 2)] == [True, False]


def test_what_servers_teach_is_told(lab: Lab):
    server = SmtpSink(lab, "-r", "MAIL", "-b", "421 4.7.0 slow down, too many messages")
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "site": {"google": {"domains": ["example.org"]}},
                              "rule": [{"site": "google", "reply": "slow down", "do": "suspend", "for": "1m", "reason": "asked to"}]}).start()
    with manager.lmtp() as client:
        assert client.deliver(SENDER, ["u@example.org"], message(b"x\r\n"))[0].code == 451
    acted = waiting_for(manager, "rule_acted")[0]
    assert acted["action"] == "suspend" and acted["rule"].startswith(str(manager.config_file)) and acted["for"] == 60
    assert "slow down" in acted["reply"]
    assert waiting_for(manager, "allowance_lowered")[0]["percent"] < 100
    assert waiting_for(manager, "suspended")[0]["by"] == f"rule {acted['rule']}"
    assert waiting_for(manager, "outcome")[0]["rule"] == acted["rule"]


def test_addresses_are_told_as_far_as_they_may_be(lab: Lab):
    refusing = SmtpSink(lab, "-f", "RCPT", "-B", "550 5.1.1 <Anna@example.org>: no such user anna@example.org")
    settings = {"route": {"*": [refusing.address]}}
    manager = Mailpoold(lab, settings).start()
    key = manager.directory / "events.key"
    key.write_text("key of this test\n")
    key.chmod(0o600)
    shutil.chown(key, "mailpool", "mailpool")

    def told(**events: str) -> str:
        manager.configure({**settings, "events": events})
        manager.reload()
        before = len(manager.events("outcome"))
        with manager.lmtp() as client:
            client.deliver(SENDER, ["Anna@example.org"], message(b"x\r\n"))
        waiting_for(manager, "outcome", before + 1)
        return str(manager.events("outcome")[-1])

    assert "Anna@example.org" in told()
    domain = told(addresses="domain")
    assert not re.search("anna", domain, re.IGNORECASE) and "'domain': 'example.org'" in domain and "...@example.org" in domain
    hashed = told(addresses="hash", hash_key_file=str(key))
    assert not re.search("anna", hashed, re.IGNORECASE)
    assert re.search("'recipient_hash': '[0-9a-f]{16}'", hashed)
    assert told(addresses="hash", hash_key_file=str(key)).count(re.search("[0-9a-f]{16}", hashed)[0]) == 1, "the same each time"
    assert "key of this test" not in manager.log()


def test_a_hash_without_its_key_is_a_mistake(lab: Lab):
    manager = Mailpoold(lab, {"events": {"addresses": "hash", "hash_key_file": str(lab.directory("none") / "key")}})
    done = subprocess.run([program("mailpoold"), "--config", manager.config_file, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "[events] hash_key_file" in done.stdout


def test_check_names_a_file_that_the_service_cannot_write(lab: Lab):
    place = lab.directory("closed", owner="root", group="root", mode=0o700)
    manager = Mailpoold(lab, {"events": {"file": str(place / "events.jsonl")}})
    done = subprocess.run([program("mailpoold"), "--config", manager.config_file, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "[events] file" in done.stdout, done.stdout


def test_logrotate_takes_the_file_away_and_no_event_is_lost(lab: Lab, sink: SmtpSink):
    place = lab.directory("log", owner="mailpool", group="mailpool", mode=0o750)
    events = place / "events.jsonl"
    manager = Mailpoold(lab, {"route": {"*": [sink.address]}, "events": {"file": str(events)}}).start()
    manager.events_file = events
    snippet = LOGROTATE.read_text().replace("/var/log/mailpool", str(place))
    snippet = re.sub(r"\[ ! -d /run/systemd/system \] \|\| systemctl kill .* mailpool.service", f"kill -HUP {manager.process.pid}", snippet)
    assert "systemctl" not in snippet
    configuration = manager.directory / "logrotate"
    configuration.write_text(snippet)

    def send(number: int) -> None:
        with manager.lmtp() as client:
            assert client.deliver(SENDER, [f"u{number}@example.org"], message(b"x\r\n"))[0].code == 250

    send(1)
    waiting_for(manager, "outcome")
    subprocess.run(["logrotate", "--force", "--state", manager.directory / "logrotate.state", configuration], check=True)
    rotated = place / "events.jsonl.1"
    wait_until(events.exists, 10, "the new file")
    send(2)
    assert waiting_for(manager, "outcome")[0]["recipient"] == "u2@example.org"
    assert '"u1@example.org"' in rotated.read_text()
    assert rotated.read_text().endswith("\n")


def test_a_file_that_cannot_be_written_holds_up_no_mail(lab: Lab, sink: SmtpSink):
    place = lab.directory("later", owner="root", group="root", mode=0o700)
    events = place / "events.jsonl"
    manager = Mailpoold(lab, {"route": {"*": [sink.address]}, "events": {"file": str(events)}}).start()
    with manager.lmtp() as client:
        assert client.deliver(SENDER, ["u@example.org"], message(b"x\r\n"))[0].code == 250
    output = wait_until(lambda: (found := manager.status()["events"][0])["problem"] and found, 10, "it is known")
    assert (output["output"], output["place"], output["problem"]) == ("file", str(events), "Permission denied")
    assert "events are not told to" in manager.poolctl("status").stdout
    shutil.chown(place, "mailpool", "mailpool")
    wait_until(lambda: manager.status()["events"][0]["problem"] == "", 10, "it is written")
    manager.events_file = events
    assert waiting_for(manager, "outcome")[0]["recipient"] == "u@example.org", "from before"
    assert manager.status()["events"][0]["written"] == len(manager.events())


def test_the_examples_of_the_manual_answer(lab: Lab, sink: SmtpSink):
    refusing = SmtpSink(lab, "-f", "RCPT")
    manager = Mailpoold(lab, {"route": {"good.example.org": [sink.address], "*": [refusing.address]}, "smtp": {"idle_timeout": "1s"}}).start()
    with manager.lmtp() as client:
        client.deliver(SENDER, ["a@good.example.org", "b@bad.example.org"], message(b"x\r\n"))
    waiting_for(manager, "connection_closed", 2)
    identity = manager.events("outcome")[0]["queue_id"]
    examples = re.findall(r'^\.\\" JQ\n\.Bd [^\n]*\n(.*?)^\.Ed$', MANUAL.read_text(), re.MULTILINE | re.DOTALL)
    assert len(examples) == 5
    # A tenant needs the milter's seal: the events are given one.
    lines = manager.events_file.read_text().replace('"site":', '"tenant":"shop","site":')
    file = manager.directory / "examples.jsonl"
    file.write_text(lines)
    for example in examples:
        command = example.replace("\\e", "\\").replace("/var/log/mailpool/events.jsonl", str(file)).replace("4ED10A9055E", identity)
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip(), f"{command}\n{done}"
