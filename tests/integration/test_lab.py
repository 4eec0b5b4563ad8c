"""The lab itself: without mailpool in between, Postfix delivers to every receiver, and the comparison sees a difference."""

import socket
import subprocess

import pytest

from lab.certificates import Certificate
from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.messages import BODIES, LONG_LINES, NO_FINAL_LINE_END, message, without_trace
from lab.oracle import Evidence, Submitted
from lab.postfix import Postfix
from lab.process import Lab
from lab.receivers import Aiosmtpd, Exim, OpenSmtpd, PostfixReceiver, Receiver, SmtpSink


def test_the_room_sees_no_network_but_loopback_and_no_process_of_the_machine():
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    assert open("/proc/1/cmdline").read().split("\0")[2] == "lab.room"


def test_users_that_mail_servers_need_exist_in_the_room():
    for name in ("postfix", "Debian-exim", "opensmtpd", "mailpool"):
        subprocess.run(["id", name], check=True, capture_output=True)


@pytest.mark.parametrize("closed", ["home", "home/checkout", "home/checkout/tools"])
def test_users_of_the_room_reach_a_checkout_whose_owner_lets_nobody_in(lab: Lab, closed: str):
    checkout = lab.directory("home") / "checkout"
    (checkout / "tools").mkdir(parents=True)
    (checkout / "tests").mkdir()
    (checkout / "tools/file").write_text("read")
    (lab.root / closed).chmod(0o700)
    script = ("import os, sys; from pathlib import Path; from lab.checkout import *\n"
              "open_inside(Path(sys.argv[1]), Path('/srv')); open_way(Path(sys.argv[1]), Path('/srv'))\n"
              "os.setuid(64707); print(Path(sys.argv[1], 'tools/file').read_text())")
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "/usr/bin/python3", "-c", script, checkout],
                          capture_output=True, text=True, check=False)
    assert done.stdout == "read\n", done.stderr
    assert (lab.root / closed).stat().st_mode & 0o777 == 0o700


@pytest.fixture(scope="module")
def straight(world: Lab) -> Postfix:
    """A Postfix that sends everything over its own smtp(8)."""
    table = world.root / "straight-transport"
    table.write_text("")
    return Postfix(world, "straight", {
        "transport_maps": f"texthash:{table}", "default_transport": "error:no such test", "smtp_line_length_limit": "0",
        "smtp_tls_security_level": "may"}).start()


@pytest.mark.parametrize("kind", [SmtpSink, PostfixReceiver, Exim, OpenSmtpd, Aiosmtpd])
def test_postfix_delivers_every_body_to(kind: type[Receiver], lab: Lab, straight: Postfix, certificate: Certificate):
    receiver = kind(lab, certificate) if kind in (PostfixReceiver, Exim, Aiosmtpd) else kind(lab)
    domain = f"{receiver.name}.example.org"
    (straight.directory.parent / "straight-transport").write_text(f"{domain} smtp:[127.0.0.1]:{receiver.port}\n")
    straight.reload()
    for name, body in {**BODIES, "long": LONG_LINES}.items():
        straight.submit("sender@example.com", [f"{name}@{domain}"], message(body, name))
    straight.submit_locally("sender@example.com", [f"unfinished@{domain}"], message(NO_FINAL_LINE_END, "unfinished"))
    for name, body in {**BODIES, "long": LONG_LINES, "unfinished": NO_FINAL_LINE_END + b"\r\n"}.items():
        assert without_trace(receiver.wait_for(name)) == without_trace(message(body, name)), name
    if receiver.speaks_tls:
        assert receiver.tls_sessions() > 0


def test_the_comparison_sees_one_changed_octet():
    sent = message(b"one\r\ntwo\r\n")
    assert without_trace(sent) != without_trace(message(b"one\r\ntwo \r\n"))
    assert without_trace(sent) == without_trace(b"Received: from a\r\n by b\r\nReturn-Path: <x@example.com>\r\n" + sent)
    assert without_trace(b"A: b\r\n\r\nReceived: in the body\r\n") == b"A: b\n\nReceived: in the body\n"


def test_the_name_server_answers_what_it_was_told(dns: Dns):
    from dnslib import RCODE, DNSRecord

    dns.mx("example.com", "mx1.example.com", "mx2.example.com")
    dns.a("mx1.example.com", "127.0.0.2", "::1")
    dns.null_mx("null.example.com")
    dns.behave("broken.example.com", "servfail")

    def ask(name: str, kind: str) -> DNSRecord:
        return DNSRecord.parse(DNSRecord.question(name, kind).send("127.0.0.1", dns.port, timeout=5))

    assert [str(record.rdata) for record in ask("example.com", "MX").rr] == ["10 mx1.example.com.", "20 mx2.example.com."]
    assert [str(record.rdata) for record in ask("mx1.example.com", "AAAA").rr] == ["::1"]
    assert str(ask("null.example.com", "MX").rr[0].rdata) == "0 ."
    assert ask("broken.example.com", "MX").header.rcode == RCODE.SERVFAIL
    assert ask("nobody.example.com", "MX").header.rcode == RCODE.NXDOMAIN


def test_postfix_straight_to_fakemx_satisfies_the_oracle(lab: Lab, straight: Postfix):
    """The oracle's three sources agree on a run without mailpoold: tokens, senders, contents."""
    receiver = Fakemx(lab, "rcpt to=refused@* -> 550 5.1.1 no such user")
    (straight.directory.parent / "straight-transport").write_text(f"fakemx.example.org smtp:[127.0.0.1]:{receiver.port}\n")
    straight.reload()
    submitted = [Submitted(f"s{number}@example.com", f"r{number}@fakemx.example.org") for number in range(10)]
    submitted.append(Submitted("s@example.com", "refused@fakemx.example.org"))
    for entry in submitted:
        straight.submit(entry.sender, [entry.recipient], message(b"hello\r\n", entry.recipient))
    straight.wait_until_empty()
    mine = [delivery for delivery in straight.deliveries() if delivery.recipient.endswith("@fakemx.example.org")]
    assert Evidence(submitted, receiver.accepted(), mine).judge() == []
    assert len(receiver.accepted()) == 10
    assert receiver.violations() == 0 and receiver.client_violations() == {}
