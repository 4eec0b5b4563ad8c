"""What mailpoold's sockets are told, as the kernel has it: each of its descriptors is looked at."""

import ctypes
import os
import socket
import stat

from lab.fakeimap import FakeImap
from lab.imap import Imap
from lab.imap_pool import PROFILE, ImapPool
from lab.messages import message
from lab.process import Lab, free_port, wait_until
from lab.receivers import SmtpSink

PIDFD_GETFD = 438
ESTABLISHED = 1
libc = ctypes.CDLL(None, use_errno=True)


def connections_of(pid: int) -> list[tuple[str, bool]]:
    """Its TCP connections: where each leads to, and whether small writes leave at once."""
    found = []
    process = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            copy = libc.syscall(PIDFD_GETFD, process, int(name), 0)
            if copy < 0:
                continue  # closed meanwhile
            if not stat.S_ISSOCK(os.fstat(copy).st_mode):
                os.close(copy)
                continue
            with socket.socket(fileno=copy) as one:
                is_tcp = one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM
                # The first octet of TCP_INFO is the state.
                if is_tcp and one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO) & 0xff == ESTABLISHED:
                    is_at_once = bool(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                    found.append((f"{one.getpeername()[1]} at {one.getsockname()[1]}", is_at_once))
    finally:
        os.close(process)
    return found


def test_on_no_tcp_connection_a_small_write_waits_for_an_acknowledgement(lab: Lab, fake: FakeImap, sink: SmtpSink):
    """Those that are accepted (IMAP, metrics) and those that are made (SMTP, IMAP)."""
    imap_port, metrics_port = free_port(), free_port()
    pool = ImapPool(lab, fake.address, tls="none", start=False)
    listen = pool.profiles[PROFILE]["listen"]
    assert isinstance(listen, list)
    pool.manager.configure({"metrics": {"listen": f"127.0.0.1:{metrics_port}"}, "route": {"*": [sink.address]},
                            "imap": {PROFILE: {**pool.profiles[PROFILE], "listen": [*listen, f"127.0.0.1:{imap_port}"]}}})
    pool.manager.start()
    wait_until(pool.socket().exists, 5, "the profile's socket is there")
    with pool.manager.lmtp() as client:
        assert client.deliver("s@example.com", ["u@example.org"], message(b"x\r\n"))[0].code == 250
    with Imap.over_tcp("127.0.0.1", imap_port) as session, socket.create_connection(("127.0.0.1", metrics_port)):
        session.login("anna", "anna-secret")
        wanted = {f"at {imap_port}", f"at {metrics_port}", f"{fake.address.rpartition(':')[2]} at", f"{sink.address.rpartition(':')[2]} at"}
        wait_until(lambda: all(any(place in where for where, _ in connections_of(pool.manager.process.pid)) for place in wanted), 10,
                   f"all four kinds are there: {connections_of(pool.manager.process.pid)}")
        assert [where for where, is_at_once in connections_of(pool.manager.process.pid) if not is_at_once] == []
