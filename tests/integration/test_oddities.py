"""Postfix through mailpoold where a message or a server is out of the ordinary."""

import pytest

from lab.mailpool import Mailpoold, postfix_through_mailpool
from lab.messages import BODIES, message
from lab.postfix import Postfix
from lab.process import Lab
from lab.receivers import SmtpSink

DOMAIN = "receiver.example.org"


@pytest.fixture(scope="module")
def sender(world: Lab) -> Postfix:
    return postfix_through_mailpool(world, "sender-of-oddities").start()


def test_one_message_to_two_domains_arrives_at_both(lab: Lab, sender: Postfix):
    first, second = SmtpSink(lab), SmtpSink(lab)
    routes = {"one.example.org": [first.address], "two.example.org": [second.address]}
    Mailpoold(lab, {"route": routes}, sender).start()
    sender.submit("sender@example.com", ["a@one.example.org", "b@two.example.org", "c@one.example.org"],
                  message(b"to both\r\n", "both"))
    assert b"to both" in first.wait_for("both")
    assert b"to both" in second.wait_for("both")
    assert len(first.messages()) == len(second.messages()) == 1, "one transaction for each domain"
    sender.wait_until_empty()


def test_eight_bit_without_a_declaration_arrives_unchanged(lab: Lab, sender: Postfix):
    """Postfix hands over what the client did not declare; the next hop lacks 8BITMIME; eight_bit = "send"."""
    sink = SmtpSink(lab, "-8")
    Mailpoold(lab, {"route": {DOMAIN: [sink.address]}}, sender).start()
    sent = message(BODIES["eight_bit"], "undeclared")
    sender.submit("sender@example.com", [f"undeclared@{DOMAIN}"], sent)
    assert sink.wait_for_copy(sent, "undeclared")


def test_eight_bit_is_refused_where_the_operator_says_so(lab: Lab, sender: Postfix):
    sink = SmtpSink(lab, "-8")
    Mailpoold(lab, {"route": {DOMAIN: [sink.address]}, "smtp": {"eight_bit": "refuse"}}, sender).start()
    sender.submit("sender@example.com", [f"refused@{DOMAIN}"], message(BODIES["eight_bit"], "refused"), ("BODY=8BITMIME",))
    delivery = sender.wait_for_delivery(f"refused@{DOMAIN}")
    assert (delivery.status, delivery.dsn) == ("bounced", "5.6.3")
    assert not sink.messages()
