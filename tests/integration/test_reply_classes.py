"""What servers' refusals mean, where an operator sees it: the log line of a recipient, and the site's shares of the last hour."""

import re

from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab

SENDER = "sender@example.com"


def test_a_refusal_has_its_class_in_the_log_and_in_the_status_of_its_site(lab: Lab):
    server = Fakemx(lab, "rcpt to=full@* -> 452 4.2.2 mailbox full\nrcpt to=gone@* -> 550 5.1.1 user unknown")
    manager = Mailpoold(lab, {"site": {"slow": {"domains": ["slow.example.org"]}},
                              "route": {"slow.example.org": [server.address]}}).start()
    with manager.lmtp() as client:
        for name in ("full", "gone", "gone", "well"):
            client.deliver(SENDER, [f"{name}@slow.example.org"], message(b"x\r\n"))
    log = manager.log()
    assert re.search(r"to=<full@slow\.example\.org>.* class=mailbox_full, relay=.* status=deferred", log), log[-2000:]
    assert re.search(r"to=<gone@slow\.example\.org>.* class=no_such_user, relay=.* status=bounced", log)
    assert not re.search(r"to=<well@slow\.example\.org>.* class=", log)
    site = manager.site("slow")
    assert site["replies"] == [{"reason": "no_such_user", "count": 2}, {"reason": "mailbox_full", "count": 1}]
