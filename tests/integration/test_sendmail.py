"""A real Sendmail in front: delivery through the mailer, exact status per recipient, no domain in another's way, kills."""

import random
import time

import pytest

from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.oracle import Evidence, Submitted
from lab.process import Lab, LabError, wait_until
from lab.receivers import SmtpSink
from lab.sendmail import Sendmail, install_macros, with_mailpool

SENDER = "sender@home.example.net"
DOMAINS = tuple(f"{name}.example.org" for name in ("one", "two", "three", "four", "five"))
KILLS = 20
QUEUE_ONLY = "define(`confDELIVERY_MODE', `q')dnl"


def manager_for(lab: Lab, routes: dict[str, Fakemx | SmtpSink], **smtp: int) -> Mailpoold:
    """With the limits that the feature's queue runners are sized for."""
    return Mailpoold(lab, {"route": {domain: [receiver.address] for domain, receiver in routes.items()},
                           "smtp": {"max_connections": 10, "max_waiting": 10, **smtp}}).start()


def numbered(sendmail: Sendmail, first: int, count: int, domains: tuple[str, ...]) -> list[Submitted]:
    """Messages with a recipient each, over the domains in turn."""
    submitted = []
    for number in range(first, first + count):
        entry = Submitted(f"from{number}@home.example.net", f"to{number}@{domains[number % len(domains)]}")
        sendmail.send(entry.sender, [entry.recipient], message(b"message %d\r\n" % number, f"m{number}"))
        submitted.append(entry)
    return submitted


def test_five_domains_get_their_mail_through_the_pool(lab: Lab):
    receivers = {domain: Fakemx(lab) for domain in DOMAINS}
    manager = manager_for(lab, receivers)
    sendmail = Sendmail(lab, "front", with_mailpool(manager.lmtp_socket)).start()
    submitted = numbered(sendmail, 0, 25, DOMAINS)
    sendmail.wait_until_empty()
    accepted = [entry for receiver in receivers.values() for entry in receiver.accepted()]
    assert Evidence(submitted, accepted, sendmail.deliveries(), logs_replies=False).judge() == []
    totals = manager.totals()
    assert totals["delivered"] == 25 and totals["connections_reused"] > 0


def test_local_parts_that_sendmail_takes_are_delivered(lab: Lab):
    """Sendmail hands them over as they came; a server gets them as RFC 5321 spells them."""
    sink = Fakemx(lab)
    manager = manager_for(lab, {DOMAINS[0]: sink})
    sendmail = Sendmail(lab, "front", with_mailpool(manager.lmtp_socket)).start()
    spelt = {f"try..this@{DOMAINS[0]}": f'"try..this"@{DOMAINS[0]}', f"ends.@{DOMAINS[0]}": f'"ends."@{DOMAINS[0]}',
             f"plain@{DOMAINS[0]}": f"plain@{DOMAINS[0]}"}
    for recipient in spelt:
        sendmail.send("odd..sender.@home.example.net", [recipient], message(b"text\r\n"))
    sendmail.wait_until_empty()
    assert sorted(entry.recipient for entry in sink.accepted()) == sorted(spelt.values())
    assert {entry.sender for entry in sink.accepted()} == {'"odd..sender."@home.example.net'}
    assert {delivery.status for delivery in sendmail.deliveries()} == {"sent"}


def test_the_log_of_the_manager_has_sendmails_queue_id(lab: Lab):
    manager = manager_for(lab, {DOMAINS[0]: Fakemx(lab)})
    sendmail = Sendmail(lab, "front", with_mailpool(manager.lmtp_socket)).start()
    queue_id = sendmail.send(SENDER, [f"a@{DOMAINS[0]}"], message(b"text\r\n"))
    sendmail.wait_until_empty()
    assert [outcome.id for outcome in manager.outcomes()] == [queue_id]


def test_delivered_refused_and_deferred_in_one_message_are_told_apart(lab: Lab):
    """The sender gets a report of the refused recipient alone, and the queue keeps the deferred one alone."""
    away = Fakemx(lab, "rcpt to=no@* -> 550 5.1.1 nobody of that name\nrcpt to=later@* -> 451 4.2.2 mailbox full\n")
    home = SmtpSink(lab)
    manager = manager_for(lab, {DOMAINS[0]: away, "home.example.net": home})
    sendmail = Sendmail(lab, "front", with_mailpool(manager.lmtp_socket)).start()
    yes, no, later = (f"{name}@{DOMAINS[0]}" for name in ("yes", "no", "later"))
    queue_id = sendmail.send(SENDER, [yes, no, later], message(b"text\r\n"))

    report = wait_until(home.messages, 30, f"the report of {no} arrives")[0].decode()
    assert [entry.recipient for entry in away.accepted()] == [yes]
    status = {delivery.recipient: (delivery.status, delivery.dsn) for delivery in sendmail.deliveries()
              if delivery.queue_id == queue_id}
    assert status == {yes: ("sent", "2.0.0"), no: ("bounced", "5.1.1"), later: ("deferred", "4.2.2")}
    wait_until(lambda: sendmail.recipients_queued(queue_id) == [later], 10, "only the deferred one waits")
    assert f"Final-Recipient: RFC822; {no}" in report and "nobody of that name" in report
    assert report.count("Final-Recipient:") == 1


def test_a_hanging_domain_and_a_suspended_one_delay_no_other(lab: Lab):
    """Queue runs have them all, and the hanging domain's come first: what stands behind them is the next run's."""
    hanging = Fakemx(lab, "mail -> delay 10m\n")
    receivers = {domain: Fakemx(lab) for domain in DOMAINS[2:]}
    manager = manager_for(lab, {DOMAINS[0]: hanging, DOMAINS[1]: Fakemx(lab), **receivers})
    assert manager.poolctl("suspend", "--domain", DOMAINS[1], "--for", "1h", "--reason", "their word").returncode == 0
    sendmail = Sendmail(lab, "front", with_mailpool(manager.lmtp_socket), more=QUEUE_ONLY).start()
    numbered(sendmail, 0, 30, DOMAINS[:1])
    numbered(sendmail, 30, 10, DOMAINS[1:2])
    rest = numbered(sendmail, 40, 30, DOMAINS[2:])

    def others() -> int:
        return sum(len(receiver.accepted()) for receiver in receivers.values())
    wait_until(lambda: others() == len(rest), 25, "the others are delivered")
    assert not hanging.accepted()
    assert any(row["domain"] == DOMAINS[1] for row in manager.poolctl.json("status", DOMAINS[1])["domains"])
    words = sendmail.log()
    assert "421" not in [delivery.text[10:13] for delivery in sendmail.deliveries()]
    assert "their word" in words


def test_a_restart_of_the_manager_costs_the_mail_nothing_but_time(lab: Lab):
    receiver = Fakemx(lab)
    manager = manager_for(lab, {domain: receiver for domain in DOMAINS})
    sendmail = Sendmail(lab, "front", with_mailpool(manager.lmtp_socket)).start()
    manager.kill()
    submitted = numbered(sendmail, 0, 5, DOMAINS)
    wait_until(lambda: len(sendmail.deliveries()) >= 5, 20, "Sendmail defers")
    assert not receiver.accepted() and len(sendmail.queued()) == 5
    manager.start()
    sendmail.wait_until_empty()
    assert Evidence(submitted, receiver.accepted(), sendmail.deliveries(), logs_replies=False).judge() == []


def test_poolctl_finds_nothing_to_mend_in_what_the_two_lines_make(lab: Lab):
    manager = manager_for(lab, {DOMAINS[0]: Fakemx(lab)})
    sendmail = Sendmail(lab, "front", with_mailpool(manager.lmtp_socket))
    arguments = ("sendmail", "check", "--cf", str(sendmail.cf), "--config", str(manager.config_file))
    findings = manager.poolctl.json(*arguments)
    assert {finding["level"] for finding in findings["findings"]} == {"good"}, findings
    manager.kill()
    manager.lmtp_socket.unlink()
    done = manager.poolctl(*arguments)
    assert done.returncode == 1 and "unsafe domain socket" in " ".join(done.stdout.split())


def test_poolctl_prints_the_lines_for_this_socket(lab: Lab):
    manager = manager_for(lab, {DOMAINS[0]: Fakemx(lab)})
    install_macros()
    snippet = manager.poolctl.json("sendmail", "snippet", "--config", str(manager.config_file))
    assert f"FEATURE(`mailpool', `{manager.lmtp_socket}')dnl\n" == snippet["above_mailers"] + "\n"
    assert snippet["below_mailer_smtp"] == "MAILER(`mailpool')dnl" and snippet["macros_installed"]


def test_the_mailer_above_smtp_is_told_where_it_belongs(lab: Lab):
    with pytest.raises(LabError, match="must appear after MAILER"):
        Sendmail(lab, "front", "MAILER(`local')dnl\nMAILER(`mailpool')dnl\n")


@pytest.mark.slow
def test_twenty_kills_under_load_lose_nothing(lab: Lab):
    """Half of them come while the receiver has accepted a message and has not said so yet."""
    receiver = Fakemx(lab, "end nth=%2 -> commit; delay 400ms\nend -> delay 20ms\n")
    manager = manager_for(lab, {domain: receiver for domain in DOMAINS})
    sendmail = Sendmail(lab, "front", with_mailpool(manager.lmtp_socket)).start()
    chance = random.Random(5)
    submitted: list[Submitted] = []
    for kill in range(KILLS):
        submitted += numbered(sendmail, len(submitted), 20, DOMAINS)
        if kill % 2 == 0:
            known = len(receiver.accepted())
            # Where submitting is slow, all of them may have gone already.
            wait_until(lambda: len(receiver.accepted()) > min(known, len(submitted) - 1), 20,
                       "a message is accepted, its reply under way", 0.002)
            time.sleep(chance.uniform(0.0, 0.1))
        else:
            time.sleep(chance.uniform(0.05, 0.4))
        manager.kill()
        time.sleep(chance.uniform(0, 0.2))
        manager.start()
    sendmail.wait_until_empty(timeout=90)
    evidence = Evidence(submitted, receiver.accepted(), sendmail.deliveries(), logs_replies=False)
    assert evidence.judge() == []
    assert evidence.unclear_ends(), "the kills hit something"
    print(f"{len(submitted)} messages, {KILLS} kills, {evidence.duplicates()} duplicates, "
          f"{sum(evidence.unclear_ends().values())} unclear ends")
