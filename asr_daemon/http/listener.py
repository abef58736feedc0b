"""A callback listener: accepts connections within their limits and serves HTTP on each.

Tornado's own server accepts without limit, and when file descriptors run out it logs a traceback a
turn. So accepting is done here; everything behind it (streams, HTTP) is Tornado's.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable
from typing import cast

from tornado import httputil
from tornado.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.iostream import IOStream, SSLIOStream
from tornado.netutil import ssl_wrap_socket

from asr_daemon.http.limits import Connections, origin_of

ACCEPT_AGAIN_S = 0.1
"""How long nothing is accepted after file descriptors ran out, or while all connections work."""

_ACCEPTED_AT_ONCE = 64
_MOST_WAITING = 4096
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger(__name__)


class Connection:
    """One accepted connection; Tornado's requests know it as their `context`."""

    def __init__(self, stream: IOStream, address: str, protocol: str) -> None:
        self.remote_ip = address
        self.protocol = protocol
        self.origin = origin_of(address)
        self._stream = stream

    def __str__(self) -> str:
        """Return the peer's address, for Tornado's messages."""
        return self.remote_ip

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
            asyncio.get_running_loop().add_reader(each, self._accept, each)

    def change(
        self,
        router: httputil.HTTPServerConnectionDelegate,
        header_timeout_s: float,
        tls: ssl.SSLContext | None,
    ) -> None:
        """Serve the next request of each connection so; TLS is that of the next connection."""
        self._router = router
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
        self._connections.rests(connection)
        delegate = self._router.start_request(server_conn, request_conn)
        return _HeadWatch(delegate, connection, self._connections)

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
            stream = self._stream(accepted)
        except OSError:
            # The peer was gone before it could be served, as after a port scan.
            accepted.close()
            return
        connection = Connection(stream, address, "http" if self._tls is None else "https")
        if not self._connections.enter(connection):
            connection.close()
            return
        serving = HTTP1ServerConnection(stream, self._parameters, connection)
        self._serving[serving] = connection
        serving.start_serving(self)

    def _stream(self, accepted: socket.socket) -> IOStream:
        if self._tls is None:
            return IOStream(accepted)
        secured = ssl_wrap_socket(
            accepted, self._tls, server_side=True, do_handshake_on_connect=False
        )
        return SSLIOStream(secured)


class _HeadWatch(httputil.HTTPMessageDelegate):
    """Notes when the head of a request is there, and passes everything on."""

    def __init__(
        self,
        delegate: httputil.HTTPMessageDelegate,
        connection: Connection,
        connections: Connections,
    ) -> None:
        self._delegate = delegate
        self._connection = connection
        self._connections = connections

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        self._connections.begins(self._connection)
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
