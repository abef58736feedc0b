"""What Tornado reads and writes for one request: a head with one reading, and one answer.

Tornado 6.6 takes a bare LF for the end of a header line, and drops stray CRs before the first one.
A proxy that does not would see other headers, and could be made to forward two requests as one.
And when a body turns out to be malformed after its request was refused, Tornado answers that too:
a proxy would take the second answer for that of the next request.

Tornado also remembers the last 1,000 names of headers that it has met, of any length.
"""

import re
from collections.abc import Awaitable
from typing import Any, cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream, StreamClosedError

LONGEST_NAME_BYTES = 256
"""Of a header; known ones have at most some 40."""

_INTERIM = b"HTTP/1.1 100"
_NO_HEAD = b"\r\n\r\n"
_UNFIT = re.compile(
    rb"\r(?!\n)|(?<!\r)\n"  # a CR or LF that is not half of a line's end (RFC 9112, 2.2)
    rb"|[^\r\n]\r\n[^:\r\n]{257}"  # a name that is longer than `LONGEST_NAME_BYTES`
)


class Wire:
    """The stream of a connection, as one request sees it; all else of it is as it was."""

    def __init__(self, stream: IOStream) -> None:
        """Take the stream, before anything of the request is read."""
        self._stream = stream
        self._answered = False

    def __getattr__(self, name: str) -> Any:
        """Leave to the stream what is not changed here."""
        return getattr(self._stream, name)

    async def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> bytes:
        """Return the next head, or none if it has stray CRs, stray LFs or very long names in it.

        Tornado answers none with 400, and closes. An error would do too, but is logged with a
        traceback if it comes at the moment when the deadline of the head has passed.
        """
        head = await self._stream.read_until_regex(regex, max_bytes)
        return _NO_HEAD if _UNFIT.search(head) else head

    def write(self, data: bytes | memoryview) -> Awaitable[None]:
        """Write an answer, or the go-ahead for a body.

        Raises:
            StreamClosedError: the request is answered already; the connection is closed instead.
        """
        if self._answered:
            self._stream.close()
            raise StreamClosedError
        self._answered = bytes(data[: len(_INTERIM)]) != _INTERIM
        return self._stream.write(data)


def harden(connection: HTTP1Connection) -> None:
    """Have a request that is about to be read on a connection pass through a `Wire`."""
    connection.stream = cast(IOStream, Wire(connection.stream))
