"""Senders against a small server."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from benchmarks.bodies import tencent
from benchmarks.senders import Load, lost_connections, post, read_load, stall
from benchmarks.servers import Server

PRINTED = """Running 5s test @ http://127.0.0.1:8787
Requests/sec:   3278.60

{"answers": 16400, "refused": 400, "socket_errors": 2, "seconds": 5.0, "p50_ms": 9.5, "p99_ms": 17}
"""


class Keeping(BaseHTTPRequestHandler):
    """Answers 200 to a body with an id, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if re.search(rb"requestId=\d{21}&", body) else 400)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Closing(Keeping):
    """Closes after each answer."""

    def do_POST(self) -> None:
        """Answer, and close."""
        super().do_POST()
        self.close_connection = True


class Hasty(Keeping):
    """Closes without reading a body."""

    def do_POST(self) -> None:
        """Close."""
        self.close_connection = True


@contextmanager
def serving(handler: type[Keeping]) -> Iterator[Server]:
    """Serve on loopback until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Server(Path(), server.server_address[1], os.getpid(), 0.0)
        server.shutdown()


def test_reads_what_the_script_of_wrk_prints() -> None:
    """The rate counts what was acknowledged."""
    load = read_load(PRINTED)
    assert load == Load(16400, 400, 2, 5.0, 9.5, 17)
    assert load.per_s == 3200


def test_post_puts_the_id_in() -> None:
    """The body is as long as announced, and has the id."""
    with serving(Keeping) as server:
        assert post(server, tencent(), 10**20).status == 200


def test_post_without_an_answer_has_status_0() -> None:
    """A sender cannot tell more."""
    with serving(Hasty) as server:
        assert post(server, tencent(), 10**20).status == 0


def test_connections_that_are_kept_are_not_lost() -> None:
    """The sender closes them when the time is up."""
    with serving(Keeping) as server:
        assert lost_connections(server, tencent(), 3, 0.2) == 0


def test_connections_closed_after_an_answer_are_lost() -> None:
    """They were in use."""
    with serving(Closing) as server:
        assert lost_connections(server, tencent(), 3, 0.2) > 0


def test_connections_never_served_are_not_lost() -> None:
    """A newcomer that is closed has lost nothing."""
    with serving(Hasty) as server:
        assert lost_connections(server, tencent(), 3, 0.2) == 0


def test_stall_ends_with_the_connection() -> None:
    """Or when its patience does."""
    with serving(Hasty) as server:
        assert 0 < stall(server, tencent()[:500], 60) < 60
