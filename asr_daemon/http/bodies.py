"""The body of a request, as it comes over a connection: of a known length, or in chunks."""

import asyncio
import re
from typing import Protocol

from asr_daemon.errors import MalformedRequest
from asr_daemon.http.connection import Connection

_LONGEST_SIZE_LINE = 18
"""Sixteen hexadecimal digits, and the end of the line."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")

_CHUNKS_AT_ONCE = 16
"""After so many others have a turn: all that many connections bring may be chunks of one byte."""


class Body(Protocol):
    """The rest of a body, which is read piece by piece."""

    async def read(self) -> bytes:
        """Return the next piece, which is not empty, or nothing at the end.

        Raises:
            StreamClosedError: the connection is closed.
            MalformedRequest: it is not clear where the body ends.
        """
        ...


def body_of(connection: Connection, length: int | None) -> Body:
    """Return the body behind a head, of so many bytes, or in chunks (`None`)."""
    return ChunkedBody(connection) if length is None else MeasuredBody(connection, length)


class MeasuredBody:
    """A body of a known length."""

    def __init__(self, connection: Connection, length: int) -> None:
        """Take the connection, of which the head was read."""
        self._connection = connection
        self._left_bytes = length

    async def read(self) -> bytes:
        """Do as `Body.read`."""
        if not self._left_bytes:
            return b""
        piece = await self._connection.read_some(self._left_bytes)
        self._left_bytes -= len(piece)
        return piece


class ChunkedBody:
    """A body in chunks, without extensions and trailers (RFC 9112, 7.1)."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection, of which the head was read."""
        self._connection = connection
        self._left_bytes: int | None = 0
        self._is_first = True
        self._chunks = 0

    async def read(self) -> bytes:
        """Do as `Body.read`."""
        if self._left_bytes == 0:
            self._left_bytes = await self._begin_chunk()
        if self._left_bytes is None:
            return b""
        piece = await self._connection.read_some(self._left_bytes)
        self._left_bytes -= len(piece)
        return piece

    async def _begin_chunk(self) -> int | None:
        """Return the size of the next chunk; `None` behind the last one."""
        if self._is_first:
            self._is_first = False
        else:
            await self._end_of_line()
        line = await self._connection.read_line(_LONGEST_SIZE_LINE)
        size = _SIZE_LINE.fullmatch(line)
        if size is None:
            raise MalformedRequest("a chunk's size is not one number")
        self._chunks += 1
        if self._chunks % _CHUNKS_AT_ONCE == 0:
            await asyncio.sleep(0)
        if size_bytes := int(size[1], 16):
            return size_bytes
        await self._end_of_line()
        return None

    async def _end_of_line(self) -> None:
        if await self._connection.read_exactly(2) != b"\r\n":
            raise MalformedRequest("a chunk is not followed by the end of its line")
