"""Logins to a smarthost: Postfix with Dovecot's SASL behind it; and all the places where the password is not."""

import base64
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.certificates import Certificate
from lab.dovecot import Dovecot
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.postfix import Postfix
from lab.process import Lab, wait_until

SENDER = "sender@example.com"
PASSWORD = "correct-horse-battery-staple"
SHOP_PASSWORD = "another-secret-of-the-shop"


@dataclass
class Smarthost:
    """A submission service that takes mail from whoever has logged in over TLS, and from nobody else."""

    lab: Lab
    dovecot: Dovecot
    postfix: Postfix

    def logins(self) -> list[tuple[str, str]]:
        """(mechanism, user) of each message that was taken."""
        return re.findall(r"sasl_method=([\w-]+), sasl_username=(\w+)", self.postfix.log())

    def refusals(self) -> int:
        return len(re.findall(r"SASL \S+ authentication failed", self.postfix.log()))

    def connections(self) -> int:
        return len(re.findall(r"smtpd\[\d+\]: connect from", self.postfix.log()))


@pytest.fixture
def smarthost(lab: Lab, imap_certificate: Certificate, certificate: Certificate) -> Smarthost:
    postfix = Postfix(lab, "smarthost", {
        "default_transport": "discard:", "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": "private/auth", "smtpd_tls_auth_only": "yes", "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(certificate.certificate), "smtpd_tls_key_file": str(certificate.key),
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        "smtpd_recipient_restrictions": "permit_sasl_authenticated, reject", "mynetworks": "192.0.2.1/32"})
    (postfix.queue / "private").chmod(0o755)
    dovecot = Dovecot(lab, imap_certificate, {"relay": PASSWORD, "shop": SHOP_PASSWORD}, scheme="PLAIN", settings=f"""
auth_mechanisms = plain login cram-md5 scram-sha-256
service auth {{
  unix_listener {postfix.queue}/private/auth {{
    mode = 0666
  }}
}}
""").start()
    postfix.start()
    return Smarthost(lab, dovecot, postfix)


def secret(manager: Mailpoold, name: str, text: str) -> Path:
    path = manager.directory / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    shutil.chown(path, "mailpool", "mailpool")
    return path


def manager_for(smarthost: Smarthost, password: str = PASSWORD, **login) -> Mailpoold:
    port = smarthost.postfix.port
    manager = Mailpoold(smarthost.lab, {})
    settings = {"user": "relay", "password_file": str(secret(manager, "relay.password", password)), **login}
    shop = {"user": "shop", "password_file": str(secret(manager, "shop.password", SHOP_PASSWORD))}
    manager.configure({"login": {"relay": settings, "shop": shop},
                       "sender_domain": {"shop.example.com": {"login": "shop"}},
                       "route": {"*": {"hosts": [f"127.0.0.1:{port}"], "login": "relay"}}})
    return manager.start()


def deliver(manager: Mailpoold, sender: str = SENDER):
    with manager.lmtp() as client:
        return client.deliver(sender, ["a@example.org"], message(b"x\r\n"))[0]


@pytest.mark.parametrize(("mechanisms", "used"), [([], "SCRAM-SHA-256"), (["PLAIN"], "PLAIN"), (["LOGIN"], "LOGIN"),
                                                  (["CRAM-MD5"], "CRAM-MD5")])
def test_each_mechanism_logs_in_once_for_many_messages(smarthost: Smarthost, mechanisms: list[str], used: str):
    manager = manager_for(smarthost, mechanisms=mechanisms)
    before = smarthost.connections()
    assert [deliver(manager).code for _ in range(3)] == [250] * 3
    assert smarthost.logins() == [(used, "relay")] * 3
    assert smarthost.connections() == before + 1


def test_a_sender_domain_with_a_login_of_its_own_uses_its_own_connection(smarthost: Smarthost):
    manager = manager_for(smarthost)
    before = smarthost.connections()
    for sender in (SENDER, "x@shop.example.com", SENDER, "y@shop.example.com"):
        assert deliver(manager, sender).code == 250
    assert [user for _, user in smarthost.logins()] == ["relay", "shop", "relay", "shop"]
    assert smarthost.connections() >= before + 2, "nothing is shared between the two"


def test_a_wrong_password_defers_does_not_hammer_and_is_mended_by_a_reload(smarthost: Smarthost):
    manager = manager_for(smarthost, password="not-this-one", mechanisms=["PLAIN"])
    for _ in range(3):
        reply = deliver(manager)
        assert (reply.code, "4.7.8" in reply.text) == (451, True), reply
    assert smarthost.refusals() == 1
    secret(manager, "relay.password", PASSWORD)
    manager.poolctl.json("reload")
    wait_until(lambda: deliver(manager).code == 250, 10, "the new password is used")
    assert_nowhere(manager, "not-this-one", "relay")


def test_a_password_file_that_others_can_read_is_refused_in_words(smarthost: Smarthost):
    manager = manager_for(smarthost)
    (manager.directory / "relay.password").chmod(0o644)
    manager.poolctl.json("reload")
    reply = wait_until(lambda: (r := deliver(manager)).code == 451 and r, 10, "the file is refused")
    assert "its mode is 0644" in reply.text
    assert PASSWORD not in reply.text


def test_the_passwords_are_in_no_log_no_answer_and_no_other_file(smarthost: Smarthost):
    manager = manager_for(smarthost, mechanisms=["PLAIN"])
    assert deliver(manager).code == 250
    assert deliver(manager, "x@shop.example.com").code == 250
    assert_nowhere(manager, PASSWORD, "relay")
    assert_nowhere(manager, SHOP_PASSWORD, "shop")
    # A process that is not dumpable leaves no core, and its files in /proc belong to root.
    assert Path(f"/proc/{manager.process.pid}/environ").stat().st_uid == 0


def assert_nowhere(manager: Mailpoold, password: str, user: str) -> None:
    forms = [password.encode(), base64.b64encode(password.encode()),
             base64.b64encode(f"\0{user}\0{password}".encode()), base64.b64encode(f"{user}\0{password}".encode())]
    answers = [manager.poolctl("--json", *words).stdout for words in
               (("status",), ("status", "*"), ("connections",), ("explain", "a@example.org"), ("check",))]
    files = [path.read_bytes() for path in manager.directory.rglob("*") if path.is_file() and path.suffix != ".password"]
    for text in [*files, *(answer.encode() for answer in answers)]:
        for form in forms:
            assert form not in text, f"{form!r} stands in {text[max(0, text.find(form) - 100):text.find(form) + 100]!r}"
