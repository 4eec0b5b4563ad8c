"""mailpool-milter in front of a real Postfix and alone: room, tenants, and what happens when somebody misbehaves."""

import os
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.mailpool import Mailpoold, Value, merged, postfix_through_mailpool, program
from lab.milter import KEY, Milter, SmtpTalk, tenant_sealed
from lab.postfix import Postfix
from lab.process import Lab, wait_until
from raw_server import RawServer

SCRIPTS = Path(__file__).resolve().parent.parent / "milter"
OUTSIDE = "198.51.100.7"
BEHIND_MILTER = {
    "smtpd_milters": "unix:mailpool-milter/milter.sock",
    "non_smtpd_milters": "unix:mailpool-milter/milter.sock",
    "milter_default_action": "tempfail",  # so that a milter that ends shows
    "mynetworks": "0.0.0.0/0",
    "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
}
SETTINGS: dict[str, Value] = {
    "route": {"*": ["127.0.0.1:9"]},
    "smtp": {"connect_timeout": "1s"},
    "milter": {"allow_users": ["mailpool-milter"]},
    "domain": {"limited.example": {"accept_rate": "2/h, burst 2"}, "also-limited.example": {"accept_rate": "2/h, burst 2"}},
    "site": {"big": {"domains": ["a.big.example", "b.big.example"], "accept_rate": "3/h, burst 3"}},
    "tenant": {"shop": {"logins": ["shop@shop.example"]},
               "bank": {"clients": ["192.0.2.0/28"], "accept_rate": "1/h, burst 1"},
               "news": {"accept_rate": "2/h, burst 2"}},
}
CONTENT = b"From: a@shop.example\r\nSubject: x\r\n\r\nhello\r\n"


class Front:
    """A Postfix with the milter in front of it; its mail goes by plain SMTP to a server that keeps every octet."""

    def __init__(self, lab: Lab):
        self.server = RawServer()
        self.postfix = Postfix(lab, "front", {**BEHIND_MILTER, "default_transport": f"smtp:[127.0.0.1]:{self.server.port}"})
        self.manager = Mailpoold(lab, SETTINGS, self.postfix).start()
        self.milter = Milter(lab, self.manager, self.postfix).start({"mailers": ["smtp"]})
        self.postfix.start()

    def configure(self, settings: dict[str, Value]) -> None:
        self.manager.configure(merged(SETTINGS, settings))
        done = self.manager.poolctl("reload")
        assert done.returncode == 0, done.stdout + done.stderr

    def talk(self, address: str | None = None, login: str | None = None) -> SmtpTalk:
        return SmtpTalk(self.postfix.port, address, login)

    def arrived(self, mark: bytes) -> bytes:
        """The message with this text in it, as the server got it."""
        def found() -> list[bytes]:
            return [each.content for each in self.server.transactions if mark in each.content]
        return wait_until(found, 20, f"a message with {mark!r}\n{self.postfix.log()[-2000:]}")[0]


@pytest.fixture(scope="module")
def front(world: Lab) -> Iterator[Front]:
    lab = Lab(world.root / "front")
    yield Front(lab)
    lab.close()


def marked(mark: str, *headers: str) -> bytes:
    return "\r\n".join([*headers, "From: a@shop.example", f"Subject: {mark}", "", "hello", ""]).encode()


def test_recipients_beyond_a_domains_rate_are_deferred_before_anything_is_queued(front: Front):
    with front.talk() as talk:
        assert talk.mail().startswith("250")
        assert talk.rcpt("u1@limited.example").startswith("250")
        assert talk.rcpt("u2@LIMITED.example").startswith("250")
        refused = talk.rcpt("u3@limited.example")
        assert refused.startswith("451 4.7.1 ")
        assert 'limited.example: [domain."limited.example"] accept_rate reached (2/h, burst 2), next in ' in refused
        assert talk.rcpt("u@free.example").startswith("250")
        assert talk.say("RSET").startswith("250")
    with front.talk() as talk:  # tokens are never given back
        assert talk.mail().startswith("250")
        assert talk.rcpt("u4@limited.example").startswith("451 4.7.1 ")
    assert "u3@limited.example" not in str(front.postfix.queued())
    assert front.manager.status()["admission"] == {"asked": 5, "full": 2, "suspended": 0}
    assert "asked about 5 recipients: 2 beyond an accept_rate, 0 suspended" in front.manager.poolctl("status").stdout


def test_domains_of_a_site_share_its_rate(front: Front):
    with front.talk() as talk:
        assert talk.mail().startswith("250")
        replies = [talk.rcpt(f"u{n}@{'ab'[n % 2]}.big.example") for n in range(4)]
    assert [reply[:3] for reply in replies] == ["250", "250", "250", "451"]
    assert "[site.big] accept_rate reached (3/h, burst 3)" in replies[3]


def test_a_suspended_domain_waits_in_the_queue_or_is_deferred_as_the_operator_says(front: Front):
    assert front.manager.poolctl("suspend", "--domain", "asleep.example", "--for", "1h", "--reason", "they asked").returncode == 0
    with front.talk() as talk:
        assert talk.mail().startswith("250")
        assert talk.rcpt("u@asleep.example").startswith("250")
        front.configure({"milter": {"on_suspended": "tempfail"}})
        refused = talk.rcpt("v@asleep.example")
    assert refused.startswith("451 4.7.1 asleep.example: suspended until ") and "they asked" in refused
    front.configure({})


def test_a_tenant_by_client_address_is_sealed_and_limited(front: Front):
    with front.talk(address="192.0.2.5") as talk:
        assert [reply[:3] for reply in talk.send(["u@free.example"], marked("by-client"))] == ["250", "250"]
        assert talk.mail().startswith("250")
        assert "[tenant.bank] accept_rate reached (1/h, burst 1)" in talk.rcpt("u@free.example")
    assert tenant_sealed(front.arrived(b"by-client"), "a@shop.example") == "bank"


def test_a_tenant_by_login_is_sealed(front: Front):
    with front.talk(address=OUTSIDE, login="shop@shop.example") as talk:
        assert talk.send(["u@free.example"], marked("by-login", "X-Mailpool-Tenant: bank"))[-1].startswith("250")
    message = front.arrived(b"by-login")
    assert tenant_sealed(message, "a@shop.example") == "shop"
    assert b"bank" not in message


def test_a_tenant_by_header_is_sealed_and_its_rate_defers_whole_messages(front: Front):
    with front.talk() as talk:
        assert talk.send(["u@free.example", "v@free.example"],
                         marked("by-header", "X-Mailpool-Tenant: news"))[-1].startswith("250")
        refused = talk.send(["u@free.example"], marked("too-much", "X-Mailpool-Tenant: news"))
    assert refused[0].startswith("250") and refused[1].startswith("451 4.7.1 news: [tenant.news] accept_rate reached")
    message = front.arrived(b"by-header")
    assert tenant_sealed(message, "a@shop.example") == "news"
    assert b"X-Mailpool-Tenant" not in message
    assert all(b"too-much" not in each.content for each in front.server.transactions)


def test_a_campaign_is_sealed_beside_the_tenant_and_from_outside_it_is_deleted(front: Front):
    with front.talk() as talk:
        assert talk.send(["u@free.example"], marked("of-spring", "X-Mailpool-Tenant: shop", "X-Mailpool-Campaign: Spring-26"))[-1].startswith("250")
    assert tenant_sealed(front.arrived(b"of-spring"), "a@shop.example") == "shop/spring-26"
    with front.talk(address=OUTSIDE, login="shop@shop.example") as talk:
        assert talk.send(["u@free.example"], marked("from-outside", "X-Mailpool-Campaign: spring-26"))[-1].startswith("250")
    message = front.arrived(b"from-outside")
    assert tenant_sealed(message, "a@shop.example") == "shop"
    assert b"spring" not in message and b"X-Mailpool-Campaign" not in message


def test_forged_headers_from_outside_are_deleted_and_name_nobody(front: Front):
    forged = marked("forged", "X-Mailpool-Tenant: shop", "X-Mailpool-Seal: v=1; tenant=bank;\r\n\ttime=1; nonce=00; mac=00",
                    "x-mailpool-tenant : bank", "X-MAILPOOL-SEAL: again")
    with front.talk(address=OUTSIDE) as talk:
        assert talk.send(["u@free.example"], forged)[-1].startswith("250")
    message = front.arrived(b"forged").lower()
    assert b"mailpool-tenant" not in message and b"mailpool-seal" not in message
    assert b"tenant=bank" not in message


def test_a_seal_that_was_seen_cannot_be_used_again(front: Front):
    with front.talk(address="192.0.2.5", login="shop@shop.example") as talk:
        assert talk.send(["u@free.example"], marked("first-use"))[-1].startswith("250")
    line = next(line for line in front.arrived(b"first-use").split(b"\r\n") if line.lower().startswith(b"x-mailpool-seal"))
    with front.talk(address=OUTSIDE) as talk:
        assert talk.send(["u@free.example"], line + b"\r\n" + marked("second-use"))[-1].startswith("250")
    assert tenant_sealed(front.arrived(b"second-use"), "a@shop.example") is None


def test_what_sendmail_hands_in_is_sealed_and_never_deferred(front: Front):
    for number in range(4):
        front.postfix.submit_locally("a@shop.example", [f"u{number}@also-limited.example"],
                                     marked(f"local-{number}", "X-Mailpool-Tenant: news").replace(b"\r\n", b"\n"))
    for number in range(4):
        assert tenant_sealed(front.arrived(f"local-{number}".encode()), "a@shop.example") == "news"


def test_the_manager_is_killed_and_comes_back(front: Front):
    front.manager.kill()
    with front.talk() as talk:
        assert talk.mail().startswith("250")
        assert all(talk.rcpt(f"k{number}@limited.example").startswith("250") for number in range(5))
    wait_until(lambda: "accepted unasked until it answers" in front.milter.log(), 5, "the log says so")
    front.manager.start()

    def limited_again() -> bool:
        with front.talk() as talk:
            talk.mail()
            return any(talk.rcpt(f"b{number}@limited.example").startswith("451") for number in range(3))
    wait_until(limited_again, 10, f"the limit is kept again\n{front.milter.log()}", interval=0.2)
    wait_until(lambda: "mailpoold answers again" in front.milter.log(), 5, "the log says that too")
    assert front.milter.log().count("accepted unasked until it answers") == 1


# --- peers that are no MTA

NEGOTIATE = struct.pack(">Ic3I", 13, b"O", 6, 0x1FF, 0x1FFFFF)


def packet(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload) + 1) + kind + payload


HOSTILE = {
    "garbage": b"GET / HTTP/1.0\r\n\r\n",
    "a length of 4 GiB": b"\xff\xff\xff\xffO",
    "a length of zero": b"\x00\x00\x00\x00",
    "an unknown command": NEGOTIATE + packet(b"?", b"x"),
    "an old version": struct.pack(">Ic3I", 13, b"O", 1, 0, 0),
    "a connection without its address": NEGOTIATE + packet(b"C", b"host"),
    "a recipient before everything": NEGOTIATE + packet(b"R", b"<u@limited.example>\0"),
    "arguments without an end": NEGOTIATE + packet(b"C", b"h\x004\x00\x19127.0.0.1\0") + packet(b"M", b"<a@b.example>"),
    "a header without a value": NEGOTIATE + packet(b"L", b"X-Mailpool-Tenant"),
    "macros without an end": NEGOTIATE + packet(b"D", b"C{auth_authen}"),
    "nothing but a beginning": b"\x00",
    "random octets": os.urandom(4096),
}


@pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_peer_ends_its_own_connection_alone(front: Front, octets: bytes):
    with front.talk() as talk:
        assert talk.mail().startswith("250")
        with front.milter.connect() as peer:
            peer.sendall(octets)
        assert talk.rcpt("u@free.example").startswith("250")
    front.milter.process.require_running()


def test_a_thousand_idle_peers_leave_room_for_mail(front: Front):
    before = front.milter.open_files()
    peers = [front.milter.connect() for _ in range(1000)]
    try:
        for peer in peers[:500]:
            peer.sendall(NEGOTIATE)
        with front.talk() as talk:
            assert talk.mail().startswith("250")
            assert talk.rcpt("u@free.example").startswith("250")
    finally:
        for peer in peers:
            peer.close()
    wait_until(lambda: front.milter.open_files() <= before + 20, 20, "descriptors are given back")


# --- without an MTA

@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.lua")), ids=lambda path: path.stem)
def test_miltertest(lab: Lab, script: Path):
    manager = Mailpoold(lab, SETTINGS).start()
    milter = Milter(lab, manager).start()
    done = subprocess.run(["miltertest", "-D", f"SOCKET=unix:{milter.socket}", "-D", "FULL=limited.example", "-s", script],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr + milter.log()


def test_the_manager_believes_the_seal_and_keeps_no_trace_of_it(lab: Lab):
    server = RawServer()
    sender = postfix_through_mailpool(lab, settings=BEHIND_MILTER)
    key = lab.secret("seal.key", KEY + "\n")
    manager = Mailpoold(lab, merged(SETTINGS, {"route": {"*": [f"127.0.0.1:{server.port}"]}, "lmtp": {"max_wait": "1s"}, "milter": {"key_file": str(key)},
                                               "tenant": {"news": {"rate": "1/h, burst 1"}}}), sender).start()
    Milter(lab, manager, sender).start()
    sender.start()
    with SmtpTalk(sender.port) as talk:
        assert talk.send(["u@free.example"], marked("through", "X-Mailpool-Tenant: news", "X-Mailpool-Campaign: spring"))[-1].startswith("250")
    assert sender.wait_for_delivery("u@free.example").status == "sent"
    content = server.transactions[-1].content
    assert b"through" in content and b"mailpool-" not in content.lower()
    assert "tenant=news, campaign=spring" in manager.log()
    with SmtpTalk(sender.port) as talk:
        assert talk.send(["v@free.example"], marked("beyond", "X-Mailpool-Tenant: news"))[-1].startswith("250")
    second = sender.wait_for_delivery("v@free.example")
    assert second.status == "deferred" and "news" in second.text and "1/h" in second.text, second


def test_sigterm_ends_it_and_takes_the_socket_away(lab: Lab):
    milter = Milter(lab, Mailpoold(lab, SETTINGS)).start()
    milter.process.signal(signal.SIGTERM)
    assert milter.process.wait(timeout=10) == 0
    assert not milter.socket.exists()


def test_the_configuration_is_checked(lab: Lab):
    file = lab.root / "wrong.toml"
    file.write_text("[milter]\ndeadlin = '5ms'\n")
    done = subprocess.run([program("mailpool-milter"), "--config", file, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 78 and "deadlin" in done.stdout and "deadline" in done.stdout
