"""A callback listener: accepts connections within their limits and serves HTTP on each.

Tornado's own server accepts without limit, and when file descriptors run out it logs a traceback a
turn. So accepting is done here; everything behind it (streams, HTTP) is Tornado's.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import cast

from tornado import httputil
from tornado.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.iostream import IOStream

from asr_daemon.http.limits import Connections, origin_of
from asr_daemon.http.streams import make_stream

ACCEPT_AGAIN_S = 0.1
"""How long nothing is accepted after file descriptors ran out, or while all connections work."""

_ACCEPTED_AT_ONCE = 64
_MOST_WAITING = 4096
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger(__name__)


class Connection:
    """One accepted connection; Tornado's requests know it as their `context`."""

    def __init__(
        self, stream: IOStream, address: str, protocol: str, connections: Connections
    ) -> None:
        self.remote_ip = address
        self.protocol = protocol
        self.origin = origin_of(address)
        self._stream = stream
        self._connections = connections
        self._is_slow: Callable[[], bool] | None = None

    def __str__(self) -> str:
        """Return the peer's address, for Tornado's messages."""
        return self.remote_ip

    @property
    def is_slow(self) -> bool:
        """Say whether the request on it that was let in does not come on, for now."""
        return self._is_slow is not None and self._is_slow()

    def rests(self) -> None:
        """Note that it waits for a head."""
        self._is_slow = None
        self._connections.rests(self)

    def works(self, is_slow: Callable[[], bool]) -> None:
        """Note that it carries a request that was let in, and what tells whether that is slow."""
        self._is_slow = is_slow
        self._connections.begins(self)

    def close(self) -> None:
        """Close it at once."""
        self._stream.close()


class Listener(httputil.HTTPServerConnectionDelegate):
    """Listens on sockets, and has each request that comes there served by a router."""

    def __init__(
        self,
        sockets: list[socket.socket],
        router: httputil.HTTPServerConnectionDelegate,
        parameters: HTTP1ConnectionParameters,
        connections: Connections,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take what it works with; `start` begins.

        Args:
            sockets: bound and listening.
            router: gets every request.
            parameters: of HTTP; `no_keep_alive` may be set later, for the end.
            connections: counts them, together with those of other listeners.
            tls: the context of each connection; without it plain HTTP is spoken.
        """
        self._sockets = sockets
        self._router = router
        self._parameters = parameters
        self._connections = connections
        self._tls = tls
        self._serving: dict[HTTP1ServerConnection, Connection] = {}
        self._short_of_descriptors = False

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

    def change(self, header_timeout_s: float, tls: ssl.SSLContext | None) -> None:
        """Wait so long for the next head of each connection, and serve the next one with TLS."""
        self._parameters.header_timeout = header_timeout_s
        self._tls = tls

    def stop(self, *, leave_waiting: bool = False) -> None:
        """Accept no more, and close each connection after its next answer.

        The kernel lets connections in by itself, and resets them when their listener is closed: so
        who waits is let in, or is left waiting for whoever else has the socket.
        """
        for each in self._sockets:
            asyncio.get_running_loop().remove_reader(each)
            if not leave_waiting:
                self._accept_waiting(each, _MOST_WAITING)
            each.close()
        self._sockets = []
        self._parameters.no_keep_alive = True

    async def close_connections(self) -> None:
        """Close every connection."""
        for each in tuple(self._serving):
            await each.close()

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Serve the next request of a connection."""
        connection = self._serving[cast(HTTP1ServerConnection, server_conn)]
        connection.rests()
        return self._router.start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection that is closed."""
        self._connections.leave(self._serving.pop(cast(HTTP1ServerConnection, server_conn)))

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
                return True
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._note_shortage(error)
                return False
            self._short_of_descriptors = False
            self._serve(accepted, str(address[0]))
        return True

    def _note_shortage(self, error: OSError) -> None:
        """Say once why those who wait have to wait on."""
        if error.errno not in _SHORTAGES:
            raise error
        if not self._short_of_descriptors:
            self._short_of_descriptors = True
            _log.error("no more connections can be accepted for now: %s", error.strerror)

    def _pause(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(ACCEPT_AGAIN_S, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _serve(self, accepted: socket.socket, address: str) -> None:
        accepted.setblocking(False)
        try:
            stream = make_stream(accepted, self._parameters.header_timeout, self._tls)
        except OSError:
            # The peer was gone before it could be served, as after a port scan.
            accepted.close()
            return
        protocol = "http" if self._tls is None else "https"
        connection = Connection(stream, address, protocol, self._connections)
        if not self._connections.enter(connection):
            connection.close()
            return
        serving = HTTP1ServerConnection(stream, self._parameters, connection)
        self._serving[serving] = connection
        serving.start_serving(self)
