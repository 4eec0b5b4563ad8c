"""Many sessions killed at random places, through mailpoold or what it is compared with: see lab/isolation.py.

  tests/integration/isolation [--sessions N] [--target NAME] [--workers N] [--seed N]

Targets: mailpoold (nothing may be found), direct (the server itself: nothing may be found, or the harness is wrong),
imapproxy and leaky (mailpoold with its reset switched off: something must be found, or the harness is blind).
Exit code 0 if that is so.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from .certificates import Authority
from .dovecot import Dovecot
from .imap_pool import ImapPool
from .imapproxy import Imapproxy
from .isolation import USERS, Isolation, Plan, Result, over_tcp, over_tls, over_unix, prepare
from .mailpool import Value
from .process import Lab

CLEAN, LEAKY = ("mailpoold", "direct"), ("imapproxy", "leaky")
POOL: dict[str, Value] = {"pool_size": 4, "checkout_timeout": "30s", "max_clients": 500}


def run(lab: Lab, server: Dovecot, authority: Path, target: str, sessions: int, **plan) -> tuple[Result, ImapPool | None]:
    """The sessions against a target, with mail of its own users; the manager too, where there is one, to be asked."""
    pool = None
    if target == "direct":
        plan["connect"] = over_tls(server.port)
    elif target == "imapproxy":
        plan |= {"connect": over_tcp(Imapproxy(lab, server.plain_port).port), "timeout": 1.5, "spellings": ("quoted",)}
    else:
        pool = ImapPool(lab, f"127.0.0.1:{server.port}", authority, settings={"log": {"to": "/dev/null", "level": "warning"}},
                        build="mailpoold-without-reset" if target == "leaky" else "mailpoold", **POOL)
        plan["connect"] = over_unix(pool.socket())
        if target == "leaky":
            plan["timeout"] = 1.5
    return Isolation(Plan(sessions=sessions, mail=server.mail, **plan)).run(), pool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--target", choices=(*CLEAN, *LEAKY), default="mailpoold")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isolation", dir="/srv") as root, contextlib.closing(Lab(Path(root))) as lab:
        authority = Authority(lab.directory("authority"))
        server = Dovecot(lab, authority.issue("127.0.0.1"), users=dict(USERS), scheme="PLAIN").start()
        prepare(over_tls(server.port), USERS)
        result, pool = run(lab, server, authority.certificate, asked.target, asked.sessions, workers=asked.workers,
                           seed=asked.seed, progress=lambda line: print(line, flush=True))
        show(result, pool)
    good = result.leaks() == 0 if asked.target in CLEAN else result.leaks() > 0
    print("as it must be" if good else "NOT as it must be")
    return 0 if good else 1


def show(result: Result, pool: ImapPool | None) -> None:
    for finding in result.findings[:40]:
        print(f"  {finding.kind}: {finding.what}")
    for state, count in result.states.most_common():
        print(f"  {count:>7}  {state}")
    if pool:
        for row in pool.rows():
            print(f"  {row['user']}: created {row['created']}, reused {row['reused']}, discarded {row['discarded']}")
    print(result.summary())


if __name__ == "__main__":
    sys.exit(main())
