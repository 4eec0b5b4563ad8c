"""An SMTP server of a page that keeps every octet as it came; for tests that look at the wire itself."""

import socket
import threading
from dataclasses import dataclass, field

from lab.process import free_port


@dataclass
class RawTransaction:
    octets: bytes = b""  # everything of the connection so far
    content: bytes = b""  # between 354 and the final dot, dots still stuffed


@dataclass
class RawServer:
    """Speaks plain ESMTP with the extensions that it is given, by default none, so the content comes by DATA."""

    transactions: list[RawTransaction] = field(default_factory=list)
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        octets = b""
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 raw.example.com ESMTP\r\n")
            while line := lines.readline():
                octets += line
                if line.upper().startswith(b"DATA"):
                    connection.sendall(b"354 go on\r\n")
                    content = b""
                    while not content.endswith(b"\r\n.\r\n"):
                        if not (octet := lines.read(1)):
                            return
                        content += octet
                    octets += content
                    self.transactions.append(RawTransaction(octets, content.removesuffix(b".\r\n")))
                    connection.sendall(b"250 2.0.0 kept\r\n")
                elif line.upper().startswith(b"QUIT"):
                    connection.sendall(b"221 bye\r\n")
                    return
                elif line.upper().startswith(b"EHLO"):
                    words = ("raw.example.com", *self.extensions)
                    connection.sendall("".join(f"250-{word}\r\n" for word in words[:-1]).encode() + f"250 {words[-1]}\r\n".encode())
                else:
                    connection.sendall(b"250 raw.example.com\r\n")
