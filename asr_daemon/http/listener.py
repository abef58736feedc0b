"""A callback listener: accepts connections within their limits, and has each of them served.

Tornado's own server accepts without limit, and when file descriptors run out it logs a traceback a
turn. So accepting is done here.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable

from asr_daemon.http.connection import Connection
from asr_daemon.http.limits import Connections
from asr_daemon.http.streams import make_stream

ACCEPT_AGAIN_S = 0.1
"""How long nothing is accepted after file descriptors ran out, or while all connections work."""

_ACCEPTED_AT_ONCE = 64
_MOST_WAITING = 4096

_log = logging.getLogger(__name__)


Converse = Callable[[Connection], Awaitable[None]]
"""Answers the requests of a connection, until it is or has to be closed."""


class Listener:
    """Listens on sockets, and has the requests of each connection that comes there answered."""

    def __init__(
        self,
        sockets: list[socket.socket],
        converse: Converse,
        connections: Connections,
        write_timeout_s: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take what it works with; `start` begins.

        Args:
            sockets: bound and listening.
            converse: gets every connection.
            connections: counts them, together with those of other listeners.
            write_timeout_s: how long a peer may leave an answer unread.
            tls: the context of each connection; without it plain HTTP is spoken.
        """
        self._sockets = sockets
        self._converse = converse
        self._connections = connections
        self._write_timeout_s = write_timeout_s
        self._tls = tls
        self._serving: dict[Connection, asyncio.Task[None]] = {}
        self._stopped = False
        self._is_short = False

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """What it listens on; none after `stop`."""
        return tuple(self._sockets)

    @property
    def is_idle(self) -> bool:
        """Say whether no connection is left."""
        return not self._serving

    def start(self) -> None:
        """Accept from now on."""
        for each in self._sockets:
            each.setblocking(False)
            # With Tornado's 128 a flood of others costs a newcomer a second: its SYN is dropped.
            each.listen(_MOST_WAITING)
            asyncio.get_running_loop().add_reader(each, self._accept, each)

    def change(self, write_timeout_s: float, tls: ssl.SSLContext | None) -> None:
        """Serve the next connection so."""
        self._write_timeout_s = write_timeout_s
        self._tls = tls

    def stop(self, *, leave_waiting: bool = False) -> None:
        """Accept no more, and close each connection after its next answer.

        The kernel lets connections in by itself, and resets them when their listener is closed: so
        who waits is let in, or is left waiting for whoever else has the socket.
        """
        self._stopped = True
        for connection in self._serving:
            connection.is_last = True
        for each in self._sockets:
            asyncio.get_running_loop().remove_reader(each)
            if not leave_waiting:
                self._accept_waiting(each, _MOST_WAITING)
            each.close()
        self._sockets = []

    async def close_connections(self) -> None:
        """Close every connection."""
        for connection in tuple(self._serving):
            connection.close()
        while self._serving:
            await asyncio.wait(tuple(self._serving.values()))

    def _accept(self, listening: socket.socket) -> None:
        if not self._accept_waiting(listening, _ACCEPTED_AT_ONCE):
            self._pause(listening)

    def _accept_waiting(self, listening: socket.socket, most: int) -> bool:
        """Accept up to `most` of those who wait; say whether there is any use in going on."""
        for _ in range(most):
            if self._connections.is_full:
                return False
            try:
                accepted, address = listening.accept()
            except BlockingIOError:
                self._is_short = False
                return True
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._note_shortage(error)
                return False
            self._serve(accepted, str(address[0]))
        return True

    def _note_shortage(self, error: OSError) -> None:
        """Say once, until nobody waits any more, why those who wait have to wait on."""
        if not self._is_short:
            self._is_short = True
            _log.error("no more connections can be accepted for now: %s", error.strerror)

    def _pause(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(ACCEPT_AGAIN_S, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _serve(self, accepted: socket.socket, address: str) -> None:
        try:
            stream = make_stream(accepted, self._write_timeout_s, self._tls)
        except OSError:
            # The peer was gone before it could be served, as after a port scan.
            accepted.close()
            return
        connection = Connection(stream, address, self._connections, is_last=self._stopped)
        if not self._connections.enter(connection):
            connection.close()
            return
        self._serving[connection] = asyncio.create_task(self._serve_on(connection))

    async def _serve_on(self, connection: Connection) -> None:
        try:
            await self._converse(connection)
        except Exception:  # noqa: BLE001 - others are served on, and it is logged
            _log.exception("a connection failed")
        finally:
            connection.close()
            self._connections.leave(connection)
            del self._serving[connection]
