"""A TLS server on loopback that answers each path as a test says, and notes what was asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trustme
from tornado.netutil import Resolver

Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Names(Resolver):
    """Resolves the names that it is given, and no others."""

    def initialize(self, names: dict[str, list[str]]) -> None:
        """Take the addresses of each name."""
        self._names = names
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int, family: int = 0) -> list[tuple[int, Any]]:
        """Note the name, and return its addresses."""
        self.asked.append(host)
        if host not in self._names:
            raise OSError(-2, "Name or service not known")
        return [(2, (address, port)) for address in self._names[host]]


class TlsServer:
    """What listens, and what reached it."""

    def __init__(self, port: int, trusting: ssl.SSLContext) -> None:
        self.port = port
        self.trusting = trusting
        """Of a client that trusts its certificate."""
        self.connections = 0
        self.heads: list[str] = []

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [head.split(" ")[1] for head in self.heads]

    def url(self, path: str, host: str = "text.example.com") -> str:
        """Return the URL of a path."""
        return f"https://{host}:{self.port}{path}"


@asynccontextmanager
async def serving(answers: dict[str, bytes | Serve]) -> AsyncIterator[TlsServer]:
    """Serve `text.example.com` and `*.example.net`; paths that are not named are 404."""
    authority = trustme.CA()
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("text.example.com", "*.example.net").configure_cert(shown)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            server.heads.append(head)
            answer = answers.get(head.split(" ")[1], status(404))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is at its end
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=shown)
    server = TlsServer(listening.sockets[0].getsockname()[1], trusting)
    try:
        yield server
    finally:
        listening.close()


def response(content: bytes, *headers: str, code: int = 200) -> bytes:
    """Return a whole response."""
    lines = [f"HTTP/1.1 {code} X", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


def status(code: int) -> bytes:
    return response(b"", code=code)


def redirect(location: str) -> bytes:
    return response(b"", f"Location: {location}", code=302)
