"""TLS sessions that are resumed, and those that are not: with fakemx and with real mail servers. And what a renewed
certificate of the client ends."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from tls_line import Line, deliver
from wrapped_server import WrappedServer

from lab.certificates import Authority, Certificate, keep_for_mailpool
from lab.dns import Dns
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, wait_until
from lab.receivers import SERVER_NAME, Exim, PostfixReceiver

both_versions = pytest.mark.parametrize("flags", [(), ("--tls12",)], ids=["TLSv1.3", "TLSv1.2"])


def handshakes(manager: Mailpoold) -> tuple[int, int]:
    """By mailpoold's count: all, and those that resumed."""
    totals = manager.totals()
    return totals["tls_handshakes"], totals["tls_resumed"]


@both_versions
def test_a_second_connection_resumes_and_everything_says_so(lab: Lab, certificate: Certificate, flags: tuple[str, ...]):
    way = Line(lab, certificate, "", *flags, how="resumed")
    way.begin("encrypt.test")
    assert way.deliver("encrypt.test")[0] == 250
    assert way.handshakes() == {"full": 1, "resumed": 1, "failed": 0}
    assert handshakes(way.manager) == (2, 1)
    connection = way.manager.poolctl.json("connections")["connections"][0]
    assert connection["tls_resumed"] and connection["tls_requested"] == "encrypt"
    assert 27 <= connection["certificate_days"] <= 30, "though it was not shown again"
    name = way.manager.status()["sites"][0]["site"]
    site = way.manager.poolctl.json("status", name)["sites"][0]
    assert (site["tls_handshakes"], site["tls_resumed"]) == (2, 1)
    assert site["endpoints"][0]["tls_resumed"] and site["endpoints"][0]["certificate_days"] == connection["certificate_days"]
    target = way.manager.poolctl.json("explain", "someone@encrypt.test")["targets"][0]
    assert target["tls"] == 'encrypt: tls = "encrypt"' and target["tls_now"] == connection["tls"] and target["tls_resumed"]
    opened = [line for line in way.manager.log().splitlines() if "state=idle" in line]
    assert ["resumed=no" in opened[0], "resumed=yes" in opened[1]] == [True, True]
    assert "level=encrypt" in opened[1] and "certificate_ends=20" in opened[1]


def test_every_new_connection_resumes_while_tickets_last(lab: Lab, certificate: Certificate):
    way = Line(lab, certificate, "", settings={"max_messages": 1})
    for _ in range(8):
        assert way.deliver("encrypt.test")[0] == 250
    assert way.handshakes() == {"full": 1, "resumed": 7, "failed": 0}


def test_a_session_is_of_those_alone_who_require_the_same(lab: Lab, certificate: Certificate):
    way = Line(lab, certificate, "", settings={"max_messages": 1})
    for domain in ("may.test", "encrypt.test", "may.test", "encrypt.test"):
        assert way.deliver(domain)[0] == 250
    assert way.handshakes() == {"full": 2, "resumed": 2, "failed": 0}


@pytest.mark.parametrize("change", ["reload", "ehlo", "off"])
def test_what_is_changed_by_a_reload_begins_with_full_handshakes(lab: Lab, certificate: Certificate, change: str):
    way = Line(lab, certificate, "", settings={"max_messages": 1})
    for _ in range(2):
        assert way.deliver("encrypt.test")[0] == 250
    settings = {"reload": {}, "ehlo": {"hostname": "other.example.com"}, "off": {"tls": {"session_resumption": False}}}
    way.manager.configure({**way.settings, **settings[change]})
    way.manager.reload()
    for _ in range(2):
        assert way.deliver("encrypt.test")[0] == 250
    assert way.handshakes() == ({"full": 3, "resumed": 1, "failed": 0} if change == "off" else
                                {"full": 2, "resumed": 2, "failed": 0})


def test_a_site_of_its_own_may_resume_none(lab: Lab, certificate: Certificate):
    server = Fakemx(lab, certificate=certificate)
    manager = Mailpoold(lab, {
        "route": {"a.test": [server.address], "b.test": [server.address]}, "smtp": {"max_messages": 1},
        "site": {"strict": {"domains": ["a.test"], "tls_session_resumption": False}}}).start()
    for _ in range(2):
        for domain in ("a.test", "b.test"):
            with manager.lmtp() as session:
                assert session.deliver("s@example.com", [f"u@{domain}"], message(b"x\r\n", "s"))[-1].code == 250
    assert server.stats()["tls"] == {"full": 3, "resumed": 1, "failed": 0}


def test_a_ticket_that_comes_to_an_idle_connection_is_used_by_the_next(lab: Lab, certificate: Certificate):
    way = Line(lab, certificate, "idle conn=1 message=1 after=50ms -> ticket", "--tls-tickets", "0")
    assert way.deliver("encrypt.test")[0] == 250
    wait_until(lambda: way.server.stats()["rules_met"] > 0, 10, "a ticket")
    way.close_idle()
    assert way.deliver("encrypt.test")[0] == 250
    assert way.handshakes()["resumed"] == 1


def test_a_session_ends_with_the_certificate(lab: Lab, authority: Authority, dns: Dns):
    """The server still knows the session, but what it proves is over."""
    now = datetime.now(timezone.utc)
    end = now + timedelta(seconds=8)
    short = authority.issue(SERVER_NAME, stem=f"short-{now:%s}", start=now - timedelta(days=1), end=end)
    dns.a(SERVER_NAME, "127.0.0.1")
    server = Fakemx(lab, certificate=short)
    manager = Mailpoold(lab, {
        "dns": {"servers": dns.servers}, "tls": {"ca_file": str(authority.certificate)},
        "smtp": {"tls": "verify", "max_messages": 1}, "route": {"verify.test": [f"{SERVER_NAME}:{server.port}"]}}).start()

    def deliver() -> tuple[int, str]:
        with manager.lmtp() as session:
            reply = session.deliver("s@example.com", ["u@verify.test"], message(b"x\r\n", "s"))[-1]
        return reply.code, reply.text

    assert [deliver()[0], deliver()[0]] == [250, 250]
    assert handshakes(manager) == (2, 1)
    wait_until(lambda: datetime.now(timezone.utc) > end + timedelta(seconds=1), 15, "the end of the certificate")
    code, text = deliver()
    assert code == 451 and "expired" in text
    assert server.stats()["tls"] == {"full": 2, "resumed": 1, "failed": 0}


@pytest.mark.parametrize("name", ["postfix", "exim"])
def test_real_servers_are_resumed_where_they_know_sessions(lab: Lab, authority: Authority, certificate: Certificate, dns: Dns,
                                                           name: str):
    """Postfix gives a connection that resumed a session no new one, and a ticket is used once; Exim gives none as shipped."""
    server = {"postfix": PostfixReceiver, "exim": Exim}[name](lab, certificate)
    dns.a(SERVER_NAME, "127.0.0.1")
    manager = Mailpoold(lab, {
        "dns": {"servers": dns.servers}, "tls": {"ca_file": str(authority.certificate)},
        "smtp": {"tls": "verify", "max_messages": 1}, "route": {"verify.test": [f"{SERVER_NAME}:{server.port}"]}}).start()
    for number in range(3):
        with manager.lmtp(timeout=60) as session:
            reply = session.deliver("sender@example.com", [f"u{number}@verify.test"], message(b"x\r\n", f"r{number}"))[-1]
        assert reply.code == 250, reply
    assert handshakes(manager) == (3, 1 if name == "postfix" else 0)


# --- the client's certificate


class Renewable:
    """mailpoold shows a certificate to a server that asks for one; `renew` puts another under the same names."""

    def __init__(self, lab: Lab, authority: Authority, certificate: Certificate):
        self.authority, self.directory = authority, lab.directory("client")
        self.server = WrappedServer(certificate, client_authority=authority.certificate)
        lab.at_close(self.server.close)
        self.renew("first.example.com")
        self.manager = Mailpoold(lab, {
            "smtp": {"tls": "encrypt"}, "route": {"partner.test": [f"127.0.0.1:{self.server.port}"]},
            "tls": {"wrapper": True, "certificate": str(self.directory / "client.pem"), "key": str(self.directory / "client.key")},
        }).start()

    def renew(self, name: str) -> None:
        made = self.authority.issue(name)
        shutil.copy(made.certificate, self.directory / "client.pem")
        shutil.copy(made.key, self.directory / "client.key")
        keep_for_mailpool(self.directory / "client.key")

    def deliver(self) -> int:
        return deliver(self.manager, "u@partner.test")[0]

    def ends(self) -> list[str]:
        return [line for line in self.manager.log().splitlines() if "state=closing" in line]


@pytest.fixture
def renewable(lab: Lab, authority: Authority, certificate: Certificate) -> Renewable:
    return Renewable(lab, authority, certificate)


def test_a_renewed_client_certificate_is_shown_after_a_reload_and_idle_connections_end(renewable: Renewable):
    assert [renewable.deliver(), renewable.deliver()] == [250, 250]
    renewable.renew("second.example.com")
    assert renewable.deliver() == 250
    assert renewable.server.clients == ["first.example.com"], "files are looked at when the options are read"
    renewable.manager.reload()
    wait_until(lambda: renewable.ends(), 10, "the end of the connection")
    assert 'reason="reload"' in renewable.ends()[0]
    assert renewable.deliver() == 250
    assert renewable.server.clients == ["first.example.com", "second.example.com"]
    assert renewable.manager.totals()["tls_resumed"] == 0, "a session of the first one would show it still"


def test_a_connection_in_use_at_the_reload_ends_after_its_message(renewable: Renewable):
    renewable.server.may_answer.clear()
    with ThreadPoolExecutor(1) as pool:
        message_in_between = pool.submit(renewable.deliver)
        wait_until(lambda: "DATA" in renewable.server.commands, 10, "the content")
        renewable.renew("second.example.com")
        renewable.manager.reload()
        assert renewable.ends() == []
        renewable.server.may_answer.set()
        assert message_in_between.result() == 250
    wait_until(lambda: renewable.ends(), 10, "the end of the connection")
    assert 'reason="reload"' in renewable.ends()[0] and "messages=1" in renewable.ends()[0]
    assert renewable.deliver() == 250
    assert renewable.server.clients == ["first.example.com", "second.example.com"]


def test_a_reload_with_the_same_certificate_under_the_same_names_ends_nothing(renewable: Renewable):
    assert renewable.deliver() == 250
    renewable.manager.reload()
    assert renewable.deliver() == 250
    assert renewable.server.clients == ["first.example.com"]


def test_a_certificate_that_does_not_fit_its_key_is_not_taken_over(renewable: Renewable):
    assert renewable.deliver() == 250
    other = renewable.authority.issue("third.example.com")
    shutil.copy(other.certificate, renewable.directory / "client.pem")
    renewable.manager.poolctl("reload")
    assert "was not applied: the settings of before stay" in renewable.manager.log()
    assert renewable.deliver() == 250
    assert renewable.server.clients == ["first.example.com"]
