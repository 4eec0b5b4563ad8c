"""The table of answers: what a remote does at which point, and what mailpoold must make of it.

The names are those of the rows in plugin/core/smtp/verdicts.cc, where there is one; test_answers.py requires that none is
missing here. A row is played on a fresh connection, on one that has carried a message, or on both; `{c}` in its script
becomes the condition that picks the connection and message it is about. Everything else behaves.
"""

from dataclasses import dataclass, field

FRESH, REUSED = "fresh", "reused"
BOTH = (FRESH, REUSED)
SMALL, LARGE = 100, 24 << 20  # LARGE: far more than sockets buffer, so that the body is under way for a while
MAY_BE_DOUBLE = "message may be delivered more than once"


@dataclass(frozen=True)
class Expected:
    """The reply to the first recipient, and what the remote saw besides."""

    code: int
    enhanced: str = ""
    words: str = ""  # a pattern found in the reply
    connections: int = 1
    accepted: int | None = None  # times the remote accepted the message; None: once if code is 250, else never


@dataclass(frozen=True)
class Row:
    name: str
    script: str
    expected: Expected
    modes: tuple[str, ...] = BOTH
    chunking: bool = False  # the remote announces CHUNKING, so the body goes by BDAT
    recipients: int = 1
    size: int = SMALL
    poisoned: bool = False  # the connection must carry nothing after this
    variants: tuple[str, ...] = field(default=())  # further scripts with the same outcome

    def scripts(self) -> list[str]:
        return [self.script, *self.variants]


def passed(code: int, enhanced: str, command: str) -> Expected:
    """The remote's own words, for the MTA."""
    return Expected(code, enhanced, rf"said: {code} .*\(in reply to {command}\)")


def spoken_421(enhanced: str, command: str) -> Expected:
    return Expected(451, enhanced, rf"said: 421 .*\(in reply to {command}\)")


DELIVERED_ON_ANOTHER = Expected(250, connections=2)
LOST = Expected(451, "4.4.2")
VIOLATION = Expected(451, "4.5.0")
UNCLEAR = Expected(451, "4.4.2", MAY_BE_DOUBLE, accepted=0)

NONSENSE = ('send "garbage\\r\\n"', 'send "250-two\\r\\n550 faces\\r\\n"', "150 1.0.0 wait", "650 6.0.0 what",
            'send "25x 2.0.0 ok\\r\\n"')


def nonsense(stage: str) -> tuple[str, ...]:
    return tuple(f"{stage} {{c}} -> {action}" for action in NONSENSE)


def row(name: str, script: str, expected: Expected, *modes: str, variants: tuple[str, ...] = (), **more) -> Row:
    return Row(name, script, expected, modes or BOTH, variants=variants, **more)


ROWS: list[Row] = [
    # --- the reply to MAIL
    row("mail_421_reused", "mail {c} -> 421 4.3.2 closing", DELIVERED_ON_ANOTHER, REUSED),
    row("mail_421_fresh", "mail {c} -> 421 4.3.2 closing", spoken_421("4.3.2", "MAIL FROM"), FRESH, poisoned=True),
    row("mail_session_4xx_reused", "mail {c} -> 452 4.5.3 too many messages", DELIVERED_ON_ANOTHER, REUSED,
        variants=("mail {c} -> 450 4.7.0 too many messages", "mail {c} -> 451 4.7.0 start anew")),
    row("mail_state_fault_reused", "mail {c} -> 503 5.5.1 nested MAIL command", DELIVERED_ON_ANOTHER, REUSED,
        variants=tuple(f"mail {{c}} -> {code} 5.5.1 what" for code in (500, 501, 502, 555))),
    row("mail_4xx", "mail {c} -> 454 4.7.0 not now", passed(454, "4.7.0", "MAIL FROM")),
    row("mail_5xx", "mail {c} -> 550 5.7.1 not you", passed(550, "5.7.1", "MAIL FROM")),
    row("mail_lost_reused", "mail {c} -> close", DELIVERED_ON_ANOTHER, REUSED,
        variants=("mail {c} -> reset", 'mail {c} -> send "25"; flush; close')),
    row("mail_lost_fresh", "mail {c} -> close", LOST, FRESH, variants=("mail {c} -> reset",)),
    row("mail_timeout_reused", "mail {c} -> hang", DELIVERED_ON_ANOTHER, REUSED),
    row("mail_timeout_fresh", "mail {c} -> hang", LOST, FRESH),
    row("mail_nonsense", nonsense("mail")[0], VIOLATION, variants=(*nonsense("mail")[1:], "mail {c} -> 354 go on"),
        poisoned=True),
    # --- the reply to RCPT
    row("rcpt_421_reused", "rcpt {c} -> 421 4.3.2 closing", DELIVERED_ON_ANOTHER, REUSED),
    row("rcpt_421_fresh", "rcpt {c} -> 421 4.3.2 closing", spoken_421("4.3.2", "RCPT TO"), FRESH, poisoned=True),
    row("rcpt_too_many", "rcpt {c} rcpt=2- -> 452 4.5.3 too many recipients", Expected(250), recipients=3,
        variants=("rcpt {c} rcpt=2- -> 552 5.5.3 too many recipients",)),
    row("rcpt_state_fault_reused", "rcpt {c} -> 503 5.5.1 need MAIL", DELIVERED_ON_ANOTHER, REUSED),
    row("rcpt_4xx", "rcpt {c} -> 450 4.2.1 mailbox busy", passed(450, "4.2.1", "RCPT TO")),
    row("rcpt_5xx", "rcpt {c} -> 550 5.1.1 no such user", passed(550, "5.1.1", "RCPT TO")),
    row("rcpt_lost_reused", "rcpt {c} -> close", DELIVERED_ON_ANOTHER, REUSED, variants=("rcpt {c} -> reset",)),
    row("rcpt_lost_fresh", "rcpt {c} -> close", LOST, FRESH),
    row("rcpt_timeout", "rcpt {c} -> hang", LOST),
    row("rcpt_nonsense", nonsense("rcpt")[0], VIOLATION, variants=nonsense("rcpt")[1:], poisoned=True),
    # --- the reply to DATA
    row("data_354_without_recipients", "rcpt {c} -> 550 5.1.1 no such user\ndata {c} -> 354 go on",
        passed(550, "5.1.1", "RCPT TO"), poisoned=True),
    row("data_refused_without_recipients", "rcpt {c} -> 550 5.1.1 no such user\ndata {c} -> 503 5.5.1 no recipients",
        passed(550, "5.1.1", "RCPT TO")),
    row("data_421_reused", "data {c} -> 421 4.3.2 closing", DELIVERED_ON_ANOTHER, REUSED),
    row("data_421_fresh", "data {c} -> 421 4.3.2 closing", spoken_421("4.3.2", "DATA"), FRESH, poisoned=True),
    row("data_state_fault_reused", "data {c} -> 503 5.5.1 no transaction", DELIVERED_ON_ANOTHER, REUSED),
    row("data_4xx", "data {c} -> 451 4.3.0 not now", passed(451, "4.3.0", "DATA")),
    row("data_5xx", "data {c} -> 554 5.7.1 not this", passed(554, "5.7.1", "DATA")),
    row("data_lost_reused", "data {c} -> close", DELIVERED_ON_ANOTHER, REUSED, variants=("data {c} -> reset",)),
    row("data_lost_fresh", "data {c} -> close", LOST, FRESH),
    row("data_timeout_reused", "data {c} -> hang", DELIVERED_ON_ANOTHER, REUSED),
    row("data_timeout_fresh", "data {c} -> hang", LOST, FRESH),
    row("data_nonsense", nonsense("data")[0], VIOLATION, variants=nonsense("data")[1:], poisoned=True),
    # --- while the body is on its way
    row("content_chunking_refused", "body {c} at=65536 -> 502 5.5.1 no BDAT here", DELIVERED_ON_ANOTHER, chunking=True,
        size=LARGE),
    row("content_4xx", "body {c} at=65536 -> 452 4.3.1 disk full", Expected(452, "4.3.1", "said: 452"), size=LARGE,
        poisoned=True),
    row("content_5xx", "body {c} at=65536 -> 552 5.3.4 too large", Expected(552, "5.3.4", "said: 552"), size=LARGE,
        poisoned=True),
    row("content_2xx", "body {c} at=65536 -> 250 2.0.0 thank you", Expected(451, "4.5.0", accepted=0), size=LARGE,
        poisoned=True),
    row("content_lost_reused", "body {c} at=65536 -> close", DELIVERED_ON_ANOTHER, REUSED, size=LARGE,
        variants=("body {c} at=65536 -> reset",)),
    row("content_lost_fresh", "body {c} at=65536 -> close", LOST, FRESH, size=LARGE),
    row("content_lost_mid_reply", 'body {c} at=65536 -> send "45"; flush; close', LOST, size=LARGE),
    row("content_timeout", "body {c} at=65536 -> stop-reading; silent", LOST, size=LARGE),
    row("content_nonsense", 'body {c} at=65536 -> send "garbage\\r\\n"', VIOLATION, size=LARGE, poisoned=True),
    # --- the reply to BDAT LAST
    row("chunk_refused_after_mail_refused", "mail {c} -> 550 5.7.1 not you\nbdat {c} -> 503 5.5.1 no transaction",
        passed(550, "5.7.1", "MAIL FROM"), chunking=True),
    row("chunk_refused_without_recipients", "rcpt {c} -> 550 5.1.1 no such user\nbdat {c} -> 554 5.5.1 no recipients",
        passed(550, "5.1.1", "RCPT TO"), chunking=True),
    row("chunk_taken_without_recipients", 'rcpt {c} -> send "550 5.1.1 no such user\\r\\n250 2.0.0 thank you\\r\\n"',
        passed(550, "5.1.1", "RCPT TO"), chunking=True, poisoned=True),
    row("chunking_refused", "bdat {c} -> 502 5.5.1 no BDAT here", Expected(250), chunking=True,
        variants=("bdat {c} -> 500 5.5.1 what", "bdat {c} -> 503 5.5.1 what")),
    row("chunk_421", "bdat {c} -> 421 4.3.2 closing", spoken_421("4.3.2", "BDAT"), chunking=True, poisoned=True),
    row("chunk_4xx", "bdat {c} -> 451 4.3.0 not now", passed(451, "4.3.0", "BDAT"), chunking=True),
    row("chunk_5xx", "bdat {c} -> 554 5.7.1 not this", passed(554, "5.7.1", "BDAT"), chunking=True),
    row("chunk_lost", "bdat {c} -> close", UNCLEAR, chunking=True,
        variants=("bdat {c} -> reset", 'bdat {c} -> send "25"; flush; close')),
    row("chunk_timeout", "bdat {c} -> hang", UNCLEAR, chunking=True),
    row("chunk_nonsense", nonsense("bdat")[0], UNCLEAR, chunking=True, poisoned=True, variants=nonsense("bdat")[1:]),
    # --- the reply to the dot
    row("end_of_data_421", "end {c} -> 421 4.3.2 closing", spoken_421("4.3.2", "end of data"), poisoned=True),
    row("end_of_data_4xx", "end {c} -> 451 4.3.0 not now", passed(451, "4.3.0", "end of data")),
    row("end_of_data_5xx", "end {c} -> 554 5.7.1 not this", passed(554, "5.7.1", "end of data")),
    row("end_of_data_lost", "end {c} -> close", UNCLEAR,
        variants=("end {c} -> reset", 'end {c} -> send "25"; flush; close')),
    row("end_of_data_timeout", "end {c} -> hang", UNCLEAR),
    row("end_of_data_nonsense", nonsense("end")[0], UNCLEAR, poisoned=True,
        variants=(*nonsense("end")[1:], "end {c} -> 354 go on",
                  'end {c} -> send 70000 * "2"')),
    # --- the reply to RSET after BDAT was refused
    row("restart_refused", "bdat {c} -> 502 5.5.1 no BDAT here\nrset {c} -> 500 5.5.1 what", DELIVERED_ON_ANOTHER,
        chunking=True),
    row("restart_failed", "bdat {c} -> 502 5.5.1 no BDAT here\nrset {c} -> close", DELIVERED_ON_ANOTHER, chunking=True),
]
BY_NAME = {row.name: row for row in ROWS}
