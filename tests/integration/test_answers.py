"""Every row of the table of answers, by name, on a fresh and on a reused connection."""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import table_play
from lab.certificates import Certificate
from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, free_port, wait_until
from rows import BY_NAME
from table_play import CASES, Case

VERDICTS = Path(__file__).resolve().parents[2] / "plugin/core/smtp/verdicts.cc"


@pytest.fixture(scope="module")
def manager(world: Lab) -> Iterator[Mailpoold]:
    lab = Lab(world.root / "answers")
    manager = table_play.start_manager(lab)
    yield manager
    gauges = manager.totals()
    lab.close()
    assert (gauges["in_flight"], gauges["waiting"]) == (0, 0), "after all rows nothing is left over"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_row(case: Case, lab: Lab, manager: Mailpoold):
    manager.process.require_running()
    table_play.play(case, lab, manager)


def test_no_row_of_the_code_is_missing_here():
    in_code = re.findall(r'^\s*\{"(\w+)",\s+Place::', VERDICTS.read_text(), re.MULTILINE)
    assert len(in_code) > 40
    assert set(in_code) == set(BY_NAME)


# --- before there is a session: greeting, EHLO, STARTTLS. Always on a fresh connection.

@dataclass(frozen=True)
class Setup:
    name: str
    script: str
    code: int
    enhanced: str = ""
    words: str = ""
    tls: str = "none"
    connections: int = 1


SETUPS = [
    Setup("greeting_4xx", "connect -> 451 4.3.2 come back later", 451, "4.3.2", "said: 451"),
    Setup("greeting_421", "connect -> 421 4.3.2 too busy", 451, "4.3.2", "said: 421"),
    Setup("greeting_5xx_is_no_verdict", "connect -> 554 5.7.1 no service for you", 451, words="said: 554"),
    Setup("greeting_silent", "connect -> hang", 451, "4.4.2", "greeting"),
    Setup("greeting_lost", "connect -> close", 451, "4.4.2"),
    Setup("greeting_endless", 'connect -> endless every 1ms "220-welcome\\r\\n"', 451),
    Setup("greeting_of_megabytes", 'connect -> send 1000000 * "2"', 451),
    Setup("ehlo_5xx_is_followed_by_helo", "ehlo -> 502 5.5.1 what", 250),
    Setup("ehlo_4xx", "ehlo -> 451 4.3.0 not now", 451, "4.3.0"),
    Setup("helo_5xx_too", "ehlo -> 502 5.5.1 what\nhelo -> 502 5.5.1 what", 451),
    Setup("starttls_refused_with_may", "starttls -> 454 4.7.0 no TLS now", 250, tls="may", connections=2),
    Setup("starttls_broken_with_may", "tls -> alert 40", 250, tls="may", connections=2),
    Setup("starttls_lost_with_may", "tls -> close", 250, tls="may", connections=2),
    Setup("starttls_absent_with_may", "set without STARTTLS", 250, tls="may"),
    Setup("starttls_works_with_may", "", 250, tls="may"),
    Setup("starttls_works_with_encrypt", "", 250, tls="encrypt"),
    Setup("starttls_absent_with_encrypt", "set without STARTTLS", 451, "4.7.5", tls="encrypt"),
    Setup("starttls_refused_with_encrypt", "starttls -> 454 4.7.0 no TLS now", 451, "4.7.5", tls="encrypt"),
    Setup("starttls_broken_with_encrypt", "tls -> alert 40", 451, "4.7.5", tls="encrypt"),
    Setup("injected_after_starttls", 'starttls -> send "220 go\\r\\n250 injected\\r\\n"', 451, tls="encrypt"),
]


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.name)
def test_setup(setup: Setup, lab: Lab, certificate: Certificate):
    server = Fakemx(lab, setup.script, certificate=certificate)
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "smtp": {**table_play.IMPATIENT, "tls": setup.tls}}).start()
    with manager.lmtp() as client:
        reply = client.deliver("sender@example.com", ["probe@example.org"], message(b"x\r\n"))[0]
    assert reply.code == setup.code, f"{reply}\n{server.transcript()}"
    if setup.enhanced:
        assert reply.enhanced == setup.enhanced, str(reply)
    assert re.search(setup.words, reply.text), str(reply)
    assert len(server.accepted()) == int(setup.code == 250)
    if setup.code == 250:
        assert server.connections() == setup.connections, server.transcript()


# --- the way there: DNS and connecting

@dataclass(frozen=True)
class Way:
    name: str
    arrange: Callable[[Dns], None]
    code: int
    enhanced: str
    words: str = ""


def nothing(dns: Dns) -> None:
    del dns


def mx_at(*addresses: str) -> Callable[[Dns], None]:
    def arrange(dns: Dns) -> None:
        dns.mx("way.example.org", *[f"mx{number}.example.net" for number, _ in enumerate(addresses)])
        for number, address in enumerate(addresses):
            dns.a(f"mx{number}.example.net", address)
    return arrange


def fifty_by_fifty(dns: Dns) -> None:
    dns.mx("way.example.org", *[f"mx{number}.example.net" for number in range(50)])
    for number in range(50):
        dns.a(f"mx{number}.example.net", *[f"127.9.{number}.{host}" for host in range(2, 52)])


DNS_WAYS = [
    Way("servfail", lambda dns: dns.behave("way.example.org", "servfail"), 451, "4.4.3"),
    Way("no_answer", lambda dns: dns.behave("way.example.org", "silent"), 451, "4.4.3"),
    Way("nxdomain", nothing, 550, "5.1.2"),
    Way("null_mx", lambda dns: dns.null_mx("way.example.org"), 556, "5.1.10"),
    Way("mx_without_address", lambda dns: dns.mx("way.example.org", "nowhere.example.net"), 550, "5.4.4"),
    Way("neither_mx_nor_address", lambda dns: dns.cname("www.way.example.org", "x.example.net"), 550, "5.1.2|5.4.4"),
    Way("mx_address_servfail", lambda dns: (dns.mx("way.example.org", "mx.example.net"),
                                            dns.behave("mx.example.net", "servfail")), 451, "4.4.3"),
    Way("loopback", mx_at("127.0.0.5"), 550, "5.4.4|5.4.6", "127"),
    Way("own_address", mx_at("127.0.0.1"), 550, "5.4.4|5.4.6"),
    Way("mapped_loopback", mx_at("::ffff:7f00:5"), 550, "5.4.4|5.4.6"),
    Way("ipv6_loopback", mx_at("::1"), 550, "5.4.4|5.4.6"),
    Way("unspecified", mx_at("0.0.0.0"), 550, "5.4.4|5.4.6"),
]


@pytest.mark.parametrize("way", DNS_WAYS, ids=lambda way: way.name)
def test_way(way: Way, lab: Lab, dns: Dns):
    way.arrange(dns)
    manager = Mailpoold(lab, {"dns": {"servers": dns.servers, "timeout": "2s"}, "smtp": table_play.IMPATIENT}).start()
    with manager.lmtp() as client:
        reply = client.deliver("sender@example.com", ["probe@way.example.org"], message(b"x\r\n"))[0]
    assert reply.code == way.code, str(reply)
    assert reply.enhanced in way.enhanced.split("|"), str(reply)
    assert re.search(way.words, reply.text), str(reply)


def reachable(dns: Dns, port: int) -> dict:
    """Settings for delivery by MX to 127.0.0.0/8 at a port."""
    return {"dns": {"servers": dns.servers, "timeout": "2s"}, "smtp": {**table_play.IMPATIENT, "prohibited": [], "port": port}}


@pytest.mark.parametrize("arrange", [mx_at("127.0.3.3"), lambda dns: dns.a("way.example.org", "127.0.3.3"),
                                     lambda dns: (dns.mx("way.example.org", "alias.example.net"),
                                                  dns.cname("alias.example.net", "mx.example.net"),
                                                  dns.a("mx.example.net", "127.0.3.3"))],
                         ids=["by_mx", "by_address_alone", "by_an_mx_that_is_an_alias"])
def test_mail_finds_its_way(arrange: Callable[[Dns], None], lab: Lab, dns: Dns):
    arrange(dns)
    server = Fakemx(lab, host="127.0.3.3")
    manager = Mailpoold(lab, reachable(dns, server.port)).start()
    with manager.lmtp() as client:
        assert client.deliver("sender@example.com", ["probe@way.example.org"], message(b"x\r\n"))[0].code == 250
    assert len(server.accepted()) == 1


def test_connect_refused_everywhere(lab: Lab, dns: Dns):
    mx_at("127.0.3.4", "127.0.3.5")(dns)
    manager = Mailpoold(lab, reachable(dns, free_port())).start()
    with manager.lmtp() as client:
        reply = client.deliver("sender@example.com", ["probe@way.example.org"], message(b"x\r\n"))[0]
    assert (reply.code, reply.enhanced) == (451, "4.4.1"), str(reply)


def test_connect_timeout(lab: Lab):
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = hole.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # a full backlog drops SYNs
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        manager = Mailpoold(lab, {"route": {"*": [f"127.0.0.1:{port}"]}, "smtp": table_play.IMPATIENT}).start()
        with manager.lmtp() as client:
            reply = client.deliver("sender@example.com", ["probe@example.org"], message(b"x\r\n"))[0]
        assert (reply.code, reply.enhanced) == (451, "4.4.1"), str(reply)
        for filler in fillers:
            filler.close()


def test_fifty_hosts_with_fifty_addresses_are_not_all_tried(lab: Lab, dns: Dns):
    fifty_by_fifty(dns)
    manager = Mailpoold(lab, reachable(dns, free_port())).start()
    with manager.lmtp() as client:
        reply = client.deliver("sender@example.com", ["probe@way.example.org"], message(b"x\r\n"))[0]
    assert (reply.code, reply.enhanced) == (451, "4.4.1"), str(reply)
    tried = set(re.findall(r"127\.9\.\d+\.\d+", manager.log()))
    assert 1 <= len(tried) <= 10, f"{len(tried)} addresses"


# --- what no server can be asked for

def test_a_message_larger_than_the_server_takes_is_refused_before_it_is_sent(lab: Lab):
    server = Fakemx(lab, "set size 1000")
    manager = Mailpoold(lab, {"route": {"*": [server.address]}}).start()
    with manager.lmtp() as client:
        reply = client.deliver("sender@example.com", ["probe@example.org"], message(b"x" * 900 + b"\r\n" + b"y" * 900))[0]
        assert (reply.code, reply.enhanced) == (552, "5.3.4"), str(reply)
        assert client.deliver("sender@example.com", ["probe@example.org"], message(b"x\r\n"))[0].code == 250
    assert server.connections() == 1


def test_an_international_address_is_refused_where_the_server_cannot_take_it(lab: Lab):
    server = Fakemx(lab, "set without SMTPUTF8")
    manager = Mailpoold(lab, {"route": {"*": [server.address]}}).start()
    with manager.lmtp() as client:
        reply = client.deliver("sender@example.com", ["jörg@example.org"], message(b"x\r\n"), "SMTPUTF8")[0]
        assert reply.code in (550, 553) and reply.enhanced == "5.6.7", str(reply)
        declared_only = client.deliver("sender@example.com", ["joerg@example.org"], message(b"x\r\n"), "SMTPUTF8")[0]
        assert declared_only.code == 250, "declared, but not needed"


# --- what mailpoold itself says

def test_a_wait_longer_than_max_wait_names_the_limit(lab: Lab):
    server = Fakemx(lab)
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "lmtp": {"max_wait": "1s"},
                              "site": {"slow": {"domains": ["example.org"], "rate": "1/h"}}}).start()
    with manager.lmtp() as client:
        assert client.deliver("sender@example.com", ["one@example.org"], message(b"x\r\n"))[0].code == 250
        reply = client.deliver("sender@example.com", ["two@example.org"], message(b"x\r\n"))[0]
    assert (reply.code, reply.enhanced) == (451, "4.7.1")
    assert re.search(r"slow: rate reached \(1/h\), next in \S+", reply.text), str(reply)


def test_a_full_waiting_line_is_answered_at_once(lab: Lab):
    server = Fakemx(lab, "mail -> hang")
    manager = Mailpoold(lab, {"route": {"*": [server.address]}, "lmtp": {"max_wait": "5m"},
                              "site": {"slow": {"domains": ["example.org"], "max_connections": 1, "max_waiting": 1}}}).start()
    clients = [manager.lmtp() for _ in range(3)]

    def has_come(waiting: int) -> bool:  # one that a connection is still made for waits too
        totals = manager.totals()
        return (totals["in_flight"], totals["waiting"]) == (1, waiting)

    for number, client in enumerate(clients[:2]):
        client.envelope("sender@example.com", [f"{number}@example.org"])
        client.command("DATA")
        client.content(message(b"x\r\n"))
        wait_until(lambda number=number: has_come(number), 10, "the first is under way, the second waits")
    reply = clients[2].deliver("sender@example.com", ["late@example.org"], message(b"x\r\n"))[0]
    assert (reply.code, reply.enhanced) == (451, "4.7.1")
    assert "max_waiting" in reply.text
    totals = manager.totals()
    assert (totals["in_flight"], totals["waiting"]) == (1, 1), "nobody else had to be answered first"


def test_421_never_travels_upstream(lab: Lab):
    for number, stage in enumerate(("connect", "ehlo", "mail", "rcpt", "data", "end")):
        server = Fakemx(lab, f"set without CHUNKING\n{stage} -> 421 4.3.2 go away")
        manager = Mailpoold(lab, {"route": {"*": [server.address]}}).start()
        with manager.lmtp() as client:
            reply = client.deliver("sender@example.com", [f"{number}@example.org"], message(b"x\r\n"))[0]
        assert (reply.code, reply.enhanced[:1]) == (451, "4"), f"{stage}: {reply}"
        manager.end()
        server.stop()
