"""Where mail is sent from, and whose it is: sources, pools and tenants, as servers and poolctl see them."""

import re
import socketserver
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, wait_until

DONE, REFUSED = 0, 1
DAY = re.compile(r"warm_up reached \(1 messages today\), next in ")


@dataclass
class Seen:
    """One message as a server got it."""

    client: str
    ehlo: str
    sender: str
    size: int
    content: bytes


@dataclass
class Witness:
    """A server on the loopback that remembers who sent what."""

    address: str = ""
    seen: list[Seen] = field(default_factory=list)

    def clients(self) -> list[str]:
        return [each.client for each in self.seen]


class Conversation(socketserver.StreamRequestHandler):
    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("220 witness ESMTP")
        ehlo = sender = ""
        announced = 0
        for line in iter(self.rfile.readline, b""):
            word, _, rest = line.decode().strip().partition(" ")
            match word.upper():
                case "EHLO":
                    ehlo = rest
                    self.say("250-witness\r\n250-SIZE\r\n250-8BITMIME\r\n250 PIPELINING")
                case "MAIL":
                    sender = rest.partition("<")[2].partition(">")[0]
                    size = re.search(r"SIZE=(\d+)", rest)
                    announced = int(size[1]) if size else 0
                    self.say("250 ok")
                case "DATA":
                    self.say("354 go on")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    self.server.witness.seen.append(
                        Seen(self.client_address[0], ehlo, sender, announced, b"".join(lines)))
                    self.say("250 2.0.0 kept")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 ok")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    witness: Witness


@pytest.fixture
def witness() -> Iterator[Witness]:
    with Server(("127.0.0.1", 0), Conversation) as server:
        server.witness = Witness(f"127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.witness
        server.shutdown()


def start(lab: Lab, witness: Witness, **settings) -> Mailpoold:
    return Mailpoold(lab, {"route": {"*": [witness.address]}, **settings}).start()


def send(manager: Mailpoold, sender: str = "a@acme.example", to: str = "u@example.org",
         content: bytes = b"x\r\n", header: bytes = b""):
    with manager.lmtp() as client:
        return client.deliver(sender, [to], header + message(content))[0]


def test_mail_leaves_from_its_source_under_its_name(lab: Lab, witness: Witness):
    manager = start(lab, witness, source={"west": {"address": "127.0.0.2", "ehlo_name": "west.example.com"}},
                    smtp={"source": "west"})
    assert send(manager).code == 250
    assert (witness.seen[0].client, witness.seen[0].ehlo) == ("127.0.0.2", "west.example.com")
    row = manager.poolctl.json("connections")["connections"][0]
    assert row["source"] == "west[127.0.0.2]"
    source = manager.status()["sources"][0]
    assert (source["source"], source["address"], source["connections"]) == ("west", "127.0.0.2", 1)
    assert "source=west" in manager.log()


TWO = {"source": {"west": {"address": "127.0.0.2"}, "east": {"address": "127.0.0.3"}},
       "pool": {"both": {"sources": {"west": 1, "east": 1}}}, "smtp": {"source": "both", "rate": "2/h"}}


def test_a_rate_is_each_source_s_own_and_status_explain_and_the_answer_name_the_path(lab: Lab, witness: Witness):
    manager = start(lab, witness, lmtp={"max_wait": "1s"}, **TWO)
    assert [send(manager).code for _ in range(4)] == [250] * 4
    assert sorted(witness.clients()) == ["127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"]
    late = send(manager)
    assert late.code == 451 and re.search(r"from (west|east): rate reached \(2/h\)", late.text), late.text
    site = manager.status()["sites"][0]["site"]
    rows = manager.poolctl.json("status", site)["sites"][0]["paths"]
    assert [row["source"] for row in rows] == ["east", "west"]
    for row in rows:
        assert (row["connections"], row["max_connections"], row["rate"], row["max_messages"]) == (1, 10, "2/h", 100)
        assert row["blocked_by"] == "rate" and row["not_before"] and "rate reached (2/h)" in row["reason"]
        assert row["why_less"] == "" and row["not_before_in"] > 0
    told = manager.poolctl.json("explain", "u@example.org")
    scopes = {limit["scope"] for limit in told["limits"] if limit["option"] == "rate"}
    assert scopes == {f"path {site} from west", f"path {site} from east"}
    assert "one of west, east; now" in told["source"]
    assert "WAITS FOR" in manager.poolctl("status", site).stdout


def test_status_says_which_path_is_given_less_and_why(lab: Lab):
    server = Fakemx(lab, "mail from=throttled@* -> 451 4.7.28 Too fast, slow down")
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, **{**TWO, "smtp": {"source": "both", "tls": "none"}}}).start()
    assert send(manager).code == 250
    assert send(manager).code == 250
    assert send(manager, "throttled@acme.example").code == 451
    site = manager.status()["sites"][0]["site"]
    rows = manager.poolctl.json("status", site)["sites"][0]["paths"]
    lowered = [row for row in rows if row["why_less"]]
    assert lowered and all("adaptive: 451 4.7.28" in row["why_less"] and row["max_connections"] < 10 for row in lowered), rows
    allowed = manager.poolctl.json("status", site)["sites"][0]["allowed_now"]
    assert allowed["why"].startswith("from ") and "adaptive: 451" in allowed["why"]


def test_a_source_is_suspended_at_a_site_or_everywhere_and_another_sends_its_part(lab: Lab, witness: Witness):
    manager = start(lab, witness, **{**TWO, "smtp": {"source": "both"}})
    assert send(manager).code == 250
    site = manager.status()["sites"][0]["site"]
    manager.poolctl("suspend", site, "--source", "west", "--for", "1h", "--reason", "delisting")
    assert [send(manager).code for _ in range(4)] == [250] * 4
    assert set(witness.clients()[1:]) == {"127.0.0.3"}
    held = manager.status()["suspensions"][0]
    assert (held["name"], held["scope"], held["is_source"]) == (site, "source west", False)
    row = next(row for row in manager.poolctl.json("status", site)["sites"][0]["paths"] if row["source"] == "west")
    assert row["blocked_by"] == "suspended" and "delisting" in row["reason"]
    manager.poolctl("resume", site, "--source", "west")
    manager.poolctl("suspend", "--source", "east", "--for", "1h", "--reason", "listed")
    assert [send(manager).code for _ in range(3)] == [250] * 3
    assert set(witness.clients()[5:]) == {"127.0.0.2"}
    held = manager.status()["suspensions"][0]
    assert (held["name"], held["scope"], held["is_source"]) == ("east", "", True)
    assert "source east is suspended until" in manager.poolctl("status").stdout
    manager.poolctl("resume", "--source", "east")
    assert manager.status()["suspensions"] == []


def test_what_cannot_be_suspended_is_said(lab: Lab, witness: Witness):
    manager = start(lab, witness, **TWO)
    for words, why in ((["--source", "north"], "there is no [source.north]"),
                       (["--sender-domain", "x.example"], "name the SITE"),
                       (["nowhere", "--source", "west"], "nowhere")):
        done = manager.poolctl("suspend", *words, "--for", "1h", "--reason", "x")
        assert done.returncode != DONE and why in done.stderr, done.stderr


def test_the_most_particular_source_wins_and_connections_are_not_mixed(lab: Lab, witness: Witness):
    manager = start(lab, witness,
                    source={"w": {"address": ["127.0.0.2"]}, "x": {"address": ["127.0.0.3"]}, "y": {"address": ["127.0.0.4"]}},
                    smtp={"source": "w"}, sender_domain={"plain.example": {"source": "x"}},
                    tenant={"acme": {"sender_domains": ["acme.example"], "source": "y"}})
    for sender in ("a@else.example", "a@plain.example", "a@acme.example", "a@else.example"):
        assert send(manager, sender).code == 250
    assert witness.clients() == ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.2"]
    assert manager.totals()["connections_opened"] == 3


def test_a_pool_divides_by_weight(lab: Lab, witness: Witness):
    manager = start(lab, witness, source={"w": {"address": "127.0.0.2"}, "x": {"address": "127.0.0.3"}},
                    pool={"both": {"sources": {"w": 3, "x": 1}}}, smtp={"source": "both"})
    for _ in range(8):
        assert send(manager).code == 250
    assert witness.clients().count("127.0.0.2") == 6
    assert witness.clients().count("127.0.0.3") == 2


def test_an_address_that_is_not_ours_is_named(lab: Lab, witness: Witness):
    manager = start(lab, witness, source={"far": {"address": "192.0.2.77"}}, smtp={"source": "far"})
    reply = send(manager)
    assert reply.code == 451
    assert "cannot send from 192.0.2.77" in reply.text
    assert "[source.far] address: 192.0.2.77 is not an address of this machine" in manager.log()


def test_a_warm_up_is_kept_over_a_restart(lab: Lab, witness: Witness):
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    manager = start(lab, witness, source={"new": {"address": "127.0.0.2", "warm_up": {"start": today, "plan": [1, 1]}}},
                    smtp={"source": "new"}, lmtp={"max_wait": "100ms"})
    assert send(manager).code == 250
    reply = send(manager)
    assert (reply.code, reply.enhanced) == (451, "4.7.1") and DAY.search(reply.text), reply
    manager.process.stop(timeout=8)
    manager.start()
    assert DAY.search(send(manager).text)
    explained = manager.poolctl.json("explain", "u@example.org")
    assert (explained["source"], explained["blocked_by"]) == ("new", "warm_up")
    assert {"scope": "source new", "option": "warm_up", "ceiling": "1 today", "use": "1"}.items() <= next(
        limit for limit in explained["limits"] if limit["option"] == "warm_up").items()


def kept_warm_up(manager: Mailpoold, change: Callable[[str], str] | None = None) -> list[str]:
    """The records of warm-ups in state.db; `change` makes another of each while mailpoold is stopped."""
    with closing(sqlite3.connect(Path(manager.settings["state_dir"]) / "state.db")) as database, database:
        rows = [(key, value.decode()) for key, value in database.execute("SELECT key, value FROM record WHERE kind = 'warm_up'")]
        for key, value in rows if change else ():
            database.execute("UPDATE record SET value = ?, expires = ? WHERE kind = 'warm_up' AND key = ?",
                             (change(value).encode(), 1000 * int(time.time() + 30 * 86400), key))
    return [value for _, value in rows]


def test_a_step_of_a_warm_up_is_held_shown_and_kept_over_a_restart(lab: Lab):
    server = Fakemx(lab, "end from=throttled@* -> 451 4.7.28 Too fast, slow down", tls=False)
    today = datetime.now(UTC).date()
    yesterday, begun = (today - timedelta(days=days) for days in (1, 2))
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "source": {"new": {
        "address": "127.0.0.2", "warm_up": {"start": str(begun), "plan": [20, 40, 80]}}},
        "smtp": {"source": "new", "tls": "none", "adaptive": False}, "lmtp": {"max_wait": "100ms"}}).start()
    assert [send(manager).code for _ in range(2)] == [250] * 2
    assert send(manager, "throttled@acme.example").code == 451
    (row,) = manager.status()["warm_ups"]
    site = row.pop("site")
    assert row == {"source": "new", "day": 3, "step": 3, "steps": 3, "most": 80, "sent": 3, "taken": 2, "put_off": 1, "held": 0,
                   "reason": ""}
    assert manager.poolctl.json("status", site)["sites"][0]["warm_ups"] == [{"site": site, **row}]
    # As if that had been yesterday, and far more of it.
    manager.process.stop(timeout=8)
    assert kept_warm_up(manager, lambda value: value.replace(str(today), str(yesterday)).replace(" 3 2 1 ", " 40 30 10 ")) == [
        f"{today} 3 2 1 0 {begun}"]
    manager.start()
    why = f"step 2 of 3 is held: 10 of 40 answers put it off on {yesterday} (warm_up_hold_above 10 %)"
    limit = next(limit for limit in manager.poolctl.json("explain", "u@example.org")["limits"] if limit["option"] == "warm_up")
    assert (limit["ceiling"], limit["use"]) == ("40 today", f"0; {why}")
    assert send(manager).code == 250
    assert f"warm_up source=new site={site} day=3 step=2 messages=40 held: {why}" in manager.log()

    def is_held() -> None:
        status = manager.status()
        assert status["warm_ups_known"] == 1 and status["sources"][0]["warm_ups_held"] == 1
        assert status["warm_ups"] == [{"source": "new", "site": site, "day": 3, "step": 2, "steps": 3, "most": 40, "sent": 1, "taken": 1,
                                       "put_off": 0, "held": 1, "reason": why}]
        assert "step 2 of 3 is held" in manager.poolctl("status").stdout

    is_held()
    assert "step 2 of 3 is held" in manager.poolctl("status", site).stdout
    manager.process.stop(timeout=8)
    manager.start()
    is_held()


def test_a_record_of_an_older_mailpoold_counts_on(lab: Lab, witness: Witness):
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    manager = start(lab, witness, source={"new": {"address": "127.0.0.2", "warm_up": {"start": today, "plan": [3, 3]}}},
                    smtp={"source": "new"}, lmtp={"max_wait": "100ms"})
    assert send(manager).code == 250
    manager.process.stop(timeout=8)
    kept_warm_up(manager, lambda value: f"{today} 2")
    manager.start()
    assert send(manager).code == 250
    assert "warm_up reached (3 messages today), next in " in send(manager).text


@pytest.mark.parametrize("large", [False, True])
def test_no_copy_of_a_tenants_headers_leaves_and_size_says_what_is_sent(lab: Lab, witness: Witness, large: bool):
    manager = start(lab, witness, lmtp={"trust_unsigned_tenant": True, "spill_above": "16KiB"})
    header = (b"X-Mailpool-Tenant: acme\r\nx-mailpool-seal: v=1;\r\n\tfolded=yes\r\nX-Other: stays\r\n"
              b"X-MAILPOOL-TENANT : second\r\n")
    assert send(manager, content=b"line\r\n" * (20_000 if large else 1), header=header).code == 250
    seen = witness.seen[0]
    assert b"mailpool-tenant" not in seen.content.lower() and b"seal" not in seen.content.lower()
    assert b"folded" not in seen.content and b"second" not in seen.content
    assert b"X-Other: stays\r\n" in seen.content
    assert seen.size == len(seen.content)
    assert "tenant=acme" in manager.log()


def test_a_tenants_limit_is_named_and_holds_nobody_else(lab: Lab, witness: Witness):
    manager = start(lab, witness, lmtp={"max_wait": "100ms"},
                    tenant={"acme": {"sender_domains": ["acme.example"], "rate": "1/h", "priority": 50}})
    assert send(manager).code == 250
    reply = send(manager, to="u@elsewhere.example")
    assert (reply.code, reply.enhanced) == (451, "4.7.1")
    assert re.search(r"tenant acme: rate reached \(1/h\), next in (59m|1h)", reply.text)
    assert send(manager, "b@other.example").code == 250
    row = manager.status()["tenants"][0]
    assert (row["tenant"], row["state"], row["priority"], row["delivered"], row["deferred"]) == ("acme", "limited", 50, 1, 1)
    explained = manager.poolctl.json("explain", "u@example.org", "--from", "a@acme.example")
    assert (explained["tenant"], explained["blocked_by"]) == ("acme", "rate")
    assert "tenant acme: rate reached (1/h)" in explained["would"]
    assert manager.poolctl.json("explain", "u@example.org")["blocked_by"] is None


def test_a_tenant_is_suspended_and_resumed_by_hand(lab: Lab, witness: Witness):
    manager = start(lab, witness, tenant={"acme": {"sender_domains": ["acme.example"]}})
    assert manager.poolctl("suspend", "--tenant", "acme", "--for", "1h", "--reason", "unpaid").returncode == DONE
    reply = send(manager)
    assert reply.code == 451 and re.search("tenant acme: suspended until .*: unpaid", reply.text)
    assert send(manager, "b@other.example").code == 250
    shown = manager.status()
    assert shown["suspensions"][0]["is_tenant"] and shown["tenants"][0]["state"] == "suspended"
    manager.process.stop(timeout=8)
    manager.start()
    assert send(manager).code == 451, "it survives a restart"
    assert manager.poolctl("resume", "--tenant", "acme").returncode == DONE
    assert send(manager).code == 250
    assert manager.poolctl("resume", "--tenant", "acme").returncode == REFUSED


def test_a_campaign_is_counted_suspended_and_resumed_by_hand(lab: Lab, witness: Witness):
    manager = start(lab, witness, lmtp={"trust_unsigned_tenant": True})
    spring = b"X-Mailpool-Campaign: Spring\r\n"
    assert send(manager, header=spring).code == 250
    assert b"campaign" not in witness.seen[0].content.lower()
    assert "campaign=spring" in manager.log()
    assert manager.poolctl("suspend", "--campaign", "Spring", "--for", "1h", "--reason", "wrong link").returncode == DONE
    reply = send(manager, header=spring)
    assert reply.code == 451 and re.search("campaign spring: suspended until .*: wrong link", reply.text)
    assert send(manager, header=b"X-Mailpool-Campaign: summer\r\n").code == 250
    assert send(manager).code == 250
    shown = manager.status()
    assert shown["suspensions"][0]["is_campaign"] and shown["suspensions"][0]["name"] == "spring"
    rows = {row["campaign"]: row for row in shown["campaigns"]}
    assert (rows["spring"]["state"], rows["spring"]["delivered"], rows["spring"]["deferred"]) == ("suspended", 1, 1)
    assert rows["spring"]["reason"] == "wrong link" and rows["spring"]["not_before"] is not None
    assert (rows["summer"]["state"], rows["summer"]["delivered"], rows["summer"]["not_before"]) == ("open", 1, None)
    assert (shown["campaigns_known"], shown["campaigns"][0]["campaign"]) == (2, "spring")
    assert "campaign spring is suspended" in manager.poolctl("status").stdout
    explained = manager.poolctl.json("explain", "u@example.org", "--campaign", "spring")
    assert (explained["campaign"], explained["blocked_by"]) == ("spring", "suspended")
    assert manager.poolctl.json("explain", "u@example.org", "--campaign", "summer")["blocked_by"] is None
    manager.process.stop(timeout=8)
    manager.start()
    assert send(manager, header=spring).code == 451, "it survives a restart"
    assert manager.poolctl("resume", "--campaign", "spring").returncode == DONE
    assert send(manager, header=spring).code == 250
    assert manager.poolctl("resume", "--campaign", "spring").returncode == REFUSED
    assert manager.poolctl("suspend", "--campaign", "no name", "--for", "1h", "--reason", "x").returncode == REFUSED


def test_at_one_site_a_campaign_is_held_as_a_part_of_its_mail(lab: Lab, witness: Witness):
    manager = start(lab, witness, lmtp={"trust_unsigned_tenant": True},
                    site={"one": {"domains": ["one.example"]}, "two": {"domains": ["two.example"]}})
    spring = b"X-Mailpool-Campaign: spring\r\n"
    assert send(manager, to="u@one.example", header=spring).code == 250
    assert manager.poolctl("suspend", "one", "--campaign", "spring", "--for", "1h", "--reason", "asked to").returncode == DONE
    assert send(manager, to="u@one.example", header=spring).code == 451
    assert send(manager, to="u@two.example", header=spring).code == 250
    assert send(manager, to="u@one.example").code == 250
    assert manager.status()["suspensions"][0]["scope"] == "campaign spring"
    assert manager.poolctl("resume", "one", "--campaign", "spring").returncode == DONE
    assert send(manager, to="u@one.example", header=spring).code == 250
    # A tenant likewise.
    shop = b"X-Mailpool-Tenant: shop\r\n"
    assert manager.poolctl("suspend", "one", "--tenant", "shop", "--for", "1h", "--reason", "asked to").returncode == DONE
    reply = send(manager, to="u@one.example", header=shop)
    assert reply.code == 451 and "one: tenant shop: suspended until" in reply.text
    assert send(manager, to="u@two.example", header=shop).code == 250
    assert manager.poolctl("resume", "one", "--tenant", "shop").returncode == DONE
    assert send(manager, to="u@one.example", header=shop).code == 250


def test_the_total_of_connections_is_kept(lab: Lab, witness: Witness):
    manager = start(lab, witness, total={"max_connections": 1},
                    site={"one": {"domains": ["one.example"]}, "two": {"domains": ["two.example"]}})
    for domain in ("one", "two", "one"):
        assert send(manager, to=f"u@{domain}.example").code == 250
        wait_until(lambda: manager.totals()["connections_open"] == 1, 5, "one connection is open")
