"""Limits on connections: which are evicted, which wait in a queue, and which are overdue."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_network

import pytest
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPConnection, HTTPMessageDelegate

from asr_daemon.networks import Network
from asr_daemon.web.connection import EVICTABLE_AFTER_S, LINGER_S, Connection, State, Timeouts
from asr_daemon.web.connections import Connections, affordable_connections

HEADER_S, IDLE_S, RATE = 10.0, 75.0, 100


class Deaf(HTTPMessageDelegate):
    """Receives requests and does not answer them."""


class Bed:
    """A listener without a socket, a clock that a test sets, and the connections of both."""

    is_stopped = False
    tls: ssl.SSLContext | None = None

    def __init__(
        self, most: int = 99, most_per_address: int = 99, proxies: tuple[Network, ...] = ()
    ) -> None:
        """Begin without connections."""
        self.now_s = 1000.0
        timeouts = Timeouts(header_s=HEADER_S, idle_s=IDLE_S, body_min_rate_bytes_per_s=RATE)
        self.connections = Connections(timeouts, lambda: self.now_s)
        self.connections.limit(most, most_per_address, proxies, timeouts)
        self.clients: list[socket.socket] = []

    def make_request(self, connection: Connection, http: HTTP1Connection) -> HTTPMessageDelegate:
        """Return what does not answer."""
        return Deaf()

    def note_malformed(self, connection: Connection, reason: str) -> None:
        """Do nothing."""

    def accept(self, address: str = "192.0.2.1") -> Connection:
        """Have one more connection from an address."""
        ours, theirs = socket.socketpair()
        self.clients.append(theirs)
        connection = Connection(ours, address, self, self.connections)
        self.connections.enter(connection)
        return connection

    def upload(self, address: str = "192.0.2.1") -> Connection:
        """Have one more whose request is admitted, and whose body comes."""
        connection = self.accept(address)
        connection.receive_body()
        return connection

    def work(self, address: str = "192.0.2.1") -> Connection:
        """Have one more whose request is complete."""
        connection = self.accept(address)
        connection.work()
        return connection

    def after(self, seconds: float) -> None:
        """Let time pass, at the end of which is a sweep."""
        self.now_s += seconds
        self.connections.sweep()


def is_open(connection: Connection) -> bool:
    """Return whether a connection is not closed."""
    return connection.state is not State.CLOSED


def run(test: Callable[[Bed], None], bed: Bed) -> None:
    """Run a test on a loop."""

    async def body() -> None:
        try:
            test(bed)
        finally:
            await bed.connections.close(0.0)
            for _ in range(3):
                await asyncio.sleep(0)
            for client in bed.clients:
                client.close()

    asyncio.run(body())


def test_longest_idle_connection_is_evicted() -> None:
    """At the limit a new connection takes the place of the one that has been idle longest."""

    def test(bed: Bed) -> None:
        first = bed.accept("a")
        bed.now_s += 0.1
        second, third = bed.accept("b"), bed.work("c")
        bed.now_s += EVICTABLE_AFTER_S
        newcomer = bed.accept("d")
        states = [connection.state for connection in (first, second, third, newcomer)]
        assert states == [State.CLOSED, State.NEW, State.WORKING, State.NEW]

    run(test, Bed(most=3))


def test_idle_connection_has_a_timeout_of_its_own() -> None:
    """A balancer keeps connections for minutes, and a head comes within seconds."""

    def test(bed: Bed) -> None:
        connection, silent = bed.accept(), bed.accept()
        connection.answer()
        connection.start_request(object(), HTTPConnection())
        bed.after(IDLE_S - 1.0)
        assert [is_open(connection), is_open(silent)] == [True, False]
        bed.after(1.0)
        assert not is_open(connection)

    run(test, Bed())


def test_slow_uploads_are_evicted_after_idle_connections() -> None:
    """A body that comes slower than it may is tolerated while there is room."""

    def test(bed: Bed) -> None:
        slow, idle = bed.upload("a"), bed.accept("b")
        bed.now_s += EVICTABLE_AFTER_S + 0.1
        bed.accept("c")
        assert (slow.state, idle.state) == (State.BODY, State.CLOSED)
        bed.accept("d")
        assert slow.state is State.CLOSED

    run(test, Bed(most=2))


def test_full() -> None:
    """None is accepted while all are busy, or were a moment ago."""

    def test(bed: Bed) -> None:
        bed.work("a")
        bed.accept("b")
        assert bed.connections.is_full
        bed.now_s += EVICTABLE_AFTER_S
        assert not bed.connections.is_full

    run(test, Bed(most=2))


def test_over_its_share_an_address_waits() -> None:
    """A connection is queued until another one of its address is closed, in their order."""

    def test(bed: Bed) -> None:
        busy, other = bed.work("a"), bed.accept("b")
        first, second = bed.accept("a"), bed.accept("a")
        assert [first.state, second.state, other.state] == [State.QUEUED, State.QUEUED, State.NEW]
        busy.abort()
        assert [first.state, second.state] == [State.NEW, State.QUEUED]
        assert len(bed.connections) == 3

    run(test, Bed(most_per_address=1))


def test_queued_until_another_one_is_idle() -> None:
    """It takes the place of one of its address that has been idle for a while, and of no other."""

    def test(bed: Bed) -> None:
        bed.accept("b")
        idle = bed.accept("a")
        queued = bed.accept("a")
        bed.after(EVICTABLE_AFTER_S - 0.1)
        assert [idle.state, queued.state] == [State.NEW, State.QUEUED]
        bed.after(0.1)
        assert [idle.state, queued.state] == [State.CLOSED, State.NEW]
        bed.now_s += EVICTABLE_AFTER_S
        newcomer = bed.accept("a")
        assert [queued.state, newcomer.state] == [State.CLOSED, State.NEW]

    run(test, Bed(most_per_address=1))


def test_wrong_credentials_give_way_at_once() -> None:
    """A refusal that is delayed keeps nobody of its address waiting."""

    def test(bed: Bed) -> None:
        guesser = bed.accept()
        guesser.delay()
        assert bed.accept().state is State.NEW
        assert guesser.state is State.CLOSED

    run(test, Bed(most_per_address=1))


def test_queued_ones_are_the_first_to_go() -> None:
    """In all there are no more than may be; more of the same address are not even queued."""

    def test(bed: Bed) -> None:
        bed.work("a")
        first, second = bed.accept("a"), bed.accept("a")
        assert bed.accept("a").state is State.CLOSED
        bed.work("b")
        assert [first.state, second.state] == [State.QUEUED, State.CLOSED]

    run(test, Bed(most=3, most_per_address=1))


def test_queued_for_too_long() -> None:
    """Who waits is closed when its head would be late."""

    def test(bed: Bed) -> None:
        bed.work()
        queued = bed.accept()
        bed.after(HEADER_S)
        assert queued.state is State.CLOSED
        assert len(bed.connections) == 1

    run(test, Bed(most_per_address=1))


def test_all_that_are_queued_are_served_at_the_end() -> None:
    """Whatever their share is: their requests may be there."""

    def test(bed: Bed) -> None:
        bed.work()
        queued = [bed.accept(), bed.accept()]
        bed.connections.serve_queued()
        assert [connection.state for connection in queued] == [State.NEW] * 2
        assert len(bed.connections) == 3

    run(test, Bed(most_per_address=1))


@pytest.mark.parametrize(
    ("address", "proxy"), [("10.0.0.1", "10.0.0.0/8"), ("fd00::1", "fd00::/16")]
)
def test_proxies_have_no_share(address: str, proxy: str) -> None:
    """They speak for many senders."""

    def test(bed: Bed) -> None:
        assert [bed.work(address).state for _ in range(3)] == [State.WORKING] * 3

    run(test, Bed(most_per_address=1, proxies=(ip_network(proxy),)))


def test_addresses_of_one_customer_count_together() -> None:
    """Of IPv6 a whole /64 is one address."""

    def test(bed: Bed) -> None:
        bed.work("2001:db8:1:2::1")
        assert bed.accept("2001:db8:1:2:3::4").state is State.QUEUED
        assert bed.accept("2001:db8:1:3::1").state is State.NEW

    run(test, Bed(most_per_address=1))


@pytest.mark.parametrize(
    ("move", "timeout_s"),
    [
        (lambda one: None, HEADER_S),
        (Connection.answer, HEADER_S),
        (Connection.discard, LINGER_S),
        (Connection.close, LINGER_S),
    ],
)
def test_deadlines(move: Callable[[Connection], None], timeout_s: float) -> None:
    """Each state in which the client has to act has a deadline."""

    def test(bed: Bed) -> None:
        connection = bed.accept()
        move(connection)
        state = connection.state
        bed.after(timeout_s - 0.1)
        assert connection.state is state
        bed.after(0.1)
        assert connection.state is State.CLOSED

    run(test, Bed())


def test_work_has_no_deadline() -> None:
    """It is we who take so long."""

    def test(bed: Bed) -> None:
        connection = bed.work()
        bed.after(100_000.0)
        assert connection.state is State.WORKING

    run(test, Bed())


def test_upload_that_stalls() -> None:
    """It is closed ten seconds after its last byte, and not before."""

    def test(bed: Bed) -> None:
        connection = bed.upload()
        for _ in range(19):
            bed.after(0.5)
        assert is_open(connection)
        bed.after(0.5)
        assert not is_open(connection)

    run(test, Bed())


def test_upload_at_the_least_rate() -> None:
    """Over any ten seconds so many bytes are enough, and what came before does not count."""

    async def body() -> None:
        bed = Bed()
        connection = bed.accept()
        await asyncio.sleep(0.01)
        connection.receive_body()
        for sent in (RATE * 30, RATE * 10, RATE * 10, RATE * 9):
            assert is_open(connection)
            bed.clients[0].send(b"x" * sent)
            await asyncio.sleep(0.01)
            for _ in range(20):
                bed.after(0.5)
        assert not is_open(connection)
        await bed.connections.close(0.0)
        bed.clients[0].close()
        await asyncio.sleep(0.01)

    asyncio.run(body())


def test_what_we_do_not_read_is_no_stall() -> None:
    """While the disk is waited for, and for ten seconds afterwards, an upload is not slow."""

    def test(bed: Bed) -> None:
        connection = bed.upload()
        with connection.paused():
            for _ in range(100):
                bed.after(0.5)
        for _ in range(19):
            bed.after(0.5)
        assert is_open(connection)
        bed.after(0.5)
        assert not is_open(connection)

    run(test, Bed())


@pytest.mark.parametrize(
    ("wanted", "descriptors", "affordable"),
    [(1000, 65536, 1000), (1000, 1024, 640), (1000, 300, 75), (10, 300, 10)],
)
def test_affordable_connections(wanted: int, descriptors: int, affordable: int) -> None:
    """There are never so many that files cannot be opened."""
    assert affordable_connections(wanted, descriptors) == affordable
