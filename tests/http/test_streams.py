"""Streams on a pair of sockets: what is not taken in time closes them."""

import asyncio
import socket

import pytest
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
