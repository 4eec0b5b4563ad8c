"""A Postfix with the table type mailpool, and a small stand-in for the manager that publishes the map."""

import itertools
import os
import subprocess
from pathlib import Path

from .mailpool import door_directory
from .postfix import MAILPOOL_SERVICE, Postfix
from .process import Lab, Program, free_port, wait_until

TABLE = "mailpool:mailpool/map"


def build() -> Path:
    """The build under test."""
    return Path(os.environ["MAILPOOL_BUILD"])


def hashed(name: str) -> str:
    """core/map/layout.h, bucket_of()."""
    value = 0xcbf29ce484222325
    for octet in name.encode():
        value = (value ^ octet) * 0x100000001b3 % (1 << 64)
    value ^= value >> 32
    return f"h{(value ^ (value >> 16)) % 1024:03x}"


def declare_table(postfix: Postfix) -> None:
    """As package postfix-mailpool does: the table type in dynamicmaps.cf.d."""
    folder = postfix.config / "dynamicmaps.cf.d"
    folder.mkdir(exist_ok=True)
    (folder / "mailpool.cf").write_text(f"mailpool {build()}/postfix-mailpool.so dict_mailpool_open\n")


class TableHost:
    """A Postfix with the table, a map, an LMTP server behind the doors and an SMTP server behind the fallback."""

    def __init__(self, lab: Lab, settings: dict[str, str] | None = None, options: tuple[str, ...] = (),
                 services: str = MAILPOOL_SERVICE):
        self.lab = lab
        self.numbers = itertools.count(1)
        port = free_port()
        self.postfix = Postfix(lab, "front", {
            "transport_maps": TABLE, "default_transport": f"smtp:[127.0.0.1]:{port}", "relayhost": "",
            "alias_maps": "", "local_transport": f"smtp:[127.0.0.1]:{port}", "virtual_transport": f"smtp:[127.0.0.1]:{port}",
            "relay_transport": f"smtp:[127.0.0.1]:{port}", **(settings or {})}, services)
        declare_table(self.postfix)
        self.folder = door_directory(self.postfix)
        self.map = self.folder / "map"
        self.options = options
        self.publisher = self.publish()
        self.sink(port, "smtp-sink", [])
        self.sink(f"unix:{self.folder}/lmtp.sock", "lmtp-sink", ["-L"])
        subprocess.run(["chown", "mailpool:postfix", self.folder / "lmtp.sock"], check=True)

    def sink(self, where: int | str, name: str, options: list[str]) -> None:
        place = where if isinstance(where, str) else f"127.0.0.1:{where}"
        self.lab.run(Program(name, ["smtp-sink", "-u", "mailpool" if options else "postfix", *options, place, "1000"],
                             self.lab.root / f"{name}.log"))
        if isinstance(where, str):
            wait_until(Path(where.removeprefix("unix:")).exists, 5, f"{name} listens")

    def publish(self, *more: str) -> Program:
        program = Program("publisher", [str(build() / "tests/table_host/publish_map"), str(self.map),
                                        *self.options, *more], self.lab.root / "publisher.log", user="mailpool")
        published = program.output().count("ready\n")
        self.lab.run(program)
        wait_until(lambda: program.output().count("ready\n") > published, 10, "the map is published")
        return program

    def start(self) -> "TableHost":
        self.postfix.start()
        return self

    def relay_of(self, recipient: str) -> str:
        """Sends one message; the door it took, or "smtp"."""
        user, _, domain = recipient.rpartition("@")
        recipient = recipient if user != "a" else f"a{next(self.numbers)}@{domain}"
        self.postfix.submit("sender@example.com", [recipient], b"Subject: x\r\n\r\nx\r\n")
        delivery = self.postfix.wait_for_delivery(recipient)
        assert delivery.status == "sent", delivery
        return delivery.relay.rpartition("[mailpool/d/")[2].rstrip("]") if "mailpool/d/" in delivery.relay else "smtp"

    def lookup(self, address: str) -> str:
        """The answer of a postmap that asks as trivial-rewrite does."""
        domain = address.rpartition("@")[2]
        keys = [address, domain]
        rest = domain
        while "." in rest[1:]:
            rest = rest[rest.index(".", 1):]
            keys.append(rest)
        done = self.postfix.command("postmap", "-q", "-", TABLE, input="".join(f"{key}\n" for key in keys), text=True)
        assert "fatal" not in done.stderr, done.stderr
        return done.stdout.rpartition("mailpool/d/")[2].strip()
