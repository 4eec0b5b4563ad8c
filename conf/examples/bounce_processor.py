#!/usr/bin/python3
"""Reads a bounce mailbox with several threads, each on a pooled connection of its own.

    bounce_processor.py --profile bounces --user bounces@example.com --password-file FILE [--threads 8]

For each unseen delivery report (RFC 3464) it prints the recipient, the status and the reason, tab-separated, and marks the
message \\Seen. A message is marked only after its line is out, so what a killed run left is read by the next one. The number of
threads is free: connections beyond the profile's pool_size are waited for, not opened.

Its exit codes are those of sysexits.h, which cron, systemd and Postfix's pipe know: 77 where the server refuses the password, 66
where the mailbox does not exist, 69 where this user may not use the pool or the server's certificate is not trusted, and 75 where
it is worth another try: the server or the manager is away, or everything is in use.
"""

import argparse
import email
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path
from typing import Any

import mailpool

BATCH = 50  # messages that a thread reads on one borrowed connection
output = threading.Lock()


class NoMailbox(Exception):
    """The mailbox cannot be opened: in the server's words."""


def unseen(pool: mailpool.IMAPPool, user: str, password: str, mailbox: str) -> list[bytes]:
    with pool.connection(user, password) as conn:
        select(conn, mailbox)
        status, found = conn.uid("SEARCH", "UNSEEN")
        if status != "OK":
            raise RuntimeError(f"SEARCH: {found}")
        numbers: bytes = found[0] if found and found[0] else b""
        return numbers.split()


def process(pool: mailpool.IMAPPool, user: str, password: str, mailbox: str, uids: list[bytes]) -> int:
    """Reads these messages; how many reports they held."""
    reports = 0
    with pool.connection(user, password) as conn:
        select(conn, mailbox)
        for uid in uids:
            status, parts = conn.uid("FETCH", uid.decode(), "(BODY.PEEK[])")
            message = literal(parts)
            if status != "OK" or message is None:
                continue  # another run took it
            for line in failures(email.message_from_bytes(message)):
                with output:
                    print(line, flush=True)
                reports += 1
            conn.uid("STORE", uid.decode(), "+FLAGS.SILENT", r"(\Seen)")
    return reports


def select(conn: mailpool.Connection, mailbox: str) -> None:
    status, said = conn.select(mailbox)
    if status != "OK":
        raise NoMailbox(f"{mailbox}: {said[0].decode() if said and said[0] else status}")


def literal(parts: list[Any]) -> bytes | None:
    """The message in what imaplib makes of FETCH: [(line, message), b")"]."""
    return next((bytes(part[1]) for part in parts if part and not isinstance(part, bytes)), None)


def failures(report: Message) -> Iterator[str]:
    """One line for each recipient that a delivery report speaks of."""
    for part in report.walk():
        if part.get_content_type() != "message/delivery-status" or not part.is_multipart():
            continue
        blocks: list[Any] = list(part.get_payload())
        for fields in blocks:
            if recipient := fields["Final-Recipient"]:
                reason = " ".join(str(fields["Diagnostic-Code"] or "").split())
                yield "\t".join((str(recipient).partition(";")[2].strip(), str(fields["Status"] or ""), reason))


def exit_code(trouble: mailpool.PoolError) -> int:
    """What the caller should make of it."""
    if trouble.reason == "refused":
        return os.EX_NOPERM
    return os.EX_UNAVAILABLE if trouble.reason in ("not-allowed", "not-offered", "certificate") else os.EX_TEMPFAIL


def run(pool: mailpool.IMAPPool, user: str, password: str, mailbox: str, threads: int) -> int:
    uids = mailpool.retry(lambda: unseen(pool, user, password, mailbox), attempts=3)
    batches = [uids[start:start + BATCH] for start in range(0, len(uids), BATCH)]
    with ThreadPoolExecutor(threads) as workers:
        done = [workers.submit(process, pool, user, password, mailbox, batch) for batch in batches]
        reports = sum(future.result() for future in done)
    print(f"{len(uids)} messages, {reports} reports", file=sys.stderr)
    return os.EX_OK


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="bounces")
    parser.add_argument("--socket", help="instead of the profile's usual one")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--mailbox", default="INBOX")
    parser.add_argument("--threads", type=int, default=8)
    asked = parser.parse_args()
    password = asked.password_file.read_text().splitlines()[0]
    pool = mailpool.IMAPPool(socket=asked.socket) if asked.socket else mailpool.IMAPPool(asked.profile)
    try:
        return run(pool, asked.user, password, asked.mailbox, asked.threads)
    except NoMailbox as trouble:
        print(f"bounce_processor: {trouble}", file=sys.stderr)
        return os.EX_NOINPUT
    except mailpool.PoolError as trouble:
        print(f"bounce_processor: {trouble}", file=sys.stderr)
        return exit_code(trouble)


if __name__ == "__main__":
    sys.exit(main())
