"""Streams on a pair of sockets: what is received and sent over them, and what closes them."""

import asyncio
import socket
import ssl
import struct

import pytest
import trustme
from tornado.iostream import StreamClosedError

from asr_daemon.http.streams import make_stream

SHORT_S = 0.05
LONG_S = 0.5
MUCH = bytes(1_000_000)


def test_what_is_not_taken_in_time_closes_the_connection() -> None:
    """A peer that does not read is not waited for."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = make_stream(ours, SHORT_S, None)
            with pytest.raises(StreamClosedError):
                await asyncio.wait_for(stream.send(MUCH), 10.0)
            assert stream.closed()

    asyncio.run(run())


def test_what_is_taken_in_time_does_not() -> None:
    """A written answer leaves the connection open for the next, however long that takes."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = make_stream(ours, LONG_S, None)
            written = asyncio.create_task(stream.send(MUCH))
            reading = asyncio.get_running_loop().run_in_executor(
                None, theirs.recv, len(MUCH), socket.MSG_WAITALL
            )
            assert await reading == MUCH
            await written
            await asyncio.sleep(1.2 * LONG_S)
            assert not stream.closed()
            stream.close()

    asyncio.run(run())


def test_order() -> None:
    """What is sent behind what the kernel did not take yet comes behind it."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = make_stream(ours, None, None)
            sending = [asyncio.create_task(stream.send(data)) for data in (MUCH, b"end")]
            reading = asyncio.get_running_loop().run_in_executor(
                None, theirs.recv, len(MUCH) + 3, socket.MSG_WAITALL
            )
            assert await reading == MUCH + b"end"
            await asyncio.gather(*sending)
            stream.close()

    asyncio.run(run())


def test_peer_that_is_gone() -> None:
    """To send to who has closed the connection closes it here too."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        stream = make_stream(ours, None, None)
        theirs.close()
        for _ in range(2):
            with pytest.raises(StreamClosedError):
                await stream.send(b"answer")
        assert stream.closed()

    asyncio.run(run())


def test_reset() -> None:
    """A peer that resets the connection has closed it."""

    async def run() -> None:
        ours, theirs = _connect()
        stream = make_stream(ours, None, None)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        with pytest.raises(StreamClosedError):
            await stream.receive(9)
        assert stream.closed()

    asyncio.run(run())


def test_what_is_no_tls() -> None:
    """A peer that is not understood is told so by TLS, and is gone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("one.example").configure_cert(context)

    async def run() -> None:
        ours, theirs = _connect()
        with theirs:
            theirs.sendall(b"POST / HTTP/1.1\r\n\r\n")
            stream = make_stream(ours, None, context)
            with pytest.raises(StreamClosedError):
                await asyncio.wait_for(stream.receive(9), 10.0)
            assert stream.closed()

    asyncio.run(run())


def test_reading_that_was_cut_short() -> None:
    """Whoever reads next gets what comes then."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = make_stream(ours, None, None)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stream.receive(9), SHORT_S)
            theirs.sendall(b"something")
            assert await asyncio.wait_for(stream.receive(4), 10.0) == b"some"
            assert await asyncio.wait_for(stream.receive(9), 10.0) == b"thing"
            stream.close()

    asyncio.run(run())


def test_what_nobody_reads_yet() -> None:
    """It stays where it is, without a word about it in each turn of the loop."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = make_stream(ours, None, None)
            theirs.sendall(b"one")
            assert await stream.receive(9) == b"one"
            theirs.sendall(b"two")
            for _ in range(3):
                await asyncio.sleep(0)
            assert not asyncio.get_running_loop().remove_reader(ours)
            assert await asyncio.wait_for(stream.receive(9), 10.0) == b"two"
            stream.close()

    asyncio.run(run())


def test_end_behind_what_was_asked() -> None:
    """Who has sent its last still gets an answer, but need not be waited for with anything else."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = make_stream(ours, None, None)
            theirs.sendall(b"last")
            assert await stream.receive(9) == b"last"
            theirs.shutdown(socket.SHUT_WR)
            for _ in range(3):
                await asyncio.sleep(0)
            await stream.send(b"answer")
            assert theirs.recv(9) == b"answer"
            gone = asyncio.Event()
            stream.set_close_callback(gone.set)
            await asyncio.wait_for(gone.wait(), 10.0)
            assert stream.closed()

    asyncio.run(run())


def test_end_behind_what_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends more than is read and goes is noticed, where it is waited for."""
    monkeypatch.setattr("asr_daemon.http.streams.LOOK_S", 0.01)

    async def run() -> None:
        ours, theirs = _connect()
        stream = make_stream(ours, None, None)
        theirs.sendall(b"ahead")
        gone = asyncio.Event()
        stream.set_close_callback(gone.set)
        for _ in range(3):
            await asyncio.sleep(0)
        assert not gone.is_set()
        theirs.close()
        await asyncio.wait_for(gone.wait(), 10.0)
        assert stream.closed()

    asyncio.run(run())


def test_sending_that_was_cut_short() -> None:
    """Nothing can come behind half an answer."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = make_stream(ours, None, None)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stream.send(MUCH), SHORT_S)
            with pytest.raises(StreamClosedError):
                await stream.send(b"more")

    asyncio.run(run())


def _connect() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection over the network."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        return server.accept()[0], theirs
