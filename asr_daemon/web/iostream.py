"""The streams of accepted connections: Tornado's, with the methods changed that it documents so."""

import errno
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from tornado.httputil import HTTPInputError
from tornado.iostream import IOStream, SSLIOStream
from tornado.netutil import ssl_wrap_socket

MAX_HEAD_BYTES = 256 * 1024
"""Callbacks of an old kind have their whole text in the URL."""

MAX_HEADER_LINES = 256
"""Of one request; proxies that are chained send some twenty."""

SEND_BUFFER_BYTES = 8 * 1024
"""What the kernel keeps for a client that does not read, instead of up to 4 MiB; it doubles this.

No answer is a tenth of it, and a certificate chain fits.
"""

_READ_BYTES = 16 * 1024
"""Tornado clears so much memory for each attempt to read."""

_BUFFER_BYTES = MAX_HEAD_BYTES + 4 * _READ_BYTES
"""Never reached, for Tornado would log an error: a head is given up before."""

_DOUBTFUL = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[^:\s]{257}")
"""A CR or LF that is not half of a line's end, or a long name."""


_DUMMY = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


class AcceptedStream(IOStream):
    """The stream of an accepted connection: reports what it receives, and how it is closed."""

    on_received: Callable[[bytearray | memoryview], None]
    """Called with what was received."""
    on_lingering: Callable[[socket.socket], None]
    """Called with the open socket, in place of closing it, if the client may still be sending."""
    is_aborted = False
    """Close without lingering."""

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Report what was received. A network or TLS error is a reset: Tornado would log others."""
        try:
            size = super().read_from_fd(buf)
        except OSError as error:
            self.is_aborted = True
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from error
        if size:
            self.on_received(buf[:size])
        elif size == 0:
            self.is_aborted = True
        return size

    def set_nodelay(self, value: bool) -> None:
        """Do nothing: TCP_NODELAY is set once, and Tornado would change it twice a request."""

    def close_fd(self) -> None:
        """Hand the socket on, unless the client is gone or the connection is aborted.

        Closing it on bytes that are not read would reset it before the client has read the answer.
        """
        if self.is_aborted:
            super().close_fd()
            return
        lingering, self.socket = self.socket, None  # type: ignore[assignment] # as Tornado does
        self.on_lingering(lingering)

    async def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> bytes:
        """Return a head, of which more is required than Tornado does.

        A proxy may not take a bare LF for the end of a line (RFC 9112, 2.2), or may take a bare CR
        for one, and would see other headers. Tornado remembers a thousand names of headers,
        whatever their length.
        """
        head = await super().read_until_regex(regex, max_bytes)
        if head.count(b"\n") > MAX_HEADER_LINES + 2 or _DOUBTFUL.search(head):
            raise HTTPInputError("a head that may be read in another way")
        return head


class AcceptedTlsStream(AcceptedStream, SSLIOStream):
    """The same with TLS; the handshake begins by itself."""

    def close_fd(self) -> None:
        """Hand the socket on, and leave no error of this connection to the others."""
        _clear_tls_errors()
        super().close_fd()


def _clear_tls_errors() -> None:
    """Empty this thread's queue of OpenSSL errors.

    Some versions of Python (Debian 13's 3.13.5 with OpenSSL 3.5, and 3.14) leave the error of a
    connection that was reset in it, and the next call for any other connection fails with that.
    `set_ciphers` empties the queue when it fails; a dummy context takes 8 µs for it.
    """
    with suppress(ssl.SSLError):
        _DUMMY.set_ciphers("none")


def make_stream(accepted: socket.socket, tls: ssl.SSLContext | None) -> AcceptedStream:
    """Return the stream of an accepted connection, with TLS if there is a context for it.

    Raises:
        OSError: the client is gone already.
    """
    accepted.setblocking(False)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if accepted.family != socket.AF_UNIX:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffers = {"max_buffer_size": _BUFFER_BYTES, "read_chunk_size": _READ_BYTES}
    if tls is None:
        return AcceptedStream(accepted, **buffers)
    secured = ssl_wrap_socket(accepted, tls, server_side=True, do_handshake_on_connect=False)
    return AcceptedTlsStream(secured, **buffers)
