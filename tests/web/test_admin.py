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
    method: str = "GET",
) -> HTTPResponse:
    """Ask a server that reports so, and is `asr.example.org` too."""
    reports = Reports(
        lambda: list(obstacles), lambda: list(notes), lambda accepted: (accepted, b"a 1\n")
    )

    async def run() -> HTTPResponse:
        [opened] = bind_sockets(0, "127.0.0.1")
        server = AdminServer(make_application(reports, ["asr.example.org"]))
        server.start([opened])
        url = f"http://127.0.0.1:{opened.getsockname()[1]}{path}"
        client = AsyncHTTPClient(force_instance=True)
        answer = await client.fetch(
            url, method=method, headers=dict(headers or {}), raise_error=False
        )
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
    """Only what keeps results from being stored makes it not ready; the rest is listed."""
    answer = get("/readyz", None, obstacles, notes)
    assert (answer.code, answer.body) == (status, body)


def test_alive_although_nothing_is_stored() -> None:
    """A daemon that answers is alive."""
    assert get("/healthz", None, ("an obstacle",)).body == b"ok\n"


def test_metrics_are_negotiated() -> None:
    """The format is up to what the scraper accepts."""
    answer = get("/metrics", {"Accept": "text/plain; version=0.0.4"})
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4"
    assert answer.body == b"a 1\n"


@pytest.mark.parametrize(
    ("path", "status", "length"),
    [("/healthz", 200, 3), ("/readyz", 200, 6), ("/metrics", 200, 4), ("/nowhere", 404, 14)],
)
def test_head(path: str, status: int, length: int) -> None:
    """HEAD is answered as GET, without the body."""
    answer = get(path, method="HEAD")
    assert (answer.code, answer.headers["Content-Length"]) == (status, str(length))
    assert answer.body == b""


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8788",
        "127.0.0.1",
        "192.0.2.7:9000",
        "[::1]",
        "[2001:db8::7]:8788",
        "asr.example.org",
        "Asr.Example.Org.:8788",
    ],
)
def test_accepted_hosts(host: str) -> None:
    """IP addresses, localhost and the configured names, with any port."""
    assert get("/healthz", {"Host": host}).code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nowhere"])
@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:8788",
        "127.0.0.1.attacker.example",
        "localhost.attacker.example",
        "sub.asr.example.org",
        "asr.example.org.attacker.example",
        "2130706433",
        "127.1",
    ],
)
def test_other_hosts_are_refused(host: str, path: str) -> None:
    """A page in a browser cannot reach the listener by a name that its author makes lead here."""
    answer = get(path, {"Host": host})
    sentence = b"421 Misdirected Request: add the name to admin.hosts, or use the IP address\n"
    assert (answer.code, answer.body) == (421, sentence)


def test_elsewhere() -> None:
    """Nothing else is there, and the server has no name."""
    answer = get("/nowhere")
    assert (answer.code, answer.body) == (404, b"404 Not Found\n")
    assert "Server" not in answer.headers
