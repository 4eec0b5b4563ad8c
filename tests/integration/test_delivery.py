"""Postfix in front, mailpoold in the middle, real servers behind: what was sent arrives, octet for octet."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lab.certificates import Certificate
from lab.mailpool import Mailpoold, postfix_through_mailpool
from lab.messages import BODIES, LONG_LINES, NO_FINAL_LINE_END, large, message
from lab.postfix import Postfix
from lab.process import Lab
from lab.receivers import Aiosmtpd, Exim, OpenSmtpd, PostfixReceiver, Receiver, SmtpSink

@dataclass
class Hop:
    """One way: Postfix -> mailpoold -> receiver."""

    lab: Lab
    sender: Postfix
    manager: Mailpoold
    receiver: Receiver
    way: "Way"

    @property
    def domain(self) -> str:
        return f"{self.way.name}.example.org"

    def send(self, name: str, content: bytes, options: tuple[str, ...] = ()) -> None:
        self.sender.submit("sender@example.com", [f"{name}@{self.domain}"], content, options)


@dataclass(frozen=True)
class Way:
    name: str
    start: Callable[[Lab, Certificate], Receiver]
    encrypted: bool


WAYS = [
    Way("smtp-sink", lambda lab, certificate: SmtpSink(lab), False),
    Way("smtp-sink-without-pipelining", lambda lab, certificate: SmtpSink(lab, "-p"), False),
    Way("smtp-sink-without-esmtp", lambda lab, certificate: SmtpSink(lab, "-e"), False),
    Way("postfix", lambda lab, certificate: PostfixReceiver(lab), False),
    Way("postfix-tls", PostfixReceiver, True),
    Way("exim", lambda lab, certificate: Exim(lab), False),
    Way("exim-tls", Exim, True),
    Way("opensmtpd", lambda lab, certificate: OpenSmtpd(lab), False),
    Way("opensmtpd-with-broken-starttls", OpenSmtpd, False),
    Way("aiosmtpd", lambda lab, certificate: Aiosmtpd(lab), False),
    Way("aiosmtpd-tls", Aiosmtpd, True),
]


@pytest.fixture(scope="module")
def sender(world: Lab) -> Postfix:
    return postfix_through_mailpool(world).start()


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.name)
def hop(request: pytest.FixtureRequest, sender: Postfix, certificate: Certificate, world: Lab) -> Iterator[Hop]:
    lab = Lab(world.root / request.param.name)
    receiver = request.param.start(lab, certificate)
    manager = Mailpoold(lab, {"route": {"*": [receiver.address]}, "smtp": {"max_connections": 3}}, sender).start()
    yield Hop(lab, sender, manager, receiver, request.param)
    lab.close()


@pytest.mark.parametrize("name", [*BODIES, "long_lines"])
def test_a_body_arrives_octet_for_octet(hop: Hop, name: str):
    sent = message({**BODIES, "long_lines": LONG_LINES}[name], name)
    hop.send(name, sent, ("BODY=8BITMIME",) if name == "eight_bit" else ())
    delivery = hop.sender.wait_for_delivery(f"{name}@{hop.domain}")
    assert hop.receiver.wait_for_copy(sent, name)
    assert (delivery.status, delivery.dsn[0]) == ("sent", "2")
    assert f"127.0.0.1[127.0.0.1]:{hop.receiver.port} said: " in delivery.text


def test_a_body_without_a_final_line_end_gets_one_and_nothing_else(hop: Hop):
    sent = message(NO_FINAL_LINE_END, "unfinished")
    hop.sender.submit_locally("sender@example.com", [f"unfinished@{hop.domain}"], sent.replace(b"\r\n", b"\n"))
    assert hop.receiver.wait_for_copy(sent + b"\r\n", "unfinished")


def test_thirty_megabytes_arrive_octet_for_octet(hop: Hop):
    sent = message(large(30 << 20), "large")
    hop.send("large", sent)
    delivery = hop.sender.wait_for_delivery(f"large@{hop.domain}", timeout=60)
    assert delivery.status == "sent", delivery.text
    assert hop.receiver.wait_for_copy(sent, "large")


def test_many_messages_share_few_connections(hop: Hop):
    before = hop.manager.totals()
    for number in range(30):
        hop.send(f"shared{number}", message(b"one of many\r\n", f"shared{number}"))
    for number in range(30):
        hop.receiver.wait_for(f"shared{number}")
    hop.sender.wait_until_empty()
    after = hop.manager.totals()
    assert after["delivered"] - before["delivered"] == 30
    assert after["connections_opened"] - before["connections_opened"] <= 3, "max_connections"
    assert after["connections_reused"] - before["connections_reused"] >= 27


def test_starttls_is_used_where_it_works(hop: Hop):
    hop.send("tls", message(b"secret\r\n", "tls"))
    hop.receiver.wait_for("tls")
    if hop.way.encrypted:
        assert hop.receiver.tls_sessions() > 0
    connection = hop.manager.poolctl.json("connections")["connections"][0]
    assert (connection["tls"] != "none") == hop.way.encrypted
