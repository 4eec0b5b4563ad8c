"""Postfix, as sender and as receiver: Debian's programs and master.cf, in directories of the lab."""

import json
import re
import shutil
import smtplib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .process import Lab, LabError, free_port, wait_until

SHIPPED = Path("/usr/share/postfix/master.cf.dist")
QUEUE_FOLDERS = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
                 "trace")
# What `poolctl postfix enable` would write for the mailpool transport.
MAILPOOL_SERVICE = """\
mailpool  unix  -       -       y       -       500     lmtp
    -o syslog_name=postfix/mailpool
    -o lmtp_line_length_limit=0
    -o lmtp_send_xforward_command=yes
    -o lmtp_data_done_timeout=1800s
    -o lmtp_connection_cache_on_demand=no
"""
DELIVERY = re.compile(r"postfix/(?:\S+/)?(?P<agent>\w+)\[\d+\]: (?P<queue_id>[0-9A-F]{6,}|[0-9B-Zb-z]{10,}): "
                      r"to=<(?P<recipient>[^>]*)>,.*? relay=(?P<relay>[^,]*),.*? dsn=(?P<dsn>[\d.]+), "
                      r"status=(?P<status>\w+) \((?P<text>.*)\)$")
FROM = re.compile(r": (?P<queue_id>[0-9A-F]{6,}): from=<(?P<sender>[^>]*)>, size=(?P<size>\d+), nrcpt=(?P<count>\d+)")


@dataclass(frozen=True)
class Delivery:
    """One `to=<...> status=...` line of Postfix's log."""

    queue_id: str
    recipient: str
    relay: str
    dsn: str
    status: str
    text: str


class Postfix:
    """A private instance: `settings` go to main.cf over harmless defaults, `services` to master.cf."""

    def __init__(self, lab: Lab, name: str, settings: dict[str, str] | None = None, services: str = ""):
        self.lab = lab
        self.name = name
        self.directory = lab.directory(name)
        self.config = self.directory / "etc"
        self.queue = self.directory / "spool"
        self.data = self.directory / "data"
        self.log_file = self.directory / "mail.log"
        self.port = free_port()
        self.settings = {**self.defaults(), **(settings or {})}
        self.services = services
        self.write()

    def defaults(self) -> dict[str, str]:
        return {
            "compatibility_level": "3.6",
            "queue_directory": str(self.queue),
            "data_directory": str(self.data),
            "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "meta_directory": str(self.config),
            "maillog_file": str(self.log_file),
            "maillog_file_prefixes": str(self.directory),
            "syslog_name": "postfix",
            "myhostname": f"{self.name}.mail.example.com",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "message_size_limit": str(50 << 20),
            "minimal_backoff_time": "5s",
            "maximal_backoff_time": "10s",
            "queue_run_delay": "5s",
            "smtpd_recipient_restrictions": "permit_mynetworks, reject",
            "smtpd_peername_lookup": "no",
            "smtpd_client_event_limit_exceptions": "127.0.0.0/8",
            "enable_long_queue_ids": "no",
        }

    def write(self) -> None:
        shutil.copytree("/etc/postfix", self.config)
        lines = [f"{key} = {value}" for key, value in self.settings.items()]
        (self.config / "main.cf").write_text("\n".join(lines) + "\n")
        shipped = [line for line in SHIPPED.read_text().splitlines() if not line.startswith("#")]
        shipped[0] = re.sub(r"^smtp ", f"127.0.0.1:{self.port} ", shipped[0])
        (self.config / "master.cf").write_text("\n".join(shipped) + "\n" + self.services)
        (self.config / "dynamicmaps.cf").write_text("")
        self.queue.mkdir()
        self.data.mkdir()
        shutil.chown(self.data, "postfix", "root")
        for folder in QUEUE_FOLDERS:
            (self.queue / folder).mkdir(mode=0o700)
            shutil.chown(self.queue / folder, "postfix", "root")
        for folder, mode in (("maildrop", 0o730), ("public", 0o710)):
            (self.queue / folder).mkdir()
            shutil.chown(self.queue / folder, "postfix", "postdrop")
            (self.queue / folder).chmod(mode)
        (self.queue / "pid").mkdir()
        (self.queue / "etc").mkdir()
        for file in ("resolv.conf", "services", "hosts", "nsswitch.conf", "localtime"):
            if Path("/etc", file).exists():
                shutil.copy(f"/etc/{file}", self.queue / "etc")

    def command(self, program: str, *arguments: str, **options) -> subprocess.CompletedProcess:
        return subprocess.run([program, "-c", str(self.config), *arguments], capture_output=True, check=False, **options)

    def start(self) -> "Postfix":
        done = self.command("postfix", "start", text=True)
        if done.returncode != 0:
            raise LabError(f"postfix start: {done.stderr}\n{self.log()}")
        self.lab.at_close(self.stop)
        wait_until(self.answers, 20, f"{self.name} answers on port {self.port}\n{self.log()}")
        return self

    def stop(self) -> None:
        self.command("postfix", "abort")

    def reload(self) -> None:
        self.command("postfix", "reload")

    def flush(self) -> None:
        """Tries everything in the queue now."""
        self.command("postqueue", "-f")

    def answers(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=2):
                return True
        except (OSError, smtplib.SMTPException):
            return False

    # --- handing mail in

    def submit(self, sender: str, recipients: list[str], content: bytes, options: tuple[str, ...] = (),
               of_each: tuple[str, ...] = ()) -> None:
        """By SMTP; the content goes as it is, dots stuffed and line ends made CRLF by smtplib. `of_each`: behind each RCPT."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.ehlo("client.example.com")
            client.sendmail(sender, recipients, content, mail_options=list(options), rcpt_options=list(of_each))

    def submit_locally(self, sender: str, recipients: list[str], content: bytes) -> None:
        """By sendmail(1), which takes content without a final line end. -B says that the content may be 8-bit."""
        subprocess.run(["sendmail", "-C", str(self.config), "-i", "-B8BITMIME", "-f", sender, *recipients], input=content,
                       check=True)

    # --- looking

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def deliveries(self, status: str | None = None) -> list[Delivery]:
        found = []
        for line in self.log().splitlines():
            if match := DELIVERY.search(line):
                fields = match.groupdict()
                fields.pop("agent")
                if status in (None, fields["status"]):
                    found.append(Delivery(**fields))
        return found

    def wait_for_delivery(self, recipient: str, timeout: float = 30) -> Delivery:
        """The first log line about this recipient."""
        def found() -> Delivery | None:
            return next((delivery for delivery in self.deliveries() if delivery.recipient == recipient), None)
        return wait_until(found, timeout, f"{self.name} logs an outcome for {recipient}\n{self.log()[-3000:]}")

    def queued(self) -> list[dict]:
        """What is in the queue, as postqueue -j tells it."""
        done = self.command("postqueue", "-j", text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_until_empty(self, timeout: float = 60) -> None:
        try:
            wait_until(lambda: not self.queued(), timeout, "the queue is empty", interval=0.2)
        except LabError as trouble:
            raise LabError(f"{trouble}: {self.queued()[:3]}\n{self.log()[-3000:]}") from None
