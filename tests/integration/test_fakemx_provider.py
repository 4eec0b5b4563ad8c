"""fakemx as a provider with rules, and the load generator that is tried against them."""

import json
import subprocess
import time

import pytest
from fakemx_play import PATIENCE, Server, start

from lab.mailpool import program
from lab.process import wait_until

def test_connections_beyond_the_limit_are_turned_away(start):
    server = start("", "--max-connections", "2")
    first, second = server.ready(), server.ready()
    assert server.client().read_reply().startswith("421 4.7.0")
    assert server.stats()["violations"]["connections"] == 1
    first.close()
    assert server.client().read_reply().startswith("220")
    second.command("QUIT")
    assert server.client().read_reply().startswith("220")
    stats = server.stats()
    assert stats["violations"]["connections"] == 1
    assert stats["connections"]["max"] == 2


def test_connections_and_rate_can_be_of_each_client(start):
    server = start("", "--max-connections", "1", "--rate", "1/h", "--per-client", "yes")
    clients = {address: server.ready(source=address) for address in ("127.0.0.1", "127.0.0.2")}
    accepted = []
    for address, client in clients.items():
        assert server.client(source=address).read_reply().startswith("421 4.7.0")
        accepted.append([client.mail()[:3] for _ in range(3)])
    assert accepted == [["250", "250", "451"]] * 2
    stats = server.stats()
    assert (stats["violations"]["connections"], stats["violations"]["rate"]) == (2, 2)
    assert stats["clients"] == {address: {"open": 1, "max": 1, "messages": 2} for address in clients}


def test_a_connection_closes_without_a_word_behind_its_last_message(start):
    server = start("", "--max-messages", "2", "--close-grace", "1s")
    client = server.ready()
    assert client.mail().startswith("250")
    assert client.mail().startswith("250")
    client.send(b"MAIL FROM:<in.flight@a.example>\r\n")
    assert client.end() == "fin"
    stats = server.stats()
    assert (stats["violations"]["messages_per_connection"], stats["late_mails"]) == (0, 1)
    time.sleep(1.1)
    client.send(b"MAIL FROM:<blind@a.example>\r\n")
    wait_until(lambda: server.stats()["violations"]["messages_per_connection"] == 1, PATIENCE, "it is counted")


def test_a_connection_says_421_behind_its_last_message(start):
    server = start("", "--max-messages", "1", "--max-messages-how", "421")
    client = server.ready()
    assert client.mail().startswith("250")
    assert client.command("MAIL FROM:<>").startswith("421")
    assert client.end() == "fin"
    assert server.stats()["violations"]["messages_per_connection"] == 1


def test_messages_beyond_the_rate_are_refused(start):
    server = start("", "--rate", "60/h")
    client = server.ready()
    replies = [client.mail()[:9] for _ in range(4)]
    assert replies == ["250 2.0.0"] * 2 + ["451 4.7.1"] * 2, "one, and one that is forgiven"
    assert server.stats()["violations"]["rate"] == 2


def test_a_rate_has_room_again_in_time(start):
    client = start("", "--rate", "1/s").ready()
    while client.mail().startswith("250"):
        pass
    wait_until(lambda: client.mail().startswith("250"), PATIENCE, "it has room again", interval=0.2)


def test_a_domain_can_have_limits_of_its_own(start):
    server = start('set limit "*.slow.example connections=1"')
    first, second = server.ready(), server.ready()
    assert first.commands("MAIL FROM:<>", "RCPT TO:<a@x.slow.example>")[1].startswith("250")
    assert second.commands("MAIL FROM:<>", "RCPT TO:<b@x.slow.example>")[1].startswith("451 4.7.1")
    assert second.command("RCPT TO:<c@y.slow.example>").startswith("250")
    first.command("RSET")
    assert second.command("RCPT TO:<d@x.slow.example>").startswith("250")
    assert server.stats()["violations"]["domain_connections"] == 1


# The load generator

def load(server: Server, *arguments: str) -> dict:
    done = subprocess.run([program("mailpool-load"), "--to", f"127.0.0.1:{server.port}", *arguments],
                          capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("flights", ["one", "two", "lockstep"])
def test_the_load_generator_delivers_all_and_breaks_nothing(start, flights):
    server = start()
    report = load(server, "--sessions", "3", "--messages", "50", "--recipients", "2", "--domains", "4", "--flights", flights,
                  "--per-connection", "10", "--per-domain", "--rset", "--size", "1000")
    assert (report["messages"], report["complete"], report["delivered"], report["lost"]) == (50, 50, 100, 0)
    assert set(report["domains"]) == {f"d{n}.example" for n in range(4)}
    assert {entry["size"] for entry in server.log()} == {1000}
    stats = server.stats()
    assert stats["client_violations"] == {} and stats["connections"]["ended_without_quit"] == 0
    assert len({(entry["sha256"], entry["rcpt"]) for entry in server.log()}) == 100


def test_the_load_generator_speaks_lmtp(start):
    server = start("rcpt to=d1.example nth=1 -> 450 4.2.0 Once", "--lmtp")
    report = load(server, "--lmtp", "--sessions", "2", "--messages", "20", "--recipients", "3", "--domains", "2")
    assert (report["delivered"], report["not_delivered"], report["complete"]) == (59, 1, 19)
    assert report["replies"]["rcpt"] == {"250": 59, "450": 1}
    assert len(server.log()) == 59


def test_the_load_generator_keeps_a_pace(start):
    report = load(start(), "--sessions", "4", "--messages", "40", "--rate", "100")
    assert report["seconds"] > 0.38
    assert report["complete"] == 40


def test_a_plain_load_generator_is_caught_by_the_providers_rules(start):
    server = start("", "--max-connections", "3", "--max-messages", "20", "--rate", "5/s")
    load(server, "--sessions", "10", "--messages", "150", "--duration", "3")
    violations = server.stats()["violations"]
    assert violations["connections"] > 0 and violations["rate"] > 0
