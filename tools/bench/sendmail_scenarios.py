"""What mailpool gains behind Sendmail: the same Sendmail, the same queue, the same distant servers."""

import contextlib
import random
import smtplib
import time
from pathlib import Path

from common import Scenarios, say
from lab.certificates import Authority
from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, wait_until
from lab.sendmail import Sendmail, by_smtp, with_mailpool

RUNNERS = 20
MESSAGES = 1000
DOMAINS = tuple(f"bench{number}.example.org" for number in range(10))
QUEUE_ONLY = "define(`confDELIVERY_MODE', `q')dnl\n"


def fill(sendmail: Sendmail, count: int) -> None:
    """The domains come by chance, the same each time: in turns, each of the runners would have one domain for itself."""
    chance = random.Random(20)
    with smtplib.SMTP("127.0.0.1", sendmail.port, timeout=60) as session:
        for number in range(count):
            session.sendmail(f"from{number}@example.com", [f"to{number}@{chance.choice(DOMAINS)}"],
                             message(b"x" * 60 + b"\r\n", f"m{number}"))
    wait_until(lambda: len(sendmail.queued()) == count, 30, "the queue is full")


def seconds_of_a_queue_run(sendmail: Sendmail, receivers: list[Fakemx]) -> float:
    """From the start of the runners until the last message is accepted."""
    before = sum(len(receiver.accepted()) for receiver in receivers)
    began = time.monotonic()
    sendmail.command("-q")
    wait_until(lambda: sum(len(receiver.accepted()) for receiver in receivers) == before + MESSAGES, 600,
               f"all is delivered\n{sendmail.log()[-2000:]}", 0.05)
    return time.monotonic() - began


def sendmail(_: Lab) -> None:
    """Sendmail with 20 queue runners, 1,000 messages to 10 domains, TLS servers 50 ms away: through mailpool, of its own smtp mailer."""
    with contextlib.closing(Lab(Path("/srv/sendmail"))) as lab:  # Sendmail trusts no directory below /tmp
        certificate = Authority(lab.directory("authority")).issue("mx.example.org")
        port = 25
        receivers = [Fakemx(lab, "set rtt 50ms", host=f"127.0.1.{number + 1}", port=port, certificate=certificate)
                     for number in range(len(DOMAINS))]
        dns = Dns(port=53)
        lab.at_close(dns.close)
        for number, domain in enumerate(DOMAINS):
            dns.mx(domain, f"mx.{domain}")
            dns.a(f"mx.{domain}", f"127.0.1.{number + 1}")
        own = Sendmail(lab, "own", by_smtp(RUNNERS, cache=4), more=QUEUE_ONLY, queue_interval="1h").start()
        fill(own, MESSAGES)
        alone = seconds_of_a_queue_run(own, receivers)
        own.program.stop()
        pool = Mailpoold(lab, {"dns": {"servers": ["127.0.0.1:53"]}, "smtp": {"prohibited": []},
                               "log": {"to": "/dev/null", "level": "info"}}).start()
        front = Sendmail(lab, "front", with_mailpool(pool.lmtp_socket, RUNNERS), more=QUEUE_ONLY, queue_interval="1h").start()
        fill(front, MESSAGES)
        through = seconds_of_a_queue_run(front, receivers)
        say(f"messages per second: {MESSAGES / through:.0f}, of Sendmail's own {MESSAGES / alone:.0f}", f"{alone / through:.2f}",
            "at least 5")


SCENARIOS: Scenarios = {"sendmail": sendmail}
