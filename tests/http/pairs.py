"""A connection of ours, or the stream below it, on a pair of sockets, and the peer's end of it."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from asr_daemon.http.connection import Connection
from asr_daemon.http.limits import Connections
from asr_daemon.http.streams import Stream, make_stream

LONGEST_S = 10.0


def run_with_peer(run: Callable[[Connection, socket.socket], Awaitable[None]]) -> None:
    """Run with a connection and with its peer, whose sends and receives return at once."""

    async def run_with_both(stream: Stream, peer: socket.socket) -> None:
        peer.setblocking(False)
        connection = Connection(stream, "127.0.0.1", Connections(9, 9))
        await run(connection, peer)
        connection.close()

    run_with_stream(run_with_both)


def run_with_stream(
    run: Callable[[Stream, socket.socket], Awaitable[None]],
    write_timeout_s: float | None = None,
    tls: ssl.SSLContext | None = None,
    connect: Callable[[], tuple[socket.socket, socket.socket]] = socket.socketpair,
) -> None:
    """Run with a stream and with its peer."""

    async def run_with_both() -> None:
        ours, theirs = connect()
        stream = make_stream(ours, write_timeout_s, tls)
        with theirs:
            await asyncio.wait_for(run(stream, theirs), LONGEST_S)
        stream.close()

    asyncio.run(run_with_both())


def connect_over_tcp() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection that, other than a pair, can be reset."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        return server.accept()[0], theirs
