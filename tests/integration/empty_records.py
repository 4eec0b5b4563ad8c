"""An SMTP server whose TLS is GnuTLS's: it sends records without content, which OpenSSL never does."""

import ctypes
import socket
import threading
import time

from lab.certificates import Certificate
from lab.process import free_port

SERVER, CERTIFICATE, PEM = 1, 1, 1
library = ctypes.CDLL("libgnutls.so.30")
library.gnutls_record_send.restype = library.gnutls_record_recv.restype = ctypes.c_ssize_t
library.gnutls_record_send.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
library.gnutls_record_recv.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]


class Datum(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_uint))


class EmptyRecords:
    """TLS from the first octet. Each reply is cut by an empty record; `at_rest` of them follow each message on an idle connection."""

    def __init__(self, certificate: Certificate, priority: str, at_rest: int):
        self.port, self.priority, self.at_rest = free_port(), priority.encode(), at_rest
        self.connections = self.resumed = self.messages = self.rests = 0
        self.credentials, self.ticket_key = ctypes.c_void_p(), Datum()
        library.gnutls_certificate_allocate_credentials(ctypes.byref(self.credentials))
        library.gnutls_certificate_set_x509_key_file(self.credentials, str(certificate.certificate).encode(),
                                                     str(certificate.key).encode(), PEM)
        library.gnutls_session_ticket_key_generate(ctypes.byref(self.ticket_key))
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
        session = ctypes.c_void_p()
        library.gnutls_init(ctypes.byref(session), SERVER)
        library.gnutls_priority_set_direct(session, self.priority, None)
        library.gnutls_credentials_set(session, CERTIFICATE, self.credentials)
        library.gnutls_session_ticket_enable_server(session, ctypes.byref(self.ticket_key))
        library.gnutls_transport_set_int2(session, connection.fileno(), connection.fileno())
        if library.gnutls_handshake(session) == 0:
            self.resumed += library.gnutls_session_is_resumed(session)
            self._talk(session)
        connection.close()

    def _talk(self, session: ctypes.c_void_p) -> None:
        def say(text: str) -> None:
            octets = text.encode() + b"\r\n"
            for piece in (octets[:2], b"", octets[2:]):
                library.gnutls_record_send(session, piece, len(piece))

        buffer, received, is_content = ctypes.create_string_buffer(65536), b"", False
        say("220 empty ESMTP")
        while (n := library.gnutls_record_recv(session, buffer, len(buffer))) > 0:
            *lines, received = (received + buffer.raw[:n]).split(b"\r\n")
            for line in lines:
                is_end = is_content and line == b"."
                if not is_content:
                    is_content = line == b"DATA"
                    say("354 go on" if is_content else "221 bye" if line == b"QUIT" else "250 2.0.0 OK")
                elif is_end:
                    is_content = False
                    self.messages += 1
                    say("250 2.0.0 kept")
                    self._rest(session)

    def _rest(self, session: ctypes.c_void_p) -> None:
        time.sleep(0.1)  # the reply is understood, the connection idle
        for _ in range(self.at_rest):
            library.gnutls_record_send(session, b"", 0)
        self.rests += 1

    def close(self) -> None:
        self.listener.close()
