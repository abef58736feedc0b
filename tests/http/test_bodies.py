"""Bodies on a pair of sockets: a literal sent, its pieces read, and what follows left alone."""

import asyncio
import socket

import pytest
from tornado.iostream import StreamClosedError

from asr_daemon.errors import MalformedRequest
from asr_daemon.http.bodies import Body, body_of
from asr_daemon.http.connection import Connection
from tests.http.pairs import run_with_peer

NEXT = b"POST / HTTP/1.1\r\n\r\n"


async def read_all(body: Body) -> bytes:
    """Return all pieces of a body."""
    whole = b""
    while piece := await body.read():
        whole += piece
    return whole


@pytest.mark.parametrize(
    ("length", "sent", "whole"),
    [
        (0, b"", b""),
        (5, b"hello", b"hello"),
        (None, b"0\r\n\r\n", b""),
        (None, b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (None, b"2\r\nhe\r\n003\r\nllo\r\n000\r\n\r\n", b"hello"),
        (
            None,
            b"a\r\n0\r\n\r\n0\r\n\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
            b"0\r\n\r\n0\r\n\r\n0123456789",
        ),
    ],
)
def test_whole_bodies(length: int | None, sent: bytes, whole: bytes) -> None:
    """A body ends where it ends, in one piece or byte by byte, and the next request begins."""

    async def run_at_once(connection: Connection, peer: socket.socket) -> None:
        peer.sendall(sent + NEXT)
        body = body_of(connection, length)
        assert await read_all(body) == whole
        assert await body.read() == b""
        assert await connection.read_head() == NEXT

    async def run_byte_by_byte(connection: Connection, peer: socket.socket) -> None:
        reading = asyncio.create_task(read_all(body_of(connection, length)))
        for byte in sent:
            peer.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await reading == whole

    run_with_peer(run_at_once)
    run_with_peer(run_byte_by_byte)


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n5\r\nhello",
        b"5\nhello\n0\n\n" + b" " * 9,
        b" 5\r\nhello",
        b"5 \r\nhello",
        b"+5\r\nhello",
        b"-5\r\nhello",
        b"0x5\r\nhello",
        b"5_0\r\nhello",
        b"5;x=y\r\nhello",
        b"g\r\nhello",
        b"\xb2\r\nhello",
        b"5\r\r\nhello",
        b"1" * 16 + b"\r\n",
        b"1" * 18,
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\n\n0\r\n\r\n",
        b"5\r\nhello\r\n\r\n0\r\n\r\n",
        b"4\r\nhello\r\n0\r\n\r\n",
        b"0\r\nTrailer: x\r\n\r\n",
        b"0\r\n\n\n",
    ],
)
def test_chunks_with_another_reading(sent: bytes) -> None:
    """Chunks are told apart in one way: sizes are hexadecimal digits, and lines end with CRLF."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        peer.sendall(sent)
        with pytest.raises(MalformedRequest):
            await read_all(body_of(connection, None))

    run_with_peer(run)


@pytest.mark.parametrize(("length", "sent"), [(5, b"hell"), (None, b"5\r\nhell"), (None, b"5")])
def test_bodies_that_do_not_come_to_their_end(length: int | None, sent: bytes) -> None:
    """A body whose sender goes away before its end is none."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        peer.sendall(sent)
        peer.close()
        with pytest.raises(StreamClosedError):
            await read_all(body_of(connection, length))

    run_with_peer(run)


def test_a_piece_is_as_much_as_is_there() -> None:
    """The rest of a body is not waited for while some of it is there."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        measured = body_of(connection, 9)
        for piece in (b"ab", b"c"):
            peer.send(piece)
            assert await measured.read() == piece

    run_with_peer(run)


def test_others_have_a_turn_between_tiny_chunks() -> None:
    """A thousand chunks that are all there do not keep the loop to themselves."""

    async def run(connection: Connection, peer: socket.socket) -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        peer.sendall(b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n")
        assert await read_all(body_of(connection, None)) == b"x" * 1000
        counting.cancel()
        assert turns >= 1000 // 20

    run_with_peer(run)
