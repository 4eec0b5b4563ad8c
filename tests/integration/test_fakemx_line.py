"""fakemx's simulated line: what a flight costs. A busy machine makes it dearer, never cheaper: of several tries the cheapest counts."""

import ssl
import time
from collections.abc import Callable

import pytest
from fakemx_play import Client, careless, start

RTT = 0.2
TRIES = 10

class Trips:
    """Round trips, counted by the clock."""

    def __init__(self):
        self.counted: list[int] = []

    def of(self, act: Callable[[], object]) -> None:
        began = time.monotonic()
        act()
        self.counted.append(int((time.monotonic() - began + 0.002) / RTT))


def cheapest(conversation: Callable[[Trips], None], expected: list[int]) -> list[int]:
    """Of each step of a conversation, in as many tries as the machine needs to be quick enough."""
    best: list[int] = []
    for _ in range(TRIES):
        trips = Trips()
        conversation(trips)
        best = list(map(min, zip(trips.counted, best or trips.counted, strict=True)))
        if best == expected:
            break
    return best


def test_every_flight_costs_one_round_trip(start):
    server = start("", "--rtt", f"{RTT * 1000:.0f}ms")

    def conversation(trips: Trips) -> None:
        client = server.client()

        def handshake() -> None:
            client.socket = careless().wrap_socket(client.socket)
        trips.of(client.read_reply)
        trips.of(lambda: client.command("EHLO c"))
        trips.of(lambda: client.commands("MAIL FROM:<>", "RCPT TO:<r@a.example>", "BDAT 3 LAST\r\nx"))
        trips.of(client.mail)
        trips.of(lambda: client.command("STARTTLS"))
        trips.of(handshake)
        trips.of(lambda: client.command("EHLO c"))
        client.send(b"QUIT\r\n")
        trips.of(lambda: client.read_reply() and client.end())
    expected = [2, 1, 1, 2, 1, 1, 1, 1]
    assert cheapest(conversation, expected) == expected
    assert server.faults() == {}


@pytest.mark.parametrize(("version", "resumed", "trips"), [
    (ssl.TLSVersion.TLSv1_3, False, 1), (ssl.TLSVersion.TLSv1_3, True, 1),
    (ssl.TLSVersion.TLSv1_2, False, 2), (ssl.TLSVersion.TLSv1_2, True, 1)])
def test_a_handshake_costs_its_flights(start, version: ssl.TLSVersion, resumed: bool, trips: int):
    server = start("", "--rtt", f"{RTT * 1000:.0f}ms")
    context = careless()
    context.minimum_version = context.maximum_version = version

    def secured(session: ssl.SSLSession | None, trips: Trips) -> ssl.SSLSocket:
        client = server.ready()
        client.command("STARTTLS")
        trips.of(lambda: wrap(client, session))
        client.send(b"NOOP\r\n")  # with TLS 1.3 the tickets come before its answer
        assert client.read_reply().startswith("250")
        return client.socket

    def wrap(client: Client, session: ssl.SSLSession | None) -> None:
        client.socket = context.wrap_socket(client.socket, session=session)

    def conversation(trips: Trips) -> None:
        session = secured(None, Trips()).session if resumed else None
        assert secured(session, trips).session_reused == resumed
    assert cheapest(conversation, [trips]) == [trips]


def test_flights_overlap_on_the_simulated_line(start):
    """The second of two flights is sent half a round trip behind the first; one behind the other they would cost two."""
    client = start("", "--rtt", f"{RTT * 1000:.0f}ms").ready()

    def conversation(trips: Trips) -> None:
        def both() -> None:
            client.send(b"RSET\r\n")
            time.sleep(RTT / 2)
            client.send(b"RSET\r\n")
            client.read_reply()
            client.read_reply()
        trips.of(both)
    assert cheapest(conversation, [1]) == [1]
