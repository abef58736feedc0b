"""A connection on a pair of sockets: what is read of it, in which pieces, and how it ends."""

import asyncio
import socket

import pytest
from tornado.iostream import StreamClosedError

from asr_daemon.errors import MalformedRequest
from asr_daemon.http.connection import LARGEST_HEAD_BYTES, Connection
from asr_daemon.http.limits import Connections
from asr_daemon.http.streams import Stream
from tests.http.pairs import run_with_peer, run_with_stream

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("sent", [HEAD * 2, b"\r\n" + HEAD + b"\r\n" + HEAD])
def test_heads(sent: bytes) -> None:
    """Heads that come together are read one by one, without a blank line before them."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        peer.sendall(sent)
        assert [await connection.read_head() for _ in range(2)] == [HEAD, HEAD]

    run_with_peer(run)


def test_head_in_single_bytes() -> None:
    """A head ends where it ends, wherever it is cut on its way."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        reading = asyncio.create_task(connection.read_head())
        for byte in HEAD:
            peer.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await reading == HEAD

    run_with_peer(run)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\n", b"\n\r\n"])
def test_head_that_ends_with_bare_line_feeds(end: bytes) -> None:
    """A head with another end is not waited for any longer; it is for others to refuse."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        peer.send(b"POST / HTTP/1.1" + end + b"rest")
        assert await connection.read_head() == b"POST / HTTP/1.1" + end

    run_with_peer(run)


def test_largest_head() -> None:
    """A head of just the most bytes is read; one that is longer is refused before it ends."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        largest = b"a" * (LARGEST_HEAD_BYTES - 4) + b"\r\n\r\n"
        sending = asyncio.get_running_loop().sock_sendall(
            peer, largest + b"a" * len(largest) + b"a"
        )
        sent = asyncio.ensure_future(sending)
        assert await connection.read_head() == largest
        with pytest.raises(MalformedRequest):
            await connection.read_head()
        sent.cancel()

    run_with_peer(run)


def test_pieces() -> None:
    """A body is read as it comes: never more than is asked for, and nothing of what follows."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        peer.send(HEAD + b"hello" + HEAD)
        await connection.read_head()
        assert await connection.read_some(3) == b"hel"
        assert await connection.read_exactly(2) == b"lo"
        assert await connection.read_head() == HEAD

    run_with_peer(run)


@pytest.mark.parametrize("sent", [b"12345\r\n", b"1234567"])
def test_lines_that_are_too_long(sent: bytes) -> None:
    """A line may have so many bytes with its end, and is not waited for beyond them."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        peer.send(b"1234\r\n" + sent)
        assert await connection.read_line(6) == b"1234\r\n"
        with pytest.raises(MalformedRequest):
            await connection.read_line(6)

    run_with_peer(run)


def test_others_have_a_turn_while_there_is_always_more() -> None:
    """Whoever sends as fast as is read does not keep the loop to itself."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        for _ in range(100):
            peer.send(b"x")
            await connection.read_some(1)
        counting.cancel()
        assert turns >= 100

    run_with_peer(run)


def test_peer_that_has_gone() -> None:
    """A connection that the peer has closed is neither read nor waited on, and needs no end."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        peer.close()
        with pytest.raises(StreamClosedError):
            await connection.read_head()
        waiting = asyncio.get_running_loop().create_future()
        with pytest.raises(StreamClosedError):
            await connection.wait_for(waiting)
        assert waiting.cancelled()
        with pytest.raises(StreamClosedError):
            await connection.end()

    run_with_peer(run)


def test_peer_that_goes_while_something_is_waited_for() -> None:
    """What a peer waits for is cancelled when it goes."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        waiting = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(peer.close)
        with pytest.raises(StreamClosedError):
            await connection.wait_for(waiting)
        assert waiting.cancelled()

    run_with_peer(run)


def test_what_is_waited_for() -> None:
    """Once it is there, the connection goes on."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        waiting = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(waiting.set_result, None)
        await connection.wait_for(waiting)
        peer.send(HEAD)
        assert await connection.read_head() == HEAD

    run_with_peer(run)


def test_end() -> None:
    """At the end the peer is told so, and what it still sends is taken until it closes."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        await connection.write(b"answer")
        ending = asyncio.create_task(connection.end())
        for _ in range(20):
            await asyncio.get_running_loop().sock_sendall(peer, bytes(100_000))
        assert peer.recv(100) == b"answer"
        assert peer.recv(100) == b""
        peer.close()
        with pytest.raises(StreamClosedError):
            await ending

    run_with_peer(run)


def test_end_where_reading_was_cancelled() -> None:
    """Where somebody was stopped who read, the peer is told the end, and read until it closes."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        reading = asyncio.create_task(connection.read_head())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait((reading,))
        ending = asyncio.create_task(connection.end())
        assert await asyncio.get_running_loop().sock_recv(peer, 100) == b""
        peer.close()
        with pytest.raises(StreamClosedError):
            await ending

    run_with_peer(run)


def test_who_leaves_a_connection_open_gives_way() -> None:
    """At its end a connection is idle, whatever was let in on it before."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        connections = Connections(1, 9)
        connection = Connection(stream, "127.0.0.1", connections)
        connections.enter(connection)
        connection.works(lambda: False)
        assert connections.is_full
        ending = asyncio.create_task(connection.end())
        await asyncio.sleep(0)
        assert not connections.is_full
        connection.close()
        with pytest.raises(StreamClosedError):
            await ending

    run_with_stream(run)
