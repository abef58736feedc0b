"""Streams over pairs of sockets: what is received and sent over them, and what closes them."""

import asyncio
import socket
import ssl
import struct

import pytest
import trustme
from tornado.iostream import StreamClosedError

from asr_daemon.http.streams import Stream
from tests.http.pairs import connect_over_tcp, run_with_stream

SHORT_S = 0.05
LONG_S = 0.5
MUCH = bytes(1_000_000)


async def turns() -> None:
    """Let the loop go on until what is there by now is noticed."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_what_is_not_taken_in_time_closes_the_connection() -> None:
    """A peer that does not read is not waited for."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        with pytest.raises(StreamClosedError):
            await stream.send(MUCH)
        assert stream.closed()

    run_with_stream(run, SHORT_S)


def test_what_is_taken_in_time_does_not() -> None:
    """A written answer leaves the connection open for the next, however long that takes."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        written = asyncio.create_task(stream.send(MUCH))
        assert await asyncio.to_thread(peer.recv, len(MUCH), socket.MSG_WAITALL) == MUCH
        await written
        await asyncio.sleep(1.2 * LONG_S)
        assert not stream.closed()

    run_with_stream(run, LONG_S)


def test_order() -> None:
    """What is sent behind what the kernel did not take yet comes behind it."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        sending = [asyncio.create_task(stream.send(data)) for data in (MUCH, b"end")]
        received = await asyncio.to_thread(peer.recv, len(MUCH) + 3, socket.MSG_WAITALL)
        assert received == MUCH + b"end"
        await asyncio.gather(*sending)

    run_with_stream(run)


def test_sending_that_was_cut_short() -> None:
    """Nothing can come behind half an answer."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.send(MUCH), SHORT_S)
        with pytest.raises(StreamClosedError):
            await stream.send(b"more")

    run_with_stream(run)


def test_peer_that_is_gone() -> None:
    """To send to who has closed the connection closes it here too."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        peer.close()
        for _ in range(2):
            with pytest.raises(StreamClosedError):
                await stream.send(b"answer")
        assert stream.closed()

    run_with_stream(run)


def test_reset() -> None:
    """A peer that resets the connection has closed it."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        with pytest.raises(StreamClosedError):
            await stream.receive(9)
        assert stream.closed()

    run_with_stream(run, connect=connect_over_tcp)


def test_what_is_no_tls() -> None:
    """A peer that is not understood is gone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("one.example").configure_cert(context)

    async def run(stream: Stream, peer: socket.socket) -> None:
        peer.sendall(b"POST / HTTP/1.1\r\n\r\n")
        with pytest.raises(StreamClosedError):
            await stream.receive(9)
        assert stream.closed()

    run_with_stream(run, tls=context, connect=connect_over_tcp)


def test_reading_that_was_cut_short() -> None:
    """Whoever reads next gets what comes then."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.receive(9), SHORT_S)
        peer.sendall(b"something")
        assert await stream.receive(4) == b"some"
        assert await stream.receive(9) == b"thing"

    run_with_stream(run)


def test_what_nobody_reads_yet() -> None:
    """It stays where it is, without a word about it in each turn of the loop."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        peer.sendall(b"one")
        assert await stream.receive(9) == b"one"
        peer.sendall(b"two")
        await turns()
        assert not asyncio.get_running_loop()._selector.select(0)  # type: ignore[attr-defined]
        assert await stream.receive(9) == b"two"

    run_with_stream(run)


def test_end_behind_what_was_asked() -> None:
    """Who has sent its last still gets an answer, but does not get to wait for anything else."""

    async def run(stream: Stream, peer: socket.socket) -> None:
        peer.sendall(b"last")
        assert await stream.receive(9) == b"last"
        peer.shutdown(socket.SHUT_WR)
        await turns()
        await stream.send(b"answer")
        assert peer.recv(9) == b"answer"
        await _closes(stream)

    run_with_stream(run)


def test_end_behind_what_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has to wait, has sent more than is read, and goes is noticed."""
    monkeypatch.setattr("asr_daemon.http.streams.LOOK_S", 0.01)

    async def run(stream: Stream, peer: socket.socket) -> None:
        peer.sendall(b"ahead")
        closing = asyncio.create_task(_closes(stream))
        await turns()
        assert not stream.closed()
        peer.close()
        await closing

    run_with_stream(run)


def test_end_after_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who had to wait, and has its turn, may send its last and still gets an answer."""
    monkeypatch.setattr("asr_daemon.http.streams.LOOK_S", 0.0)

    async def run(stream: Stream, peer: socket.socket) -> None:
        peer.sendall(b"ahead")
        stream.set_close_callback(lambda: None)
        await turns()
        stream.set_close_callback(None)
        peer.shutdown(socket.SHUT_WR)
        await turns()
        assert await stream.receive(9) == b"ahead"
        await stream.send(b"answer")
        assert peer.recv(9) == b"answer"

    run_with_stream(run)


async def _closes(stream: Stream) -> None:
    """Return when a stream tells that it is closed, and find that it is."""
    told = asyncio.Event()
    stream.set_close_callback(told.set)
    await told.wait()
    assert stream.closed()
