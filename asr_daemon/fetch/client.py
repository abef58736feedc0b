"""Download a text over HTTPS, with Tornado's client, from nowhere but where the policy allows.

A name is resolved once; if any of its addresses is not allowed nothing is connected to, and the
connection goes to the very addresses that were checked. Redirects are followed here, so that each
is checked as the first URL was. Size and time are limited.
"""

import asyncio
import socket
import ssl
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from socket import AddressFamily
from typing import Any
from urllib.parse import urljoin

from msgspec import Struct
from tornado.httpclient import HTTPError, HTTPRequest, HTTPResponse
from tornado.iostream import StreamBufferFullError, StreamClosedError, UnsatisfiableReadError
from tornado.netutil import Resolver
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from asr_daemon.errors import AsrDaemonError
from asr_daemon.fetch.policy import FetchRefused, Policy

MOST_REDIRECTS = 3

MOST_AT_ONCE = 8
"""Downloads, and names that are looked up."""

_OK = 200
_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_HEADER_BYTES = 16 * 1024
_MOST_BUFFERED_BYTES = 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_FAILURES = (
    HTTPError,
    OSError,
    StreamBufferFullError,
    StreamClosedError,
    UnsatisfiableReadError,
)
"""What Tornado's client raises where there is no whole answer."""


class FetchFailed(AsrDaemonError):
    """It could not be fetched now; the message says why, without what may be secret in the URL."""


class Limits(Struct, frozen=True):
    """What a server may use of this machine."""

    size_bytes: int = 4 * 1024 * 1024
    """Twelve hours of speech are one."""
    lookup_s: float = 5.0
    """For the name of each hop."""
    connect_s: float = 10.0
    """For the name, the connection and the handshake of each hop."""
    total_s: float = 60.0
    """For all hops together."""


class Download(Struct, frozen=True):
    """What was fetched."""

    content: bytes
    """As the server has it: without the encoding of the transfer."""
    content_type: str


class SystemResolver(Resolver):
    """Asks the system, on threads of its own: without an answer from DNS it hangs for long."""

    def initialize(self) -> None:
        """Start with no thread."""
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="lookup")

    async def resolve(
        self, host: str, port: int, family: AddressFamily = AddressFamily.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        """Return the addresses of a name. Raise `OSError` if it has none."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM
        )
        return [(each, address) for each, _, _, _, address in found]


class CheckedResolver(Resolver):
    """Resolves names to addresses that are all allowed."""

    def initialize(
        self, is_allowed: Callable[[str], bool], lookup: Resolver, timeout_s: float
    ) -> None:
        """Take what judges an address, what looks names up, and how long that may take."""
        self._is_allowed = is_allowed
        self._lookup = lookup
        self._timeout_s = timeout_s

    async def resolve(
        self, host: str, port: int, family: AddressFamily = AddressFamily.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        """Return the addresses of a name.

        Raises:
            FetchRefused: one of them is not allowed.
            OSError: it has none, or that takes too long. Where Tornado's own time is over, it logs
                whatever comes of the lookup later.
        """
        async with asyncio.timeout(self._timeout_s):
            found = await self._lookup.resolve(host, port, family)
        for _, address in found:
            if not self._is_allowed(address[0]):
                raise FetchRefused(f"{host} has the address {address[0]}, which is not public")
        return found


class Downloader:
    """Downloads texts. Used on the event loop."""

    def __init__(
        self,
        policy: Policy,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        lookup: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the policy that every URL and address is judged by.

        Args:
            policy: of all URLs.
            limits: of each download.
            lookup: looks names up; the system does by default.
            tls: verifies servers; by default as the system trusts authorities.
        """
        self._policy = policy
        self._limits = limits
        self._tls = tls
        self._http = SimpleAsyncHTTPClient(
            force_instance=True,
            max_clients=MOST_AT_ONCE,
            max_header_size=_MOST_HEADER_BYTES,
            max_buffer_size=_MOST_BUFFERED_BYTES,
            # Beyond the limit is thrown away; so much beyond it the connection is closed.
            max_body_size=2 * limits.size_bytes,
            resolver=CheckedResolver(
                policy.is_allowed, lookup or SystemResolver(), limits.lookup_s
            ),
        )

    def close(self) -> None:
        """Start no more downloads."""
        self._http.close()

    async def fetch(self, url: str, hosts: tuple[str, ...]) -> Download:
        """Return what is at a URL of one of the hosts.

        Raises:
            FetchRefused: it must not be fetched, or is too large.
            FetchFailed: it is not there, or not within the time.
        """
        ends_s = time.monotonic() + self._limits.total_s
        for _ in range(MOST_REDIRECTS + 1):
            url = self._policy.check_url(url, hosts)
            body = _Body(self._limits.size_bytes)
            response = await self._get(url, body, ends_s)
            if response.code == _OK:
                body.check()
                return Download(
                    self._decoded(response, body), response.headers.get("Content-Type", "")
                )
            if response.code not in _REDIRECTS:
                raise FetchFailed(f"the server answers {response.code}")
            url = urljoin(url, response.headers.get("Location", ""))
        raise FetchFailed(f"more than {MOST_REDIRECTS} redirects")

    async def _get(self, url: str, body: "_Body", ends_s: float) -> HTTPResponse:
        request = HTTPRequest(
            url,
            follow_redirects=False,
            decompress_response=False,
            headers={"Accept-Encoding": "identity"},
            user_agent="asr-daemon",
            connect_timeout=self._limits.connect_s,
            request_timeout=max(ends_s - time.monotonic(), 0.001),
            header_callback=body.note_header,
            streaming_callback=body.receive,
            ssl_options=self._tls,
        )
        try:
            response = await self._http.fetch(request, raise_error=False)
        except _FAILURES as error:
            body.check()
            raise FetchFailed(_reason(error)) from error
        return response

    def _decoded(self, response: HTTPResponse, body: "_Body") -> bytes:
        """Undo gzip, which storage keeps objects in whatever was asked for."""
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "identity":
            return bytes(body.content)
        if encoding not in ("gzip", "x-gzip"):
            raise FetchFailed("the text has a Content-Encoding other than gzip")
        decompressor = zlib.decompressobj(_GZIP)
        try:
            content = decompressor.decompress(body.content, self._limits.size_bytes + 1)
        except zlib.error:
            raise FetchFailed("the text is not the gzip that it is called") from None
        if len(content) > self._limits.size_bytes:
            raise _too_large(self._limits.size_bytes)
        if not decompressor.eof:
            raise FetchFailed("the text is cut off")
        return content


class _Body:
    """What arrives of one response, up to the limit."""

    def __init__(self, most_bytes: int) -> None:
        self.content = bytearray()
        self._most_bytes = most_bytes
        self._is_too_large = False

    def note_header(self, line: str) -> None:
        """Note a length beyond the limit before anything of it arrives."""
        name, _, value = line.partition(":")
        if name.lower() == "content-length" and value.strip().isdecimal():
            self._is_too_large |= int(value) > self._most_bytes

    def receive(self, piece: bytes) -> None:
        """Keep a piece, or nothing at all beyond the limit."""
        self._is_too_large = self._is_too_large or len(self.content) + len(piece) > self._most_bytes
        if self._is_too_large:
            self.content.clear()
        else:
            self.content += piece

    def check(self) -> None:
        """Raise `FetchRefused` if there is more than the limit."""
        if self._is_too_large:
            raise _too_large(self._most_bytes)


def _too_large(most_bytes: int) -> FetchRefused:
    return FetchRefused(f"the text is longer than {most_bytes} bytes")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "the name or the connection timed out"
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
