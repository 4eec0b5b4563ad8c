"""A TLS server's end by GnuTLS, which does at a call what OpenSSL's never does: key updates, records without content, groups of numbers alone."""

import ctypes
import socket

from .certificates import Certificate

SERVER, CERTIFICATE, PEM = 1, 1, 1
library = ctypes.CDLL("libgnutls.so.30")
library.gnutls_record_send.restype = library.gnutls_record_recv.restype = ctypes.c_ssize_t
library.gnutls_record_send.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
library.gnutls_record_recv.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
library.gnutls_record_send2.restype = ctypes.c_ssize_t
library.gnutls_record_send2.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint]
library.gnutls_session_key_update.argtypes = [ctypes.c_void_p, ctypes.c_uint]
library.gnutls_record_get_state.argtypes = [ctypes.c_void_p, ctypes.c_uint, *[ctypes.c_void_p] * 4]
library.gnutls_record_set_state.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_char_p]
library.gnutls_aead_cipher_encrypt.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t,
                                               ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                               ctypes.POINTER(ctypes.c_size_t)]
GNUTLS_TLS1_2, APPLICATION_DATA, TAG_SIZE = 4, 23, 16

TLS13 = "NORMAL:-VERS-ALL:+VERS-TLS1.3"


class Datum(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_uint))


def ticket_key() -> Datum:
    """For the sessions of all connections that are given it."""
    key = Datum()
    library.gnutls_session_ticket_key_generate(ctypes.byref(key))
    return key


class GnutlsError(OSError):
    """What GnuTLS said no to; the connection is over."""


class Gnutls:
    """One connection, its hands shaken."""

    def __init__(self, connection: socket.socket, certificate: Certificate, priority: str = TLS13,
                 tickets: Datum | None = None):
        self.connection = connection
        self._session, self._credentials, self._unread = ctypes.c_void_p(), ctypes.c_void_p(), b""
        library.gnutls_certificate_allocate_credentials(ctypes.byref(self._credentials))
        library.gnutls_certificate_set_x509_key_file(self._credentials, str(certificate.certificate).encode(),
                                                     str(certificate.key).encode(), PEM)
        library.gnutls_init(ctypes.byref(self._session), SERVER)
        library.gnutls_priority_set_direct(self._session, priority.encode(), None)
        library.gnutls_credentials_set(self._session, CERTIFICATE, self._credentials)
        if tickets:
            library.gnutls_session_ticket_enable_server(self._session, ctypes.byref(tickets))
        library.gnutls_transport_set_int2(self._session, connection.fileno(), connection.fileno())
        self._require(library.gnutls_handshake(self._session))

    @staticmethod
    def _require(result: int) -> int:
        if result < 0:
            raise GnutlsError(result, "GnuTLS")
        return result

    @property
    def is_resumed(self) -> bool:
        return library.gnutls_session_is_resumed(self._session) != 0

    def send(self, octets: bytes) -> None:
        """One record, with content: GnuTLS refuses others here."""
        self._require(library.gnutls_record_send(self._session, octets, len(octets)))

    def send_nothing(self) -> None:
        """One record without content."""
        if library.gnutls_protocol_get_version(self._session) != GNUTLS_TLS1_2:
            self._require(library.gnutls_record_send2(self._session, b"", 0, 1, 0))  # padded by an octet, which is no content
            return
        # GnuTLS does not write these in TLS 1.2: the record is made with its keys, AES-GCM by RFC 5288, and counted.
        salt, key, number = Datum(), Datum(), ctypes.create_string_buffer(8)
        self._require(library.gnutls_record_get_state(self._session, 0, None, ctypes.byref(salt), ctypes.byref(key), number))
        cipher, sealed, size = ctypes.c_void_p(), ctypes.create_string_buffer(TAG_SIZE), ctypes.c_size_t(TAG_SIZE)
        self._require(library.gnutls_aead_cipher_init(ctypes.byref(cipher), library.gnutls_cipher_get(self._session), ctypes.byref(key)))
        head = bytes((APPLICATION_DATA, 3, 3))
        nonce = ctypes.string_at(salt.data, salt.size) + number.raw
        checked = number.raw + head + bytes(2)
        self._require(library.gnutls_aead_cipher_encrypt(cipher, nonce, len(nonce), checked, len(checked), TAG_SIZE, b"", 0, sealed,
                                                         ctypes.byref(size)))
        library.gnutls_aead_cipher_deinit(cipher)
        self.connection.sendall(head + (8 + TAG_SIZE).to_bytes(2, "big") + number.raw + sealed.raw)
        after = int.from_bytes(number.raw, "big") + 1
        self._require(library.gnutls_record_set_state(self._session, 0, after.to_bytes(8, "big")))

    def say(self, text: str) -> None:
        self.send(text.encode() + b"\r\n")

    def read_line(self) -> str:
        """Without its end; an error where there is none any more."""
        buffer = ctypes.create_string_buffer(16384)
        while b"\r\n" not in self._unread:
            if (n := self._require(library.gnutls_record_recv(self._session, buffer, len(buffer)))) == 0:
                raise GnutlsError(0, "the client has closed")
            self._unread += buffer.raw[:n]
        line, _, self._unread = self._unread.partition(b"\r\n")
        return line.decode(errors="replace")

    def update_key(self) -> None:
        self._require(library.gnutls_session_key_update(self._session, 0))
