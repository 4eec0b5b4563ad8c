"""An SMTP server under TLS from the first octet, as on port 465, that asks its clients for certificates."""

import socket
import ssl
import threading
from pathlib import Path

from lab.certificates import Certificate
from lab.process import free_port


class WrappedServer:
    """`commands` is what it was told; `clients` the names in the certificates it was shown, one a connection ("": none)."""

    def __init__(self, certificate: Certificate, *extensions: str, client_authority: Path | None = None):
        self.hello = "\r\n".join([*(f"250-{line}" for line in ("wrapped", *extensions)), "250 HELP"])
        self.port = free_port()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.certificate, certificate.key)
        if client_authority:
            self.context.load_verify_locations(client_authority)
            self.context.verify_mode = ssl.CERT_OPTIONAL
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.commands: list[str] = []
        self.clients: list[str] = []
        self.may_answer = threading.Event()  # the end of a message's content
        self.may_answer.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with self.context.wrap_socket(plain, server_side=True) as connection, connection.makefile("rwb") as stream:
            def say(text: str) -> None:
                stream.write(text.encode() + b"\r\n")
                stream.flush()
            shown = connection.getpeercert() or {}
            self.clients.append(dict(field[0] for field in shown.get("subject", ())).get("commonName", ""))
            say("220 wrapped ESMTP")
            content = False
            for octets in stream:
                words = octets.decode().rstrip("\r\n")
                if content:
                    if words == ".":
                        content = False
                        self.may_answer.wait()
                        say("250 2.0.0 kept")
                    continue
                self.commands.append(words)
                content = words == "DATA"
                say(self.hello if words.startswith("EHLO") else "354 go on" if content else "221 bye" if words == "QUIT" else "250 2.0.0 OK")

    def close(self) -> None:
        self.may_answer.set()
        self.listener.close()
