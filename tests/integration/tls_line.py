"""mailpoold and one fakemx with TLS, and the kinds of connection on which a fault can be met."""

from collections.abc import Callable

from lab.certificates import Certificate
from lab.fakemx import Fakemx
from lab.mailpool import Mailpoold
from lab.messages import message
from lab.process import Lab, wait_until

DOMAINS = {"may.test": "may", "encrypt.test": "encrypt"}
# The connection's number, and that of the message on it, which a fault is to meet.
WHERE = {"fresh": (1, 1), "reused": (1, 2), "resumed": (2, 1)}


def deliver(manager: Mailpoold, recipient: str, parameters: str = "", header: bytes = b"") -> tuple[int, str]:
    """One message by LMTP; the reply's code and text."""
    with manager.lmtp(timeout=60) as session:
        content = header + message(b"secret\r\n", recipient)
        reply = session.deliver("sender@example.com", [recipient], content, parameters)[-1]
    return reply.code, str(reply)


class Line:
    """Both domains lead to the server. In its script `{conn}` is the connection of the kind, `{here}` that and its message."""

    def __init__(self, lab: Lab, certificate: Certificate, script: str, *flags: str, how: str = "fresh",
                 settings: dict | None = None):
        connection, number = WHERE[how]
        script = script.replace("{conn}", f"conn={connection}").replace("{here}", f"conn={connection} message={number}")
        self.how = how
        self.server = Fakemx(lab, script, certificate=certificate, flags=flags)
        self.settings = {
            "route": {domain: [self.server.address] for domain in DOMAINS},
            "domain": {domain: {"tls": level} for domain, level in DOMAINS.items()},
            "smtp": {"starttls_timeout": "1s", "check_after": "1h", **(settings or {})}}
        self.manager = Mailpoold(lab, self.settings).start()
        self.sent = 0

    def deliver(self, domain: str, content: bytes = b"secret\r\n") -> tuple[int, str]:
        self.sent += 1
        with self.manager.lmtp(timeout=30) as session:
            reply = session.deliver("sender@example.com", [f"u{self.sent}@{domain}"], message(content, f"m{self.sent}"))[-1]
        return reply.code, str(reply)

    def begin(self, domain: str) -> None:
        """The next message to the domain meets a connection of the kind."""
        if self.how == "fresh":
            return
        code, text = self.deliver(domain)
        assert code == 250, text
        if self.how == "resumed":
            self.close_idle()

    def close_idle(self) -> None:
        self.manager.poolctl("flush", self.manager.status()["sites"][0]["site"])
        wait_until(lambda: self.manager.totals()["connections_open"] == 0, 10, "no connection is open")

    def connections(self) -> int:
        return self.server.connections()

    def handshakes(self) -> dict[str, int]:
        """By the server's count: full, resumed, failed."""
        return self.server.stats()["tls"]

    def was_met(self) -> bool:
        """Whether the fault's connection was of the kind."""
        return self.how != "resumed" or self.handshakes()["resumed"] > 0


MakeLine = Callable[..., Line]
