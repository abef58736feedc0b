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
                await asyncio.wait_for(stream.write(MUCH), 10.0)
            assert stream.closed()

    asyncio.run(run())


def test_what_is_taken_in_time_does_not() -> None:
    """A written answer leaves the connection open for the next, however long that takes."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = make_stream(ours, LONG_S, None)
            written = stream.write(MUCH)
            reading = asyncio.get_running_loop().run_in_executor(
                None, theirs.recv, len(MUCH), socket.MSG_WAITALL
            )
            assert await reading == MUCH
            await written
            await asyncio.sleep(1.2 * LONG_S)
            assert not stream.closed()
            stream.close()

    asyncio.run(run())
