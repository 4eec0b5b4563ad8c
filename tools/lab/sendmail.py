"""Sendmail, as sender: Debian's programs, a configuration made by m4 from the project's own files, and a queue of the lab's."""

import re
import shutil
import smtplib
import subprocess
from pathlib import Path

from .postfix import Delivery
from .process import Lab, LabError, Program, free_port, wait_until
from .syslog import Syslog

PROGRAM = "/usr/libexec/sendmail/sendmail"
MACROS = Path("/usr/share/sendmail/cf")
OURS = Path(__file__).resolve().parents[2] / "conf" / "sendmail"
DELIVERY = re.compile(r": (?P<queue_id>[0-9A-Za-z]{10,}): to=(?P<recipients>[^ ]*?), .*?mailer=(?P<mailer>\w+), .*?"
                      r"relay=(?P<relay>[^,]*), dsn=(?P<dsn>[\d.]+), (?:reply=(?P<reply>.*?), )?stat=(?P<text>.*)$")


class Sendmail:
    """A private instance that delivers by `mailers`, lines of its sendmail.mc, e.g. with_mailpool(SOCKET)."""

    def __init__(self, lab: Lab, name: str, mailers: str, *, more: str = "", queue_interval: str = "2s"):
        self.lab = lab
        self.name = name
        self.directory = lab.directory(name)
        self.queue = self.directory / "mqueue"
        self.queue.mkdir(mode=0o700)
        self.port = free_port()
        self.cf = self.directory / "sendmail.cf"
        self.log_file = Syslog.shared().keep(lab, f"sm-{name}")
        self.queue_interval = queue_interval
        install_macros()
        source = self.directory / "sendmail.mc"
        more = f"define(`MAILPOOL_QUEUE_INTERVAL', `{queue_interval}')dnl\n{more}"
        source.write_text(MC.format(directory=self.directory, port=self.port, name=name, more=more, mailers=mailers))
        made = subprocess.run(["m4", source], capture_output=True, text=True, check=False)
        if made.returncode != 0 or "***" in made.stderr.replace("*** WARNING", ""):
            raise LabError(f"m4 {source}: {made.stderr}")
        self.cf.write_text(made.stdout)
        self.program = Program(name, [PROGRAM, "-C", self.cf, "-L", f"sm-{name}", "-bD", f"-q{queue_interval}"],
                               self.directory / "output")

    def start(self) -> "Sendmail":
        self.lab.run(self.program)
        wait_until(self.answers, 20, f"{self.name} answers on port {self.port}\n{self.program.last_words()}\n{self.log()}")
        return self

    def answers(self) -> bool:
        self.program.require_running()
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5):
                return True
        except (OSError, smtplib.SMTPException):
            return False

    def command(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, "-C", self.cf, "-L", f"sm-{self.name}", *arguments], input=text, capture_output=True,
                              text=True, check=False)

    def send(self, sender: str, recipients: list[str], message: bytes) -> str:
        """Hands a message over by SMTP; its queue id."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as session:
            session.ehlo()
            session.mail(sender)
            for recipient in recipients:
                code, text = session.rcpt(recipient)
                if code != 250:
                    raise LabError(f"RCPT {recipient}: {code} {text!r}")
            code, text = session.data(message)
        if code != 250:
            raise LabError(f"DATA: {code} {text!r}")
        return text.split()[1].decode()

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def deliveries(self) -> list[Delivery]:
        """Each `to=..., stat=...` of the log, a recipient each, in Postfix's words."""
        found = []
        for line in self.log().splitlines():
            if match := DELIVERY.search(line):
                found += [Delivery(match["queue_id"], recipient.strip("<>"), match["relay"], match["dsn"],
                                   status_word(match["text"]),
                                   " ".join(filter(None, (match["text"], match["reply"])))) for recipient in match["recipients"].split(",")]
        return found

    def queued(self) -> list[str]:
        """The ids of messages in the queue."""
        return sorted(path.name[2:] for path in self.queue.rglob("qf*"))

    def recipients_queued(self, queue_id: str) -> list[str]:
        """Who of a message still waits, by its queue file."""
        for path in self.queue.rglob(f"qf{queue_id}"):
            return re.findall(r"^R[^:\n]*:<?([^>\n]*)>?$", path.read_text(errors="replace"), re.MULTILINE)
        return []

    def wait_until_empty(self, timeout: float = 30) -> None:
        wait_until(lambda: not self.queued(), timeout, f"the queue of {self.name} is empty\n{self.log()[-4000:]}", 0.1)


def with_mailpool(socket: Path | str, runners: int | None = None) -> str:
    """The two lines of sendmail.mc that mailpool needs, around MAILER(`smtp')."""
    runs = f", `{runners}'" if runners is not None else ""
    return f"FEATURE(`mailpool', `{socket}'{runs})dnl\nMAILER(`local')dnl\nMAILER(`smtp')dnl\nMAILER(`mailpool')dnl\n"


def by_smtp(runners: int = 1, cache: int = 2) -> str:
    """Sendmail's own way out."""
    return (f"define(`confMCI_CACHE_SIZE', `{cache}')dnl\n"
            f"QUEUE_GROUP(`mqueue', `P='QUEUE_DIR`, F=f, R={runners}')dnl\nMAILER(`local')dnl\nMAILER(`smtp')dnl\n")


def status_word(text: str) -> str:
    """Sendmail's stat= as Postfix's status=."""
    return "sent" if text.startswith("Sent") else "deferred" if text.startswith("Deferred") else "bounced"


def install_macros() -> None:
    """Where the package puts them."""
    for folder in ("mailer", "feature"):
        shutil.copy(OURS / folder / "mailpool.m4", MACROS / folder)


MC = """\
divert(0)dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
VERSIONID(`{name}')dnl
define(`QUEUE_DIR', `{directory}/mqueue')dnl
OSTYPE(`debian')dnl
define(`confPID_FILE', `{directory}/pid')dnl
define(`STATUS_FILE', `{directory}/statistics')dnl
define(`ALIAS_FILE', `')dnl
define(`confDOMAIN_NAME', `{name}.mail.example.com')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
define(`confTO_IDENT', `0')dnl
define(`confLOG_LEVEL', `12')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confCONNECTION_RATE_THROTTLE', `0')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`nocanonify')dnl
FEATURE(`promiscuous_relay')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA, Port={port}, Addr=127.0.0.1')dnl
{more}
{mailers}
"""
