"""An authoritative DNS server for the lab, scripted record by record. Runs in a thread of the test program."""

import time

from dnslib import QTYPE, RCODE, RR, A, AAAA, CNAME, MX, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

from .process import free_port

Behaviour = str  # "servfail", "refused" or "silent"


class Zone(BaseResolver):
    """What is known by name; anything else under it does not exist (NXDOMAIN)."""

    def __init__(self) -> None:
        self.records: dict[str, list[RR]] = {}
        self.behaviours: dict[str, Behaviour] = {}
        self.asked: list[tuple[str, str]] = []

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        name = str(request.q.qname).rstrip(".").lower()
        kind = QTYPE[request.q.qtype]
        self.asked.append((name, kind))
        reply = request.reply()
        behaviour = self.behaviours.get(name)
        if behaviour == "silent":
            time.sleep(30)
        if behaviour in ("servfail", "refused", "silent"):
            reply.header.rcode = RCODE.REFUSED if behaviour == "refused" else RCODE.SERVFAIL
            return reply
        self.answer(reply, name, kind)
        return reply

    def answer(self, reply: DNSRecord, name: str, kind: str) -> None:
        for _ in range(8):  # a chain of CNAMEs, not for ever
            known = self.records.get(name)
            if known is None:
                if not any(other.endswith(f".{name}") for other in self.records):
                    reply.header.rcode = RCODE.NXDOMAIN
                return
            wanted = [record for record in known if QTYPE[record.rtype] in (kind, "CNAME")]
            reply.add_answer(*wanted)
            aliases = [record for record in wanted if QTYPE[record.rtype] == "CNAME"]
            if not aliases or kind == "CNAME":
                return
            name = str(aliases[0].rdata.label).rstrip(".").lower()


class Dns:
    """`dns.mx("example.com", "mx1.example.com")`; `dns.servers` is what mailpoold's [dns] servers takes."""

    def __init__(self, address: str = "127.0.0.1", port: int | None = None) -> None:
        self.zone = Zone()
        self.port = port or free_port()
        self.servers = [f"{address}:{self.port}"]
        quiet = DNSLogger(log="-request,-reply,-truncated,-error", prefix=False)
        self._servers = [DNSServer(self.zone, address=address, port=self.port, logger=quiet, tcp=tcp)
                         for tcp in (False, True)]
        for server in self._servers:
            server.server.daemon_threads = True
            server.start_thread()

    def close(self) -> None:
        for server in self._servers:
            server.stop()
            server.server.server_close()

    def add(self, name: str, rdata: object, ttl: int = 60) -> None:
        kind = getattr(QTYPE, type(rdata).__name__)
        self.zone.records.setdefault(name.lower(), []).append(RR(name, kind, rdata=rdata, ttl=ttl))

    def forget(self, name: str) -> None:
        self.zone.records.pop(name.lower(), None)
        self.zone.behaviours.pop(name.lower(), None)

    def mx(self, name: str, *hosts: str, ttl: int = 60) -> None:
        """Hosts in order of preference, 10 apart."""
        for number, host in enumerate(hosts, 1):
            self.add(name, MX(host, number * 10), ttl)

    def null_mx(self, name: str) -> None:
        self.add(name, MX(".", 0))

    def a(self, name: str, *addresses: str, ttl: int = 60) -> None:
        for address in addresses:
            self.add(name, AAAA(address) if ":" in address else A(address), ttl)

    def cname(self, name: str, target: str) -> None:
        self.add(name, CNAME(target))

    def behave(self, name: str, behaviour: Behaviour) -> None:
        """Questions about this name are answered "servfail" or "refused", or not at all: "silent"."""
        self.zone.behaviours[name.lower()] = behaviour
