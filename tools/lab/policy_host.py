"""A host of MTA-STS policies: mta-sts.DOMAIN, an HTTPS server whose answers are set by the test."""

import ssl
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .certificates import Certificate


def policy(mode: str, *hosts: str, max_age: int = 86400) -> str:
    return "".join(["version: STSv1\r\n", f"mode: {mode}\r\n", *(f"mx: {host}\r\n" for host in hosts), f"max_age: {max_age}\r\n"])


@dataclass
class PolicyHost:
    """`policies` is by host name; `asked` says who was asked for, in order. `slowness` is "silent" or "trickle"."""

    certificate: Certificate
    address: str = "127.0.0.1"
    port: int = 443

    def __post_init__(self) -> None:
        self.policies: dict[str, str] = {}
        self.usual()
        self.asked: list[str] = []
        self._is_closed = threading.Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802, the base class's name
                host.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer((self.address, self.port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that goes away in the middle
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.certificate, self.certificate.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def usual(self) -> None:
        """Answers as a good server does."""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.content_type = "text/plain; charset=utf-8"
        self.slowness = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.headers["Host"].split(":")[0]
        self.asked.append(name)
        body = self.policies.get(name, "").encode()
        if self.slowness == "silent":
            self._is_closed.wait()
        request.send_response(self.status if body else 404)
        request.send_header("Content-Type", self.content_type)
        for key, value in self.headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        step = 1 if self.slowness == "trickle" else len(body) or 1
        for at in range(0, len(body), step):
            request.wfile.write(body[at:at + step])
            request.wfile.flush()
            if step < len(body):
                time.sleep(0.1)

    def close(self) -> None:
        self._is_closed.set()
        self.server.shutdown()
        self.server.server_close()
