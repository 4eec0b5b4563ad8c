"""poolctl postfix enable, disable, status and lookup, on the configuration files of a real Postfix."""

import json
import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lab.mailpool import program
from lab.process import Lab, wait_until
from lab.table import TABLE, TableHost, hashed

# What an operator's main.cf looks like after some years.
OPERATORS_LINES = """
# our own transports, see ticket 4711
transport_maps = inline:{ { first.example = smtp:[127.0.0.1]:1 } },
    # Paul's table
    texthash:/etc/postfix/paul,
\ttexthash:$config_directory/transport

  # an indented comment
mydestination=$myhostname,
   localhost
recipient_delimiter =  +
"""
OPERATORS_SERVICES = """
# an instance for submission
587       inet  n       -       y       -       -       smtpd
    # with comments among the options
    -o syslog_name=postfix/submission
\t-o smtpd_tls_security_level=may
"""


class Wiring:
    """A Postfix's two files, and poolctl on them."""

    def __init__(self, host: TableHost):
        self.host = host
        self.config = host.postfix.config
        (self.config / "transport").write_text("by-table.example smtp:[127.0.0.1]:1\n")
        Path("/etc/postfix/paul").write_text("")

    def files(self) -> dict[str, bytes]:
        return {name: (self.config / name).read_bytes() for name in ("main.cf", "master.cf")}

    def run(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([program("poolctl"), "postfix", *words, "--config-directory", self.config],
                              capture_output=True, text=True, check=False)

    def must(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def value(self, parameter: str) -> str:
        return self.host.postfix.command("postconf", "-h", parameter, text=True).stdout.strip()


@pytest.fixture
def wiring(lab: Lab) -> Callable[..., Wiring]:
    """A Postfix that is not wired yet."""
    def make(settings: dict[str, str] | None = None, lines: str = "", services: str = "") -> Wiring:
        host = TableHost(lab, {"default_transport": "smtp", "transport_maps": "", **(settings or {})},
                         ("--site", "google=gmail.com"), services)
        main = host.postfix.config / "main.cf"
        kept = main.read_text() if settings and "transport_maps" in settings else main.read_text().replace("transport_maps = \n", "")
        main.write_text("# first line\n" + kept.replace("mydestination = \n", "" if lines else "mydestination = \n") + lines)
        return Wiring(host)
    return make


@pytest.mark.parametrize("lines", ["", OPERATORS_LINES, OPERATORS_LINES.rstrip("\n")],
                         ids=["stock", "lived in", "no final line end"])
@pytest.mark.parametrize("simple", [[], ["--simple"]], ids=["table", "simple"])
def test_disable_gives_back_both_files_octet_for_octet(lines: str, simple: list[str], wiring: Callable[..., Wiring]):
    it = wiring(lines=lines, services=OPERATORS_SERVICES)
    before = it.files()
    told = it.must("enable", *simple)
    assert "postconf -c" in told
    assert it.files() != before
    if not simple:
        assert it.value("transport_maps").endswith(TABLE)
        assert it.value("address_verify_transport_maps").count("mailpool") == 0
    assert it.value("address_verify_default_transport") == "smtp"
    again = it.files()
    assert "nothing to do" in it.must("enable", *simple)
    assert it.files() == again
    it.must("disable")
    assert it.files() == before
    assert not (it.config / "mailpool.undo").exists()
    assert "nothing to do" in it.must("disable")
    assert it.files() == before


def test_what_enable_sets(wiring: Callable[..., Wiring]):
    it = wiring()
    assert "why: 500 processes" in it.must("enable")
    assert it.value("transport_maps") == TABLE
    assert it.value("mailpool_destination_concurrency_failed_cohort_limit") == "0"
    assert it.value("mailpool_destination_concurrency_limit") == "20"
    services = it.host.postfix.command("postconf", "-M", "mailpool/unix", text=True).stdout
    assert services.split()[:8] == ["mailpool", "unix", "-", "-", "y", "-", "500", "lmtp"]
    assert it.value("mailpool-backlog_destination_concurrency_failed_cohort_limit") == "0"
    services = it.host.postfix.command("postconf", "-M", "mailpool-backlog/unix", text=True).stdout
    assert services.split()[:8] == ["mailpool-backlog", "unix", "-", "-", "y", "-", "500", "lmtp"]
    of_both = [sorted(it.host.postfix.command("postconf", "-P", f"{service}/unix/*", text=True).stdout.replace(f"{service}/unix/", "").splitlines())
               for service in ("mailpool", "mailpool-backlog")]
    assert of_both[0] == of_both[1] != []
    options = it.host.postfix.command("postconf", "-P", "mailpool/unix/*", text=True).stdout
    options += (it.config / "master.cf").read_text()
    for option in ("lmtp_send_xforward_command=yes", "lmtp_data_done_timeout=1800s", "lmtp_line_length_limit=0",
                   "lmtp_connection_cache_on_demand=no"):
        assert option in options
    check = it.host.postfix.command("postfix", "check", text=True)
    assert "warning" not in check.stderr, check.stderr


def test_a_service_of_an_earlier_enable_is_told_from_one_of_today(wiring: Callable[..., Wiring]):
    it = wiring()
    it.must("enable")
    warnings = json.loads(it.run("enable", "--json").stdout)["warnings"]
    assert not [warning for warning in warnings if "postconf" in str(warning)], warnings
    it.host.postfix.command("postconf", "-F", "mailpool/unix/process_limit=100")
    it.host.postfix.command("postconf", "-PX", "mailpool/unix/lmtp_connection_cache_on_demand")
    warnings = json.loads(it.run("enable", "--json").stdout)["warnings"]
    mends = [command for warning in warnings for command in re.findall(r"postconf -[PF] [^&]*", str(warning))]
    assert len(mends) == 2, warnings
    for mend in mends:
        it.host.postfix.command("postconf", *mend.split()[1:])
    warnings = json.loads(it.run("enable", "--json").stdout)["warnings"]
    assert not [warning for warning in warnings if "postconf" in str(warning)], warnings


def test_an_installation_of_an_earlier_enable_gets_the_service_for_what_waits(wiring: Callable[..., Wiring]):
    it = wiring()
    it.must("enable")
    postconf = partial(it.host.postfix.command, "postconf")
    postconf("-MX", "mailpool-backlog/unix")
    postconf("-X", *(f"mailpool-backlog_{name}" for name in ("destination_concurrency_limit", "initial_destination_concurrency",
                                                             "destination_recipient_limit", "destination_concurrency_failed_cohort_limit")))
    # The record as 0.1.0 kept it: one service.
    record = it.config / "mailpool.undo/record.json"
    kept = json.loads(record.read_text())
    kept["service"] = kept.pop("services")[0]
    kept["parameters"] = [one for one in kept["parameters"] if "backlog" not in one["name"]]
    record.write_text(json.dumps(kept))
    postconf("-P", "mailpool/unix/lmtp_generic_maps=inline:{a=b}")
    postconf("-e", "mailpool_destination_recipient_limit=7")
    assert "something that enable sets is not set" in it.run("status").stdout
    it.must("enable")
    assert "lmtp_generic_maps = inline:{a=b}" in postconf("-P", "mailpool-backlog/unix/*", text=True).stdout
    assert it.value("mailpool-backlog_destination_recipient_limit") == "7"
    assert it.run("disable").returncode == 1, "the operator changed what enable set"
    it.must("disable", "--force")
    assert "mailpool" not in it.files()["main.cf"].decode()
    assert "mailpool" not in postconf("-M", text=True).stdout


def test_dry_run_says_the_commands_and_changes_nothing(wiring: Callable[..., Wiring]):
    it = wiring()
    before = it.files()
    said = it.must("enable", "--dry-run")
    assert f"transport_maps = {TABLE}" in said and "nothing was changed" in said
    assert it.files() == before and not (it.config / "mailpool.undo").exists()
    commands = [line for line in said.splitlines() if line.startswith("postconf")]
    for command in commands:  # and they are commands that a shell runs
        subprocess.run(command, shell=True, check=True)
    after = it.files()
    assert "nothing to do" in it.must("enable")
    assert it.files() == after
    said = it.must("disable", "--dry-run")
    assert it.files() == after and "transport_maps" in said


REFUSALS = {
    "relayhost": {"relayhost": "[relay.example]"},
    "sender_dependent_relayhost_maps": {"sender_dependent_relayhost_maps": "inline:{a=b}"},
    "sender_dependent_default_transport_maps": {"sender_dependent_default_transport_maps": "inline:{a=b}"},
    'an entry for "*"': {"transport_maps": "inline:{*=smtp:[127.0.0.1]}"},
}


@pytest.mark.parametrize("name", REFUSALS)
def test_enable_refuses_with_the_reason_and_the_mend(name: str, wiring: Callable[..., Wiring]):
    it = wiring(REFUSALS[name])
    before = it.files()
    done = it.run("enable")
    assert done.returncode == 1
    assert name in done.stderr and "mend:" in done.stderr
    assert it.files() == before
    answer = json.loads(it.run("enable", "--json").stdout)
    assert answer["enabled"] is False and name in answer["refusals"][0]["what"]


def test_enable_refuses_a_table_that_postfix_cannot_load(wiring: Callable[..., Wiring]):
    it = wiring()
    listing = it.config / "dynamicmaps.cf.d" / "mailpool.cf"
    listing.write_text(f"mailpool {it.config}/broken.so dict_mailpool_open\n")
    (it.config / "broken.so").write_text("not a shared object")
    assert it.run("enable").returncode == 1
    listing.unlink()
    done = it.run("enable")
    assert done.returncode == 1 and "apt install postfix-mailpool" in done.stderr


def test_disable_stops_where_the_operator_changed_what_enable_set(wiring: Callable[..., Wiring]):
    it = wiring()
    it.must("enable")
    it.host.postfix.command("postconf", "-e", f"transport_maps = texthash:/etc/postfix/paul, {TABLE}")
    changed = it.files()
    done = it.run("disable")
    assert done.returncode == 1 and "transport_maps was changed since enable" in done.stderr
    assert it.files() == changed
    it.must("disable", "--force")
    assert it.value("transport_maps") == "texthash:/etc/postfix/paul"
    assert "mailpool" not in (it.config / "main.cf").read_text() + (it.config / "master.cf").read_text()


def test_disable_keeps_what_the_operator_edited_elsewhere(wiring: Callable[..., Wiring]):
    it = wiring(lines=OPERATORS_LINES)
    it.must("enable")
    with (it.config / "main.cf").open("a") as file:
        file.write("# a late thought\nsmtpd_banner = hello\n")
    assert it.value("smtpd_banner") == "hello"
    it.must("enable")  # must not make the edit part of what was there before
    it.must("disable")
    text = (it.config / "main.cf").read_text()
    assert "# a late thought\nsmtpd_banner = hello\n" in text and "# our own transports, see ticket 4711" in text
    assert "mailpool" not in text
    assert "texthash:/etc/postfix/paul" in it.value("transport_maps")


def test_a_postconf_that_fails_half_way_leaves_the_files_as_they_were(wiring: Callable[..., Wiring], tmp_path: Path):
    it = wiring()
    before = it.files()
    fake = tmp_path / "postconf"
    fake.write_text('#!/bin/sh\ncase "$*" in *" -e "*) echo no >&2; exit 1;; esac\nexec /usr/sbin/postconf "$@"\n')
    fake.chmod(0o755)
    done = subprocess.run([program("poolctl"), "postfix", "enable", "--config-directory", it.config], capture_output=True,
                          text=True, check=False, env={"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/bin"})
    assert done.returncode == 1 and "as before" in done.stderr
    assert it.files() == before


def test_lookup_says_what_the_table_answers_and_why(wiring: Callable[..., Wiring]):
    it = wiring({"relay_domains": "relay.example"}, OPERATORS_LINES)
    said = it.must("lookup", "a@gmail.com")
    assert "mailpool:unix:mailpool/d/google" in said and "its site is named" in said
    assert "transport_maps does not name the table" in said
    it.must("enable")
    assert hashed("nobody.example") in it.must("lookup", "user+x@nobody.example")
    said = it.must("lookup", "a@sub.relay.example")
    assert "not found" in said and "relay_domains names it" in said
    said = it.must("lookup", "a@by-table.example")
    assert "answers before it, for by-table.example" in said
    answer = json.loads(it.must("lookup", "a@gmail.com", "--json"))
    assert answer["answer"] == answer["transport"] == "mailpool:unix:mailpool/d/google" and answer["wired"] is True
    it.host.publisher.kill()
    it.host.map.unlink()
    assert "there is no usable map" in it.must("lookup", "a@gmail.com")
    for odd in ("gmail.com", "@gmail.com", "a@", "a\nb@c"):
        assert it.run("lookup", odd).returncode == 2


def test_status_tells_whether_mail_flows_and_what_went_past_the_pool(wiring: Callable[..., Wiring]):
    it = wiring()
    answer = json.loads(it.run("status", "--json").stdout)
    assert answer["mode"] is None and answer["findings"]
    it.must("enable")
    done = it.run("status")
    assert done.returncode == 0 and "wired by table" in done.stdout and "map          open" in done.stdout, done.stdout
    log = it.config / "some.log"
    log.write_text("Nov 21 06:00:00 h postfix/smtp[1]: A1: to=<a@gmail.com>, relay=x, dsn=2.0.0, status=sent (250)\n"
                   "Nov 21 06:00:01 h postfix/mailpool/lmtp[1]: A2: to=<a@gmail.com>, relay=x, dsn=2.0.0, status=sent (250)\n"
                   "Nov 21 06:00:01 h postfix/relay/smtp[1]: A3: to=<a@gmail.com>, relay=x, dsn=2.0.0, status=sent (250)\n"
                   "Nov 21 06:00:01 h postfix/smtp[1]: A4: to=<a@gmail.com>, relay=x, dsn=4.0.0, status=deferred (no)\n")
    counts = json.loads(it.run("status", "--json", "--log", str(log)).stdout)["deliveries"]
    assert (counts["pooled"], counts["bypassed"]) == (1, 1)
    it.host.postfix.command("postconf", "-e", "mailpool_destination_concurrency_limit = 3")
    done = it.run("status")
    assert done.returncode == 1 and "changed since enable" in done.stdout


def test_mail_flows_through_the_pool_after_enable_and_past_it_after_disable(wiring: Callable[..., Wiring]):
    it = wiring({"default_transport": "retry:no network in this room"})
    it.host.postfix.start()
    it.must("enable")
    assert it.host.relay_of("a@gmail.com") == "google"
    it.must("disable")
    it.host.postfix.submit_locally("sender@example.com", ["b@gmail.com"], b"Subject: x\r\n\r\nx\r\n")
    assert "no network in this room" in it.host.postfix.wait_for_delivery("b@gmail.com").text
    it.must("enable", "--simple")
    it.host.postfix.flush()
    wait_until(lambda: any("mailpool/lmtp.sock" in one.relay for one in it.host.postfix.deliveries("sent")), 20,
               "what waited goes through the pool")
