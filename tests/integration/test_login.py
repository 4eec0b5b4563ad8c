"""Logins to a smarthost: Postfix with Dovecot's SASL behind it; and all the places where the password is not."""

import base64
import hmac
import json
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import dovecot_settings
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

    def has_queued_all(self) -> bool:
        """Whether the queue manager has told of every message that smtpd took."""
        log = self.postfix.log()
        return set(re.findall(r"smtpd\[\d+\]: (\w+): client=", log)) <= set(re.findall(r"qmgr\[\d+\]: (\w+): from=<", log))

    def users_and_senders(self) -> list[set[tuple[str, str]]]:
        """Of each connection: as whom it was logged in, and for which sender's domain it brought mail."""
        log = self.postfix.log()
        domains = dict(re.findall(r"qmgr\[\d+\]: (\w+): from=<[^@>]*@([^>]*)>", log))
        found: dict[str, list[set[tuple[str, str]]]] = {}
        for process, event in re.findall(r"smtpd\[(\d+)\]: (connect from|\w+: client=.*sasl_username=\w+)", log):
            if event == "connect from":
                found.setdefault(process, []).append(set())
            else:
                found[process][-1].add((event.rsplit("=", 1)[1], domains[event.split(":")[0]]))
        return [pairs for connections in found.values() for pairs in connections if pairs]


KEY_OF_TOKENS = b"a key that the issuer of tokens and Dovecot share"


def token_settings(lab: Lab) -> str:
    """For tokens that Dovecot validates by itself: a JSON Web Token, signed with HMAC-SHA-256 (RFC 7519)."""
    keys = lab.directory("keys", mode=0o755)
    (keys / "default" / "HS256").mkdir(parents=True)
    (keys / "default" / "HS256" / "default").write_bytes(base64.b64encode(KEY_OF_TOKENS))
    return dovecot_settings.of_tokens(keys)


def token(user: str, lives: int = 3600) -> str:
    def part(octets: bytes) -> bytes:
        return base64.urlsafe_b64encode(octets).rstrip(b"=")

    now = int(time.time())
    claims = {"sub": user, "iat": now - 7200, "exp": now + lives}
    signed = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(KEY_OF_TOKENS, signed, "sha256"))).decode()


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
auth_mechanisms = plain login cram-md5 scram-sha-256 xoauth2 oauthbearer
{token_settings(lab)}
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
    wait_until(lambda: smarthost.logins() == [(used, "relay")] * 3, 10, "three messages of one login")
    assert smarthost.connections() == before + 1


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_a_token_logs_in_and_one_that_has_run_out_waits_for_its_successor(smarthost: Smarthost, mechanism: str):
    manager = Mailpoold(smarthost.lab, {})
    run_out, good = token("relay", -60), token("relay")
    file = secret(manager, "relay.password", run_out)
    manager.configure({"login": {"relay": {"user": "relay", "token_file": str(file), "mechanisms": [mechanism]}},
                       "route": {"*": {"hosts": [f"127.0.0.1:{smarthost.postfix.port}"], "login": "relay"}}})
    manager.start()
    reply = deliver(manager)
    assert (reply.code, "4.7.8" in reply.text) == (451, True), reply
    secret(manager, "relay.password", good)
    manager.reload()
    wait_until(lambda: deliver(manager).code == 250, 10, "the new token is used")
    wait_until(lambda: smarthost.logins() == [(mechanism, "relay")], 10, "Postfix's log")
    assert_nowhere(manager, ("relay", run_out), ("relay", good))


def test_a_sender_domain_with_a_login_of_its_own_uses_its_own_connection(smarthost: Smarthost):
    manager = manager_for(smarthost)
    before = smarthost.connections()
    for sender in (SENDER, "x@shop.example.com", SENDER, "y@shop.example.com"):
        assert deliver(manager, sender).code == 250
    wait_until(lambda: [user for _, user in smarthost.logins()] == ["relay", "shop", "relay", "shop"], 10, "the log tells of each login, in order")
    assert smarthost.connections() >= before + 2, "nothing is shared between the two"


def test_no_connection_of_many_at_once_ever_serves_two_logins(smarthost: Smarthost):
    manager = manager_for(smarthost)
    senders = [f"{number}@{domain}" for number in range(12) for domain in ("example.com", "shop.example.com", "example.net")]
    with ThreadPoolExecutor(6) as pool:
        assert [reply.code for reply in pool.map(lambda sender: deliver(manager, sender), senders)] == [250] * len(senders)
    wait_until(smarthost.has_queued_all, 20, "every message is in the queue")
    served = smarthost.users_and_senders()
    assert {len({user for user, _ in pairs}) for pairs in served} == {1}, served
    assert set().union(*served) == {("relay", "example.com"), ("relay", "example.net"), ("shop", "shop.example.com")}


def test_a_wrong_password_defers_does_not_hammer_and_is_mended_by_a_reload(smarthost: Smarthost):
    manager = manager_for(smarthost, password="not-this-one", mechanisms=["PLAIN"])
    for _ in range(3):
        reply = deliver(manager)
        assert (reply.code, "4.7.8" in reply.text) == (451, True), reply
    wait_until(lambda: smarthost.refusals(), 10, "the server's log tells of the refusal")
    assert smarthost.refusals() == 1
    secret(manager, "relay.password", PASSWORD)
    manager.reload()
    wait_until(lambda: deliver(manager).code == 250, 10, "the new password is used")
    assert_nowhere(manager, ("relay", "not-this-one"))


def test_a_password_file_that_others_can_read_is_refused_in_words(smarthost: Smarthost):
    manager = manager_for(smarthost)
    (manager.directory / "relay.password").chmod(0o644)
    manager.reload()
    reply = wait_until(lambda: (r := deliver(manager)).code == 451 and r, 10, "the file is refused")
    assert "its mode is 0644" in reply.text
    assert PASSWORD not in reply.text


def test_the_passwords_are_in_no_log_no_answer_and_no_other_file(smarthost: Smarthost):
    manager = manager_for(smarthost, mechanisms=["SCRAM-SHA-256"])
    assert manager.settings["log"]["level"] == "debug"
    for mechanism in ("SCRAM-SHA-256", "CRAM-MD5", "LOGIN", "PLAIN"):
        for login in manager.settings["login"].values():
            login["mechanisms"] = [mechanism]
        manager.configure(manager.settings)
        manager.reload()
        wait_until(lambda: deliver(manager).code == deliver(manager, "x@shop.example.com").code == 250, 10, mechanism)
    wait_until(lambda: len(set(smarthost.logins())) == 8, 10, "both have used all four mechanisms")
    assert_nowhere(manager, ("relay", PASSWORD), ("shop", SHOP_PASSWORD))


def test_the_process_leaves_no_core_and_shows_its_memory_to_nobody(smarthost: Smarthost):
    """The kernel gives the files in /proc of a process that is not dumpable (PR_SET_DUMPABLE) to root."""
    manager = manager_for(smarthost)
    assert deliver(manager).code == 250
    proc = Path(f"/proc/{manager.process.pid}")
    assert re.search(r"^Uid:\s+(\d+)", (proc / "status").read_text(), re.MULTILINE)[1] != "0"
    assert {name: (proc / name).stat().st_uid for name in ("environ", "mem", "maps", "fd", "auxv")} == dict.fromkeys(
        ("environ", "mem", "maps", "fd", "auxv"), 0)


def forms_of(user: str, password: str) -> set[bytes]:
    """What would give the password away: it, and its base64 wherever it stands in what was encoded."""
    secret = password.encode()
    forms = {secret, secret.hex().encode()}
    for before in range(3):  # the digits that depend on nothing but the password
        encoded = base64.b64encode(b"\0" * before + secret)
        forms.add(encoded[-(-before * 8 // 6):(before + len(secret)) * 8 // 6])
    for whole in (secret, f"\0{user}\0{password}".encode(), f"{user}\0{user}\0{password}".encode(), f"{user}\0{password}".encode()):
        forms.add(base64.b64encode(whole))
    return forms


SHOWN = (("status",), ("status", "example.org"), ("connections",), ("explain", "a@example.org"), ("check",))
CHANGES = (("flush", "example.org"), ("suspend", "--domain", "example.org", "--for", "1s", "--reason", "test"), ("reload",))
OTHERS = (("tls-report", "example.org"), ("imap",), ("imap", "connections"), ("sendmail", "check"), ("test-reply", "421 4.7.0 no"))


def assert_nowhere(manager: Mailpoold, *secrets: tuple[str, str]) -> None:
    """Not in what poolctl says, and in no file of the manager's, its logs and its state among them."""
    commands = [*SHOWN, *(("--json", *words) for words in (*SHOWN, *CHANGES, *OTHERS))]
    texts = {f"poolctl {' '.join(words)}": (run := manager.poolctl(*words)).stdout + run.stderr for words in commands}
    found = {where: text.encode() for where, text in texts.items()}
    found |= {str(path): path.read_bytes() for path in manager.directory.rglob("*") if path.is_file() and path.suffix != ".password"}
    assert manager.log_file.name in {Path(where).name for where in found}
    for where, text in found.items():
        for form in set().union(*(forms_of(user, password) for user, password in secrets)):
            assert form not in text, f"{where}: {form!r} in {text[max(0, text.find(form) - 100):text.find(form) + 100]!r}"
