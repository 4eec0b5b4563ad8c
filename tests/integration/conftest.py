"""What every integration test may ask for: a lab of its own, and real servers in it."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import room
from lab.certificates import Authority, Certificate
from lab.dns import Dns
from lab.dovecot import SERVER_NAME as IMAP_NAME
from lab.dovecot import Dovecot
from lab.fakeimap import FakeImap
from lab.mailpool import Mailpoold
from lab.postfix import Postfix
from lab.process import Lab
from lab.receivers import SERVER_NAME, SmtpSink


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also the long forms of tests (marked full)")


def pytest_configure() -> None:
    Mailpoold.writes_events = True  # each is held against the schema when its mailpoold ends
    if not room.is_inside():
        pytest.exit("these tests start mail servers: use tests/integration/run, which gives them a room of their own", 2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        items[:] = [item for item in items if "full" not in item.keywords]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """The last words of every program in the lab belong to a failure's report."""
    report = (yield).get_result()
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and isinstance(lab, Lab):
        for log in lab.logs():
            report.sections.append((str(log), "\n".join(log.read_text(errors="replace").splitlines()[-40:])))


@pytest.fixture(scope="session")
def world() -> Iterator[Lab]:
    """What several tests share because it is slow to start."""
    lab = Lab(Path("/srv/world"))
    yield lab
    lab.close()


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A directory for this test, and the end of all that it starts."""
    name = re.sub(r"\W+", "-", request.node.name)[:30].strip("-")
    number = sum(1 for _ in Path("/srv").iterdir())
    lab = Lab(Path(f"/srv/{number}-{name}"))
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def authority(world: Lab) -> Authority:
    return Authority(world.directory("authority"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Certificate:
    """For the receivers' name."""
    return authority.issue(SERVER_NAME)


@pytest.fixture(scope="session")
def imap_certificate(authority: Authority) -> Certificate:
    """For the IMAP servers' name, and for the address where no name server is asked."""
    return authority.issue(IMAP_NAME, "127.0.0.1")


@pytest.fixture
def dovecot(lab: Lab, imap_certificate: Certificate) -> Dovecot:
    """With passwords that cost nothing to check; tests of that cost start their own."""
    return Dovecot(lab, imap_certificate, scheme="PLAIN").start()


@pytest.fixture
def fake(lab: Lab) -> FakeImap:
    """An IMAP server that does what a test wants of it."""
    return FakeImap(lab)


@pytest.fixture
def sink(lab: Lab) -> SmtpSink:
    """Takes whatever it is given."""
    return SmtpSink(lab)


@pytest.fixture
def dns(lab: Lab) -> Dns:
    server = Dns()
    lab.at_close(server.close)
    return server


@pytest.fixture
def start_postfix(lab: Lab) -> Callable[..., Postfix]:
    """Starts a Postfix: start_postfix("sender", {"default_transport": ...})."""
    def start(name: str, settings: dict[str, str] | None = None, services: str = "") -> Postfix:
        return Postfix(lab, name, settings, services).start()
    return start


def build_directory() -> Path:
    return Path(os.environ["MAILPOOL_BUILD"])
