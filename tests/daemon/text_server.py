"""A server of texts over TLS, at every address of the machine, that notes who asked for what."""

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import trustme

HTTPS_PORT = 443


class Answer(NamedTuple):
    """What a path is answered."""

    status: int
    content: bytes = b""
    location: str = ""
    is_endless: bool = False
    is_silent: bool = False


class Asked(NamedTuple):
    """A request that arrived."""

    address: str
    """Of ours, to which it came."""
    path: str


class TextServer(ThreadingHTTPServer):
    """Answers paths in turn as it is told to, and the last answer again and again."""

    daemon_threads = True

    def __init__(self, answers: Mapping[str, list[Answer]], shown: ssl.SSLContext) -> None:
        """Listen at every address."""
        super().__init__(("0.0.0.0", HTTPS_PORT), _Handler)  # noqa: S104 - in a network of its own
        self.socket = shown.wrap_socket(self.socket, True, do_handshake_on_connect=False)
        self._answers = {path: list(listed) for path, listed in answers.items()}
        self.asked: list[Asked] = []
        self.connected: list[str] = []
        """Addresses of ours that were connected to."""

    def times(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(asked.path == path for asked in self.asked)

    def answer(self, asked: Asked) -> Answer:
        """Note a request, and return what it is answered."""
        self.asked.append(asked)
        listed = self._answers.get(asked.path, [Answer(404)])
        return listed.pop(0) if len(listed) > 1 else listed[0]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that close the connection."""


class _Handler(BaseHTTPRequestHandler):
    server: TextServer

    def setup(self) -> None:
        super().setup()
        self.server.connected.append(self.connection.getsockname()[0])

    def do_GET(self) -> None:
        answer = self.server.answer(Asked(self.connection.getsockname()[0], self.path))
        if answer.is_silent:
            time.sleep(600)
        self.send_response(answer.status)
        if answer.location:
            self.send_header("Location", answer.location)
        if not answer.is_endless:
            self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(answer.content)
            while answer.is_endless:
                self.wfile.write(b"for ever and ever " * 1000)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving_texts(
    folder: Path, answers: Mapping[str, list[Answer]], *names: str
) -> Iterator[TextServer]:
    """Serve texts for these names; `folder/authority.pem` is whom to trust for that."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(shown)
    server = TextServer(answers, shown)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
