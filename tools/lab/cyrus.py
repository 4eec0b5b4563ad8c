"""Cyrus, as the other kind of IMAP server behind a pool: it offers UNAUTHENTICATE, and differs in what it says and when."""

import shutil
import subprocess

from .certificates import Certificate
from .imap import Imap
from .process import Lab, LabError, Program, free_port, wait_until

BINARIES = "/usr/lib/cyrus/bin"
SERVER_NAME = "imap.example.com"


class Cyrus:
    """One server: `port` speaks TLS from the first octet, `plain_port` STARTTLS. Mailboxes come to be at a user's first login.

    Cyrus 3.6 offers UNAUTHENTICATE to its administrators alone: `admin` names one.
    """

    def __init__(self, lab: Lab, certificate: Certificate, users: dict[str, str] | None = None, admin: str = "cyrus"):
        self.users = users or {"anna": "anna-secret", "bert": "bert-secret"}
        self.port, self.plain_port = free_port(), free_port()
        self.directory = lab.directory("cyrus", owner="guest", group="guest")
        for name in ("conf", "spool", "run", "lock", "proc", "socket"):
            (self.directory / name).mkdir()
        self.passwords = self.directory / "sasldb2"
        self.config, self.services = self.directory / "imapd.conf", self.directory / "cyrus.conf"
        names = {"directory": self.directory, "port": self.port, "plain_port": self.plain_port, "passwords": self.passwords,
                 "certificate": certificate.certificate, "key": certificate.key, "admin": admin,
                 "imapd": f"imapd -C {self.config}"}
        self.config.write_text(IMAPD_CONF.format(**names))
        self.services.write_text(CYRUS_CONF.format(**names))
        for user, password in self.users.items():
            self.set_password(user, password)
        for path in (self.directory, *self.directory.rglob("*")):
            shutil.chown(path, "guest", "guest")
        self.program = Program("cyrus", [f"{BINARIES}/master", "-C", self.config, "-M", self.services, "-D", "-p",
                                         self.directory / "master.pid"], self.directory / "cyrus.log",
                               environment={"CYRUS_USER": "guest", "CYRUS_VERBOSE": "1"})
        lab.run(self.program)
        wait_until(self.answers, 30, "cyrus answers", interval=0.1)

    def set_password(self, user: str, password: str) -> None:
        self.users[user] = password
        done = subprocess.run(["saslpasswd2", "-p", "-c", "-f", self.passwords, "-u", SERVER_NAME, user], input=password,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError(f"saslpasswd2: {done.stderr}")
        shutil.chown(self.passwords, "guest", "guest")

    @property
    def address(self) -> str:
        return f"{SERVER_NAME}:{self.port}"

    def answers(self) -> bool:
        self.program.require_running()
        try:
            with self.session(timeout=5):
                return True
        except (OSError, RuntimeError):
            return False

    def session(self, timeout: float = 20) -> Imap:
        return Imap.over_tls("127.0.0.1", self.port, timeout)


IMAPD_CONF = """\
configdirectory: {directory}/conf
partition-default: {directory}/spool
defaultpartition: default
proc_path: {directory}/proc
mboxname_lockpath: {directory}/lock
idlesocket: {directory}/socket/idle
lmtpsocket: {directory}/socket/lmtp
notifysocket: {directory}/socket/notify
cyrus_user: guest
cyrus_group: guest
servername: imap.example.com
altnamespace: yes
unixhierarchysep: yes
autocreate_quota: 0
virtdomains: off
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {passwords}
sasl_mech_list: PLAIN LOGIN
admins: {admin}
tls_server_cert: {certificate}
tls_server_key: {key}
tls_session_timeout: 0
imapidlepoll: 1
syslog_prefix: cyrus
conversations: no
expunge_mode: immediate
"""

CYRUS_CONF = """\
START {{
  recover cmd="ctl_cyrusdb -C {directory}/imapd.conf -r"
}}
SERVICES {{
  imap  cmd="{imapd}" listen="127.0.0.1:{plain_port}" prefork=1
  imaps cmd="{imapd} -s" listen="127.0.0.1:{port}" prefork=1
}}
EVENTS {{
}}
"""
