"""Servers that are wrong about AUTH, and secrets that are not to be had: no message leaves without its login, none bounces, and
nobody hears the password who should not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.certificates import Authority, Certificate
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, wait_until
from lab.receivers import SERVER_NAME

PASSWORD = "correct-horse-battery-staple"


class Smarthost:
    """fakemx with one user, once for each script, and mailpoold that sends everything by it."""

    def __init__(self, lab: Lab, authority: Authority, certificate: Certificate, *scripts: str, tls: str = "secure", **login: object):
        self.servers = [Fakemx(lab, script, certificate=certificate, flags=("--auth", f"relay:{PASSWORD}")) for script in scripts]
        self.server = self.servers[0]
        self.manager = Mailpoold(lab, {})
        self.file = self.manager.directory / "relay.password"
        self.write(PASSWORD)
        secret = {} if "token_command" in login else {"password_file": str(self.file), "mechanisms": ["PLAIN"]}
        self.manager.configure({
            "login": {"relay": {"user": "relay", **secret, **login}},
            "route": {"*": {"hosts": [server.address for server in self.servers], "login": "relay"}},
            "tls": {"ca_file": str(authority.certificate), "match": [SERVER_NAME]},
            "smtp": {"tls": tls, "auth_timeout": "1s"}})
        self.manager.start()

    def write(self, password: str) -> None:
        """To the password's file, as it should be kept."""
        Path(self.file).write_text(password + "\n")
        self.file.chmod(0o600)
        shutil.chown(self.file, "mailpool", "mailpool")

    def deliver(self) -> str:
        with self.manager.lmtp() as session:
            return str(session.deliver("sender@example.com", ["u@example.org"], message(b"x\r\n"))[-1])

    def login(self) -> dict:
        (login,) = self.manager.poolctl.json("status")["logins"]
        return login


@pytest.fixture
def smarthost(lab: Lab, authority: Authority, certificate: Certificate) -> Callable[..., Smarthost]:
    return lambda *scripts, **login: Smarthost(lab, authority, certificate, *(scripts or ("",)), **login)


REFUSED, ONLY_NOW = True, False
LOGIN = {"mechanisms": ["LOGIN"]}


@pytest.mark.parametrize(("script", "login", "reply", "words", "is_refused"), [
    pytest.param("auth -> 535 5.7.8 No", {}, "451 4.7.8 ", "said: 535 5.7.8 No", REFUSED, id="refused"),
    pytest.param("auth -> 504 5.5.4 Not that", {}, "451 4.7.8 ", "said: 504 5.5.4 Not that", REFUSED, id="not-that-mechanism"),
    pytest.param("auth -> 530 5.7.0 STARTTLS first", {}, "451 4.7.8 ", "said: 530 5.7.0 STARTTLS", REFUSED, id="not-before-STARTTLS"),
    pytest.param("auth -> 534 5.7.9 Too weak", {}, "451 4.7.8 ", "said: 534 5.7.9 Too weak", REFUSED, id="a-mechanism-too-weak"),
    pytest.param("auth -> 454 4.7.0 Not now", {}, "451 4.7.8 ", "said: 454 4.7.0 Not now", ONLY_NOW, id="refused-for-now"),
    pytest.param("auth -> 334 !!!", {}, "451 4.7.8 ", "is not base64", REFUSED, id="a-challenge-that-is-no-base64"),
    pytest.param("auth -> 334 aGVsbG8=", {}, "451 4.7.8 ", "goes on asking after PLAIN", REFUSED, id="a-challenge-that-is-not-due"),
    pytest.param(f"auth -> 334 {'aGVsbG8h' * 200}", {}, "451 4.7.8 ", "goes on asking", REFUSED, id="a-challenge-of-1600-octets"),
    pytest.param("auth -> 334 aGVsbG8=", LOGIN, "451 4.7.8 ", "goes on asking after LOGIN", REFUSED, id="challenges-without-end"),
    pytest.param('auth -> send "334 "; send 5000 * "x"; send "\\r\\n"', {}, "451 4.5.0 ", "AUTH", ONLY_NOW, id="a-line-too-long"),
    pytest.param('auth -> send 200 * "334-x\\r\\n"', {}, "451 4.5.0 ", "AUTH", ONLY_NOW, id="a-reply-of-too-many-lines"),
    pytest.param("auth -> 250 2.0.0 whatever", {}, "451 4.5.0 ", "AUTH", ONLY_NOW, id="a-reply-of-another-command"),
    pytest.param("auth -> close", {}, "451 4.4.2 ", "AUTH", ONLY_NOW, id="the-end-instead-of-a-reply"),
    pytest.param("auth nth=2- -> close", LOGIN, "451 4.4.2 ", "AUTH", ONLY_NOW, id="the-end-within-the-exchange"),
    pytest.param("auth -> alert", {}, "451 4.4.2 ", "AUTH", ONLY_NOW, id="an-alert-instead-of-a-reply"),
    pytest.param("auth -> hang", {}, "451 4.4.2 ", "timed out while waiting for the reply to AUTH", ONLY_NOW, id="auth_timeout"),
    pytest.param("auth nth=2- -> hang", LOGIN, "451 4.4.2 ", "timed out", ONLY_NOW, id="auth_timeout-within-the-exchange"),
    pytest.param("auth -> 421 4.3.2 Going down; close", {}, "451 4.3.2 ", "421 4.3.2 Going down", ONLY_NOW, id="a-server-that-goes-down"),
    pytest.param("ehlo tls=yes -> without AUTH", {}, "451 4.7.8 ", "login relay: the server offers no AUTH", ONLY_NOW,
                 id="AUTH-gone-after-STARTTLS"),
    pytest.param('ehlo tls=yes -> without AUTH; announce "AUTH GSSAPI"', {}, "451 4.7.8 ", "offers AUTH GSSAPI, and mechanisms allows",
                 REFUSED, id="other-mechanisms-after-STARTTLS"),
    pytest.param("ehlo -> without STARTTLS", {}, "451 4.7.5 ", 'TLS is required (tls = "secure"), but was not offered', ONLY_NOW, id="AUTH-in-plain-text-where-TLS-is-required"),
    pytest.param("ehlo -> without STARTTLS", {"tls": "may"}, "451 4.7.8 ", "[login.relay] is not used without (allow_plaintext = false)",
                 ONLY_NOW, id="AUTH-in-plain-text"),
    pytest.param("starttls -> 454 4.7.0 no", {"tls": "may"}, "451 4.7.5 ", "announced STARTTLS and refused it", ONLY_NOW,
                 id="AUTH-where-STARTTLS-is-refused"),
])
def test_a_login_that_fails_defers_its_mail(smarthost: Callable[..., Smarthost], script: str, login: dict, reply: str, words: str,
                                            is_refused: bool):
    way = smarthost(script, **login)
    text = way.deliver()
    assert text.startswith(reply) and words in text and PASSWORD not in text, text
    shown = way.login()
    assert (shown["state"] == "refused") == is_refused, shown
    if is_refused:
        assert 0 < shown["not_before_in"] <= 300 and shown["last_error"]
        assert "login relay was refused, next try in" in way.deliver()
        assert way.server.connections() == 1, "a refused login is not tried again before retry_after"
    assert way.server.commands("MAIL") == []


def test_nothing_of_a_login_is_said_in_plain_text(smarthost: Callable[..., Smarthost]):
    way = smarthost("ehlo -> without STARTTLS", tls="may")
    assert way.deliver().startswith("451 4.7.8 ")
    assert way.server.commands("AUTH") == []


def test_with_allow_plaintext_a_server_without_tls_is_logged_in_to(smarthost: Callable[..., Smarthost]):
    way = smarthost("ehlo -> without STARTTLS", tls="may", allow_plaintext=True)
    assert way.deliver().startswith("250 ")
    assert len(way.server.commands("AUTH")) == 1


def test_the_next_host_is_asked_where_one_offers_no_auth(smarthost: Callable[..., Smarthost]):
    way = smarthost("ehlo tls=yes -> without AUTH", "")
    assert way.deliver().startswith("250 ")
    assert [len(server.commands("AUTH")) for server in way.servers] == [0, 1]


def test_a_refused_password_is_shown_to_no_other_host(smarthost: Callable[..., Smarthost]):
    way = smarthost("auth -> 535 5.7.8 No", "")
    assert way.deliver().startswith("451 4.7.8 ")
    assert way.servers[1].connections() == 0


def test_a_refused_login_is_good_again_with_another_password(smarthost: Callable[..., Smarthost]):
    way = smarthost()
    way.write("not-this-one")
    way.manager.reload()
    assert way.deliver().startswith("451 4.7.8 ")
    assert way.login()["state"] == "refused"
    way.write(PASSWORD)
    way.manager.reload()
    assert way.deliver().startswith("250 ")
    assert way.login() == {"login": "relay", "user": "relay", "state": "usable", "connections": 1, "not_before": None,
                           "not_before_in": None, "last_error": ""}
    (connection,) = way.manager.poolctl.json("connections")["connections"]
    assert connection["login"] == "relay"


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda file: file.chmod(0o640), "its mode is 0640; others could read it: chmod 0600"),
    (lambda file: file.unlink(), "No such file or directory"),
    (lambda file: file.write_text("\n" + PASSWORD), "its first line is empty"),
    (lambda file: shutil.chown(file, "postfix"), "Permission denied"),
    (lambda file: file.write_text("x" * 70_000), "it is longer than 64 KiB"),
], ids=["others-may-read-it", "gone", "empty", "anothers", "too-long"])
def test_a_password_file_that_is_no_more_as_it_should_be_is_said_at_a_reload(smarthost: Callable[..., Smarthost],
                                                                            spoil: Callable[[Path], object], words: str):
    way = smarthost()
    assert way.deliver().startswith("250 ")
    spoil(way.file)
    way.manager.reload()
    text = wait_until(lambda: (said := way.deliver()).startswith("451 4.7.8 ") and said, 10, "the file is refused")
    assert f'login relay: password_file "{way.file}": {words}' in text, text
    assert way.login()["state"] == "missing" and words in way.login()["last_error"], way.login()
    assert f'warning: login relay: password_file "{way.file}": {words}' in way.manager.log()
    way.file.unlink(missing_ok=True)
    way.write(PASSWORD)
    way.manager.reload()
    wait_until(lambda: way.deliver().startswith("250 "), 10, "the file is good again")


TOKEN = "ya29.a-token-for-nobody-else"
XOAUTH2 = 'ehlo tls=yes -> without AUTH; announce "AUTH XOAUTH2"\n'


@pytest.mark.parametrize(("program", "words"), [
    (f"echo {TOKEN}; exit 3", "it ended with 3"),
    (f"echo {TOKEN}; sleep 60", "it took longer than 1s (command_timeout)"),
    ("head -c 100000 /dev/zero | tr '\\0' x", "more than 64 KiB of output"),
    (f"echo {TOKEN} >&2", "its first line is empty"),
], ids=["that-fails", "that-hangs", "that-says-too-much", "that-says-nothing"])
def test_a_program_without_a_token_defers_its_mail_and_opens_no_connection(smarthost: Callable[..., Smarthost], program: str, words: str):
    way = smarthost(XOAUTH2, token_command=["/bin/sh", "-c", program], command_timeout="1s")
    text = way.deliver()
    assert text.startswith("451 4.7.8 login relay: ") and words in text and TOKEN not in text, text
    assert way.server.connections() == 0
    assert way.login()["state"] == "missing" and words in way.login()["last_error"], way.login()
    assert TOKEN not in way.manager.log()


@pytest.fixture
def counted_tokens(lab: Lab) -> tuple[Path, list[str]]:
    """A program that says another token each time, and the file that has a line for each."""
    said = lab.directory("tokens", owner="mailpool", group="mailpool") / "said"
    return said, ["/bin/sh", "-c", f"echo {TOKEN} >> {said}; echo {TOKEN}-$(wc -l < {said})"]


def test_a_token_that_the_server_refuses_is_asked_for_again_at_once(smarthost: Callable[..., Smarthost],
                                                                   counted_tokens: tuple[Path, list[str]]):
    said, program = counted_tokens
    way = smarthost(XOAUTH2 + "auth nth=1 -> 535 5.7.8 Expired\nauth -> 235 2.7.0 Welcome", token_command=program)
    assert way.deliver().startswith("250 ")
    assert len(said.read_text().splitlines()) == 2
    assert TOKEN not in way.manager.log()


def test_a_server_that_refuses_every_token_is_not_asked_without_end(smarthost: Callable[..., Smarthost],
                                                                   counted_tokens: tuple[Path, list[str]]):
    said, program = counted_tokens
    way = smarthost(XOAUTH2 + "auth -> 535 5.7.8 No", token_command=program)
    for _ in range(3):
        assert "said: 535 5.7.8 No" in way.deliver()
    assert way.server.connections() <= 2, "a fresh token is tried once; then retry_after counts"


def test_tls_required_no_shows_no_password_to_a_server_that_proves_nothing(smarthost: Callable[..., Smarthost], authority: Authority):
    way = smarthost()
    way.server.stop()
    other = Fakemx(way.manager.lab, certificate=authority.issue("somebody-else.example.net"), port=way.server.port,
                   flags=("--auth", f"relay:{PASSWORD}"))
    with way.manager.lmtp() as session:
        content = b"TLS-Required: No\r\n" + message(b"x\r\n")
        reply = session.deliver("sender@example.com", ["u@example.org"], content)[-1]
    assert reply.code == 451 and other.commands("AUTH") == []
