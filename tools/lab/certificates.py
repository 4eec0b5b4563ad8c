"""Certificates of a lab: an authority and server certificates, made by openssl."""

import ipaddress
import subprocess
from dataclasses import dataclass
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

    def issue(self, *names: str, days: int = 30) -> Certificate:
        """A server certificate for these DNS names and addresses; the files are readable by every user of the lab."""
        stem = str(self.directory / names[0].replace("*", "any"))
        made = Certificate(Path(f"{stem}.pem"), Path(f"{stem}.key"))
        request, extensions = Path(f"{stem}.csr"), Path(f"{stem}.ext")
        extensions.write_text("subjectAltName=" + ",".join(f"{kind_of(name)}:{name}" for name in names) + "\n")
        openssl("req", "-new", *KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={names[0]}")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-out",
                made.certificate, "-days", str(days), "-extfile", extensions)
        made.key.chmod(0o644)
        return made


def kind_of(name: str) -> str:
    try:
        ipaddress.ip_address(name)
        return "IP"
    except ValueError:
        return "DNS"


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
