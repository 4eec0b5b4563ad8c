"""Figures: read by Prometheus' own tool and by its client library, from a port and from a Unix socket."""

import http.client
import re
import socket
import subprocess
import time
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from lab.fakeimap import FakeImap
from lab.imap_pool import ImapPool
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, free_port, wait_until
from lab.receivers import SmtpSink

OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


class OverUnix(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


def scrape(connection: http.client.HTTPConnection, accept: str = "text/plain") -> tuple[str, str]:
    """Content type and page."""
    connection.request("GET", "/metrics", headers={"Accept": accept})
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.headers["Content-Type"], answer.read().decode()


def promtool(page: str) -> str:
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr + (f"exit code {done.returncode}" if done.returncode else "")


def with_traffic(lab: Lab, sink: SmtpSink, fake: FakeImap, listen: str) -> Mailpoold:
    """One that has something to say in every family."""
    pool = ImapPool(lab, fake.address, tls="none", settings={"metrics": {"listen": listen}, "route": {"*": [sink.address]}})
    pool.login("anna", "anna-secret").logout()
    with pool.manager.lmtp() as client:
        assert client.deliver("s@example.com", ["u@example.org"], message(b"x\r\n"))[0].code == 250
    return pool.manager


def test_promtool_has_nothing_to_say(lab: Lab, sink: SmtpSink, fake: FakeImap):
    port = free_port()
    with_traffic(lab, sink, fake, f"127.0.0.1:{port}")
    kind, page = scrape(http.client.HTTPConnection("127.0.0.1", port, timeout=10))
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert 'mailpool_recipients_total{outcome="delivered"} 1\n' in page
    assert promtool(page) == ""
    assert "mailpool_x_microseconds" in promtool("# TYPE mailpool_x_microseconds gauge\nmailpool_x_microseconds 1\n"), "it can complain"


def test_open_metrics_on_a_socket_is_read_by_the_client_library(lab: Lab, sink: SmtpSink, fake: FakeImap):
    place = lab.directory("metrics", owner="mailpool", group="mailpool") / "metrics.sock"
    with_traffic(lab, sink, fake, str(place))
    assert place.stat().st_mode & 0o777 == 0o660
    kind, page = scrape(OverUnix(place), OPEN_METRICS)
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert families["mailpool_recipients"].type == "counter"
    assert {sample.labels["outcome"]: sample.value for sample in families["mailpool_recipients"].samples}["delivered"] == 1
    text = scrape(OverUnix(place))[1]
    assert len(families) == sum(line.startswith("# TYPE ") for line in text.splitlines())


def test_what_is_measured_is_driven_by_mail(lab: Lab):
    """Times, classes, paths, rules, tenants, campaigns, the loop and the process."""
    began, port = time.time(), free_port()
    good, bad = SmtpSink(lab), SmtpSink(lab, "-r", "MAIL", "-b", "421 4.7.0 slow down, too many messages")
    sources = {name: {"address": f"127.0.0.{number}"} for number, name in enumerate(("west", "east"), 2)}
    manager = Mailpoold(lab, {
        "route": {"good.example.org": [good.address], "bad.example.org": [bad.address]}, "source": sources, "pool": {"both": {"sources": {"west": 1, "east": 1}}},
        "smtp": {"source": "both"}, "site": {"good": {"domains": ["good.example.org"]}, "bad": {"domains": ["bad.example.org"]}},
        "rule": [{"site": "bad", "reply": "slow down", "do": "back_off", "for": "1m"}], "tenant": {"shop": {"sender_domains": ["shop.example.com"]}},
        "lmtp": {"trust_unsigned_tenant": True}, "metrics": {"listen": f"127.0.0.1:{port}"}}).start()
    labelled = b"X-Mailpool-Campaign: spring\r\nSubject: x\r\n\r\nx\r\n"
    for domain in ("good", "good", "bad"):
        with manager.lmtp() as client:
            client.deliver("s@shop.example.com", [f"u@{domain}.example.org"], labelled if domain == "good" else message(b"x\r\n"))
    page = scrape(http.client.HTTPConnection("127.0.0.1", port, timeout=10))[1]
    assert promtool(page) == ""
    manager.poolctl("flush", "good")
    wait_until(lambda: manager.totals()["connections_open"] == 0, 10, "all sites rest")
    page = scrape(http.client.HTTPConnection("127.0.0.1", port, timeout=10))[1]
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))

    def number(sample: str) -> float:
        return float(values[sample])

    for stage in ("wait", "connect", "transaction", "delivery"):
        assert number(f'mailpool_site_{stage}_seconds_count{{site="good"}}') == 2, stage
        assert number(f'mailpool_{stage}_seconds_bucket{{le="+Inf"}}') == number(f"mailpool_{stage}_seconds_count") >= 2
    assert number("mailpool_handshake_seconds_count") == 0, "it was plain text"
    assert 0 < number("mailpool_delivery_seconds_sum") < 60
    refusals = {sample: value for sample, value in values.items() if sample.startswith('mailpool_site_refusals_total{site="bad"')}
    assert len(refusals) == 1 and float(*refusals.values()) == 1
    for source in ("west", "east"):
        assert number(f'mailpool_path_recipients_total{{site="good",source="{source}",outcome="delivered"}}') == 1
        assert number(f'mailpool_path_connections{{site="good",source="{source}"}}') == 0
        assert number(f'mailpool_path_connections_limit{{site="good",source="{source}"}}') == 10
        assert number(f'mailpool_path_level{{site="good",source="{source}"}}') == 1
    lowered = [float(value) for sample, value in values.items() if sample.startswith('mailpool_path_level{site="bad"')]
    assert min(lowered) < 1, "it was told to slow down"
    rates = {sample: float(value) for sample, value in values.items() if sample.startswith("mailpool_path_rate_limit")}
    assert list(rates.values()) == [0.5] and 'site="bad"' in str(rates), "none is configured; one was asked to slow down to 30/min"
    assert [float(value) for sample, value in values.items() if sample.startswith("mailpool_rule_acted_total")] == [1]
    assert number('mailpool_tenant_recipients_total{tenant="shop",outcome="delivered"}') == 2
    assert number('mailpool_tenant_recipients_total{tenant="shop",outcome="deferred"}') == 1
    assert number("mailpool_loop_turn_seconds_count") > 3
    assert number("process_cpu_seconds_total") > 0 and number("process_resident_memory_bytes") > 1e6 and 5 < number("process_open_fds") < number("process_max_fds")
    assert abs(number("process_start_time_seconds") - began) < 60
    again = scrape(http.client.HTTPConnection("127.0.0.1", port, timeout=10))[1]
    assert f"process_start_time_seconds {values['process_start_time_seconds']}\n" in again, "it seems to have been started once"
    assert number('mailpool_campaign_recipients_total{campaign="spring",outcome="delivered"}') == 2


def test_so_many_sites_as_wanted_have_figures_of_their_own(lab: Lab, sink: SmtpSink):
    port = free_port()
    settings = {"route": {f"{name}.example.org": [sink.address] for name in "ab"},
                "site": {name: {"domains": [f"{name}.example.org"]} for name in "ab"}, "metrics": {"listen": f"127.0.0.1:{port}", "sites": 1}}
    manager = Mailpoold(lab, settings).start()
    with manager.lmtp() as client:
        client.deliver("s@example.com", [f"u@{name}.example.org" for name in "ab"], message(b"x\r\n"))

    def named() -> set[str]:
        page = scrape(http.client.HTTPConnection("127.0.0.1", port, timeout=10))[1]
        return set(re.findall(r'mailpool_site_recipients_total\{site="(\w+)",outcome="delivered"\} 1', page))

    wait_until(lambda: "other" in named() and len(named()) == 2, 10, "one has a label")
    manager.configure({**settings, "metrics": {"listen": f"127.0.0.1:{port}", "sites": 2}})
    manager.reload()
    assert named() >= {"a", "b"}, "what \"other\" has counted stays: no counter runs backwards"
