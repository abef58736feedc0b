"""One accepted connection: its state, its deadlines, and how it is closed."""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from math import inf
from typing import Protocol, cast

from msgspec import Struct
from tornado.http1connection import (
    HTTP1Connection,
    HTTP1ConnectionParameters,
    HTTP1ServerConnection,
)
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate

from asr_daemon.networks import network_of
from asr_daemon.web.iostream import MAX_HEAD_BYTES, AcceptedStream, make_stream

RATE_WINDOW_S = 10.0
"""The time over which the rate of an upload is measured."""

LINGER_S = 30.0
"""How long the rest of a refused body, and what follows a last answer, is read and discarded."""

EVICTABLE_AFTER_S = 0.5
"""How long a connection must have been idle to be evicted for another one."""

_DISCARD_BYTES = 64 * 1024

_TLS_HANDSHAKE = b"\x16\x03"
_PROXY_PROTOCOL = (b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n")
_BEGIN_BYTES = 16
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n\r\n"

_PARAMETERS = HTTP1ConnectionParameters(max_header_size=MAX_HEAD_BYTES, max_body_size=0)
"""Each request sets the limit of its body when its head is checked."""


class State(Enum):
    """The state of a connection."""

    QUEUED = "accepted, waits in a queue: its address has too many connections"
    NEW = "waits for its first head, or for the TLS handshake"
    IDLE = "waits for another head"
    HEAD = "receives a head"
    BODY = "receives a body"
    WORKING = "waits for the endpoint"
    ANSWERING = "sends an answer"
    DELAYED = "waits for the delayed refusal of wrong credentials"
    DISCARDING = "receives the body of a refused request, which is discarded"
    CLOSING = "has sent its last answer"
    CLOSED = "is closed"


_READING = (State.NEW, State.IDLE, State.HEAD, State.BODY)


class Timeouts(Struct, frozen=True, kw_only=True):
    """How long a client may take."""

    header_s: float
    """For a head, and for reading an answer."""
    idle_s: float
    """Between two requests."""
    body_min_rate_bytes_per_s: int
    """The slowest upload, over any `RATE_WINDOW_S`."""


class Owner(Protocol):
    """What a connection reports to: `Connections`, or a double in tests."""

    @property
    def timeouts(self) -> Timeouts:
        """How long a client may take, as configured now."""
        ...

    @property
    def clock(self) -> Callable[[], float]:
        """Return seconds."""
        ...

    def moved(self, connection: "Connection") -> None:
        """Note that a connection is in another state."""
        ...


class Listener(Protocol):
    """What accepted a connection."""

    @property
    def is_stopped(self) -> bool:
        """Whether its connections end with their next answer."""
        ...

    @property
    def tls(self) -> ssl.SSLContext | None:
        """For the next connection."""
        ...

    def make_request(self, connection: "Connection", http: HTTP1Connection) -> HTTPMessageDelegate:
        """Return what receives the next request of a connection."""
        ...

    def note_malformed(self, connection: "Connection", reason: str) -> None:
        """Note that a connection is closed, as what it sends is no request."""
        ...


class Connection(HTTPServerConnectionDelegate):
    """One accepted connection. Used on the event loop."""

    def __init__(
        self, accepted: socket.socket, address: str, listener: Listener, owner: Owner
    ) -> None:
        self.address = address
        self.network = network_of(address)
        self.state = State.QUEUED
        self.since_s = owner.clock()
        self._deadline_s = self.since_s + owner.timeouts.header_s
        self._socket: socket.socket | None = accepted
        self._stream: AcceptedStream | None = None
        self._listener = listener
        self._owner = owner
        self._received_bytes = 0
        self._begin = b""
        self._is_closing = False
        self._window: deque[tuple[float, int]] = deque()
        self._is_paused = False

    @property
    def is_last(self) -> bool:
        """Whether the connection ends with its next answer."""
        return self._listener.is_stopped

    @property
    def is_open(self) -> bool:
        """Whether an answer can be sent."""
        return self._stream is not None and not self._stream.closed()

    def serve(self) -> None:
        """Begin to read requests."""
        accepted, self._socket = cast(socket.socket, self._socket), None
        try:
            self._stream = make_stream(accepted, self._listener.tls)
        except OSError:
            # The client was gone before it could be served, as after a port scan.
            accepted.close()
            self._move(State.CLOSED)
            return
        self._stream.on_received = self._received
        self._stream.on_lingering = self._linger
        self._move(State.NEW, self._owner.timeouts.header_s)
        HTTP1ServerConnection(self._stream, _PARAMETERS).start_serving(self)

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return what receives the next request; Tornado calls this."""
        if self.is_open and self.state is not State.NEW:
            self._move(State.IDLE, self._owner.timeouts.idle_s)
        # Tornado's type does not say that it is one of HTTP/1, which has a limit for bodies.
        return self._listener.make_request(self, cast(HTTP1Connection, request_conn))

    def on_close(self, server_conn: object) -> None:
        """Close it unless it lingers; Tornado calls this when no request follows."""
        if self.state is not State.CLOSING:
            self.abort()

    def receive_body(self) -> None:
        """Note that a request is admitted."""
        self._move(State.BODY)
        self._begin_window(self.since_s)

    def work(self) -> None:
        """Note that a request is complete."""
        self._move(State.WORKING)

    def answer(self) -> None:
        """Note that an answer is sent."""
        self._move(State.ANSWERING, self._owner.timeouts.header_s)

    def delay(self) -> None:
        """Note that a request has wrong credentials, and that its refusal is delayed."""
        self._move(State.DELAYED, LINGER_S)

    def discard(self) -> None:
        """Note that a request is refused, whose body is not received yet."""
        self._move(State.DISCARDING, LINGER_S)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Exempt the upload from the minimum rate while the block runs: nothing is read then."""
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False

    def close(self) -> None:
        """Close it when the client has read what was sent, or after `LINGER_S`."""
        self._is_closing = True
        if self._stream is not None:
            self._stream.close()

    def abort(self) -> None:
        """Close it at once."""
        if self._stream is not None:
            self._stream.is_aborted = True
            self._stream.close()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        self._move(State.CLOSED)

    def is_overdue(self, now_s: float) -> bool:
        """Return whether its deadline is over; called about twice a second."""
        if self.state is State.BODY:
            return self._is_below_rate(now_s)
        return now_s >= self._deadline_s

    def is_slow(self, now_s: float) -> bool:
        """Return whether its upload is below the minimum rate, so that it may be evicted."""
        if self.state is not State.BODY or self._is_paused:
            return False
        return self._is_below(now_s, EVICTABLE_AFTER_S)

    def _is_below_rate(self, now_s: float) -> bool:
        if self._is_paused:
            self._begin_window(now_s)
            return False
        self._window.append((now_s, self._received_bytes))
        while now_s - self._window[1][0] >= RATE_WINDOW_S:
            self._window.popleft()
        return now_s - self._window[0][0] >= RATE_WINDOW_S and self._is_below(now_s, 0.0)

    def _begin_window(self, now_s: float) -> None:
        self._window.clear()
        self._window.append((now_s, self._received_bytes))

    def _is_below(self, now_s: float, grace_s: float) -> bool:
        began_s, began_bytes = self._window[0]
        expected_bytes_per_s = self._owner.timeouts.body_min_rate_bytes_per_s
        expected_bytes = (now_s - began_s - grace_s) * expected_bytes_per_s
        return self._received_bytes - began_bytes < expected_bytes

    def _received(self, data: bytearray | memoryview) -> None:
        is_first, self._received_bytes = not self._received_bytes, self._received_bytes + len(data)
        if self.state is State.IDLE:
            self._move(State.HEAD, self._owner.timeouts.header_s)
        elif is_first:
            self._begin = bytes(data[:_BEGIN_BYTES])
            if self._begin.startswith(_TLS_HANDSHAKE) and self._listener.tls is None:
                self._refuse_tls()

    def _refuse_tls(self) -> None:
        """Answer what begins with TLS at a listener without, for its client would wait."""
        reason = "this is TLS, and the listener has none: use http://, or set tls for it"
        self._listener.note_malformed(self, reason)
        self._is_closing = True
        # Tornado reads on its stream in this moment.
        asyncio.get_running_loop().call_soon(self._answer_bad_request)

    def _answer_bad_request(self) -> None:
        if self._stream is not None and not self._stream.closed():
            self._stream.write(_BAD_REQUEST)
            self.close()

    def _linger(self, lingering: socket.socket) -> None:
        """Shut down the sending half, and discard what is received until the client closes."""
        if self.state in _READING and self._received_bytes and not self._is_closing:
            # Tornado has closed it: it could not read what it has received.
            self._listener.note_malformed(self, self._why_malformed())
        try:
            lingering.shutdown(socket.SHUT_WR)
        except OSError:
            lingering.close()
            self._move(State.CLOSED)
            return
        self._socket = lingering
        asyncio.get_running_loop().add_reader(lingering, self._discard_some)
        self._move(State.CLOSING, LINGER_S)

    def _why_malformed(self) -> str:
        if self._begin.startswith(_PROXY_PROTOCOL):
            return "this is the PROXY protocol, which is not supported: turn it off in the proxy"
        return (
            "no request of HTTP/1.1, one that can be read in two ways, or one whose head has more "
            f"than {MAX_HEAD_BYTES // 1024} KiB"
        )

    def _discard_some(self) -> None:
        try:
            is_ended = not cast(socket.socket, self._socket).recv(_DISCARD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            is_ended = True
        if is_ended:
            self.abort()

    def _move(self, state: State, timeout_s: float = inf) -> None:
        if self.state in (State.CLOSING, State.CLOSED) and state is not State.CLOSED:
            return
        self.state = state
        self.since_s = self._owner.clock()
        self._deadline_s = self.since_s + timeout_s
        self._owner.moved(self)
