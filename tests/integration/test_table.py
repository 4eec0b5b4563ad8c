"""The table type mailpool in a real, chrooted Postfix; the map comes from a small stand-in for the manager."""

import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.postfix import MAILPOOL_SERVICE
from lab.process import Lab, wait_until
from lab.table import TABLE, TableHost, hashed

AWAY = 4.2  # seconds after which mail must have taken its fallback


@pytest.fixture
def host(lab: Lab) -> Callable[..., TableHost]:
    return lambda *arguments, **named: TableHost(lab, *arguments, **named)


OPTIONS = ("--site", "google=gmail.com", "--site", "bank=bank.example", "--defer", "bank",
           "--exclude", "intranet.example", "--learn", "club.example=mx.provider.example",
           "--learn", "shop.example=mx.provider.example")


def test_mail_flows_through_doors_in_a_chroot(host: Callable[..., TableHost]):
    front = host(options=OPTIONS).start()
    rewrite = front.postfix.command("postconf", "-F", "rewrite/unix/chroot", text=True).stdout
    assert rewrite.strip().endswith("= y"), "the table is to be tried as Debian ships Postfix"
    assert front.relay_of("a@gmail.com") == "google"
    assert front.relay_of("A@GMail.COM") == "google"
    assert front.relay_of("a@nobody.example") == hashed("nobody.example")
    assert front.relay_of("a@club.example") == front.relay_of("a@shop.example") == hashed("mx.provider.example")
    assert front.relay_of("a@intranet.example") == "smtp"


def test_every_entry_of_the_operators_own_tables_wins(host: Callable[..., TableHost], lab: Lab):
    own = lab.root / "transport"
    front = host({"transport_maps": f"texthash:{own}, {TABLE}"})
    other = front.postfix.settings["default_transport"]
    own.write_text(f"by-domain.example {other}\n.by-parent.example {other}\nuser@by-address.example {other}\n"
                   f".example.net {other}\n")
    front.start()
    for recipient in ("a@by-domain.example", "a@sub.by-parent.example", "user@by-address.example", "a@b.c.example.net"):
        assert front.relay_of(recipient) == "smtp", recipient
    assert front.relay_of("other@by-address.example") == hashed("by-address.example")


# name -> (main.cf, what is in the class, what is not)
CLASSES = {
    "literal": ({"mydestination": "one.example, two.example"}, ["one.example", "TWO.example"], ["three.example"]),
    "several tables": ({"relay_domains": "inline:{{one.example=x}}, texthash:{root}/t1, inline:{{{{two.example=x}}}}"},
                       ["one.example", "two.example", "t1.example"], ["three.example"]),
    "a file": ({"mydestination": "{root}/file"}, ["f1.example", "f2.example"], ["f3.example"]),
    "a negation": ({"relay_domains": "!inside.example.org, example.org"},
                   ["example.org", "other.example.org"], ["inside.example.org"]),
    "a pattern": ({"virtual_mailbox_domains": "regexp:{root}/patterns"}, ["p1.example", "p99.example"], ["pp.example"]),
    "a pattern of local domains": ({"mydestination": "regexp:{root}/patterns"}, ["p1.example"], ["pp.example"]),
    "pipemap": ({"virtual_mailbox_domains": "pipemap:{{inline:{{one.example=x}},inline:{{x=y}}}}"},
                ["one.example"], ["x.example"]),
    "unionmap": ({"virtual_alias_domains": "unionmap:{{inline:{{one.example=x}},inline:{{two.example=x}}}}"},
                 ["one.example", "two.example"], ["three.example"]),
    "sub-domains of relay domains": ({"relay_domains": "example.net"}, ["example.net", "a.b.example.net"],
                                     ["badexample.net"]),
    "no sub-domains": ({"relay_domains": "example.net", "parent_domain_matches_subdomains": ""},
                       ["example.net"], ["a.example.net"]),
    "sub-domains with a dot": ({"relay_domains": ".example.net", "parent_domain_matches_subdomains": ""},
                               ["a.example.net", "b.a.example.net"], ["example.net"]),
    "alias maps are alias domains": ({"virtual_alias_maps": "inline:{{one.example=x}}"}, ["one.example"], ["two.example"]),
    "mailbox maps are mailbox domains": ({"virtual_mailbox_maps": "inline:{{one.example=x}}"}, ["one.example"],
                                         ["two.example"]),
    "macros": ({"mydestination": "$myhostname, localhost.$mydomain", "mydomain": "here.example"},
               ["front.mail.example.com", "localhost.here.example"], ["here.example"]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_local_virtual_and_relay_domains_never_enter_the_pool(name: str, host: Callable[..., TableHost], lab: Lab):
    settings, inside, outside = CLASSES[name]
    (lab.root / "t1").write_text("t1.example x\n")
    (lab.root / "file").write_text("f1.example\n# not this: f3.example\nf2.example\n")
    (lab.root / "patterns").write_text(r"/^p[0-9]+\.example$/ x" + "\n")
    front = host({key: value.format(root=lab.root) for key, value in settings.items()})
    for domain in inside:
        assert front.lookup(f"someone@{domain}") == "", domain
    for domain in outside:
        assert front.lookup(f"someone@{domain}") == hashed(domain), domain


def test_classes_hold_in_the_running_postfix_too(host: Callable[..., TableHost], lab: Lab):
    (lab.root / "patterns").write_text(r"/^p[0-9]+\.example$/ x" + "\n")
    front = host({"relay_domains": f"!no.example.net, example.net, regexp:{lab.root}/patterns",
                  "mydestination": "local.example, inline:{{table.example=x}}"}).start()
    for domain in ("example.net", "sub.example.net", "p7.example", "local.example", "table.example"):
        assert front.relay_of(f"a@{domain}") == "smtp", domain
    for domain in ("no.example.net", "other.example"):
        assert front.relay_of(f"a@{domain}") == hashed(domain), domain


# --- fails open: each breaks the manager or the map in one way

def stopped(front: TableHost) -> None:
    assert front.publisher.stop() is not None


def killed(front: TableHost) -> None:
    front.publisher.kill()


def hung(front: TableHost) -> None:
    front.publisher.signal(signal.SIGSTOP)


def broken(change: Callable[[Path], None]) -> Callable[[TableHost], None]:
    """The manager would mend its map with its next heartbeat; so it is gone as well."""
    def breaks(front: TableHost) -> None:
        front.publisher.kill()
        change(front.map)
    return breaks


def forbid(path: Path) -> None:
    path.chmod(0)
    path.rename(path.with_name("away"))
    path.with_name("away").rename(path)


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def clock_jumped(front: TableHost) -> None:
    front.publisher.kill()
    front.publisher = front.publish("--ahead", "1000")


def flip(offset: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        octets = bytearray(path.read_bytes())
        octets[offset] ^= 0x40
        scratch = path.with_name("scratch")
        scratch.write_bytes(octets)
        scratch.rename(path)
    return change


FAILURES = {
    "stopped": stopped, "killed": killed, "hung": hung,
    "missing": broken(Path.unlink), "unreadable": broken(forbid), "a FIFO": broken(replace_by_fifo),
    "a link": broken(replace_by_link), "truncated": broken(lambda path: os.truncate(path, 70)),
    "checksum wrong": broken(flip(-1)), "old version": broken(flip(8)), "header damaged": broken(flip(22)),
    "heartbeat from the future": clock_jumped,
}


@pytest.mark.parametrize("name", FAILURES)
def test_mail_takes_its_fallback_while_the_manager_is(name: str, host: Callable[..., TableHost]):
    front = host(options=OPTIONS).start()
    assert front.relay_of("a@gmail.com") == "google"
    FAILURES[name](front)
    # Accepting never stops, not even in the seconds before the failure shows.
    broke = time.monotonic()
    while time.monotonic() < broke + AWAY:
        front.postfix.submit("sender@example.com", ["a@gmail.com"], b"Subject: x\r\n\r\nx\r\n")
        time.sleep(0.3)
    assert front.relay_of("a@gmail.com") == "smtp"
    assert front.relay_of("a@nobody.example") == "smtp"
    assert front.relay_of("a@bank.example") == "bank", "what must not bypass the pool goes to its door"
    if name == "hung":
        front.publisher.signal(signal.SIGCONT)
    else:
        front.publisher.kill()
        front.publisher = front.publish()
    wait_until(lambda: front.relay_of("a@gmail.com") == "google", 10, "mail takes its door again, without touching Postfix")
    assert " 451 " not in front.postfix.log()
    assert "the manager is away" in front.postfix.log() and "the manager is back" in front.postfix.log()


def test_a_map_replaced_under_load_never_fails_a_recipient(host: Callable[..., TableHost]):
    front = host(options=OPTIONS).start()
    end = time.monotonic() + 4
    count = 0
    while time.monotonic() < end:
        front.publisher.stop()
        front.publisher = front.publish()
        for domain in ("gmail.com", f"d{count}.example"):
            front.postfix.submit("sender@example.com", [f"a@{domain}"], b"Subject: x\r\n\r\nx\r\n")
        count += 1
    front.postfix.wait_until_empty()
    doors = [delivery.relay for delivery in front.postfix.deliveries("sent")]
    assert len(doors) == 2 * count and all("mailpool/d/" in door for door in doors), doors


def test_a_missing_door_defers_its_mail_and_no_other(host: Callable[..., TableHost]):
    front = host(options=OPTIONS).start()
    (front.folder / "d" / "google").unlink()
    front.postfix.submit("sender@example.com", ["a@gmail.com"], b"Subject: x\r\n\r\nx\r\n")
    assert front.postfix.wait_for_delivery("a@gmail.com").status == "deferred"
    assert front.relay_of("a@nobody.example") == hashed("nobody.example")
    front.publisher.stop()
    front.publisher = front.publish()
    front.postfix.flush()
    front.postfix.wait_until_empty()


BACKLOG_SERVICE = MAILPOOL_SERVICE + MAILPOOL_SERVICE.replace("mailpool  unix", "mailpool-backlog  unix")
BACKLOG_LIMIT = {"mailpool-backlog_destination_concurrency_limit": "20"}


def services_of(front: TableHost) -> dict[str, str]:
    """By domain: the service that a message took."""
    found = {}
    for domain in ("gmail.com", "nobody.example"):
        front.relay_of(f"a@{domain}")
        line = [line for line in front.postfix.log().splitlines() if f"@{domain}>" in line and "status=sent" in line][-1]
        found[domain] = re.search(r"postfix/([\w-]+)/lmtp", line)[1]
    return found


def test_a_door_with_a_backlog_takes_the_service_for_it(host: Callable[..., TableHost]):
    of_its_own = BACKLOG_SERVICE.replace("mailpool-backlog  unix  -       -       y       -       500     lmtp\n    -o syslog_name=postfix/mailpool",
                                         "mailpool-backlog  unix  -       -       y       -       500     lmtp\n    -o syslog_name=postfix/backlog")
    front = host(BACKLOG_LIMIT, (*OPTIONS, "--backlog", "google"), of_its_own).start()
    assert services_of(front) == {"gmail.com": "backlog", "nobody.example": "mailpool"}
    front.publisher.stop()
    front.options = OPTIONS
    front.publisher = front.publish()
    wait_until(lambda: services_of(front)["gmail.com"] == "mailpool", 20, "the backlog is over: the usual service again")


@pytest.mark.parametrize("lacks", ["the service", "the service, but its socket is left", "the parameter"])
def test_without_the_service_for_it_a_backlog_takes_the_usual_one(lacks: str, host: Callable[..., TableHost]):
    front = host({} if lacks == "the parameter" else BACKLOG_LIMIT, (*OPTIONS, "--backlog", "google"),
                 BACKLOG_SERVICE if lacks == "the parameter" else MAILPOOL_SERVICE)
    front.start()
    if "left" in lacks:
        path = front.postfix.queue / "private/mailpool-backlog"
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(str(path))
            gone.listen()
        shutil.chown(path, "postfix")
    assert services_of(front) == {"gmail.com": "mailpool", "nobody.example": "mailpool"}


def test_the_table_works_by_its_path_from_any_directory(host: Callable[..., TableHost]):
    front = host(options=OPTIONS)
    assert front.lookup("a@gmail.com") == "google"  # the test stands elsewhere than in the queue directory
    absolute = f"mailpool:{front.map}"
    done = front.postfix.command("postmap", "-q", "-", absolute, input="a@gmail.com\ngmail.com\n.com\n", text=True)
    assert done.stdout.split()[-1] == "mailpool:unix:mailpool/d/google"
