"""The examples for Prometheus and Grafana: each alert by promtool, each panel's query by a real Prometheus that scrapes a manager under load."""

import json
import re
import subprocess
import threading
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from lab.certificates import Authority, Certificate
from lab.fakeimap import FakeImap
from lab.fakemx import Fakemx
from lab.imap_pool import ImapPool
from lab.process import Lab, Program, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "conf/examples/prometheus/mailpool.rules.yml"
TESTS = ROOT / "tests/prometheus/alerts_test.yml"
DASHBOARD = ROOT / "conf/examples/grafana/mailpool-dashboard.json"
SCRAPE_EVERY = "1s"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path):
    done = promtool("test", "rules", TESTS)
    assert done.returncode == 0, done.stdout + done.stderr
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    assert len(alerts) >= 10
    for alert in alerts:
        assert TESTS.read_text().count(f"name: {alert} ") == 2, f"{alert}: one that fires, and one that does not"
    # It can fail: of each alert, an expression that is never so.
    broken = tmp_path / "rules.yml"
    broken.write_text(re.sub(r"expr: .*", "expr: vector(1) == 2", RULES.read_text()))
    (tmp_path / "test.yml").write_text(re.sub(r"- \S*mailpool\.rules\.yml", f"- {broken}", TESTS.read_text()))
    done = promtool("test", "rules", tmp_path / "test.yml")
    assert done.returncode != 0
    assert all(f'alertname=\\"{alert}\\"' in done.stdout + done.stderr or alert in done.stdout + done.stderr for alert in alerts)


class Prometheus:
    """One that scrapes a manager's figures."""

    def __init__(self, lab: Lab, target: str):
        self.port = free_port()
        directory = lab.directory("prometheus")
        config = directory / "prometheus.yml"
        config.write_text(f"global: {{scrape_interval: {SCRAPE_EVERY}, evaluation_interval: {SCRAPE_EVERY}}}\n"
                          f"rule_files: [{RULES}]\nscrape_configs:\n  - job_name: mailpool\n    static_configs: [{{targets: ['{target}']}}]\n")
        lab.run(Program("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
                                       f"--web.listen-address=127.0.0.1:{self.port}"], directory / "log"))
        wait_until(self.is_ready, 30, "Prometheus is ready")

    def is_ready(self) -> bool:
        try:
            return bool(self.get("query", query="up"))
        except OSError:
            return False

    def get(self, what: str, **parameters: str) -> list | dict:
        address = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            data = json.load(answer)["data"]
        return data["result"] if what == "query" else data


def queries() -> dict[str, str]:
    """Of all panels, by title and letter, as Grafana asks them with every host and site chosen."""
    found = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"].replace("$instance", ".*").replace("$site", ".*").replace("$__rate_interval", "20s")
            found[f"{panel['title']} ({target['refId']})"] = query
    return found


@pytest.fixture
def loaded(lab: Lab, fake: FakeImap, authority: Authority, certificate: Certificate) -> tuple[ImapPool, int]:
    """A manager with something of everything, and mail that keeps coming."""
    port = free_port()
    good = Fakemx(lab, certificate=certificate)
    strict = Fakemx(lab, "mail nth=2- -> 421 4.7.0 slow down, too many messages")
    pool = ImapPool(lab, fake.address, tls="none", settings={
        "metrics": {"listen": f"127.0.0.1:{port}"}, "route": {"good.example.org": [good.address], "strict.example.org": [strict.address]},
        "source": {"west": {"address": "127.0.0.2"}}, "tenant": {"shop": {"sender_domains": ["shop.example.com"]}},
        "site": {"good": {"domains": ["good.example.org"], "source": "west", "rate": "1000/s", "idle_timeout": "1s"}, "strict": {"domains": ["strict.example.org"]}},
        "rule": [{"site": "strict", "reply": "slow down", "do": "back_off", "for": "1s"}],
        "lmtp": {"trust_unsigned_tenant": True, "max_wait": "2s"}, "events": {"file": str(lab.directory("events", owner="mailpool") / "events.jsonl")}})
    is_over = threading.Event()

    def send() -> None:
        number = 0
        while not is_over.wait(0.05):
            number += 1
            with pool.manager.lmtp() as client:
                client.deliver("s@shop.example.com", [f"u{number}@{'strict' if number % 10 == 0 else 'good'}.example.org"],
                               b"X-Mailpool-Campaign: spring\r\nSubject: x\r\n\r\nx\r\n")
            if number % 20 == 0:
                pool.login("anna", "anna-secret").logout()

    sender = threading.Thread(target=send)
    sender.start()

    def stop() -> None:
        is_over.set()
        sender.join()

    lab.at_close(stop)
    return pool, port


def test_every_query_of_the_dashboard_returns_data(loaded: tuple[ImapPool, int], lab: Lab):
    prometheus = Prometheus(lab, f"127.0.0.1:{loaded[1]}")
    asked = queries()
    assert len(asked) > 35
    silent = dict(asked)

    def all_answer() -> bool:
        for name, query in list(silent.items()):
            values = [float(sample["value"][1]) for sample in prometheus.get("query", query=query)]
            if values and any(value == value for value in values):  # NaN: nothing to divide by
                del silent[name]
        return not silent

    try:
        wait_until(all_answer, 30, "every query has data", interval=1)
    finally:
        assert not silent, silent
    rules = prometheus.get("rules")["groups"][0]["rules"]
    assert [rule for rule in rules if rule["health"] == "err"] == []
    firing = {alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"] if alert["state"] == "firing"}
    assert firing <= {"MailpoolBlocked"}, "nothing else lasts long enough here"
