#!/usr/bin/python3
"""Copies a mailbox into a directory, one file a message, with several processes at once.

    parallel_archive.py --profile archive --user USER --password-file FILE --to DIRECTORY [--mailbox INBOX] [--processes 4]

A pool is handed to the processes as it is: it pickles as its settings, and each borrows connections of its own. Files are named
by UIDVALIDITY and UID, written under another name first, and what is there already is not fetched again: a run that was killed is
simply run again.
"""

import argparse
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import mailpool

BATCH = 100


class Job(NamedTuple):
    """What one process does at a time."""

    pool: mailpool.IMAPPool
    user: str
    password: str
    mailbox: str
    directory: Path
    uids: list[int]


def open_mailbox(conn: mailpool.Connection, mailbox: str) -> int:
    """Read-only; its UIDVALIDITY."""
    status, said = conn.select(mailbox, readonly=True)
    if status != "OK":
        raise SystemExit(f"parallel_archive: {mailbox}: {said[0]!r}")
    _, validity = conn.response("UIDVALIDITY")
    return int(validity[0] or b"0")


def missing(job: Job) -> list[int]:
    """The UIDs that have no file yet."""
    with job.pool.connection(job.user, job.password) as conn:
        validity = open_mailbox(conn, job.mailbox)
        _, found = conn.uid("SEARCH", "ALL")
    numbers: bytes = found[0] if found and found[0] else b""
    return [uid for uid in map(int, numbers.split()) if not (job.directory / f"{validity}.{uid}.eml").exists()]


def literal(parts: list[Any]) -> bytes | None:
    """The message in what imaplib makes of FETCH: [(line, message), b")"]."""
    return next((bytes(part[1]) for part in parts if part and not isinstance(part, bytes)), None)


def fetch(job: Job) -> int:
    """Writes these messages; how many there were."""
    written = 0
    with job.pool.connection(job.user, job.password) as conn:
        validity = open_mailbox(conn, job.mailbox)
        for uid in job.uids:
            _, parts = conn.uid("FETCH", str(uid), "(BODY.PEEK[])")
            message = literal(parts)
            if message is None:
                continue  # expunged meanwhile
            unfinished = job.directory / f".{validity}.{uid}.new"
            unfinished.write_bytes(message)
            unfinished.rename(job.directory / f"{validity}.{uid}.eml")
            written += 1
    return written


def fetch_patiently(job: Job) -> int:
    """The same; what may pass is waited for."""
    return mailpool.retry(lambda: fetch(job))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="archive")
    parser.add_argument("--socket", help="instead of the profile's usual one")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--mailbox", default="INBOX")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=4)
    asked = parser.parse_args()
    password = asked.password_file.read_text().splitlines()[0]
    pool = mailpool.IMAPPool(socket=asked.socket) if asked.socket else mailpool.IMAPPool(asked.profile)
    asked.to.mkdir(parents=True, exist_ok=True)
    job = Job(pool, asked.user, password, asked.mailbox, asked.to, [])
    try:
        uids = mailpool.retry(lambda: missing(job))
        jobs = [job._replace(uids=uids[start:start + BATCH]) for start in range(0, len(uids), BATCH)]
        with multiprocessing.Pool(asked.processes) as workers:
            written = sum(workers.map(fetch_patiently, jobs))
    except mailpool.PoolError as trouble:
        print(f"parallel_archive: {trouble}", file=sys.stderr)
        return os.EX_NOPERM if trouble.reason == "refused" else os.EX_TEMPFAIL
    print(f"{written} messages", file=sys.stderr)
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
