"""poolctl against a running manager: what it shows, what it changes, how it ends."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable

import pytest

from lab.certificates import Authority
from lab.dns import Dns
from lab.mailpool import Mailpoold, Poolctl, Value, program
from lab.messages import message
from lab.process import Lab, wait_until
from lab.receivers import SmtpSink

SENDER = "sender@example.com"
DOMAIN = "example.org"
DONE, REFUSED, USAGE, AWAY = 0, 1, 2, 69


@pytest.fixture
def start(lab: Lab) -> Callable[..., Mailpoold]:
    def starter(receiver: SmtpSink, **settings: Value) -> Mailpoold:
        return Mailpoold(lab, {
            "route": {"*": [receiver.address]},
            "site": {"provider": {"domains": [DOMAIN, "example.net"], "max_connections": 2, "rate": "100/s"}},
            **settings}).start()
    return starter


@pytest.fixture
def manager(sink: SmtpSink, start) -> Mailpoold:
    return start(sink)


def send(manager: Mailpoold, recipient: str = f"someone@{DOMAIN}"):
    with manager.lmtp() as client:
        return client.deliver(SENDER, [recipient], message(b"x\r\n"))[0]


# --- status

def test_status_has_every_key_that_scripts_rely_on(manager: Mailpoold):
    send(manager)
    status = manager.status()
    assert {"version", "state", "uptime", "totals", "sites"} <= set(status)
    assert {"messages", "delivered", "deferred", "refused", "in_flight", "waiting", "connections_opened",
            "connections_reused", "connections_open"} <= set(status["totals"])
    site = next(site for site in status["sites"] if site["site"] == "provider")
    assert {"site", "state", "domains", "connections", "max_connections", "in_flight", "waiting", "delivered", "deferred",
            "refused", "opened", "reused", "rate", "blocked_by", "not_before", "last_reply"} <= set(site)
    assert set(site["connections"]) >= {"connecting", "idle", "busy", "checking", "closing"}
    assert (site["state"], site["max_connections"], site["rate"], site["delivered"]) == ("open", 2, "100/s", 1)
    assert (site["opened"], site["reused"], site["connections"]["idle"], site["blocked_by"]) == (1, 0, 1, None)
    assert site["last_reply"].startswith("250")
    assert status["state"] == "running" and isinstance(status["uptime"], float)
    assert 0 < status["loop_worst_us"] < 60_000_000


def test_counters_count_recipients_and_messages(manager: Mailpoold):
    with manager.lmtp() as client:
        client.deliver(SENDER, [f"a@{DOMAIN}", f"b@{DOMAIN}"], message(b"x\r\n"))
    send(manager)
    totals = manager.totals()
    assert (totals["messages"], totals["delivered"], totals["in_flight"], totals["waiting"]) == (2, 3, 0, 0)
    assert (totals["connections_opened"], totals["connections_reused"], totals["connections_open"]) == (1, 1, 1)


@pytest.mark.parametrize("name", ["provider", DOMAIN])
def test_status_of_a_name_shows_it_in_full(manager: Mailpoold, name: str):
    send(manager)
    assert name in manager.poolctl("status", name).stdout
    assert manager.poolctl.json("status", name)


def test_a_mistyped_name_is_refused_with_the_nearest_one(manager: Mailpoold):
    done = manager.poolctl("status", "providr")
    assert done.returncode == REFUSED
    assert "provider" in done.stdout + done.stderr


# --- exit codes

def test_a_manager_that_is_away_is_exit_69(lab: Lab):
    done = Poolctl(lab.root / "nothing.sock")("status")
    assert done.returncode == AWAY
    assert "nothing.sock" in done.stderr


@pytest.mark.parametrize("arguments", [["frobnicate"], [], ["suspend"], ["suspend", "provider", "--for", "soon"],
                                       ["status", "--colour-me"]])
def test_wrong_usage_is_exit_2(manager: Mailpoold, arguments: list[str]):
    assert manager.poolctl(*arguments).returncode == USAGE


@pytest.mark.parametrize("command", ["status", "connections", "explain", "suspend", "resume", "flush", "drain", "undrain",
                                     "reload", "check"])
def test_every_command_has_help(manager: Mailpoold, command: str):
    done = manager.poolctl(command, "--help")
    assert done.returncode == DONE and command in done.stdout


def test_a_user_who_may_only_look_may_not_change(sink: SmtpSink, start):
    manager = start(sink, lmtp={"socket_group": "postfix"})  # the group of the control socket, too
    looker = {"user": "postfix"}
    manager.directory.chmod(0o755)
    assert manager.poolctl("status", **looker).returncode == DONE
    done = manager.poolctl("drain", **looker)
    assert done.returncode == REFUSED
    assert "write_users" in done.stdout + done.stderr
    assert manager.status()["state"] == "running"


def test_a_stranger_may_not_even_look(manager: Mailpoold):
    manager.directory.chmod(0o755)
    done = manager.poolctl("--json", "status", user="guest")
    assert done.returncode in (REFUSED, AWAY)
    assert "totals" not in done.stdout


# --- suspend, resume, flush, drain

def test_a_suspended_site_says_so_in_every_answer(manager: Mailpoold, sink: SmtpSink):
    assert manager.poolctl("suspend", "provider", "--for", "1h", "--reason", "they asked us to").returncode == DONE
    reply = send(manager)
    assert (reply.code, reply.enhanced) == (451, "4.7.1")
    assert re.search(r"provider: suspended until .+: they asked us to", reply.text)
    site = manager.site("provider")
    assert (site["state"], site["blocked_by"]) == ("suspended", "suspended")
    assert send(manager, "x@elsewhere.example.com").code == 250, "other sites go on"
    assert manager.poolctl("resume", "provider").returncode == DONE
    assert send(manager).code == 250


def test_a_suspended_domain_leaves_its_site_open(manager: Mailpoold, sink: SmtpSink):
    assert manager.poolctl("suspend", "--domain", DOMAIN, "--for", "1h", "--reason", "list bombing").returncode == DONE
    reply = send(manager)
    assert (reply.code, reply.enhanced) == (451, "4.7.1") and "list bombing" in reply.text
    assert send(manager, "x@example.net").code == 250
    assert manager.poolctl("resume", "--domain", DOMAIN).returncode == DONE
    assert send(manager).code == 250


def test_all_mail_is_held_and_let_go_again(manager: Mailpoold, sink: SmtpSink):
    done = manager.poolctl("suspend", "--all", "--for", "1h", "--reason", "a bad list")
    assert done.returncode == DONE and "waits in the MTA's queue" in " ".join(done.stdout.split())
    for recipient in (f"someone@{DOMAIN}", "x@elsewhere.example.com"):
        reply = send(manager, recipient)
        assert (reply.code, reply.enhanced) == (451, "4.7.1")
        assert re.search(r"all mail: suspended until .+: a bad list", reply.text)
    (held,) = manager.status()["suspensions"]
    assert (held["is_all"], held["name"], held["reason"]) == (True, "", "a bad list")
    assert "ALL MAIL IS SUSPENDED" in manager.poolctl("status").stdout
    explained = manager.poolctl.json("explain", f"someone@{DOMAIN}")
    assert explained["blocked_by"] == "suspended" and "all mail" in explained["would"]
    assert manager.poolctl("suspend", "--all", "provider", "--for", "1h", "--reason", "x").returncode == USAGE
    assert manager.poolctl("resume", "--all").returncode == DONE
    assert manager.poolctl("resume", "--all").returncode == REFUSED
    assert send(manager).code == 250


def test_a_site_or_domain_that_has_had_no_mail_can_be_suspended(manager: Mailpoold, sink: SmtpSink):
    assert manager.poolctl("suspend", "provider", "--for", "1h", "--reason", "not yet").returncode == DONE
    assert "not yet" in send(manager).text
    done = manager.poolctl("suspend", "mx.unused.example", "--for", "1h", "--reason", "not yet")
    assert done.returncode == DONE and "no site of that name has had mail yet" in " ".join(done.stdout.split())
    refused = manager.poolctl("suspend", DOMAIN, "--for", "1h", "--reason", "x")
    assert refused.returncode == REFUSED and f"say --domain {DOMAIN}" in refused.stderr and "provider" in refused.stderr
    assert manager.poolctl("status", DOMAIN).returncode == DONE
    assert manager.poolctl("suspend", "nonsense", "--for", "1h", "--reason", "x").returncode == REFUSED


def test_each_domain_has_its_counts(manager: Mailpoold, sink: SmtpSink):
    send(manager)
    (domain,) = manager.poolctl.json("status", DOMAIN)["domains"]
    assert (domain["delivered"], domain["deferred"], domain["refused"]) == (1, 0, 0)


def test_a_site_that_delivers_nothing_is_failing_until_it_does(lab: Lab, start):
    dead = SmtpSink(lab, "-r", "MAIL")  # puts everybody off
    manager = start(dead)
    for _ in range(4):
        assert send(manager).code == 450
    site = manager.site("provider")
    assert site["state"] == "failing" and "nothing delivered since" in site["trouble"] and site["cure"]
    shown = manager.poolctl("status").stdout
    assert shown.index("failing      provider:") < shown.index("STATE")
    assert manager.log().count("site=provider is failing:") == 1
    findings = manager.poolctl.json("check")["findings"]
    assert any(f["level"] == "warning" and "site provider: nothing delivered" in f["text"] for f in findings)


def test_a_domain_that_dns_gives_no_host_for_has_a_row_and_can_be_asked_for(lab: Lab, dns: Dns, sink: SmtpSink):
    manager = Mailpoold(lab, {"dns": {"servers": dns.servers}}).start()
    assert send(manager, "someone@d09.example").code // 100 in (4, 5)
    status = manager.status()
    assert [d["domain"] for d in status["unrouted"]] == ["d09.example"] and status["unrouted_known"] == 1
    assert "d09.example" in manager.poolctl("status").stdout and "no route" in manager.poolctl("status").stdout
    (domain,) = manager.poolctl.json("status", "d09.example")["domains"]
    assert domain["state"] == "no_route" and domain["reason"] and domain["deferred"] + domain["refused"] == 1


def test_a_suspension_ends_by_itself(manager: Mailpoold, sink: SmtpSink):
    manager.poolctl("suspend", "provider", "--for", "1s", "--reason", "a moment")
    assert send(manager).code == 451
    wait_until(lambda: send(manager).code == 250, 5, "the site is open again", interval=0.3)


def test_flush_closes_idle_connections(manager: Mailpoold, sink: SmtpSink):
    send(manager)
    assert manager.site("provider")["connections"]["idle"] == 1
    assert manager.poolctl("flush", "provider").returncode == DONE
    wait_until(lambda: manager.site("provider")["connections"]["idle"] == 0, 5, "no idle connection is left")
    assert send(manager).code == 250
    assert manager.site("provider")["opened"] == 2


def test_drain_puts_new_mail_off_until_undrain(manager: Mailpoold, sink: SmtpSink):
    assert manager.poolctl("drain").returncode == DONE
    assert manager.status()["state"] == "draining"
    reply = send(manager)
    assert (reply.code, reply.enhanced) == (451, "4.3.2")
    assert manager.poolctl("undrain").returncode == DONE
    assert manager.status()["state"] == "running"
    assert send(manager).code == 250


# --- reload and check

def test_reload_applies_a_good_file_and_reports_a_bad_one(manager: Mailpoold, sink: SmtpSink):
    manager.configure({"route": {"*": [sink.address]}, "site": {"provider": {"domains": [DOMAIN], "max_connections": 7}}})
    assert manager.poolctl("reload").returncode == DONE
    send(manager)
    assert manager.site("provider")["max_connections"] == 7
    manager.config_file.write_text("[smtp]\nmax_conections = 3\n")
    done = manager.poolctl("reload")
    assert done.returncode == REFUSED
    assert f"{manager.config_file}:2" in done.stdout + done.stderr and "max_connections" in done.stdout + done.stderr
    assert manager.site("provider")["max_connections"] == 7
    manager.config_file.write_text(f'[log]\nto = "{manager.config_file.parent}/no/such/directory/log"\n')
    assert manager.poolctl("reload").returncode == REFUSED, "the next start would fail"


def test_what_stands_in_conf_d_wins(manager: Mailpoold, sink: SmtpSink):
    drop_ins = manager.config_file.parent / "conf.d"
    drop_ins.mkdir()
    (drop_ins / "10-mine.toml").write_text("[site.provider]\nmax_connections = 9\n")
    (drop_ins / "ignored.toml.dpkg-old").write_text("nonsense")
    assert manager.poolctl("reload").returncode == DONE
    send(manager)
    assert manager.site("provider")["max_connections"] == 9
    (drop_ins / "20-bad.toml").write_text("[site.provider]\nmax_conections = 9\n")
    done = manager.poolctl("reload")
    assert done.returncode == REFUSED and "20-bad.toml:2" in done.stdout + done.stderr


def test_of_reloads_that_come_together_the_newest_stays(manager: Mailpoold, sink: SmtpSink):
    """Whichever was read faster: signals and a command, while mail flows."""
    send(manager)
    for most in range(3, 23):
        manager.configure({"route": {"*": [sink.address]}, "site": {"provider": {"domains": [DOMAIN], "max_connections": most}}})
        if most == 22:
            assert manager.poolctl("reload").returncode == DONE
        else:
            manager.hang_up()
        assert manager.status()["state"] == "running"
    assert manager.site("provider")["max_connections"] == 22
    assert send(manager).code == 250
    assert manager.site("provider")["max_connections"] == 22


def test_check_is_content_with_the_lab_or_says_what_to_do(manager: Mailpoold):
    done = manager.poolctl("check")
    assert done.stdout.strip()
    assert manager.poolctl("--json", "check").returncode == done.returncode
    assert json.loads(manager.poolctl("--json", "check").stdout)


@pytest.mark.parametrize(("days", "level"), [(5, "warning"), (30, "good")])
def test_check_warns_of_a_certificate_of_ours_that_ends_soon(lab: Lab, authority: Authority, days: int, level: str):
    made = authority.issue_to_mailpool("client.example.com", days=days, stem=f"client-{days}")
    manager = Mailpoold(lab, {"tls": {"certificate": str(made.certificate), "key": str(made.key)}}).start()
    (found,) = [finding for finding in manager.poolctl.json("check")["findings"] if finding["area"] == "tls"]
    assert found["level"] == level and str(made.certificate) in found["text"], found


def test_the_daemon_checks_a_file_by_itself(lab: Lab):
    bad = lab.root / "bad.toml"
    bad.write_text('hostnme = "x"\n[smtp]\nrate = "fast"\nmax_connections = 0\n')
    done = subprocess.run([program("mailpoold"), "--config", bad, "--check"], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 78
    for line, piece in ((1, "hostname"), (3, "rate"), (4, "max_connections")):
        assert re.search(re.escape(f"{bad}:{line}:") + ".*" + piece, said), said
    good = lab.root / "good.toml"
    good.write_text(f'[log]\nto = "{lab.root}/no/such/directory/log"\n')
    done = subprocess.run([program("mailpoold"), "--config", good, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 78 and "[log] to" in done.stdout
    good.write_text("")
    assert subprocess.run([program("mailpoold"), "--config", good, "--check"], check=False).returncode == 0


# --- explain and connections

def test_explain_tells_domain_site_hosts_and_limits(lab: Lab, dns: Dns, sink: SmtpSink):
    dns.mx("customer.example.com", "mx1.provider.example.net", "mx2.provider.example.net")
    dns.a("mx1.provider.example.net", "127.0.1.1")
    dns.a("mx2.provider.example.net", "127.0.1.2")
    manager = Mailpoold(lab, {"dns": {"servers": dns.servers}, "smtp": {"prohibited": []},
                              "site": {"provider": {"mx": [".provider.example.net"], "rate": "3/s"}}}).start()
    told = manager.poolctl.json("explain", "someone@customer.example.com")
    assert (told["domain"], told["site"]) == ("customer.example.com", "provider")
    assert told["hosts"] == ["mx1.provider.example.net", "mx2.provider.example.net"]
    assert any(limit["option"] == "rate" and limit["ceiling"] == "3/s" for limit in told["limits"])
    text = manager.poolctl("explain", "someone@customer.example.com").stdout
    assert "provider" in text and "mx1.provider.example.net" in text


def test_connections_has_a_row_for_each(manager: Mailpoold, sink: SmtpSink):
    send(manager)
    rows = manager.poolctl.json("connections")["connections"]
    assert [(row["site"], row["state"], row["messages"]) for row in rows] == [("provider", "idle", 1)]
    assert str(sink.port) in manager.poolctl("connections", "provider").stdout


# --- for people

@pytest.mark.parametrize("arguments", [["status"], ["connections"], ["explain", f"someone@{DOMAIN}"], ["status", "provider"],
                                       ["check"]])
def test_tables_fit_eighty_columns_and_are_plain_text_in_a_pipe(manager: Mailpoold, arguments: list[str]):
    send(manager)
    shown = manager.poolctl(*arguments, environment={"COLUMNS": "80"}).stdout
    assert "\x1b" not in shown
    if arguments != ["check"]:
        assert max(map(len, shown.splitlines())) <= 80


def test_colour_only_on_a_terminal_and_never_with_no_color(manager: Mailpoold):
    send(manager)
    manager.poolctl("suspend", "provider", "--for", "1h", "--reason", "for colour")
    assert "\x1b[" in on_a_terminal(manager, {"TERM": "xterm-256color"})
    assert "\x1b[" not in on_a_terminal(manager, {"TERM": "xterm-256color", "NO_COLOR": "1"})


def on_a_terminal(manager: Mailpoold, environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    kept = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    process = subprocess.Popen([program("poolctl"), "--socket", manager.control_socket, "status"], stdout=theirs,
                               stderr=theirs, stdin=theirs, env={**kept, **environment})
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    process.wait(10)
    os.close(ours)
    return shown.decode(errors="replace")
