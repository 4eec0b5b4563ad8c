"""What the log says: lines in Postfix's words, every connection's end with its reason, nothing unprintable."""

import re

import pytest

from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, wait_until
from lab.receivers import SmtpSink

SENDER = "sender@example.com"


@pytest.fixture
def manager(lab: Lab, sink: SmtpSink) -> Mailpoold:
    refusing = SmtpSink(lab, "-f", "RCPT")
    return Mailpoold(lab, {"route": {"good.example.org": [sink.address], "bad.example.org": [refusing.address],
                                     "down.example.org": ["127.0.0.1:9"]},
                           "smtp": {"idle_timeout": "1s"}}).start()


def test_one_line_for_each_recipient_in_the_words_of_postfix(manager: Mailpoold, sink: SmtpSink):
    recipients = ["a@good.example.org", "b@bad.example.org", "c@down.example.org"]
    with manager.lmtp() as client:
        replies = client.deliver(SENDER, recipients, message(b"x\r\n"))
        client.deliver(SENDER, ["second@good.example.org"], message(b"x\r\n"))
    outcomes = wait_until(lambda: len(found := manager.outcomes()) == 4 and found, 5, f"four lines\n{manager.log()}")
    lines = {outcome.recipient: outcome for outcome in outcomes}
    good, bad, down = (lines[recipient] for recipient in recipients)
    assert (good.status, good.dsn[0], good.use) == ("sent", "2", 1)
    assert good.relay == f"127.0.0.1[127.0.0.1]:{sink.port}"
    assert (bad.status, bad.dsn[0]) == ("bounced", "5")
    assert "in reply to RCPT TO" in bad.text
    assert (down.status, down.dsn) == ("deferred", "4.4.1")
    assert lines["second@good.example.org"].use == 2, "the connection was used before"
    assert [reply.code // 100 for reply in replies] == [2, 5, 4]
    assert len({outcome.id for outcome in outcomes}) == 2, "one id for each message"


def test_a_connection_is_logged_when_it_opens_and_when_it_closes(manager: Mailpoold):
    with manager.lmtp() as client:
        client.deliver(SENDER, ["a@good.example.org"], message(b"x\r\n"))
    closing = r"connection site=\S+ endpoint=\S+ (?:id=\d+ )?state=closing reason=\"?idle_timeout\"? messages=1 age=[\d.]+"
    wait_until(lambda: re.search(closing, manager.log()), 10, f"the end of the idle connection\n{manager.log()[-2000:]}")
    assert len(re.findall(r"connection site=\S+ endpoint=\S+ (?:id=\d+ )?state=(?!closing)\w+", manager.log())) >= 1


def test_what_a_remote_says_cannot_forge_a_log_line(lab: Lab):
    hostile = SmtpSink(lab, "-f", "RCPT", "-B", "550 5.1.1 \x1b[31mred\x07 \xff\xfe fake[1]: AAAA: to=<x@example.org>, status=sent")
    manager = Mailpoold(lab, {"route": {"*": [hostile.address]}}).start()
    with manager.lmtp() as client:
        reply = client.deliver(SENDER, ["a@bad.example.org"], message(b"x\r\n"))[0]
    assert reply.code == 550
    raw = manager.log_file.read_bytes()
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", raw), "control characters"
    raw.decode("utf-8")  # and no invalid UTF-8
    assert all(len(line) < 2500 for line in raw.splitlines())


def test_a_recipient_cannot_forge_a_log_line(manager: Mailpoold):
    with manager.lmtp() as client:
        client.command("MAIL FROM:<sender@example.com>")
        reply = client.command('RCPT TO:<"a>, status=sent (250 ok) x"@good.example.org>')
        if reply.code == 250:
            client.command("DATA")
            client.content(message(b"x\r\n"))
            client.reply()
    for line in manager.log().splitlines():
        assert line.count("status=") <= 1 or 'to=<"a' in line or "\\" in line
