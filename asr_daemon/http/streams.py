"""The bytes of an accepted connection, plain or with TLS.

Plain ones are a socket on the event loop and no more: whatever is read goes to who asks for it, and
whatever is written to the kernel, without a buffer between. Those with TLS are Tornado's.

Neither waits for ever for a peer that does not read. Such a one would be held as soon as the
kernel's buffers are full, for as long as it likes.
"""

import asyncio
import select
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from tornado.iostream import SSLIOStream, StreamClosedError
from tornado.netutil import ssl_wrap_socket

SEND_BUFFER_BYTES = 8 * 1024
"""What the kernel keeps for a peer that does not read, instead of up to 4 MiB; it doubles this.

No answer is a tenth of it, and a certificate chain fits.
"""

LOOK_S = 1.0
"""How often it is looked whether a peer is still there who has to wait, and has sent more."""


class Stream(Protocol):
    """What a connection reads from and writes to. Used on the event loop."""

    def closed(self) -> bool:
        """Say whether it is closed, by either side."""
        ...

    def close(self) -> None:
        """Close it at once."""
        ...

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Have it told when it is closed, also by the peer while nothing is read."""
        ...

    def end_sending(self) -> None:
        """Tell the peer that nothing more comes."""
        ...

    async def receive(self, most_bytes: int) -> bytes:
        """Return what comes next, at least a byte; others have a turn, also if it is here already.

        Where it is cancelled, what has come in the same turn of the loop is lost.

        Raises:
            StreamClosedError: it is closed.
        """
        ...

    async def send(self, data: bytes) -> None:
        """Return when the kernel has taken all; the connection is closed if it does not in time.

        Raises:
            StreamClosedError: it is closed.
        """
        ...


class PlainStream:
    """A socket on the event loop."""

    def __init__(self, connected: socket.socket, write_timeout_s: float | None) -> None:
        """Take a socket, and how long a write may take; `None` is for ever."""
        self._socket = connected
        self._write_timeout_s = write_timeout_s
        self._loop = asyncio.get_running_loop()
        self._most_bytes = 0
        self._received: asyncio.Future[bytes] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._sending = asyncio.Lock()
        self._listens = False
        self._is_closed = False
        self._when_closed: Callable[[], None] | None = None
        self._looking: asyncio.TimerHandle | None = None

    def closed(self) -> bool:
        """Do as `Stream.closed`."""
        return self._is_closed

    def close(self) -> None:
        """Do as `Stream.close`."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        for waiting in (self._received, self._writable):
            if waiting is not None and not waiting.done():
                waiting.set_exception(StreamClosedError())
                waiting.exception()  # who is being cancelled does not ask for it any more
        if self._when_closed is not None:
            self._when_closed()

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Do as `Stream.set_close_callback`; who will send nothing more has gone as well."""
        self._when_closed = callback
        if callback is not None:
            self._listen()
        elif self._looking is not None:
            self._looking.cancel()

    def end_sending(self) -> None:
        """Do as `Stream.end_sending`."""
        self._socket.shutdown(socket.SHUT_WR)

    async def receive(self, most_bytes: int) -> bytes:
        """Do as `Stream.receive`."""
        if self._is_closed:
            raise StreamClosedError
        self._most_bytes = most_bytes
        received: asyncio.Future[bytes] = self._loop.create_future()
        self._received = received
        self._listen()
        return await received

    async def send(self, data: bytes) -> None:
        """Do as `Stream.send`; nearly every answer is taken at once."""
        if self._is_closed:
            raise StreamClosedError
        taken = 0 if self._sending.locked() else self._write(data)
        if taken < len(data):
            async with self._sending:
                await self._send_on(memoryview(data)[taken:])

    def _listen(self) -> None:
        if not self._listens and not self._is_closed:
            self._loop.add_reader(self._socket, self._readable)
            self._listens = True

    def _readable(self) -> None:
        """Hand on what is there to who waits for it."""
        received = self._received
        if received is None or received.done():
            self._look()
            return
        piece = self._read()
        if piece:
            self._received = None
            received.set_result(piece)
        elif piece is not None:
            self.close()

    def _look(self) -> None:
        """Leave in the kernel what nobody reads yet, and do not be told of it again.

        Behind the last request there may be an end, and its sender may still read the answer.
        """
        self._listens = False
        self._loop.remove_reader(self._socket)
        if self._when_closed is not None:
            self._look_for_end()

    def _look_for_end(self) -> None:
        """Close when the peer has said its last, also behind what is not read; else look again."""
        if self._is_closed:
            return
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        if poll.poll(0):
            self.close()
        else:
            self._looking = self._loop.call_later(LOOK_S, self._look_for_end)

    def _read(self) -> bytes | None:
        """Return what is there, nothing at the end, and `None` if there is nothing yet."""
        try:
            return self._socket.recv(self._most_bytes)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _write(self, data: bytes | memoryview) -> int:
        """Return how much of it the kernel takes."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.close()
            raise StreamClosedError(error) from error

    async def _send_on(self, rest: memoryview) -> None:
        """Write what the kernel did not take at once; whoever is cut short can send no more."""
        try:
            async with asyncio.timeout(self._write_timeout_s):
                while rest:
                    await self._until_writable()
                    rest = rest[self._write(rest) :]
        except TimeoutError as error:
            raise StreamClosedError(error) from error
        finally:
            if rest:
                self.close()

    async def _until_writable(self) -> None:
        if self._is_closed:
            raise StreamClosedError
        self._writable = writable = self._loop.create_future()
        self._loop.add_writer(self._socket, self._note_writable, writable)
        await writable

    def _note_writable(self, writable: "asyncio.Future[None]") -> None:
        self._loop.remove_writer(self._socket)
        if not writable.done():
            writable.set_result(None)


class TlsStream(SSLIOStream):
    """Tornado's stream; its handshake begins with the first read."""

    def __init__(self, connected: ssl.SSLSocket, write_timeout_s: float | None) -> None:
        """Take a socket, and how long a write may take; `None` is for ever."""
        super().__init__(connected)
        self._write_timeout_s = write_timeout_s

    def end_sending(self) -> None:
        """Do as `Stream.end_sending`."""
        self.socket.shutdown(socket.SHUT_WR)

    async def receive(self, most_bytes: int) -> bytes:
        """Do as `Stream.receive`; where reading was cut short, nothing can be read any more."""
        if self.reading():
            self.close()
            raise StreamClosedError
        # It clears so much memory for each attempt to read.
        self.read_chunk_size = most_bytes
        try:
            reading = self.read_bytes(most_bytes, partial=True)
            if cast("asyncio.Future[bytes]", reading).done():
                await asyncio.sleep(0)
            return await reading
        except OSError as error:
            # Of the network, or of TLS; the stream is closed.
            raise StreamClosedError(error) from error

    async def send(self, data: bytes) -> None:
        """Do as `Stream.send`."""
        written = self.write(data)
        if self._write_timeout_s is not None and not written.done():
            deadline = asyncio.get_running_loop().call_later(self._write_timeout_s, self.close)
            written.add_done_callback(lambda _: deadline.cancel())
        await written


def make_stream(
    accepted: socket.socket, write_timeout_s: float | None, tls: ssl.SSLContext | None
) -> Stream:
    """Return the stream of an accepted connection, with TLS if there is a context for it.

    Raises:
        OSError: the peer is gone already.
    """
    accepted.setblocking(False)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if accepted.family in (socket.AF_INET, socket.AF_INET6):
        # An answer is written as a whole, and waits for nothing that could follow it.
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is None:
        return PlainStream(accepted, write_timeout_s)
    secured = ssl_wrap_socket(accepted, tls, server_side=True, do_handshake_on_connect=False)
    return TlsStream(secured, write_timeout_s)
