"""Certificates of a lab: an authority and server certificates, made by openssl."""

import ipaddress
import random
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

KEY = ("-newkey", "rsa:2048", "-nodes")


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


class Authority:
    """Signs for any names; clients trust `self.certificate`."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.certificate = directory / "ca.pem"
        self._key = directory / "ca.key"
        openssl("req", "-x509", *KEY, "-keyout", self._key, "-out", self.certificate, "-days", "30", "-subj",
                "/CN=mailpool lab authority")

    def issue(self, *names: str, days: int = 30, stem: str | None = None, start: datetime | None = None,
              end: datetime | None = None) -> Certificate:
        """A server certificate for these DNS names and addresses; the files are readable by every user of the lab.

        With `start` and `end` it is valid then, not from now on."""
        stem = str(self.directory / (stem or names[0].replace("*", "any")))
        made = Certificate(Path(f"{stem}.pem"), Path(f"{stem}.key"))
        request, extensions = Path(f"{stem}.csr"), Path(f"{stem}.ext")
        extensions.write_text("subjectAltName=" + ",".join(f"{kind_of(name)}:{name}" for name in names) + "\n")
        openssl("req", "-new", *KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={names[0]}")
        if start and end:
            self._sign_for(request, extensions, made.certificate, start, end)
        else:
            openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-out",
                    made.certificate, "-days", str(days), "-extfile", extensions)
        made.key.chmod(0o644)
        return made

    def issue_to_mailpool(self, *names: str, **terms: object) -> Certificate:
        """As issue(), for mailpoold to show: its key is its user's alone."""
        made = self.issue(*names, **terms)
        keep_for_mailpool(made.key)
        return made

    def _sign_for(self, request: Path, extensions: Path, certificate: Path, start: datetime, end: datetime) -> None:
        folder = certificate.with_suffix(".ca")
        folder.mkdir()
        (folder / "index").write_text("")
        (folder / "index.attr").write_text("unique_subject = no\n")
        (folder / "serial").write_text(f"{random.getrandbits(64):016x}\n")
        (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={folder}/index\nserial={folder}/serial\n"
                                       f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-notext", "-config", folder / "ca.cnf", "-cert", self.certificate, "-keyfile", self._key, "-in",
                request, "-out", certificate, "-extfile", extensions, "-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate",
                f"{end:%Y%m%d%H%M%SZ}")

    def self_signed(self, *names: str) -> Certificate:
        """A certificate that nobody vouches for."""
        stem = str(self.directory / f"self-signed-{names[0]}")
        made = Certificate(Path(f"{stem}.pem"), Path(f"{stem}.key"))
        openssl("req", "-x509", *KEY, "-keyout", made.key, "-out", made.certificate, "-days", "30", "-subj", f"/CN={names[0]}",
                "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        made.key.chmod(0o644)
        return made


def keep_for_mailpool(secret: Path) -> None:
    shutil.chown(secret, "mailpool", "mailpool")
    secret.chmod(0o600)


def kind_of(name: str) -> str:
    try:
        ipaddress.ip_address(name)
        return "IP"
    except ValueError:
        return "DNS"


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
