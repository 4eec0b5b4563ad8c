"""Real servers as next hops. Each listens on its own port and keeps every message it accepted as one file.

All have the same face: `address` ("127.0.0.1:PORT"), `messages()` (contents as the server wrote them),
`speaks_tls`. Line ends are what the server writes, mostly LF; lab.messages.without_trace() evens that out.
"""

import asyncio
import smtplib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from .certificates import Certificate
from .messages import without_trace
from .postfix import Postfix
from .process import Lab, LabError, Program, free_port, wait_until

SERVER_NAME = "receiver.example.com"


class Receiver:
    speaks_tls = True

    def __init__(self, lab: Lab, name: str):
        self.name = name
        self.port = free_port()
        self.directory = lab.directory(name)
        self.mail = lab.directory(f"{name}-mail", mode=0o777)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def messages(self) -> list[bytes]:
        """Those that are complete: a file in tmp/ of a maildir is still being written, and moves away when it is."""
        complete = [path for path in self.mail.rglob("*")
                    if path.is_file() and not path.name.startswith(".") and path.parent.name != "tmp"]
        return [path.read_bytes() for path in complete]

    def wait_for(self, identity: str, timeout: float = 30) -> bytes:
        """The message whose Message-Id was made of `identity` by lab.messages.message()."""
        field = b"Message-Id: <%s@" % identity.encode()
        found: Callable[[], list[bytes]] = lambda: [content for content in self.messages() if field in content]
        return wait_until(found, timeout, f"message {identity} at {self.name}", interval=0.05)[0]

    def wait_for_copy(self, sent: bytes, identity: str, timeout: float = 30) -> bool:
        """Whether the message arrives as it was sent, trace fields aside. (A file may still be on its way to the disk.)"""
        wanted = without_trace(sent)
        try:
            return wait_until(lambda: without_trace(self.wait_for(identity, timeout)) == wanted, timeout, "a true copy", 0.1)
        except LabError:
            return False

    def wait_until_ready(self, timeout: float = 20) -> None:
        def answers() -> bool:
            try:
                with smtplib.SMTP("127.0.0.1", self.port, timeout=2):
                    return True
            except (OSError, smtplib.SMTPException):
                return False
        wait_until(answers, timeout, f"{self.name} answers on port {self.port}")


class SmtpSink(Receiver):
    """Postfix's smtp-sink: fast, and no TLS. `switches` as in smtp-sink(1), e.g. "-p" for no PIPELINING."""

    speaks_tls = False

    def __init__(self, lab: Lab, *switches: str, keep: bool = True):
        super().__init__(lab, "smtp-sink")
        dump = ["-d", f"{self.mail}/%H%M%S."] if keep else []
        self.program = lab.run(Program("smtp-sink", ["smtp-sink", "-u", "nobody", *dump, *switches, self.address, "1000"],
                                       self.directory / "smtp-sink.log"))
        self.wait_until_ready()

    def messages(self) -> list[bytes]:
        """smtp-sink writes the session as X- fields above the message, and an empty line after it."""
        return [without_x_fields(content).removesuffix(b"\n") for content in super().messages() if b"X-Rcpt-Args" in content]


class PostfixReceiver(Receiver):
    """Postfix smtpd; pipe(8) writes the messages, without any field of its own."""

    def __init__(self, lab: Lab, certificate: Certificate | None = None):
        self.name = "receiver"
        self.mail = lab.directory("receiver-mail", mode=0o777)
        keep = lab.root / "keep"
        keep.write_text(f'#!/bin/sh\nset -e\ncat > {self.mail}/."$1"\nmv {self.mail}/."$1" {self.mail}/"$1"\n')
        keep.chmod(0o755)
        settings = {"mydestination": "", "default_transport": "keep:", "smtpd_client_connection_count_limit": "0"}
        if certificate:
            settings |= {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": str(certificate.certificate),
                         "smtpd_tls_key_file": str(certificate.key), "smtpd_tls_loglevel": "1"}
        keeper = f"keep unix - n n - 10 pipe\n  flags= user=guest argv={keep} ${{queue_id}}\n"
        self.postfix = Postfix(lab, "receiver", settings, keeper).start()
        self.directory = self.postfix.directory
        self.port = self.postfix.port
        self.speaks_tls = certificate is not None

    def tls_sessions(self) -> int:
        return self.postfix.log().count("TLS connection established from")


class Exim(Receiver):
    """Exim; appendfile writes the messages."""

    def __init__(self, lab: Lab, certificate: Certificate | None = None):
        super().__init__(lab, "exim")
        self.log_directory = lab.directory("exim-log", mode=0o777)
        spool = lab.directory("exim-spool", owner="Debian-exim", group="Debian-exim")
        tls = (f"tls_advertise_hosts = *\ntls_certificate = {certificate.certificate}\ntls_privatekey = {certificate.key}\n"
               if certificate else "tls_advertise_hosts =\n")
        self.speaks_tls = certificate is not None
        configuration = Path("/etc/exim4/exim4.conf")  # the only name that Debian's Exim trusts as root
        configuration.parent.mkdir(exist_ok=True)
        configuration.write_text(EXIM.format(name=SERVER_NAME, spool=spool, log=self.log_directory, tls=tls, mail=self.mail,
                                             port=self.port, pid=self.directory / "exim.pid"))
        configuration.chmod(0o644)
        self.program = lab.run(Program("exim", ["exim4", "-bdf", "-q30m"], self.directory / "exim.log"))
        self.wait_until_ready()

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.log_directory.glob("*")))

    def tls_sessions(self) -> int:
        return self.log().count(" X=TLS")


EXIM = """\
primary_hostname = {name}
spool_directory = {spool}
log_file_path = {log}/%slog
pid_file_path = {pid}
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
{tls}
log_selector = +tls_cipher
acl_smtp_rcpt = accept
acl_smtp_data = accept
never_users =
host_lookup =
rfc1413_hosts =
rfc1413_query_timeout = 0s
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
message_size_limit = 50M
chunking_advertise_hosts = *
pipelining_connect_advertise_hosts =
trusted_users = root
begin routers
all:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  file = {mail}/$message_exim_id
  create_file = anywhere
  user = Debian-exim
  group = Debian-exim
  message_prefix =
  message_suffix =
  no_use_lockfile
  no_check_owner
"""


class OpenSmtpd(Receiver):
    """OpenSMTPD; its maildir delivery writes the messages.

    Debian 12's OpenSMTPD (6.8.0p2) loses its private key with OpenSSL 3, be it of RSA or of an elliptic curve, in TLS 1.2 and
    1.3 ("missing private key"; OpenSMTPD's issues 1171 and 1239), so every handshake fails: with a certificate it is a server
    whose STARTTLS never works, without one it speaks plain text.
    """

    speaks_tls = False

    def __init__(self, lab: Lab, certificate: Certificate | None = None):
        super().__init__(lab, "opensmtpd")
        spool = Path("/var/spool/smtpd")
        spool.mkdir(mode=0o711, exist_ok=True)
        Path("/var/lib/opensmtpd/empty").mkdir(parents=True, exist_ok=True)
        tls = ""
        if certificate:
            key = self.directory / "server.key"  # it refuses a key that others may read
            key.write_bytes(certificate.key.read_bytes())
            key.chmod(0o600)
            tls = f'pki "{SERVER_NAME}" cert "{certificate.certificate}"\npki "{SERVER_NAME}" key "{key}"\n'
        configuration = self.directory / "smtpd.conf"
        configuration.write_text(OPENSMTPD.format(tls=tls, port=self.port, name=SERVER_NAME, mail=self.mail,
                                                  options=f'tls pki "{SERVER_NAME}"' if tls else ""))
        self.program = lab.run(Program("opensmtpd", ["/usr/sbin/smtpd", "-d", "-f", configuration],
                                       self.directory / "opensmtpd.log"))
        self.wait_until_ready()


OPENSMTPD = """\
{tls}
smtp max-message-size 50M
listen on 127.0.0.1 port {port} hostname "{name}" {options}
table everyone {{ "@" = guest }}
action "keep" maildir "{mail}" virtual <everyone>
match from any for any action "keep"
"""


class Aiosmtpd(Receiver):
    """aiosmtpd, in a thread of the test program."""

    LINE_LIMIT = 50_000

    def __init__(self, lab: Lab, certificate: Certificate | None = None):
        super().__init__(lab, "aiosmtpd")
        self.speaks_tls = certificate is not None
        self.contents: list[bytes] = []
        self._tls_sessions = 0
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        lab.at_close(self.close)
        started.wait(10)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        serve = self._loop.create_server(self._session, "127.0.0.1", self.port)
        self._server = self._loop.run_until_complete(serve)
        started.set()
        self._loop.run_forever()

    def _session(self) -> asyncio.Protocol:
        from aiosmtpd.smtp import SMTP

        class LongLines(SMTP):
            line_length_limit = self.LINE_LIMIT

        return LongLines(self, data_size_limit=50 << 20, hostname=SERVER_NAME, tls_context=self._context, loop=self._loop)

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802, aiosmtpd's name
        self.contents.append(envelope.content)
        self._tls_sessions += session.ssl is not None
        return "250 2.0.0 kept"

    def messages(self) -> list[bytes]:
        return list(self.contents)

    def tls_sessions(self) -> int:
        return self._tls_sessions

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


def without_x_fields(content: bytes) -> bytes:
    while content.startswith(b"X-"):
        content = content.split(b"\n", 1)[1]
    return content
