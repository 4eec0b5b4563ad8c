"""mailpool-milter beside a manager, and a plain SMTP client that tells each reply."""

import hashlib
import hmac
import os
import re
import shutil
import smtplib
import socket
from pathlib import Path

from .mailpool import Mailpoold, Value, merged, program, toml
from .postfix import Postfix
from .process import Lab, LabError, Program, wait_until

KEY = "0123456789abcdef0123456789abcdef-lab"
SEAL = re.compile(rb"^X-Mailpool-Seal:\s*v=[12];\s*tenant=(?P<tenant>[^;]*);\s*(?:campaign=(?P<campaign>[^;]+);\s*)?time=(?P<time>\d+);\s*"
                  rb"nonce=(?P<nonce>[0-9a-f]+);\s*mac=(?P<mac>[0-9a-f]{64})\s*$", re.MULTILINE | re.IGNORECASE)


class Milter:
    """One milter that asks `manager`; its socket lies where the packages put it: in the MTA's queue directory."""

    def __init__(self, lab: Lab, manager: Mailpoold, postfix: Postfix | None = None):
        self.manager = manager
        self.directory = lab.directory("milter", owner="mailpool-milter", group="mailpool-milter")
        if postfix:
            folder = postfix.queue / "mailpool-milter"
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, "mailpool-milter", "postfix")
            folder.chmod(0o2750)
        else:
            folder = self.directory
        self.socket = folder / "milter.sock"
        self.key_file = self.directory / "seal.key"
        self.key_file.touch(mode=0o600)
        shutil.chown(self.key_file, "mailpool-milter")
        self.key_file.write_text(KEY + "\n")
        self.config_file = self.directory / "mailpool.toml"
        sanitizers = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1"}
        self.process = Program("mailpool-milter", [program("mailpool-milter"), "--config", self.config_file],
                               self.directory / "milter.log", user="mailpool-milter", groups=["mailpool"],
                               environment=sanitizers)
        lab.at_close(self.end)

    def start(self, settings: dict[str, Value] | None = None) -> "Milter":
        """`settings` are those of [milter], over the lab's own; the rest is the manager's."""
        milter: dict[str, Value] = {"listen": str(self.socket), "key_file": str(self.key_file), "deadline": "1s", "cache": "0s"}
        everything = merged(self.manager.settings, {"milter": merged(milter, settings or {}), "log": {"to": "stderr"}})
        self.config_file.write_text(toml(everything) + "\n")
        self.process.start()
        wait_until(self.is_ready, 15, f"the milter is ready\n{self.log()}", interval=0.05)
        return self

    def is_ready(self) -> bool:
        self.process.require_running()
        return self.socket.exists() and "started: socket=" in self.log()

    def log(self) -> str:
        return self.process.output()

    def connect(self) -> socket.socket:
        """A connection as an MTA makes it."""
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(10)
        peer.connect(str(self.socket))
        return peer

    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self) -> None:
        if self.process.is_running():
            self.process.kill()  # libmilter looks every 5 s whether it was told to stop
        words = self.process.output()
        if "ERROR: AddressSanitizer" in words or "runtime error:" in words or "Assertion" in words:
            raise LabError(f"mailpool-milter broke:\n{words[-6000:]}")


class SmtpTalk:
    """An SMTP session that keeps every reply; with `address` or `login` it is somebody else's, by Postfix's XCLIENT."""

    def __init__(self, port: int, address: str | None = None, login: str | None = None):
        self.smtp = smtplib.SMTP("127.0.0.1", port, timeout=60)
        self.smtp.ehlo("client.example.com")
        if address or login:
            attributes = [f"ADDR={address}"] if address else []
            attributes += [f"LOGIN={login}"] if login else []
            code, text = self.smtp.docmd("XCLIENT", " ".join(attributes))
            if code != 220:
                raise LabError(f"XCLIENT: {code} {text!r}")
            self.smtp.ehlo("client.example.com")

    def __enter__(self) -> "SmtpTalk":
        return self

    def __exit__(self, *unused: object) -> None:
        self.smtp.close()

    def mail(self, sender: str = "a@shop.example") -> str:
        return self.say(f"MAIL FROM:<{sender}>")

    def rcpt(self, recipient: str) -> str:
        return self.say(f"RCPT TO:<{recipient}>")

    def say(self, command: str) -> str:
        code, text = self.smtp.docmd(command)
        return f"{code} {text.decode(errors='replace')}"

    def data(self, content: bytes) -> str:
        code, text = self.smtp.data(content)
        return f"{code} {text.decode(errors='replace')}"

    def send(self, recipients: list[str], content: bytes, sender: str = "a@shop.example") -> list[str]:
        """Replies to each RCPT, and to the content if one of them was accepted."""
        assert self.mail(sender).startswith("250")
        replies = [self.rcpt(recipient) for recipient in recipients]
        if any(reply.startswith("25") for reply in replies):
            replies.append(self.data(content))
        else:
            self.smtp.rset()
        return replies


def tenant_sealed(message: bytes, sender: str, key: str = KEY) -> str | None:
    """The tenant that the message's only seal names (and behind a slash the campaign); None without one. A seal that does not fit is an
    error."""
    seals = list(SEAL.finditer(message))
    if not seals:
        return None
    if len(seals) > 1:
        raise LabError(f"{len(seals)} seals in one message")
    tenant, time, nonce, mac = (seals[0][name].decode() for name in ("tenant", "time", "nonce", "mac"))
    local, at, domain = sender.rpartition("@")
    campaign = seals[0]["campaign"]
    names = ["1", tenant] if campaign is None else ["2", tenant, campaign.decode()]
    text = "\n".join(["mailpool-seal", *names, time, nonce, local + at + domain.lower()])
    if hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest() != mac:
        raise LabError(f"the seal for {tenant} is not one for {sender}")
    return tenant if campaign is None else f"{tenant}/{campaign.decode()}"
