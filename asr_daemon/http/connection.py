"""One accepted connection: its bytes, its deadline, and its place among all others."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from tornado.iostream import StreamClosedError

from asr_daemon.errors import MalformedRequest
from asr_daemon.http.deadline import Deadline
from asr_daemon.http.limits import Connections, origin_of
from asr_daemon.http.streams import Stream

LARGEST_HEAD_BYTES = 256 * 1024
"""The oldest Tencent callbacks have their whole text in the URL."""

_PIECE_BYTES = 64 * 1024
"""Of a body."""

_PIECE_OF_HEAD_BYTES = 4 * 1024
"""A head with a usual body behind it."""

_LINE_END = b"\r\n"

# Whoever ends lines with a bare LF is told so at once, and not waited for.
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


class Connection:
    """What a conversation with a sender needs of a connection. Used on the event loop.

    Reading raises `StreamClosedError` when the connection is closed, by either side; so does
    writing. Nothing is read while nobody asks: the kernel makes the sender wait.
    """

    def __init__(
        self, stream: Stream, address: str, connections: Connections, *, is_last: bool = False
    ) -> None:
        """Take the stream of an accepted connection.

        Args:
            stream: nothing of it is read yet.
            address: of the peer.
            connections: are told whether it rests or works.
            is_last: it closes after its next answer.
        """
        self.address = address
        self.origin = origin_of(address)
        self.is_last = is_last
        """It closes after its next answer."""
        self.deadline = Deadline(self.close)
        """When it is closed, if nothing comes of it by then."""
        self._stream = stream
        self._connections = connections
        self._unread = bytearray()
        self._is_slow: Callable[[], bool] | None = None

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
        self.deadline.end()
        self._stream.close()

    async def read_head(self) -> bytes:
        """Return the next head, up to its blank line.

        What came before the connection was closed is not served any more.

        Raises:
            MalformedRequest: it does not end within `LARGEST_HEAD_BYTES`.
        """
        if self._stream.closed():
            raise StreamClosedError
        unread = self._unread
        if unread:
            # Others have a turn, also when requests were sent ahead.
            await asyncio.sleep(0)
        else:
            unread += await self._read()
        looked_bytes = 0
        while True:
            # Some senders write a blank line behind a body (RFC 9112, 2.2).
            if not looked_bytes and unread.startswith(_LINE_END):
                del unread[: len(_LINE_END)]
            found = _END_OF_HEAD.search(unread, looked_bytes)
            if (len(unread) if found is None else found.end()) > LARGEST_HEAD_BYTES:
                raise MalformedRequest(f"the head is longer than {LARGEST_HEAD_BYTES} bytes")
            if found is not None:
                return self._take(found.end())
            looked_bytes = max(len(unread) - 3, 0)
            unread += await self._read()

    async def read_line(self, most_bytes: int) -> bytes:
        """Return the next line with its CRLF.

        Raises:
            MalformedRequest: it has more than so many bytes.
        """
        while (end := self._unread.find(_LINE_END)) < 0 and len(self._unread) < most_bytes:
            self._unread += await self._read()
        if end < 0 or end + len(_LINE_END) > most_bytes:
            raise MalformedRequest("a line of the body's framing is too long")
        return self._take(end + len(_LINE_END))

    async def read_some(self, most_bytes: int) -> bytes:
        """Return at least one byte, and at most so many: as many as are here."""
        if not self._unread:
            return await self._read(min(most_bytes, _PIECE_BYTES))
        return self._take(most_bytes)

    async def read_exactly(self, size_bytes: int) -> bytes:
        """Return so many bytes, which are few."""
        while len(self._unread) < size_bytes:
            self._unread += await self._read()
        return self._take(size_bytes)

    async def write(self, data: bytes) -> None:
        """Return when the kernel has taken all of it."""
        await self._stream.send(data)

    async def end(self) -> NoReturn:
        """Say that nothing more is written, and throw away what comes until the sender closes it.

        Closing it on what is still unread would reset it, before the sender has read the answer.

        Raises:
            StreamClosedError: it is closed; there is no other end.
        """
        if self._stream.closed():
            raise StreamClosedError
        # Whoever leaves it open gives way when others need its place.
        self.rests()
        with suppress(OSError):
            self._stream.end_sending()
        while True:
            await self._read()

    async def wait_for(self, future: "asyncio.Future[Any]") -> None:
        """Return when a future is done; cancel it if the sender goes before.

        Raises:
            StreamClosedError: it did.
        """

        def gone() -> None:
            future.cancel()

        if self._stream.closed():
            gone()
        self._stream.set_close_callback(gone)
        try:
            await asyncio.wait((future,))
        finally:
            self._stream.set_close_callback(None)
        if self._stream.closed():
            raise StreamClosedError

    async def _read(self, most_bytes: int = _PIECE_OF_HEAD_BYTES) -> bytes:
        return await self._stream.receive(most_bytes)

    def _take(self, size_bytes: int) -> bytes:
        taken = bytes(self._unread[:size_bytes])
        del self._unread[:size_bytes]
        return taken
