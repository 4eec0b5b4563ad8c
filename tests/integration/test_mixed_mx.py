"""Domains with mixed or backup MX: what goes to a provider's host counts with all of the provider's, in the real mailpoold."""

import re
from concurrent.futures import ThreadPoolExecutor

from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, free_port, wait_until

BIG, OTHER = "127.0.0.7", "127.0.0.8"


class World:
    """A provider, `big`, and a server of somebody else; all.example is at the one, the others at both."""

    def __init__(self, lab: Lab, dns: Dns, big: dict, script: str = "", flags: tuple[str, ...] = (), **more):
        port = free_port()
        self.big = Fakemx(lab, script, host=BIG, port=port, tls=False, flags=flags)
        self.other = Fakemx(lab, "", host=OTHER, port=port, tls=False)
        dns.a("mx.big.example.net", BIG)
        dns.a("mx.other.example.com", OTHER)
        dns.mx("all.example.com", "mx.big.example.net")
        dns.mx("backup.example.com", "mx.big.example.net", "mx.other.example.com")
        dns.mx("behind.example.com", "mx.other.example.com", "mx.big.example.net")
        self.manager = Mailpoold(lab, {"dns": {"servers": dns.servers}, "smtp": {"prohibited": [], "port": port, "tls": "none"},
                                       "site": {"big": {"mx": [".big.example.net"], **big}}, **more}).start()

    def send(self, domain: str, sender: str = "s@sender.example.com") -> str:
        with self.manager.lmtp(timeout=60) as client:
            return str(client.deliver(sender, [f"u@{domain}"], message(b"x\r\n"))[0])

    def send_at_once(self, n: int, *domains: str) -> list[str]:
        with ThreadPoolExecutor(2 * n) as threads:
            return list(threads.map(self.send, n * domains))

    def site_of(self, name: str) -> dict:
        (site,) = self.manager.poolctl.json("status", name)["sites"]
        return site


def test_connections_to_a_providers_host_never_exceed_its_max_connections(lab: Lab, dns: Dns):
    world = World(lab, dns, {"max_connections": 2}, "end -> delay 200ms; normal", ("--max-connections", "2"))
    answers = world.send_at_once(8, "all.example.com", "backup.example.com")
    assert [answer[:3] for answer in answers] == ["250"] * 16, answers
    assert world.big.violations() == 0
    assert world.big.stats()["connections"]["max"] == 2
    assert len(world.big.accepted()) == 16 and not world.other.accepted(), "a backup is for a host that fails"


def test_a_rate_is_that_of_all_mail_to_the_provider(lab: Lab, dns: Dns):
    world = World(lab, dns, {"rate": "5/s"}, flags=("--rate", "5/s", "--rate-how", "window"))
    answers = world.send_at_once(8, "all.example.com", "backup.example.com")
    assert [answer[:3] for answer in answers] == ["250"] * 16, answers
    assert world.big.violations() == 0
    assert len(world.big.accepted()) == 16


def test_what_is_limited_at_home_is_shown_and_explained(lab: Lab, dns: Dns):
    world = World(lab, dns, {"rate": "1/h", "max_connections": 3})
    assert world.send("backup.example.com").startswith("250")
    home = world.site_of("big")
    assert (home["guest_connections"], home["connections"]["idle"]) == (1, 0)
    assert re.search(r"guests +1 connection of domains with mixed MX, counted here too", world.manager.poolctl("status", "big").stdout)
    told = world.manager.poolctl.json("explain", "u@backup.example.com")
    limits = {(limit["scope"], limit["option"]): limit for limit in told["limits"]}
    assert limits["site big", "max_connections"]["use"] == "1" and limits["site big", "rate"]["is_reached"]
    assert told["blocked_by"] == "rate" and told["reason"].startswith("big: rate reached (1/h), next in "), told
    assert told["site"] != "big"


def test_what_a_host_says_acts_at_its_own_site_alone(lab: Lab, dns: Dns):
    rule = {"site": "big", "reply": "go away", "do": "suspend", "for": "1h", "scope": "site"}
    world = World(lab, dns, {}, "end from=bad@* -> 451 4.7.0 go away", rule=[rule])
    assert world.send("backup.example.com", "bad@sender.example.com").startswith("451")
    assert world.site_of("big")["state"] == "suspended"
    assert world.site_of("backup.example.com")["state"] == "open"
    assert "big: suspended until" in world.send("all.example.com")
    assert world.send("backup.example.com").startswith("250")
    assert len(world.other.accepted()) == 1, "as if the provider's host failed, the next one is used"
    assert world.manager.poolctl("resume", "big").returncode == 0
    assert world.send("backup.example.com").startswith("250")
    assert len(world.big.accepted()) == 1


def test_a_throttling_reply_lowers_the_provider_and_nobody_else(lab: Lab, dns: Dns):
    world = World(lab, dns, {}, "end from=bad@* -> 451 4.7.28 Too fast, slow down")
    for _ in range(2):
        assert world.send("behind.example.com").startswith("250")
    assert world.send("backup.example.com", "bad@sender.example.com").startswith("451")
    assert "adaptive: 451 4.7.28" in world.site_of("big")["allowed_now"]["why"]
    assert world.site_of("backup.example.com")["allowed_now"] is None


def test_a_stop_with_guests_under_way_is_clean(lab: Lab, dns: Dns):
    world = World(lab, dns, {"max_connections": 2}, "mail -> hang")
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(world.send, domain) for domain in 4 * ("all.example.com", "backup.example.com")]
        wait_until(lambda: world.manager.status()["totals"]["in_flight"] == 2, 10, "two are under way")
        world.manager.terminate()
        for each in asked:
            assert each.exception(30) is not None or each.result().startswith("451")
    assert world.manager.process.wait(20) == 0
