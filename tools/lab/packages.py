"""Debian packages that cannot be installed side by side (or would start a service), unpacked into a cache instead."""

import os
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get("MAILPOOL_LAB_CACHE", "/var/cache/mailpool-lab"))

# Mail servers conflict with one another, and installing one replaces and restarts the machine's. The first wins
# where two have the same file: /usr/sbin/sendmail is Postfix's.
SERVERS = ("postfix", "exim4-base", "exim4-daemon-light", "opensmtpd", "dovecot-core", "dovecot-imapd", "cyrus-common",
           "cyrus-imapd", "imapproxy", "sendmail-bin", "sendmail-base", "sendmail-cf", "nsd", "unbound", "ldnsutils")
# Clients for the IMAP pool, and what fills Cyrus's passwords.
CLIENTS = ("mutt", "neomutt", "isync", "offlineimap3", "python3-imaplib2", "python3-imap-tools", "sasl2-bin")
# promtool, which reads figures as Prometheus does.
TOOLS = ("prometheus",)
# What they link to; unpacked too where the machine has not installed it.
LIBRARIES = ("m4", "liblockfile1", "libdb5.3", "libgnutls-dane0", "libicu72", "libidn12", "libnsl2", "libpcre2-8-0", "libsasl2-2",
             "libunbound8", "libevent-2.1-7", "libldns3", "libfstrm0", "libprotobuf-c1", "libpython3.11", "libhiredis0.14", "libnghttp2-14",
             # Dovecot's and Cyrus's
             "libexttextcat-2.0-0", "libexttextcat-data", "liblua5.4-0", "libstemmer0d", "libsodium23", "libtirpc3",
             "libtirpc-common", "libunwind8", "libwrap0", "libapparmor1", "libclamav12", "libmspack0", "libical3", "libjansson4",
             "libpcre3", "libpq5", "libxapian30", "libzephyr4", "libxml2", "libldap-2.5-0", "libsasl2-modules",
             "libsasl2-modules-db",
             # the clients'
             "libgpgme11", "libassuan0", "libgmime-3.0-0", "libgssglue1", "libntlm0", "libgsasl18", "libsexp1", "libtalloc2",
             "libnotmuch5", "libtokyocabinet9", "mailcap", "media-types")


class MissingPackage(RuntimeError):
    """A package could be neither found in the cache nor downloaded."""


def layers() -> list[Path]:
    """The roots of the packages' files, to lay over the machine's, the first on top. Fetches what is not in the cache."""
    names = [*SERVERS, *CLIENTS, *TOOLS, *(name for name in LIBRARIES if not is_installed(name))]
    missing = [name for name in names if not (CACHE / name).is_dir()]
    if missing:
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".fetched-") as scratch:
            fetch(missing, Path(scratch))
            for name in missing:
                unpack(name, Path(scratch))
    return [CACHE / name for name in names]


def fetch(names: list[str], directory: Path) -> None:
    """All at once: a new machine lacks dozens."""
    trouble = download(names, directory)
    if trouble:  # a new machine has no package lists yet
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)
        trouble = download(names, directory)
    if trouble:
        raise MissingPackage(f"apt-get download {' '.join(names)}: {trouble}")


def download(names: list[str], directory: Path) -> str:
    """What went wrong, or nothing."""
    done = subprocess.run(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *names], cwd=directory,
                          capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def unpack(name: str, fetched: Path) -> None:
    debs = list(fetched.glob(f"{name}_*.deb"))
    if len(debs) != 1:
        raise MissingPackage(f"apt-get download {name}: no package came")
    files = fetched / name
    subprocess.run(["dpkg", "-x", debs[0], files], check=True)
    files.chmod(0o755)
    if not (CACHE / name).is_dir():  # another process may have been quicker
        files.rename(CACHE / name)


def is_installed(name: str) -> bool:
    return Path(f"/var/lib/dpkg/info/{name}.list").exists() or any(Path("/var/lib/dpkg/info").glob(f"{name}:*.list"))
