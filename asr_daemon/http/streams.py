"""Streams that do not wait for ever for a peer that does not read.

Tornado has no deadline for writing. A peer that sends requests and reads none of the answers would
be held as soon as the kernel's buffers are full, for as long as it likes.
"""

import asyncio
import socket
import ssl
from typing import Any

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError
from tornado.netutil import ssl_wrap_socket

SEND_BUFFER_BYTES = 8 * 1024
"""What the kernel keeps for a peer that does not read, instead of up to 4 MiB; it doubles this.

No answer is a tenth of it, and a certificate chain fits.
"""


class PlainStream(IOStream):
    """A stream that closes when what was written to it is not taken in time."""

    def __init__(self, connected: Any, write_timeout_s: float | None) -> None:
        """Take a socket, and how long a write may take; `None` is for ever."""
        super().__init__(connected)
        self._write_timeout_s = write_timeout_s

    async def send(self, data: bytes) -> None:
        """Return when the kernel has taken all; the connection is closed if it does not in time.

        It takes nearly every answer at once, and then nothing is put into a buffer before.

        Raises:
            StreamClosedError: the connection is closed.
        """
        if self.closed():
            raise StreamClosedError
        try:
            taken = 0 if self.writing() else self.write_to_fd(memoryview(data))
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self.close()
            raise StreamClosedError(error) from error
        if taken == len(data):
            return
        written = self.write(data[taken:])
        if self._write_timeout_s is not None and not written.done():
            deadline = asyncio.get_running_loop().call_later(self._write_timeout_s, self.close)
            written.add_done_callback(lambda _: deadline.cancel())
        await written


class TlsStream(PlainStream, SSLIOStream):
    """The same with TLS; its handshake begins with the first read."""


def make_stream(
    accepted: socket.socket, write_timeout_s: float | None, tls: ssl.SSLContext | None
) -> PlainStream:
    """Return the stream of an accepted connection, with TLS if there is a context for it.

    Raises:
        OSError: the peer is gone already.
    """
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if tls is None:
        stream = PlainStream(accepted, write_timeout_s)
    else:
        secured = ssl_wrap_socket(accepted, tls, server_side=True, do_handshake_on_connect=False)
        stream = TlsStream(secured, write_timeout_s)
    # An answer is written as a whole, and waits for nothing that could follow it.
    stream.set_nodelay(True)
    return stream
