#!/usr/bin/python3
"""Says how many unseen messages mailboxes have, all at once, with asyncio.

    watch_mailboxes.py --profile bounces --user USER --password-file FILE MAILBOX...

Each mailbox is a task with a connection of its own; those beyond the profile's pool_size wait for their turn in the manager.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import mailpool
from mailpool import aio


async def unseen(pool: aio.IMAPPool, user: str, password: str, mailbox: str) -> str:
    """One line."""
    async def ask() -> str:
        async with pool.connection(user, password) as conn:
            status, said = await conn.status(mailbox, "(UNSEEN)")
        answer = said[0].decode() if isinstance(said[0], bytes) else ""
        return f"{mailbox}\t{answer.rpartition('(UNSEEN ')[2].rstrip(')') if status == 'OK' else answer}"
    return await aio.retry(ask)


async def watch(pool: aio.IMAPPool, user: str, password: str, mailboxes: list[str]) -> None:
    """A task for each mailbox; the lines come in the order of the mailboxes."""
    for line in await asyncio.gather(*(unseen(pool, user, password, mailbox) for mailbox in mailboxes)):
        print(line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="bounces")
    parser.add_argument("--socket", help="instead of the profile's usual one")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("mailboxes", nargs="+")
    asked = parser.parse_args()
    password = asked.password_file.read_text().splitlines()[0]
    pool = aio.IMAPPool(socket=asked.socket) if asked.socket else aio.IMAPPool(asked.profile)
    try:
        asyncio.run(watch(pool, asked.user, password, asked.mailboxes))
    except mailpool.PoolError as trouble:
        print(f"watch_mailboxes: {trouble}", file=sys.stderr)
        return os.EX_NOPERM if trouble.reason == "refused" else os.EX_TEMPFAIL
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
