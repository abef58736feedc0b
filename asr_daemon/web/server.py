"""A callback listener: accepts connections within their limits, which Tornado then serves.

Tornado's own server accepts without limit, and when file descriptors run out it logs a traceback in
each iteration of the loop. So accepting is done here.
"""

import asyncio
import logging
import socket
import ssl

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPMessageDelegate

from asr_daemon.errors import NotHttp
from asr_daemon.networks import unmapped
from asr_daemon.web.connection import Connection
from asr_daemon.web.connections import Connections
from asr_daemon.web.interfaces import Routing
from asr_daemon.web.refusal_log import Refusal
from asr_daemon.web.request import CallbackRequest
from asr_daemon.web.requests_in_flight import InFlight

ACCEPT_AGAIN_S = 0.1
"""How long nothing is accepted if file descriptors run out, or no connection can be evicted."""

_ACCEPTED_AT_ONCE = 64

_BACKLOG = 4096
"""With Tornado's 128 a new connection waits a second during a flood: its SYN is dropped."""

_BAD_REQUEST = 400

_log = logging.getLogger(__name__)


class CallbackServer:
    """Listens on sockets, and serves the connections that it accepts."""

    def __init__(
        self,
        sockets: list[socket.socket],
        routing: Routing,
        in_flight: InFlight,
        connections: Connections,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Serve nothing until `start`.

        Args:
            sockets: bound and listening.
            routing: what is served.
            in_flight: the requests of all listeners.
            connections: the connections of all listeners.
            tls: the context of the next connection, which may be replaced; without it plain HTTP.
        """
        self.tls = tls
        self.is_stopped = False
        self._sockets = sockets
        self._routing = routing
        self._in_flight = in_flight
        self._connections = connections
        self._is_short = False

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """What it listens on; none after `stop`."""
        return tuple(self._sockets)

    def start(self) -> None:
        """Accept from now on."""
        for listening in self._sockets:
            # One that was passed on by a service manager would block the loop in `accept`.
            listening.setblocking(False)
            listening.listen(_BACKLOG)
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def stop(self, *, leave_waiting: bool = False) -> None:
        """Accept no more, and close each connection after its next answer.

        The kernel establishes connections by itself, and resets them when their listener is closed:
        so those in its queue are accepted, or left to another process that has the socket.
        """
        self.is_stopped = True
        for listening in self._sockets:
            asyncio.get_running_loop().remove_reader(listening)
            if not leave_waiting:
                self._accept_waiting(listening, _BACKLOG)
            listening.close()
        self._sockets = []

    def make_request(self, connection: Connection, http: HTTP1Connection) -> HTTPMessageDelegate:
        """Return what receives the next request of a connection."""
        return CallbackRequest(connection, http, self._routing, self._in_flight)

    def note_malformed(self, connection: Connection, reason: str) -> None:
        """Log and count a connection that is closed, as what it sends is no request."""
        endpoint, intake = self._routing.find(""), self._routing.intake
        refusal = Refusal(
            provider=endpoint.name,
            error=NotHttp(reason),
            status=_BAD_REQUEST,
            address=connection.address,
            network=connection.network,
            body_bytes=0,
            took_s=0.0,
        )
        intake.refusal_log.note(refusal)
        intake.answered(endpoint.name, _BAD_REQUEST)

    def _accept(self, listening: socket.socket) -> None:
        if not self._accept_waiting(listening, _ACCEPTED_AT_ONCE):
            loop = asyncio.get_running_loop()
            loop.remove_reader(listening)
            loop.call_later(ACCEPT_AGAIN_S, self._resume, listening)

    def _accept_waiting(self, listening: socket.socket, most: int) -> bool:
        """Accept up to `most` waiting connections; return whether the next may be accepted now."""
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
                self._log_shortage(error)
                return False
            client = unmapped(address[0])
            self._connections.enter(Connection(accepted, client, self, self._connections))
        return True

    def _log_shortage(self, error: OSError) -> None:
        """Log why connections have to wait, once until none waits."""
        if not self._is_short:
            self._is_short = True
            _log.error("no more connections can be accepted for now: %s", error.strerror)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)
