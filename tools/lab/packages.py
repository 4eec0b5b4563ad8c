"""Debian packages that cannot be installed side by side (or would start a service), unpacked into a cache instead."""

import fcntl
import hashlib
import os
import platform
import re
import subprocess
import tempfile
from pathlib import Path

RELEASE = platform.freedesktop_os_release().get("VERSION_CODENAME", "testing")
CACHE = Path(os.environ.get("MAILPOOL_LAB_CACHE", "/var/cache/mailpool-lab"), RELEASE)

# Mail servers conflict with one another, and installing one replaces and restarts the machine's. The first wins
# where two have the same file: /usr/sbin/sendmail is Postfix's. Each group can be installed as a whole.
GROUPS = (
    ("postfix",),
    ("exim4-base", "exim4-daemon-light"),
    ("opensmtpd",),
    ("dovecot-core", "dovecot-imapd", "imapproxy", "nsd", "unbound", "ldnsutils",
     # clients for the IMAP pool, and what fills Cyrus's passwords
     "mutt", "neomutt", "isync", "offlineimap3", "python3-imaplib2", "python3-imap-tools", "sasl2-bin"),
    ("cyrus-common", "cyrus-imapd"),
    ("sendmail-bin", "sendmail-base", "sendmail-cf"),
    ("prometheus",),  # promtool, which reads figures as Prometheus does
)
# What these need but do not depend on.
BESIDE = ("libsasl2-modules", "libsasl2-modules-db")


class MissingPackage(RuntimeError):
    """A package could be neither found in the cache nor downloaded."""


def tree() -> Path:
    """The packages' files and those of what they need, as far as this machine lacks it: a root to lay over the machine's."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lab.lock", "w") as lock:  # another process may be at it
        fcntl.flock(lock, fcntl.LOCK_EX)
        here = installed()
        names = [name for name in needed() if name not in here]
        place = CACHE / f"lab-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:12]}"
        if not place.is_dir():
            files = fetch(names)
            with tempfile.TemporaryDirectory(dir=CACHE, prefix=".unpacked-") as scratch:
                fresh = Path(scratch, "tree")
                unpack(files, fresh)
                fresh.rename(place)
    return place


def needed() -> list[str]:
    """All that apt would install for the groups on a machine that has nothing, the groups' own names first; asked once."""
    wanted = [name for group in GROUPS for name in group]
    known = CACHE / f"needed-{hashlib.sha256(' '.join((*wanted, *BESIDE)).encode()).hexdigest()[:12]}"
    if not known.exists():
        found = dict.fromkeys((*wanted, *BESIDE))
        for group in GROUPS:
            found.update(dict.fromkeys(dependencies(group)))
        fresh = known.with_suffix(".new")
        fresh.write_text("\n".join(found) + "\n")
        fresh.rename(known)
    return known.read_text().split()


def dependencies(names: tuple[str, ...]) -> list[str]:
    argv = ["-s", "-o", "Dir::State::status=/dev/null", "--no-install-recommends", "install", *names]
    done = apt_get(argv, CACHE)
    return re.findall(r"^Inst (\S+)", done.stdout, re.MULTILINE)


def fetch(names: list[str]) -> list[Path]:
    """The archives, all at once: a new machine lacks dozens."""
    archives = CACHE / "lab-archives"
    archives.mkdir(exist_ok=True)
    apt_get(["download", "-o", "APT::Sandbox::User=root", *names], archives)
    found = []
    for name in names:
        newest = max(archives.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime, default=None)
        if newest is None:
            raise MissingPackage(f"apt-get download {name}: no package came")
        found.append(newest)
    return found


def apt_get(arguments: list[str], directory: Path) -> subprocess.CompletedProcess:
    """Once more with new package lists: a new machine has none."""
    argv = ["apt-get", "-q", *arguments]
    for attempt in ("with these lists", "with new lists"):
        done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
        if done.returncode == 0:
            return done
        if attempt == "with these lists":
            subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)
    raise MissingPackage(f"{' '.join(argv)}: {done.stderr.strip() or f'exit code {done.returncode}'}")


def unpack(archives: list[Path], place: Path) -> None:
    """Into one tree, the first archive's files on top. Debian's /bin, /lib and /sbin are links into /usr."""
    for directory in ("bin", "lib", "sbin", "lib64"):
        (place / "usr" / directory).mkdir(parents=True)
        (place / directory).symlink_to(f"usr/{directory}")
    for archive in reversed(archives):
        files = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "--overwrite", "-C", place], stdin=files.stdout, check=True)
        if files.wait() != 0:
            raise MissingPackage(f"{archive}: cannot be unpacked")
    place.chmod(0o755)


def installed() -> set[str]:
    """The packages of this machine."""
    return {name.removesuffix(".list").partition(":")[0] for name in os.listdir("/var/lib/dpkg/info") if name.endswith(".list")}
