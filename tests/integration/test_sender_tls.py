"""What senders ask of TLS (RFC 8689): REQUIRETLS and "TLS-Required: No", from an LMTP client to servers of [route]."""

from collections.abc import Callable

import pytest

from lab.certificates import Authority, Certificate
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab
from lab.receivers import SERVER_NAME

NO = b"TLS-Required: No\r\n"


class Way:
    """mailpoold, and the servers that both domains lead to, tried one after the other."""

    def __init__(self, lab: Lab, authority: Authority, certificate: Certificate, *scripts: str, required_no: bool = True,
                 **options: object):
        self.servers = [Fakemx(lab, script, certificate=certificate) for script in scripts or ("",)]
        addresses = [server.address for server in self.servers]
        self.manager = Mailpoold(lab, {
            "route": {domain: addresses for domain in ("a.test", "b.test")},
            "tls": {"ca_file": str(authority.certificate), "match": [SERVER_NAME], "required_no": required_no},
            "smtp": {"tls": "may", "check_after": "1h", "starttls_timeout": "1s", **options}}).start()

    def deliver(self, recipient: str = "u@a.test", parameters: str = "", header: bytes = b"",
                sender: str = "sender@example.com") -> str:
        with self.manager.lmtp(timeout=30) as session:
            return str(session.deliver(sender, [recipient], header + message(b"secret\r\n"), parameters)[-1])

    def required(self, recipient: str = "u@a.test", **more: str) -> str:
        return self.deliver(recipient, "REQUIRETLS", **more)

    def mails(self) -> list[list[str]]:
        """The parameters of each MAIL, server by server, SIZE aside."""
        return [[" ".join(word for word in command.split()[2:] if not word.startswith("SIZE="))
                 for command in server.commands("MAIL")] for server in self.servers]

    def connections(self) -> int:
        return sum(server.connections() for server in self.servers)


@pytest.fixture
def way(lab: Lab, authority: Authority, certificate: Certificate) -> Callable[..., Way]:
    return lambda *scripts, **options: Way(lab, authority, options.pop("certificate", certificate), *scripts, **options)


def test_requiretls_is_passed_on_and_its_connection_shared(way: Callable[..., Way]):
    line = way()
    with line.manager.lmtp() as session:
        assert "REQUIRETLS" in session.extensions
    assert line.deliver().startswith("250 ")
    assert line.required().startswith("250 ")
    assert line.required("u@b.test", sender="").startswith("250 ")
    assert line.deliver("u@b.test").startswith("250 ")
    assert line.mails() == [["", "REQUIRETLS", "REQUIRETLS", ""]]
    assert line.connections() == 1
    assert line.servers[0].client_violations() == {}


@pytest.mark.parametrize(("parameters", "reply"), [
    ("REQUIRETLS=yes", "501 5.5.4 "), ("REQUIRETLS REQUIRETLS", "501 5.5.4 "), ("requiretls", "250 ")])
def test_the_parameter_is_read_as_it_is_defined(way: Callable[..., Way], parameters: str, reply: str):
    assert way().deliver(parameters=parameters).startswith(reply)


@pytest.mark.parametrize(("script", "reply"), [
    pytest.param("ehlo -> without REQUIRETLS", "550 5.7.30 ", id="not-offered"),
    pytest.param('ehlo tls=no -> announce "REQUIRETLS"\nehlo tls=yes -> without REQUIRETLS', "550 5.7.30 ",
                 id="offered-before-TLS-only"),
    pytest.param('ehlo -> without STARTTLS; announce "REQUIRETLS"', "550 5.7.10 ", id="offered-without-TLS"),
    pytest.param("starttls -> 502 5.5.1 no", "550 5.7.10 ", id="STARTTLS-refused"),
    pytest.param("starttls -> 454 4.7.0 not now", "451 4.7.5 ", id="STARTTLS-refused-for-now"),
    pytest.param("tls -> alert", "550 5.7.10 ", id="a-handshake-that-fails"),
    pytest.param("tls -> hang", "451 4.4.2 ", id="a-handshake-that-stalls"),
    pytest.param("connect -> 421 4.3.2 not now; close", "451 4.3.2 ", id="a-greeting-that-defers"),
    pytest.param("connect -> close", "451 4.4.2 ", id="no-greeting"),
])
def test_without_a_proved_way_nothing_is_sent_and_the_sender_is_told(way: Callable[..., Way], script: str, reply: str):
    line = way(script)
    text = line.required()
    assert text.startswith(reply), text
    assert line.servers[0].commands("MAIL") == []


@pytest.mark.parametrize("name", ["somebody-else.example.net", "self-signed"])
def test_a_certificate_that_proves_nothing_is_no_way(way: Callable[..., Way], authority: Authority, name: str):
    issued = authority.self_signed(SERVER_NAME) if name == "self-signed" else authority.issue(name)
    line = way(certificate=issued)
    assert line.deliver().startswith("250 ")
    text = line.required()
    assert text.startswith("550 5.7.10 ") and "REQUIRETLS requires" in text, text
    assert line.mails() == [[""]]


def test_the_next_host_is_tried_and_one_that_is_away_is_waited_for(way: Callable[..., Way]):
    line = way("ehlo -> without REQUIRETLS", "")
    assert line.required().startswith("250 ")
    assert line.mails() == [[], ["REQUIRETLS"]]
    line.servers[1].stop()
    line.manager.poolctl("flush", "a.test")
    assert line.required("u@b.test").startswith("451 4.4.1 ")


def test_tls_required_no_goes_where_nothing_is_proved_on_connections_of_its_own(way: Callable[..., Way], authority: Authority):
    line = way("tls nth=3- -> alert", tls="secure", certificate=authority.issue("somebody-else.example.net"))
    assert line.deliver().startswith("451 4.7.5 ")
    assert line.deliver(header=NO).startswith("250 ")
    assert line.deliver("u@b.test", header=b"tls-required:\r\n (it may be read)\r\n no\r\n").startswith("250 ")
    assert line.connections() == 2
    assert line.deliver(header=b"TLS-Required: Yes\r\n").startswith("451 4.7.5 ")
    assert line.deliver(header=NO + NO).startswith("451 4.7.5 ")
    assert line.deliver("u@a.test", "REQUIRETLS", NO).startswith("550 5.7.10 ")


def test_connections_of_the_two_kinds_are_never_shared(way: Callable[..., Way]):
    line = way()
    for header in (NO, b"", NO, b""):
        assert line.deliver(header=header).startswith("250 ")
    assert line.connections() == 2
    assert [c["messages"] for c in line.manager.poolctl.json("connections")["connections"]] == [2, 2]


def test_an_operator_may_have_the_header_ignored(lab: Lab, way: Callable[..., Way], authority: Authority):
    line = way(tls="secure", required_no=False, certificate=authority.issue("somebody-else.example.net"))
    assert line.deliver(header=NO).startswith("451 4.7.5 ")
