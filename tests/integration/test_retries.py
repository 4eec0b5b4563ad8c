"""What is tried again, what is not, and how often: once, elsewhere or anew, and never after the commit point."""

import pytest

import table_play
from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, wait_until

SENDER = "sender@example.com"
PROBE = "probe@example.org"


def manager_for(lab: Lab, server: Fakemx, **smtp) -> Mailpoold:
    return Mailpoold(lab, {"route": {"*": [server.address]}, "smtp": {**table_play.IMPATIENT, "tls": "none", **smtp}}).start()


def deliver(manager: Mailpoold, recipient: str = PROBE):
    with manager.lmtp() as client:
        return client.deliver(SENDER, [recipient], message(b"x\r\n"))[0]


# --- what happens to a connection while it is idle

@pytest.mark.parametrize(("name", "action"), [
    ("bytes", '421 4.4.2 idle too long'), ("garbage", 'send "hello?\\r\\n"'), ("fin", "close"), ("rst", "reset"),
    ("half_close", "half-close"), ("bytes_and_fin", '421 4.4.2 bye; close')])
def test_idle(name: str, action: str, lab: Lab):
    server = Fakemx(lab, f"idle conn=1 after=200ms -> {action}")
    manager = manager_for(lab, server)
    assert deliver(manager, "warm@example.org").code == 250
    wait_until(lambda: manager.totals()["connections_open"] == 0, 5, "the watcher closes the connection")
    assert deliver(manager).code == 250
    assert server.connections() == 2
    assert "state=closing" in manager.log()


def test_a_connection_that_died_unseen_costs_one_retry_and_no_answer(lab: Lab):
    """Without CHUNKING: with it, MAIL and the whole message may leave in one write, and a reset is then ambiguous."""
    server = Fakemx(lab, "set without CHUNKING\nmail conn=1 message=2 -> reset")
    manager = manager_for(lab, server)
    assert deliver(manager, "warm@example.org").code == 250
    assert deliver(manager).code == 250
    assert server.connections() == 2
    assert manager.totals()["deferred"] == 0


# --- how often

@pytest.mark.parametrize("action", ["close", "reset", "421 4.3.2 no", "503 5.5.1 no"])
def test_a_retry_happens_once(action: str, lab: Lab):
    """The reused connection fails, the fresh one too: that is the end, whatever a third would do."""
    server = Fakemx(lab, f"set without CHUNKING\nmail conn=1 message=2 -> {action}\nmail conn=2 message=1 -> {action}")
    manager = manager_for(lab, server)
    assert deliver(manager, "warm@example.org").code == 250
    reply = deliver(manager)
    assert reply.code // 100 in (4, 5), str(reply)
    assert server.connections() == 2
    assert [entry.recipient for entry in server.accepted()] == ["warm@example.org"]


def test_several_stale_connections_in_the_pool_do_not_use_up_the_retry(lab: Lab):
    """All idle connections are dead: the retry is made on a fresh one, not on the next dead one."""
    server = Fakemx(lab, "set without CHUNKING\nmail message=2 conn=1-3 -> reset\nmail message=1 conn=1-3 -> delay 500ms")
    manager = manager_for(lab, server, max_connections=3)
    clients = [manager.lmtp() for _ in range(3)]
    for number, client in enumerate(clients):
        client.envelope(SENDER, [f"warm{number}@example.org"])
        client.command("DATA")
        client.content(message(b"x\r\n"))
    assert [client.reply().code for client in clients] == [250, 250, 250]
    if server.connections() < 2:
        pytest.skip("one connection carried all three")
    assert deliver(manager).code == 250


@pytest.mark.parametrize("action", ["close", "reset", "hang", 'send "garbage\\r\\n"', "150 1.0.0 wait", "650 6.0.0 what"])
@pytest.mark.parametrize("chunking", [True, False], ids=["bdat", "dot"])
def test_never_after_the_commit_point_not_even_elsewhere(action: str, chunking: bool, lab: Lab, dns: Dns):
    """The receiver logs the message, then fails: another host must not get it too."""
    stage, extension = ("bdat", "") if chunking else ("end", "set without CHUNKING\n")
    script = f"{extension}{stage} message=2 -> {action}"
    if not chunking:
        script = f"{extension}end message=2 -> commit; {action}"
    first = Fakemx(lab, script, host="127.0.4.1")
    second = Fakemx(lab, host="127.0.4.2", port=first.port)
    dns.mx("example.org", "mx1.example.net", "mx2.example.net")
    dns.a("mx1.example.net", "127.0.4.1")
    dns.a("mx2.example.net", "127.0.4.2")
    manager = Mailpoold(lab, {"dns": {"servers": dns.servers},
                              "smtp": {**table_play.IMPATIENT, "tls": "none", "prohibited": [], "port": first.port}}).start()
    assert deliver(manager, "warm@example.org").code == 250
    reply = deliver(manager)
    assert (reply.code, reply.enhanced) == (451, "4.4.2"), str(reply)
    assert "message may be delivered more than once" in reply.text
    assert first.connections() == 1
    assert second.connections() == 0 and not second.accepted()


# --- other hosts

@pytest.fixture
def two_hosts(lab: Lab, dns: Dns):
    """two_hosts(script of the first): both servers and a manager that finds them by MX."""
    def start(script: str, **smtp):
        first = Fakemx(lab, script, host="127.0.4.1")
        second = Fakemx(lab, host="127.0.4.2", port=first.port)
        dns.mx("example.org", "mx1.example.net", "mx2.example.net")
        dns.a("mx1.example.net", "127.0.4.1")
        dns.a("mx2.example.net", "127.0.4.2")
        manager = Mailpoold(lab, {"dns": {"servers": dns.servers},
                                  "smtp": {**table_play.IMPATIENT, "tls": "none", "prohibited": [], "port": first.port,
                                           **smtp}}).start()
        return first, second, manager
    return start


@pytest.mark.parametrize("script", ["connect -> 421 4.3.2 busy", "connect -> 554 5.7.1 no", "connect -> close",
                                    "connect -> hang", "ehlo -> 421 4.3.2 busy", "ehlo -> close"])
def test_the_next_host_takes_over_before_there_is_a_transaction(script: str, two_hosts):
    first, second, manager = two_hosts(script)
    assert deliver(manager).code == 250
    assert not first.accepted() and len(second.accepted()) == 1


def test_the_next_host_takes_over_where_nobody_listens(two_hosts):
    first, second, manager = two_hosts("")
    first.stop()
    assert deliver(manager).code == 250
    assert len(second.accepted()) == 1


@pytest.mark.parametrize(("script", "code"), [
    ("mail -> 550 5.7.1 no", 550), ("rcpt -> 550 5.1.1 no", 550), ("rcpt -> 450 4.2.1 later", 450),
    ("set without CHUNKING\ndata -> 451 4.3.0 later", 451), ("set without CHUNKING\nend -> 554 5.7.1 no", 554)])
def test_a_verdict_is_not_asked_for_at_the_next_host(script: str, code: int, two_hosts):
    first, second, manager = two_hosts(script)
    assert deliver(manager).code == code
    assert second.connections() == 0


def test_a_dead_host_does_not_hold_up_the_next_message(two_hosts):
    first, second, manager = two_hosts("connect -> hang", greeting_timeout="3s")
    assert deliver(manager).code == 250
    assert deliver(manager, "next@example.org").code == 250
    assert first.connections() == 1, "the second message does not ask the dead host again"
    assert len(second.accepted()) == 2


def test_a_host_that_lacks_smtputf8_is_passed_over_for_one_that_has_it(two_hosts):
    first, second, manager = two_hosts("set without SMTPUTF8")
    with manager.lmtp() as client:
        reply = client.deliver(SENDER, ["jörg@example.org"], message(b"x\r\n"), "SMTPUTF8")[0]
    assert reply.code == 250, str(reply)
    assert not first.accepted() and len(second.accepted()) == 1


# --- what a connection is good for afterwards

def test_no_rset_after_a_clean_end(lab: Lab):
    server = Fakemx(lab)
    manager = manager_for(lab, server)
    for number in range(5):
        assert deliver(manager, f"{number}@example.org").code == 250
    assert server.connections() == 1
    assert "RSET" not in server.transcript()


def test_an_aborted_transaction_is_reset_before_the_next(lab: Lab):
    server = Fakemx(lab, "rcpt message=1 -> 550 5.1.1 no such user")
    manager = manager_for(lab, server)
    assert deliver(manager).code == 550
    assert deliver(manager, "next@example.org").code == 250
    assert server.connections() == 1


@pytest.mark.parametrize("action", ["close", "hang", "500 5.5.1 what", "421 4.3.2 bye"])
def test_a_reset_that_is_not_answered_well_ends_the_connection(action: str, lab: Lab):
    server = Fakemx(lab, f"set without CHUNKING\nrcpt conn=1 message=1 -> 550 5.1.1 no\nrset conn=1 -> {action}")
    manager = manager_for(lab, server)
    assert deliver(manager).code == 550
    assert deliver(manager, "next@example.org").code == 250


def test_max_messages_ends_a_connection(lab: Lab):
    server = Fakemx(lab)
    manager = manager_for(lab, server, max_messages=3)
    for number in range(7):
        assert deliver(manager, f"{number}@example.org").code == 250
    assert server.connections() == 3
    assert server.violations() == 0


def test_a_lower_limit_that_the_server_announces_is_kept(lab: Lab):
    server = Fakemx(lab, "set limits MAILMAX=2")
    manager = manager_for(lab, server)
    for number in range(6):
        assert deliver(manager, f"{number}@example.org").code == 250
    assert server.connections() == 3
    assert server.violations() == 0


def test_a_limit_that_the_server_shows_is_learned(lab: Lab):
    """It closes silently after the second message of each connection; nobody is told, nothing is lost."""
    server = Fakemx(lab, "set max-messages 2")
    manager = manager_for(lab, server)
    for number in range(10):
        assert deliver(manager, f"{number}@example.org").code == 250
    assert len(server.accepted()) == 10
    assert server.violations() == 0
