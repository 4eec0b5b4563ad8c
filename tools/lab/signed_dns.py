"""DNSSEC for the lab: a signed root with a key of its own, served by nsd, and a validating resolver (unbound) before it.

All names stand in the signed root itself, unless they are below a zone that was declared unsigned. What is spoiled has
a signature that does not fit: a validating resolver calls it bogus.
"""

import re
import subprocess
from pathlib import Path

from .process import Lab, Program, free_port, wait_until

TTL = 60


class SignedDns:
    """`dns.add("mx.example.com", "A", "127.0.1.1")`, then `dns.start()`. `servers` is what mailpoold's [dns] servers takes."""

    def __init__(self, lab: Lab, resolver_port: int = 53):
        self.lab = lab
        self.directory = lab.directory("signed-dns")
        self.anchor = self.directory / "root.key"
        self.servers = [f"127.0.0.1:{resolver_port}"]
        self._resolver_port = resolver_port
        self._authority_port = free_port()
        self._records: dict[str, list[str]] = {".": [f". {TTL} IN SOA ns.example. root.example. 1 3600 600 86400 {TTL}",
                                                     f". {TTL} IN NS ns.example.", f"ns.example. {TTL} IN A 127.0.0.1"]}
        self._spoiled: list[tuple[str, str]] = []
        self._key = self._make_key()

    def _make_key(self) -> str:
        done = subprocess.run(["ldns-keygen", "-k", "-a", "ECDSAP256SHA256", "."], cwd=self.directory, check=True,
                              capture_output=True, text=True)
        stem = done.stdout.strip()
        self.anchor.write_text((self.directory / f"{stem}.key").read_text())
        return stem

    def unsigned(self, zone: str) -> None:
        """All names in this zone are insecure."""
        self._records["."].append(f"{zone}. {TTL} IN NS ns.{zone}.")
        self._records[zone] = [f"{zone}. {TTL} IN SOA ns.{zone}. root.{zone}. 1 3600 600 86400 {TTL}",
                               f"{zone}. {TTL} IN NS ns.{zone}.", f"ns.{zone}. {TTL} IN A 127.0.0.1"]

    def add(self, name: str, kind: str, rdata: str) -> None:
        zones = [zone for zone in self._records if zone != "." and (name == zone or name.endswith(f".{zone}"))]
        self._records[zones[0] if zones else "."].append(f"{name}. {TTL} IN {kind} {rdata}")

    def mx(self, domain: str, *hosts: str) -> None:
        for number, host in enumerate(hosts, 1):
            self.add(domain, "MX", f"{number * 10} {host}.")

    def spoil(self, name: str, kind: str) -> None:
        """The signature over these records is made to fail."""
        self._spoiled.append((f"{name}.", kind))

    def _write_zones(self) -> list[tuple[str, Path]]:
        files = []
        for zone, records in self._records.items():
            stem = "root" if zone == "." else zone
            path = self.directory / f"{stem}.zone"
            path.write_text("\n".join(records) + "\n")
            if zone == ".":
                signed = self.directory / "root.signed"
                subprocess.run(["ldns-signzone", "-o", ".", "-f", signed, path, self._key], cwd=self.directory, check=True,
                               capture_output=True)
                signed.write_text(self._with_spoiled(signed.read_text()))
                path = signed
            files.append((zone, path))
        return files

    def _with_spoiled(self, zone: str) -> str:
        lines = []
        for line in zone.splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[3] == "RRSIG" and (fields[0], fields[4]) in self._spoiled:
                signature = fields[-1]
                line = line.replace(signature, ("A" if signature[0] != "A" else "B") + signature[1:])
            lines.append(line)
        return "\n".join(lines) + "\n"

    def start(self) -> "SignedDns":
        zones = self._write_zones()
        nsd = self.directory / "nsd.conf"
        nsd.write_text(NSD.format(port=self._authority_port, directory=self.directory) + "".join(
            f'zone:\n  name: "{zone}"\n  zonefile: "{path}"\n' for zone, path in zones))
        self.lab.run(Program("nsd", ["nsd", "-d", "-c", nsd], self.directory / "nsd.log"))
        unbound = self.directory / "unbound.conf"
        unbound.write_text(UNBOUND.format(port=self._resolver_port, authority=self._authority_port, anchor=self.anchor,
                                          directory=self.directory))
        self.lab.run(Program("unbound", ["unbound", "-d", "-c", unbound], self.directory / "unbound.log"))
        wait_until(lambda: self.is_validated("ns.example"), 20, "the resolver validates ns.example", interval=0.1)
        return self

    def is_validated(self, name: str, kind: str = "A") -> bool:
        from dnslib import DNSRecord
        question = DNSRecord.question(name, kind)
        question.header.ad = 1
        try:
            reply = DNSRecord.parse(question.send("127.0.0.1", self._resolver_port, timeout=2))
        except OSError:
            return False
        return reply.header.ad == 1


NSD = """\
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{directory}"
  database: ""
  zonelistfile: "{directory}/zone.list"
  xfrdfile: "{directory}/xfrd.state"
  pidfile: ""
  verbosity: 1
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
UNBOUND = """\
server:
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  trust-anchor-file: "{anchor}"
  module-config: "validator iterator"
  cache-max-ttl: 5
  cache-max-negative-ttl: 1
  local-zone: "example." nodefault
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{authority}
"""


def tlsa(certificate: Path, usage: int = 3, selector: int = 1, matching: int = 1) -> str:
    """The RDATA that fits this certificate."""
    data = _openssl("x509", "-in", certificate, "-outform", "DER")
    if selector == 1:
        public = _openssl("x509", "-in", certificate, "-noout", "-pubkey")
        data = _openssl("pkey", "-pubin", "-outform", "DER", given=public)
    if matching:
        words = _openssl("dgst", f"-sha{256 if matching == 1 else 512}", "-r", given=data).decode()
        return f"{usage} {selector} {matching} {re.match(r'[0-9a-f]+', words)[0]}"
    return f"{usage} {selector} {matching} {data.hex()}"


def _openssl(*arguments: object, given: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, input=given).stdout
