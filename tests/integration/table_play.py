"""Plays one row of the table of answers: a fakemx with the row's script, one manager for all of them, an LMTP client."""

import re
from dataclasses import dataclass

from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import large, message
from lab.process import Lab, free_port
from rows import REUSED, ROWS, Row

SENDER = "sender@example.com"


@dataclass(frozen=True)
class Case:
    """A row on one kind of connection, in one of its variants."""

    row: Row
    mode: str
    variant: int

    @property
    def name(self) -> str:
        return f"{self.row.name}-{self.mode}" + (f"-{self.variant}" if self.variant else "")

    @property
    def domain(self) -> str:
        return f"{self.name.replace('_', '-')}.example.org"

    def script(self) -> str:
        condition = f"conn=1 message={2 if self.mode == REUSED else 1}"
        extensions = [] if self.row.chunking else ["set without CHUNKING"]
        return "\n".join([*extensions, self.row.scripts()[self.variant].replace("{c}", condition)]) + "\n"


CASES = [Case(row, mode, variant) for row in ROWS for mode in row.modes for variant in range(len(row.scripts()))]
PORTS = {case.domain: free_port() for case in CASES}

IMPATIENT = {"greeting_timeout": "2s", "ehlo_timeout": "2s", "starttls_timeout": "2s", "mail_timeout": "1s",
             "rcpt_timeout": "1s", "data_timeout": "1s", "body_timeout": "2s", "end_of_data_timeout": "1s",
             "connect_timeout": "2s"}


def start_manager(lab: Lab) -> Mailpoold:
    """One manager that knows the way to every case's server."""
    routes = {domain: [f"127.0.0.1:{port}"] for domain, port in PORTS.items()}
    return Mailpoold(lab, {"route": routes, "smtp": {**IMPATIENT, "tls": "none"}, "lmtp": {"spill_above": "64MiB"}}).start()


def play(case: Case, lab: Lab, manager: Mailpoold) -> None:
    row, expected = case.row, case.row.expected
    server = Fakemx(lab, case.script(), port=PORTS[case.domain])
    body = large(row.size) if row.size > 1000 else b"hello\r\n"
    probes = [f"probe{number}@{case.domain}" for number in range(row.recipients)]
    with manager.lmtp(timeout=60) as client:
        if case.mode == REUSED:
            assert client.deliver(SENDER, [f"warm@{case.domain}"], message(b"first\r\n"))[0].code == 250
        replies = client.deliver(SENDER, probes, message(body))

        problems = [f"connections: {server.connections()}, not {expected.connections}"
                    ] if server.connections() != expected.connections else []
        for probe, reply in zip(probes, replies, strict=True):
            problems += wrong(reply, expected)
            accepted = sum(entry.recipient == probe for entry in server.accepted())
            wanted = expected.accepted if expected.accepted is not None else int(expected.code == 250)
            if accepted != wanted:
                problems.append(f"{probe} was accepted {accepted} times, not {wanted}")
        assert not problems, f"{problems}; {[str(reply) for reply in replies]}\n{server.transcript()}"

        before = server.connections()
        assert client.deliver(SENDER, [f"after@{case.domain}"], message(b"after\r\n"))[0].code == 250, "mail goes on"
        if row.poisoned:
            assert server.connections() == before + 1, "the connection was used again"
        # What was pipelined behind a reply without sense is out of sequence for the server; that is the script's fault.
        broken = set(server.client_violations()) - {"bad_sequence"}
        assert not broken, f"mailpoold broke the protocol: {broken}\n{server.transcript()}"
    server.stop()


def wrong(reply, expected) -> list[str]:
    problems = []
    if reply.code != expected.code:
        problems.append(f"code {reply.code}, not {expected.code}")
    if expected.enhanced and reply.enhanced != expected.enhanced:
        problems.append(f"enhanced code {reply.enhanced}, not {expected.enhanced}")
    if expected.words and not re.search(expected.words, reply.text):
        problems.append(f"no {expected.words!r}")
    return problems
