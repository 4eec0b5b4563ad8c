"""An SMTP server whose TLS is GnuTLS's: it sends records without content, which OpenSSL never does."""

import socket
import threading
import time

from lab.certificates import Certificate
from lab.gnutls import Gnutls, GnutlsError, ticket_key
from lab.process import free_port


class EmptyRecords:
    """TLS from the first octet. Each reply is cut by an empty record; `at_rest` of them follow each message on an idle connection."""

    def __init__(self, certificate: Certificate, priority: str, at_rest: int):
        self.port, self.priority, self.at_rest = free_port(), priority, at_rest
        self.certificate, self.tickets = certificate, ticket_key()
        self.connections = self.resumed = self.messages = self.rests = 0
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                session = Gnutls(connection, self.certificate, self.priority, self.tickets)
                self.resumed += session.is_resumed
                self._talk(session)
            except GnutlsError:
                pass

    def _talk(self, session: Gnutls) -> None:
        def say(text: str) -> None:
            octets = text.encode() + b"\r\n"
            session.send(octets[:2])
            session.send_nothing()
            session.send(octets[2:])

        is_content = False
        say("220 empty ESMTP")
        while True:
            line = session.read_line()
            is_end = is_content and line == "."
            if not is_content:
                is_content = line == "DATA"
                say("354 go on" if is_content else "221 bye" if line == "QUIT" else "250 2.0.0 OK")
            elif is_end:
                is_content = False
                self.messages += 1
                say("250 2.0.0 kept")
                self._rest(session)

    def _rest(self, session: Gnutls) -> None:
        time.sleep(0.1)  # the reply is understood, the connection idle
        for _ in range(self.at_rest):
            session.send_nothing()
        self.rests += 1

    def close(self) -> None:
        self.listener.close()
