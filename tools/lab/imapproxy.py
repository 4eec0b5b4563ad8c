"""Debian's imapproxy in front of a server: what the pool is measured against, and the leak that harnesses must find."""

from pathlib import Path

from .imap import Imap
from .process import Lab, Program, free_port, wait_until


class Imapproxy:
    """One proxy to a server's plain port. `select_cache` is its option enable_select_cache."""

    def __init__(self, lab: Lab, server_port: int, *, select_cache: bool = False, tls: bool = False, authority: Path | None = None):
        self.port = free_port()
        self.directory = lab.directory("imapproxy")
        config = self.directory / "imapproxy.conf"
        lines = CONFIGURATION.format(server_port=server_port, port=self.port, directory=self.directory,
                                     select_cache="yes" if select_cache else "no")
        if tls:
            lines += f"force_tls yes\ntls_verify_server no\ntls_ca_file {authority}\n"
        config.write_text(lines)
        self.program = lab.run(Program("imapproxy", ["imapproxyd", "-f", config], self.directory / "imapproxy.log"))
        wait_until(self.answers, 10, "imapproxy answers", interval=0.05)

    def answers(self) -> bool:
        self.program.require_running()
        try:
            with self.session(timeout=5):
                return True
        except OSError:
            return False

    def session(self, timeout: float = 20) -> Imap:
        return Imap.over_tcp("127.0.0.1", self.port, timeout)


CONFIGURATION = """\
server_hostname 127.0.0.1
connect_retries 3
connect_delay 1
cache_size 3072
listen_port {port}
listen_address 127.0.0.1
server_port {server_port}
cache_expiration_time 300
proc_username guest
proc_groupname guest
stat_filename {directory}/stat
protocol_log_filename {directory}/protocol.log
syslog_facility LOG_MAIL
send_tcp_keepalives no
enable_select_cache {select_cache}
foreground_mode yes
enable_admin_commands no
"""
