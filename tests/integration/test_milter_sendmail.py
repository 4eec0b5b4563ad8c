"""mailpool-milter in front of a real Sendmail: the same promises as in front of Postfix."""

import os
import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.mailpool import Mailpoold, Value, merged
from lab.milter import Milter, tenant_sealed
from lab.process import Lab, wait_until
from lab.sendmail import Sendmail
from raw_server import RawServer

# Sendmail takes no one's word for another address: clients differ by their own, all on the loopback.
TRUSTED, OUTSIDE, BANK = "127.0.0.1", "127.0.0.2", "127.0.0.3"
SETTINGS: dict[str, Value] = {
    "route": {"*": ["127.0.0.1:9"]},
    "milter": {"allow_users": ["mailpool-milter"]},
    "domain": {"limited.example": {"accept_rate": "2/h, burst 2"}},
    "tenant": {"shop": {"logins": ["shop@sm.mail.example.com"]}, "bank": {"clients": [f"{BANK}/32"], "accept_rate": "1/h, burst 1"}},
}


class Front:
    """A Sendmail with the milter in front of it; its mail goes by plain SMTP to a server that keeps every octet."""

    def __init__(self, lab: Lab):
        self.server = RawServer()
        self.manager = Mailpoold(lab, SETTINGS).start()
        self.milter = Milter(lab, self.manager).start({"mailers": ["relay"], "header_clients": [f"{TRUSTED}/32"]})
        set_password("shop", "sm.mail.example.com", "secret")
        self.sendmail = Sendmail(lab, "sm", "MAILER(`local')dnl\nMAILER(`smtp')dnl\n", more=f"""\
INPUT_MAIL_FILTER(`mailpool', `S=local:{self.milter.socket}, F=T, T=C:2s;S:5s;R:5s;E:30s')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {self.server.port}')dnl
define(`confAUTH_MECHANISMS', `PLAIN')dnl
TRUST_AUTH_MECH(`PLAIN')dnl
""").start()

    def talk(self, address: str = OUTSIDE, login: tuple[str, str] | None = None) -> smtplib.SMTP:
        session = smtplib.SMTP("127.0.0.1", self.sendmail.port, timeout=30, source_address=(address, 0))
        session.ehlo("client.example.com")
        if login:
            session.login(*login)
        return session

    def arrived(self, mark: bytes) -> bytes:
        def found() -> list[bytes]:
            return [each.content for each in self.server.transactions if mark in each.content]
        return wait_until(found, 20, f"a message with {mark!r}\n{self.sendmail.log()[-2000:]}")[0]


def set_password(user: str, realm: str, password: str) -> None:
    """In the file where Sendmail's SASL looks; /etc is the room's own."""
    subprocess.run(["saslpasswd2", "-p", "-c", "-u", realm, "-f", "/etc/sasldb2", user], input=password.encode(), check=True)
    for folder in ("/etc/mail/sasl", "/usr/lib/sasl2", "/etc/sasl2"):
        os.makedirs(folder, exist_ok=True)
        for name in ("Sendmail.conf", "Sendmail.conf.2"):
            Path(folder, name).write_text("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n")


def marked(mark: str, *headers: str) -> bytes:
    return "\r\n".join([*headers, "From: a@shop.example", f"Subject: {mark}", "", "hello", ""]).encode()


def rcpt(session: smtplib.SMTP, recipient: str) -> str:
    code, text = session.rcpt(recipient)
    return f"{code} {text.decode(errors='replace')}"


@pytest.fixture(scope="module")
def front(world: Lab) -> Iterator[Front]:
    lab = Lab(world.root / "front-sendmail")
    yield Front(lab)
    lab.close()


def test_recipients_beyond_a_domains_rate_are_deferred_before_anything_is_queued(front: Front):
    with front.talk() as session:
        session.mail("a@shop.example")
        replies = [rcpt(session, f"u{number}@limited.example") for number in range(3)]
        assert [reply[:3] for reply in replies] == ["250", "250", "451"]
        assert replies[2].startswith('451 4.7.1 limited.example: [domain."limited.example"] accept_rate reached (2/h, burst 2), next in ')
        assert rcpt(session, "u@free.example").startswith("250")
        session.rset()
    assert not front.sendmail.queued()


def test_a_suspended_domain_waits_in_the_queue_or_is_deferred_as_the_operator_says(front: Front):
    assert front.manager.poolctl("suspend", "--domain", "asleep.example", "--for", "1h", "--reason", "they asked").returncode == 0
    with front.talk() as session:
        session.mail("a@shop.example")
        assert rcpt(session, "u@asleep.example").startswith("250")
        front.manager.configure(merged(SETTINGS, {"milter": {"on_suspended": "tempfail"}}))
        assert front.manager.poolctl("reload").returncode == 0
        assert rcpt(session, "v@asleep.example").startswith("451 4.7.1 asleep.example: suspended until ")
    front.manager.configure(SETTINGS)
    assert front.manager.poolctl("reload").returncode == 0


def test_a_tenant_by_client_address_is_sealed_and_limited(front: Front):
    with front.talk(BANK) as session:
        session.sendmail("a@shop.example", ["u@free.example"], marked("by-client"))
        session.mail("a@shop.example")
        assert "[tenant.bank] accept_rate reached (1/h, burst 1)" in rcpt(session, "u@free.example")
    assert tenant_sealed(front.arrived(b"by-client"), "a@shop.example") == "bank"


def test_a_tenant_by_login_is_sealed(front: Front):
    with front.talk(OUTSIDE, ("shop@sm.mail.example.com", "secret")) as session:
        session.sendmail("a@shop.example", ["u@free.example"], marked("by-login", "X-Mailpool-Tenant: bank"))
    message = front.arrived(b"by-login")
    assert tenant_sealed(message, "a@shop.example") == "shop"
    assert b"bank" not in message


def test_a_tenant_by_header_is_believed_from_trusted_clients(front: Front):
    with front.talk(TRUSTED) as session:
        session.sendmail("a@shop.example", ["u@free.example"], marked("by-header", "X-Mailpool-Tenant: news"))
    message = front.arrived(b"by-header")
    assert tenant_sealed(message, "a@shop.example") == "news"
    assert b"X-Mailpool-Tenant" not in message


def test_forged_headers_from_outside_are_deleted_and_name_nobody(front: Front):
    with front.talk(OUTSIDE) as session:
        session.sendmail("a@shop.example", ["u@free.example"], marked(
            "forged", "X-Mailpool-Tenant: shop", "X-Mailpool-Seal: v=1; tenant=bank;\r\n\ttime=1; nonce=00; mac=00",
            "x-mailpool-tenant: bank", "X-MAILPOOL-SEAL: again"))
    message = front.arrived(b"forged").lower()
    assert b"mailpool-tenant" not in message and b"mailpool-seal" not in message and b"tenant=bank" not in message


def test_the_manager_is_killed_and_comes_back(front: Front):
    front.manager.kill()
    with front.talk() as session:
        session.mail("a@shop.example")
        assert all(rcpt(session, f"k{number}@limited.example").startswith("250") for number in range(5))
    wait_until(lambda: "accepted unasked until it answers" in front.milter.log(), 5, "the log says so")
    front.manager.start()

    def limited_again() -> bool:
        with front.talk() as session:
            session.mail("a@shop.example")
            return any(rcpt(session, f"b{number}@limited.example").startswith("451") for number in range(3))
    wait_until(limited_again, 10, f"the limit is kept again\n{front.milter.log()}", interval=0.2)


def test_a_hostile_peer_ends_its_own_connection_alone(front: Front):
    with front.talk() as session:
        session.mail("a@shop.example")
        for octets in (b"GET / HTTP/1.0\r\n\r\n", b"\xff\xff\xff\xffO", os.urandom(4096)):
            with front.milter.connect() as peer:
                peer.sendall(octets)
            assert rcpt(session, "u@free.example").startswith("250")
