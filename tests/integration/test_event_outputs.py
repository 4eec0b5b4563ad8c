"""Events that go elsewhere than into a file: to a collector on a Unix socket, and to the journal."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.events import valid
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, wait_until
from lab.receivers import SmtpSink

SENDER = "sender@shop.example.com"


def send(manager: Mailpoold, recipient: str) -> None:
    with manager.lmtp() as client:
        assert client.deliver(SENDER, [recipient], message(b"x\r\n"))[0].code == 250


def output(manager: Mailpoold, kind: str) -> dict:
    return next(each for each in manager.status()["events"] if each["output"] == kind)


def listener(path: Path, kind: int = socket.SOCK_STREAM) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, kind)
    listening.bind(str(path))
    path.chmod(0o666)
    return listening


def test_a_collector_on_a_socket_gets_lines_and_what_waited_for_it(lab: Lab, sink: SmtpSink):
    place = lab.directory("collector") / "collector.sock"
    manager = Mailpoold(lab, {"route": {"*": [sink.address]}, "events": {"socket": str(place)}}).start()
    send(manager, "u@example.org")
    wait_until(lambda: output(manager, "socket")["problem"], 10, "it is known to be away")
    with listener(place) as listening:
        listening.listen()
        listening.settimeout(20)
        connection, _ = listening.accept()
        with connection, connection.makefile() as lines:
            kinds = [valid(next(lines))["kind"] for _ in range(3)]
    assert kinds[0] == "configuration_applied" and "outcome" in kinds


@pytest.fixture
def journal() -> Iterator[socket.socket]:
    place = Path("/run/systemd/journal/socket")
    place.parent.mkdir(parents=True, exist_ok=True)
    with listener(place, socket.SOCK_DGRAM) as listening:
        listening.settimeout(20)
        yield listening
    place.unlink()


def fields_of(datagram: bytes) -> dict[str, str]:
    """As far as no value has a line end."""
    return dict(line.split("=", 1) for line in datagram.decode().splitlines() if "=" in line)


def test_in_the_journal_each_key_is_a_field(lab: Lab, sink: SmtpSink, journal: socket.socket):
    manager = Mailpoold(lab, {"route": {"*": [sink.address]}, "events": {"journal": True}}).start()
    send(manager, "u@example.org")
    found = {}
    while found.get("MAILPOOL_KIND") != "outcome":
        found = fields_of(journal.recv(65536))
    assert found["SYSLOG_IDENTIFIER"] == "mailpool-events" and found["MAILPOOL_RECIPIENT"] == "u@example.org"
    assert found["MAILPOOL_RESULT"] == "delivered" and found["MAILPOOL_CODE"] == "250"
    assert found["MESSAGE"].startswith("outcome queue_id=")
    told = wait_until(lambda: manager.events("outcome"), 10, "the file has it too")[0]
    assert told["queue_id"] == found["MAILPOOL_QUEUE_ID"]
    wait_until(lambda: output(manager, "journal")["written"] == output(manager, "file")["written"], 10, "both are counted")
