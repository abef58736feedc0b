"""What the admin listener answers."""

import asyncio
from collections.abc import Mapping

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.netutil import bind_sockets

from asr_daemon.web.admin import AdminServer, Reports, make_application


def get(
    path: str,
    headers: Mapping[str, str] | None = None,
    obstacles: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> HTTPResponse:
    """Ask a server that reports so."""
    reports = Reports(lambda: list(obstacles), lambda: list(notes), lambda: b"a 1\n")

    async def run() -> HTTPResponse:
        [opened] = bind_sockets(0, "127.0.0.1")
        server = AdminServer(make_application(reports), [opened])
        url = f"http://127.0.0.1:{opened.getsockname()[1]}{path}"
        client = AsyncHTTPClient(force_instance=True)
        answer = await client.fetch(url, headers=dict(headers or {}), raise_error=False)
        client.close()
        await server.stop()
        return answer

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("obstacles", "notes", "status", "body"),
    [
        ((), (), 200, b"ready\n"),
        ((), ("a note", "another"), 200, b"ready\na note\nanother\n"),
        (("an obstacle",), ("a note",), 503, b"an obstacle\na note\n"),
    ],
)
def test_ready(
    obstacles: tuple[str, ...], notes: tuple[str, ...], status: int, body: bytes
) -> None:
    """Only what keeps results from being stored is no readiness; what else is wrong is told."""
    answer = get("/readyz", None, obstacles, notes)
    assert (answer.code, answer.body) == (status, body)


def test_alive_and_metrics() -> None:
    """A daemon that answers is alive; metrics are in Prometheus' format."""
    assert get("/healthz", None, ("an obstacle",)).body == b"ok\n"
    answer = get("/metrics")
    assert answer.body == b"a 1\n"
    assert answer.headers["Content-Type"].startswith("text/plain; version=")


def test_elsewhere() -> None:
    """Nothing else is there, and the server has no name."""
    answer = get("/nowhere")
    assert (answer.code, answer.body) == (404, b"404 Not Found\n")
    assert "Server" not in answer.headers
