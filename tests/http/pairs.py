"""A connection of ours on a pair of sockets, and the peer's end of it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from asr_daemon.http.connection import Connection
from asr_daemon.http.limits import Connections
from asr_daemon.http.streams import make_stream


def run_with_peer(run: Callable[[Connection, socket.socket], Awaitable[None]]) -> None:
    """Run with a connection and with its peer, whose sends and receives return at once."""

    async def run_with_both() -> None:
        ours, theirs = socket.socketpair()
        connection = Connection(make_stream(ours, None, None), "127.0.0.1", Connections(9, 9))
        with theirs:
            theirs.setblocking(False)
            await asyncio.wait_for(run(connection, theirs), 10.0)
        connection.close()

    asyncio.run(run_with_both())
