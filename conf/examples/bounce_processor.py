#!/usr/bin/python3
"""Reads a bounce mailbox with several threads, each on a pooled connection of its own.

    bounce_processor.py --profile bounces --user bounces@example.com --password-file FILE [--threads 8]

For each unseen delivery report (RFC 3464) it prints the recipient, the status and the reason, tab-separated, and marks the
message \\Seen. A message is marked only after its line is out, so what a killed run left is read by the next one. The number of
threads is free: connections beyond the profile's pool_size are waited for, not opened.
"""

import argparse
import email
import email.policy
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path

import mailpool

BATCH = 50  # messages that a thread reads on one borrowed connection
output = threading.Lock()


def unseen(pool: mailpool.IMAPPool, user: str, password: str, mailbox: str) -> list[bytes]:
    with pool.connection(user, password) as conn:
        select(conn, mailbox)
        status, found = conn.uid("SEARCH", "UNSEEN")
        if status != "OK":
            raise RuntimeError(f"SEARCH: {found}")
        return found[0].split() if found and found[0] else []


def process(pool: mailpool.IMAPPool, user: str, password: str, mailbox: str, uids: list[bytes]) -> int:
    """Reads these messages; how many reports they held."""
    reports = 0
    with pool.connection(user, password) as conn:
        select(conn, mailbox)
        for uid in uids:
            status, parts = conn.uid("FETCH", uid.decode(), "(BODY.PEEK[])")
            if status != "OK" or not parts or not isinstance(parts[0], tuple):
                continue  # another run took it
            for line in failures(email.message_from_bytes(parts[0][1], policy=email.policy.default)):
                with output:
                    print(line, flush=True)
                reports += 1
            conn.uid("STORE", uid.decode(), "+FLAGS.SILENT", r"(\Seen)")
    return reports


def select(conn: mailpool.Connection, mailbox: str) -> None:
    status, said = conn.select(mailbox)
    if status != "OK":
        raise RuntimeError(f"SELECT {mailbox}: {said}")


def failures(report: Message) -> Iterator[str]:
    """One line for each recipient that a delivery report speaks of."""
    for part in report.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for fields in part.get_payload():
            if recipient := fields.get("Final-Recipient"):
                reason = " ".join(str(fields.get("Diagnostic-Code", "")).split())
                yield "\t".join((str(recipient).partition(";")[2].strip(), str(fields.get("Status", "")), reason))


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
        uids = unseen(pool, asked.user, password, asked.mailbox)
        batches = [uids[start:start + BATCH] for start in range(0, len(uids), BATCH)]
        with ThreadPoolExecutor(asked.threads) as threads:
            done = [threads.submit(process, pool, asked.user, password, asked.mailbox, batch) for batch in batches]
            reports = sum(future.result() for future in done)
    except mailpool.PoolError as trouble:
        print(f"bounce_processor: {trouble}", file=sys.stderr)
        return 75  # EX_TEMPFAIL
    print(f"{len(uids)} messages, {reports} reports", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
