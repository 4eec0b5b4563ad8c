"""TLS that breaks only after the client thinks that the hands are shaken: until the first reply under it, an end is a failed handshake."""

import socket
import ssl
import threading
import time

import pytest
from tls_line import deliver

from lab.certificates import Certificate
from lab.mailpool import Mailpoold
from lab.process import Lab, free_port

# How the server breaks it, and whether the client may hear of it within the handshake.
BREAKS = ("wants a certificate", "closes after the handshake", "closes at EHLO", "is silent at EHLO")


class Breaking:
    """An SMTP server whose TLS `breaks`; with `only_resumed`, that of resumed sessions alone. In plain text it takes whatever comes."""

    def __init__(self, lab: Lab, certificate: Certificate, breaks: str, version: ssl.TLSVersion, *, only_resumed: bool = False):
        self.breaks, self.only_resumed = breaks, only_resumed
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.maximum_version = version
        self.context.load_cert_chain(certificate.certificate, certificate.key)
        if breaks == "wants a certificate":
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(certificate.certificate)
        self.commands: list[tuple[bool, str]] = []  # under TLS or not
        self.handshakes = self.resumed = 0
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        lab.at_close(self.listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def mails(self) -> list[bool]:
        """For each message that came: whether it did under TLS."""
        return [is_secure for is_secure, command in self.commands if command.startswith("MAIL")]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.sendall(b"220 breaking ESMTP\r\n")
                if self._talk(connection, is_secure=False):
                    connection.sendall(b"220 go\r\n")
                    self._secure(connection)
        except OSError:
            pass

    def _secure(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as secure:
            self.handshakes += 1
            self.resumed += secure.session_reused
            if self.breaks == "closes after the handshake" and self._is_meant(secure):
                return
            self._talk(secure, is_secure=True)

    def _is_meant(self, connection: socket.socket) -> bool:
        return not self.only_resumed or connection.session_reused

    def _talk(self, connection: socket.socket, is_secure: bool) -> bool:
        """True when STARTTLS was said."""
        is_content = False
        for line in connection.makefile("rb"):
            command = line.decode().rstrip()
            if is_content:
                is_content = command != "."
                if not is_content:
                    connection.sendall(b"250 2.0.0 kept\r\n")
                continue
            self.commands.append((is_secure, command))
            if command == "STARTTLS":
                return True
            if command.startswith("EHLO") and is_secure and self._is_meant(connection):
                if self.breaks == "closes at EHLO":
                    return False
                if self.breaks == "is silent at EHLO":
                    time.sleep(20)
                    return False
            is_content = command == "DATA"
            connection.sendall(b"250-breaking\r\n250 STARTTLS\r\n" if command.startswith("EHLO") else b"354 go on\r\n" if is_content
                               else b"221 bye\r\n" if command == "QUIT" else b"250 2.0.0 OK\r\n")
            if command == "QUIT":
                return False
        return False


def manager_for(lab: Lab, server: Breaking, **smtp: object) -> Mailpoold:
    return Mailpoold(lab, {"route": {domain: [f"127.0.0.1:{server.port}"] for domain in ("may.test", "encrypt.test")},
                           "domain": {"may.test": {"tls": "may"}, "encrypt.test": {"tls": "encrypt"}},
                           "smtp": smtp}).start()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("breaks", BREAKS)
def test_a_server_whose_tls_breaks_before_its_first_reply_gets_plain_text_where_it_may(lab: Lab, certificate: Certificate, breaks: str,
                                                                                       version: ssl.TLSVersion):
    server = Breaking(lab, certificate, breaks, version)
    # Silence is the network's fault at first: the host is left alone, and tried again in the same way.
    silent = breaks == "is silent at EHLO"
    manager = manager_for(lab, server, **({"ehlo_timeout": "1s"} if silent else {}))
    code, text = deliver(manager, "u@encrypt.test")
    assert code == 451, text
    assert server.mails() == []
    if silent:
        for _ in range(8):
            code, text = deliver(manager, "u@may.test")
            if code == 250:
                break
            time.sleep(1)
    else:
        code, text = deliver(manager, "u@may.test")
    assert code == 250, text
    assert deliver(manager, "u@may.test")[0] == 250
    assert server.mails() == [False, False]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("breaks", ["closes after the handshake", "closes at EHLO"])
def test_a_resumed_session_that_dies_before_its_first_reply_is_not_offered_again(lab: Lab, certificate: Certificate, breaks: str,
                                                                                version: ssl.TLSVersion):
    server = Breaking(lab, certificate, breaks, version, only_resumed=True)
    manager = manager_for(lab, server, max_messages=1)
    for number in range(5):
        code, text = deliver(manager, f"u{number}@encrypt.test")
        assert code == 250, f"message {number}: {text}"
    assert server.mails() == [True] * 5
    assert server.resumed == 1
    assert server.handshakes == 6
