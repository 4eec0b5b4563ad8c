"""DSN (RFC 3461) from a real Postfix through mailpoold: who tells the sender, and what servers are told."""

import pytest
from raw_server import RawServer

from lab.mailpool import Mailpoold, postfix_through_mailpool
from lab.messages import message
from lab.postfix import Postfix
from lab.process import Lab, wait_until

DOMAIN = "receiver.example.org"
SENDER = "sender@example.com"
SUCCESS = "sender delivery status notification"


@pytest.fixture(scope="module")
def front(world: Lab) -> Postfix:
    return postfix_through_mailpool(world, "sender-of-notices", {"smtpd_discard_ehlo_keywords": ""}).start()


def send(front: Postfix, name: str, *of_each: str, options: tuple[str, ...] = ()) -> str:
    """Until Postfix has logged the outcome; its queue id."""
    front.submit(SENDER, [f"{name}@{DOMAIN}"], message(b"text\r\n", name), options, of_each)
    delivery = front.wait_for_delivery(f"{name}@{DOMAIN}")
    assert delivery.status == "sent", delivery
    return delivery.queue_id


def notices(front: Postfix, queue_id: str) -> list[str]:
    return [line for line in front.log().splitlines() if queue_id in line and SUCCESS in line]


def commands(server: RawServer) -> list[str]:
    """MAIL and RCPT of the newest transaction."""
    lines = server.transactions[-1].octets.decode().split("MAIL FROM:")[-1].splitlines()
    return ["MAIL FROM:" + lines[0], *(line for line in lines[1:] if line.startswith("RCPT"))]


def test_a_server_with_dsn_is_told_what_the_sender_wants(lab: Lab, front: Postfix):
    server = RawServer(extensions=("DSN",))
    Mailpoold(lab, {"route": {DOMAIN: [server.address]}}, front).start()
    # Of a server that nobody has met nothing is promised: this notice is Postfix's own.
    assert wait_until(lambda q=send(front, "first", "NOTIFY=SUCCESS"): notices(front, q), 10, "Postfix tells the sender")
    assert commands(server) == [f"MAIL FROM:<{SENDER}>", f"RCPT TO:<first@{DOMAIN}>"]
    asked = send(front, "second", "NOTIFY=SUCCESS,DELAY", f"ORCPT=rfc822;other+2Btag@{DOMAIN}", options=("RET=HDRS", "ENVID=Q+2B1"))
    mail, rcpt = commands(server)
    assert mail == f"MAIL FROM:<{SENDER}> RET=HDRS ENVID=Q+2B1"
    verb, *wishes = rcpt.split()
    assert (verb, wishes[0]) == ("RCPT", f"TO:<second@{DOMAIN}>")
    assert set(wishes[1:]) == {"NOTIFY=SUCCESS,DELAY", f"ORCPT=rfc822;other+2Btag@{DOMAIN}"}, rcpt
    send(front, "tag+third", "NOTIFY=NEVER")
    assert "NOTIFY=NEVER" in commands(server)[1] and f"ORCPT=rfc822;tag+2Bthird@{DOMAIN}" in commands(server)[1]
    assert not notices(front, asked), "the server was left to tell the sender"


def test_where_a_server_lacks_dsn_the_mta_tells_the_sender(lab: Lab, front: Postfix):
    server = RawServer()
    Mailpoold(lab, {"route": {DOMAIN: [server.address]}}, front).start()
    for name in ("a", "b"):
        asked = send(front, name, "NOTIFY=SUCCESS", options=("RET=HDRS", "ENVID=Q1"))
        assert wait_until(lambda q=asked: notices(front, q), 10, "Postfix tells the sender")
        assert commands(server) == [f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{name}@{DOMAIN}>"]


def test_a_promise_that_cannot_be_kept_is_given_back_to_the_mta(lab: Lab):
    """One server offers DSN, the next one met does not: what was taken on meanwhile is tried once more, without."""
    with_dsn, without = RawServer(extensions=("DSN",)), RawServer()
    manager = Mailpoold(lab, {"route": {"with.test": [with_dsn.address], "without.test": [without.address]}}).start()

    def deliver(domain: str, wish: str = "") -> tuple[bool, str]:
        with manager.lmtp() as session:
            assert session.command(f"MAIL FROM:<{SENDER}>").code == 250
            assert session.command(f"RCPT TO:<u@{domain}>{wish}").code == 250
            assert session.command("DATA").code == 354
            session.content(message(b"text\r\n", "m"))
            return "DSN" in session.extensions, str(session.reply())

    assert deliver("with.test")[0] is False
    announced, reply = deliver("without.test", " NOTIFY=SUCCESS")
    assert announced and reply.startswith("451 4.3.3 ") and "offers no DSN (option dsn)" in reply, reply
    assert not without.transactions
    announced, reply = deliver("without.test")
    assert not announced and reply.startswith("250 "), reply


@pytest.mark.parametrize("offer,announced", [("always", True), ("never", False)])
def test_the_operator_may_decide(lab: Lab, offer: str, announced: bool):
    server = RawServer()
    manager = Mailpoold(lab, {"lmtp": {"dsn": offer}, "route": {"x.test": [server.address]}}).start()
    with manager.lmtp() as session:
        assert ("DSN" in session.extensions) is announced
        assert session.command(f"MAIL FROM:<{SENDER}>").code == 250
        assert session.command("RCPT TO:<u@x.test> NOTIFY=SUCCESS").code == (250 if announced else 555)
        if announced:
            assert session.command("DATA").code == 354
            session.content(message(b"text\r\n", "m"))
            assert session.reply().code == 250
            assert commands(server) == [f"MAIL FROM:<{SENDER}>", "RCPT TO:<u@x.test>"]
