"""A server on a real socket: which connections are served, which are closed, and the end."""

import asyncio
import errno
import os
import resource
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import trustme
from tornado.netutil import bind_sockets

from asr_daemon.web.connection import Timeouts
from asr_daemon.web.connections import Connections
from asr_daemon.web.interfaces import Intake
from asr_daemon.web.refusal_log import RefusalLog
from asr_daemon.web.requests_in_flight import InFlight
from asr_daemon.web.routing import Router
from asr_daemon.web.server import CallbackServer
from asr_daemon.web.throttle import Throttle
from asr_daemon.web.tls import load_tls
from tests.web.conftest import MemorySpool, Recorder

REQUEST = b"POST /in?key=good HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
SHORT_S = 0.2
LONG_S = 10.0


@pytest.fixture(autouse=True)
def _sweep_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr_daemon.web.connections.SWEEP_S", 0.05)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], "asyncio.Future[Streams]"]


class Bed:
    """A server, and a way to connect to it."""

    def __init__(
        self, server: CallbackServer, connections: Connections, port: int, endpoint: Recorder
    ) -> None:
        """Take a server that was started."""
        self.server = server
        self.connections = connections
        self.endpoint = endpoint
        self.port = port
        self._writers: list[asyncio.StreamWriter] = []
        self._calling: list[socket.socket] = []

    async def connect(self, tls: ssl.SSLContext | None = None) -> Streams:
        """Open a connection; it is closed at the end."""
        name = None if tls is None else "localhost"
        streams = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=tls, server_hostname=name
        )
        self._writers.append(streams[1])
        return streams

    def call(self) -> socket.socket:
        """Return a connection that waits to be accepted; it is closed at the end."""
        calling = socket.create_connection(("127.0.0.1", self.port))
        calling.setblocking(False)
        self._calling.append(calling)
        return calling

    async def close(self) -> None:
        """Close everything."""
        for calling in self._calling:
            calling.close()
        self.server.stop()
        await self.connections.close(0.0)
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def listening(
    most: int = 9,
    header_timeout_s: float = LONG_S,
    idle_timeout_s: float = LONG_S,
    tls: ssl.SSLContext | None = None,
    open_sockets: Callable[[], list[socket.socket]] = lambda: bind_sockets(0, "127.0.0.1"),
) -> AsyncIterator[Bed]:
    """Start a server on a free port."""
    endpoint = Recorder()

    async def open_spool() -> MemorySpool:
        return MemorySpool()

    intake = Intake(
        body_bytes=1000,
        open_spool=open_spool,
        throttle=Throttle(),
        refusal_log=RefusalLog(),
        answered=lambda endpoint, status: None,
    )
    router = Router()
    router.serve({"/in": endpoint}, intake)
    sockets = open_sockets()
    timeouts = Timeouts(
        header_s=header_timeout_s, idle_s=idle_timeout_s, body_min_rate_bytes_per_s=1_000_000
    )
    connections = Connections(timeouts)
    connections.limit(most, 9, (), timeouts)
    connections.start()
    server = CallbackServer(sockets, router, InFlight(), connections, tls)
    server.start()
    bed = Bed(server, connections, sockets[0].getsockname()[1], endpoint)
    try:
        yield bed
    finally:
        await bed.close()


def open_for_both() -> list[socket.socket]:
    """Return a socket for IPv4 and IPv6."""
    return [socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)]


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Let so many more file descriptors be opened, for a while."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [os.dup(0) for _ in range(count + 1)]
    for descriptor in free:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def answer(streams: Streams) -> bytes:
    """Send a request, and return the first line of what comes back."""
    reader, writer = streams
    writer.write(REQUEST)
    return await reader.readline()


def test_a_request_is_served() -> None:
    """One connection serves several requests."""

    async def run() -> list[bytes]:
        async with listening() as bed:
            reader, _ = streams = await bed.connect()
            lines = [await answer(streams)]
            await reader.readuntil(b"}")
            return [*lines, await answer(streams)]

    assert asyncio.run(run()) == [b"HTTP/1.1 200 OK\r\n"] * 2


def test_idle_connection_is_evicted_for_a_new_one() -> None:
    """When all connections are taken, the one that waits for nothing is closed."""

    async def run() -> tuple[bytes, bytes]:
        async with listening(most=1) as bed:
            idle, _ = await bed.connect()
            served = await answer(await bed.connect())
            return await idle.read(), served

    assert asyncio.run(run()) == (b"", b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("sent", [b"", b"POST /in HTTP/1.1\r\nHost:"])
def test_who_sends_no_whole_head_is_reaped(sent: bytes) -> None:
    """Silence and half a head end at the deadline of the head."""

    async def run() -> bytes:
        async with listening(header_timeout_s=SHORT_S) as bed:
            reader, writer = await bed.connect()
            writer.write(sent)
            return await asyncio.wait_for(reader.read(), LONG_S)

    assert asyncio.run(run()) == b""


def test_ipv4_client_of_a_socket_for_both() -> None:
    """Its address is as it is elsewhere: service managers pass on such sockets."""

    async def run() -> list[str]:
        async with listening(open_sockets=open_for_both) as bed:
            assert await answer(await bed.connect()) == b"HTTP/1.1 200 OK\r\n"
            return [head.address for head in bed.endpoint.heads]

    assert asyncio.run(run()) == ["127.0.0.1"]


def test_idle_connection_is_closed() -> None:
    """Between two requests a connection is kept for its own time."""

    async def run() -> bytes:
        async with listening(idle_timeout_s=SHORT_S) as bed:
            reader, _ = streams = await bed.connect()
            await answer(streams)
            await reader.readuntil(b"}")
            return await asyncio.wait_for(reader.read(), LONG_S)

    assert asyncio.run(run()) == b""


def test_refused_upload_lingers_only_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes on with a body that grew too large reads the refusal, and is then cut off."""
    monkeypatch.setattr("asr_daemon.web.connection.LINGER_S", SHORT_S)

    async def run() -> bytes:
        async with listening() as bed:
            reader, writer = await bed.connect()
            head = b"POST /in?key=good HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            writer.write(head + b"800\r\n" + b"x" * 2048 + b"\r\n")
            return await asyncio.wait_for(reader.read(), LONG_S)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 413 ")


LAST = REQUEST.replace(b"Host: x", b"Host: x\r\nConnection: close")


@pytest.mark.parametrize(("sent", "status"), [(b"EHLO x\r\n\r\n", b"400"), (LAST, b"200")])
def test_who_has_its_last_answer_lingers_only_for_a_while(
    sent: bytes, status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who speaks no HTTP, or said itself that it is done, is cut off if it leaves its end open."""
    monkeypatch.setattr("asr_daemon.web.connection.LINGER_S", SHORT_S)

    async def run() -> bytes:
        async with listening() as bed, asyncio.timeout(LONG_S):
            reader, writer = await bed.connect()
            writer.write(sent)
            answer = await reader.read()
            while bed.connections:
                await asyncio.sleep(0.001)
            return answer

    assert asyncio.run(run()).startswith(b"HTTP/1.1 " + status)


def test_who_waits_to_be_let_in_at_the_end_is_served() -> None:
    """A connection that the kernel has taken is accepted before its server closes."""

    async def run() -> bytes:
        async with listening() as bed:
            streams = await bed.connect()
            bed.server.stop()
            return await answer(streams)

    assert asyncio.run(run()) == b"HTTP/1.1 200 OK\r\n"


def test_connections_end_with_their_next_answer_at_the_end() -> None:
    """After `stop` an answer says that its connection is closed."""

    async def run() -> bytes:
        async with listening() as bed:
            reader, writer = await bed.connect()
            bed.server.stop()
            writer.write(REQUEST)
            return await reader.read()

    assert b"Connection: close\r\n" in asyncio.run(run())


def test_descriptors_that_run_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who cannot be accepted waits; that is said once, also if there is room for some meanwhile."""
    monkeypatch.setattr("asr_daemon.web.server.ACCEPT_AGAIN_S", 0.01)

    async def run() -> bytes:
        async with listening() as bed, asyncio.timeout(LONG_S):
            first, _ = bed.call(), bed.call()
            with descriptors_left(0):
                while not caplog.records:
                    await asyncio.sleep(0.001)
            with descriptors_left(1):
                first.sendall(REQUEST)
                return await asyncio.get_running_loop().sock_recv(first, 15)

    assert asyncio.run(run()) == b"HTTP/1.1 200 OK"
    assert [line.levelname for line in caplog.records] == ["ERROR"]


def test_errors_of_the_network(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that a connection brings with it is said in a line; the next one is accepted."""
    monkeypatch.setattr("asr_daemon.web.server.ACCEPT_AGAIN_S", 0.001)

    class Failing(socket.socket):
        errors = [errno.EPROTO, errno.ENETUNREACH]  # noqa: RUF012 - it is used up

        def accept(self) -> tuple[socket.socket, Any]:
            if self.errors:
                raise OSError(self.errors.pop(), "an error")
            return super().accept()

    def open_failing() -> list[socket.socket]:
        return [Failing(fileno=opened.detach()) for opened in bind_sockets(0, "127.0.0.1")]

    async def run() -> bytes:
        async with listening(open_sockets=open_failing) as bed:
            return await asyncio.wait_for(answer(await bed.connect()), LONG_S)

    assert asyncio.run(run()) == b"HTTP/1.1 200 OK\r\n"
    assert Failing.errors == []
    assert [line.exc_info for line in caplog.records] == [None]


@pytest.fixture
def authority() -> trustme.CA:
    """Return an authority that client and server trust."""
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA, tmp_path: Path) -> ssl.SSLContext:
    """Return the server's context, from files as an admin has them."""
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    with (tmp_path / "chain.pem").open("wb") as chain:
        chain.writelines(blob.bytes() for blob in certificate.cert_chain_pems)
    return load_tls(tmp_path / "chain.pem", tmp_path / "key.pem", None).context


def test_tls(authority: trustme.CA, server_tls: ssl.SSLContext) -> None:
    """With a context HTTPS is spoken."""

    async def run() -> bytes:
        client_tls = ssl.create_default_context()
        authority.configure_trust(client_tls)
        async with listening(tls=server_tls) as bed:
            return await answer(await bed.connect(client_tls))

    assert asyncio.run(run()) == b"HTTP/1.1 200 OK\r\n"


def test_reset_tls_connection_does_not_end_others(
    authority: trustme.CA, server_tls: ssl.SSLContext
) -> None:
    async def run() -> list[int]:
        client_tls = ssl.create_default_context()
        authority.configure_trust(client_tls)
        async with listening(tls=server_tls) as bed:
            return await asyncio.to_thread(statuses_next_to_resets, bed.port, client_tls)

    assert asyncio.run(run()) == 20 * [200]


def statuses_next_to_resets(port: int, tls: ssl.SSLContext) -> list[int]:
    """Send requests on one connection while others are reset; return the answers' statuses."""
    kept = HTTPSConnection("localhost", port, timeout=LONG_S, context=tls)
    statuses = []
    for _ in range(20):
        raw = socket.create_connection(("127.0.0.1", port), LONG_S)
        # The server still has session tickets to write when it is reset.
        with tls.wrap_socket(raw, server_hostname="localhost") as secured:
            secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        kept.request("POST", "/in?key=good", b"{}")
        with kept.getresponse() as response:
            statuses.append(response.status)
    kept.close()
    return statuses


def test_a_silent_handshake_is_reaped(server_tls: ssl.SSLContext) -> None:
    """Who connects to a TLS port and says nothing is closed at the deadline of the head."""

    async def run() -> bytes:
        async with listening(header_timeout_s=SHORT_S, tls=server_tls) as bed:
            reader, _ = await bed.connect()
            return await asyncio.wait_for(reader.read(), LONG_S)

    assert asyncio.run(run()) == b""
