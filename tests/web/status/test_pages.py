"""The pages show what there is, and take none of it for HTML."""

import asyncio
import json
from collections.abc import Mapping, Sequence

import pytest
from msgspec import structs
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.netutil import bind_sockets

from asr_daemon.status import (
    CertificateStatus,
    ConfigurationStatus,
    OutputStatus,
    Status,
)
from asr_daemon.web.admin import AdminServer, Reports, make_application
from asr_daemon.web.status.pages import (
    ResultLine,
    ShownResult,
    View,
    Wanted,
    clock,
    size,
    span,
    status_routes,
)
from asr_daemon.web.status.timeline import TimelineSegment

EVIL = "<script>alert(1)</script>\"'&"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;"
NOON = "2026-11-21T12:00:00+00:00"
CONFIGURATION = ConfigurationStatus(file="/etc/a.yaml", valid=True, problems=(), loaded_at=NOON)
STATUS = Status(
    version="1.0",
    up_s=7300.0,
    ready=True,
    obstacles=(),
    warnings=(),
    configuration=CONFIGURATION,
    listeners=("http://127.0.0.1:8787",),
    certificates=(CertificateStatus(file="a.pem", expires_at="2040-01-01T00:00:00+00:00"),),
    output=OutputStatus(root="/srv", free_bytes=3 << 30),
    callbacks={},
    needs_restart=(),
)
LINE = ResultLine(7, 1_795_264_496.0, "tencent", "succeeded", EVIL, f"tencent/{EVIL}.json", EVIL)


class Server:
    """A status page with what a test gives it."""

    def __init__(self) -> None:
        """Begin with one result."""
        self.status = STATUS
        self.lines: Sequence[ResultLine] | str = [LINE]
        self.result = ShownResult(
            LINE, [("language", EVIL)], [TimelineSegment(EVIL, 1, 2, EVIL)], 4.0
        )
        self.asked: list[Wanted] = []

    async def results(self, wanted: Wanted) -> Sequence[ResultLine] | str:
        """Note what was asked."""
        self.asked.append(wanted)
        return self.lines

    async def failures(self) -> Sequence[ResultLine]:
        """Return the result as one that failed."""
        return [LINE]

    async def find(self, seq: int) -> ShownResult | None:
        """Return the result under its number."""
        return self.result if seq == LINE.seq else None

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> HTTPResponse:
        """Ask for a page."""
        view = View(
            status=lambda: self.status,
            settings=lambda: [("log.level", EVIL)],
            providers=["tencent", "huawei"],
            minutes=lambda: [(1_795_264_440, {("tencent", "committed"): 3}), (1_795_264_500, {})],
            results=self.results,
            failures=self.failures,
            result=self.find,
        )
        reports = Reports(list, list, lambda accepted: ("text/plain", b""))

        async def run() -> HTTPResponse:
            [opened] = bind_sockets(0, "127.0.0.1")
            server = AdminServer(make_application(reports, (), status_routes(view)))
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

    def text(self, path: str) -> str:
        """Return a page."""
        answer = self.get(path)
        assert answer.code == 200
        return answer.body.decode()


@pytest.fixture
def server() -> Server:
    """Return a status page."""
    return Server()


def test_programs_get_the_status_as_json(server: Server) -> None:
    answer = server.get("/", {"Accept": "application/json"})
    assert json.loads(answer.body) == {
        "version": "1.0",
        "up_s": 7300.0,
        "ready": True,
        "obstacles": [],
        "warnings": [],
        "configuration": {
            "file": "/etc/a.yaml",
            "valid": True,
            "problems": [],
            "loaded_at": NOON,
        },
        "listeners": ["http://127.0.0.1:8787"],
        "certificates": [{"file": "a.pem", "expires_at": "2040-01-01T00:00:00+00:00"}],
        "output": {"root": "/srv", "free_bytes": 3221225472},
        "callbacks": {},
        "needs_restart": [],
        "pending_texts": 0,
    }
    assert answer.headers["Content-Type"].startswith("application/json")


def test_page(server: Server) -> None:
    page = server.text("/")
    assert "ready: results can be stored" in page
    assert "1.0, up for 2 h 1 min" in page
    assert "3.0 GiB free at /srv" in page
    assert "a.pem, valid until 2040-01-01 00:00:00 UTC" in page
    assert '<rect x="0" y="0.0" width="0.8" height="100.0" class="c0">' in page
    assert "12:34 tencent committed: 3" in page
    assert "2026-11-21 12:34:56" in page
    assert '<a href="/results/7">' in page


@pytest.mark.parametrize("path", ["/", "/results/7"])
def test_everything_from_outside_is_escaped(path: str, server: Server) -> None:
    server.status = structs.replace(
        STATUS, warnings=(EVIL,), obstacles=(EVIL,), needs_restart=(EVIL,)
    )
    page = server.text(path)
    assert "<script>" not in page
    assert ESCAPED in page


@pytest.mark.parametrize("path", ["/", "/results/7"])
def test_policy_allows_nothing_but_our_own_files(path: str, server: Server) -> None:
    policy = server.get(path).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert " style=" not in server.text(path)
    assert "Server" not in server.get(path).headers


def test_what_is_wrong(server: Server) -> None:
    configuration = structs.replace(CONFIGURATION, valid=False, problems=("a.yaml:3: mistake",))
    server.status = structs.replace(
        STATUS, ready=False, obstacles=("disk full",), configuration=configuration
    )
    page = server.text("/")
    assert "not ready: callbacks are refused" in page
    assert "disk full" in page
    assert "a.yaml:3: mistake" in page
    assert "configuration not applied, the previous one stays active" in page


def test_filter(server: Server) -> None:
    page = server.text("/?provider=huawei&status=failed&id=42&before=9")
    assert server.asked == [Wanted("huawei", "failed", "42", 9)]
    assert "<option selected>huawei</option>" in page
    assert 'value="42"' in page
    assert "newest results" in page


def test_nonsense_in_the_filter_is_no_error(server: Server) -> None:
    server.text("/?before=-1&status=%20&id=" + "x" * 1000)
    assert server.asked[0].before is None


def test_full_page_leads_to_the_next(server: Server) -> None:
    server.lines = [LINE] * 25
    assert 'href="/?status=failed&amp;before=7"' in server.text("/?status=failed")


def test_result_without_an_id_has_the_name_of_its_file(server: Server) -> None:
    line = ResultLine(7, 1_795_264_496.0, "tencent", "succeeded", None, "tencent/no-id~42.json")
    server.lines = [line]
    server.result = ShownResult(line, [], [], None)
    assert "<bdi>no-id~42.json</bdi>" in server.text("/")
    page = server.text("/results/7")
    assert "<h1><bdi>no-id~42.json</bdi></h1>" in page
    assert "No speech was recognized." in page


def test_no_index(server: Server) -> None:
    server.lines = "the index cannot be read"
    assert "the index cannot be read" in server.text("/")


def test_result(server: Server) -> None:
    page = server.text("/results/7")
    assert '<rect x="250" y="0" width="250" height="40" class="c0">' in page
    assert '<span dir="auto" class="said">' in page


def test_long_result_comes_in_pages(server: Server) -> None:
    segments = [TimelineSegment(f"text {number}", number, number + 1) for number in range(1200)]
    server.result = ShownResult(LINE, [], segments, None)
    page = server.text("/results/7?from=500")
    assert "Segments 501 to 1000 of 1200" in page
    assert "text 500<" in page
    assert "text 1000<" not in page
    assert 'href="?from=0"' in page
    assert 'href="?from=1000"' in page


@pytest.mark.parametrize("path", ["/results/8", "/results/x", "/results/" + "9" * 30])
def test_no_such_result(path: str, server: Server) -> None:
    assert server.get(path).code == 404


@pytest.mark.parametrize("path", ["/", "/results/7", "/status.js", "/status.css", "/icon.svg"])
def test_head(path: str, server: Server) -> None:
    answer = server.get(path, method="HEAD")
    assert (answer.code, answer.body) == (200, b"")


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE"])
def test_page_only_reads(method: str, server: Server) -> None:
    answer = server.get("/", method=method)
    assert answer.code == 405


def test_formats() -> None:
    assert [clock(None), clock(0.4), clock(75), clock(3675)] == ["", "0:00", "1:15", "1:01:15"]
    assert [span(5), span(300), span(3700), span(90_000)] == [
        "5 s",
        "5 min",
        "1 h 1 min",
        "1 d 1 h",
    ]
    assert [size(None), size(12), size(1536), size(5 << 40)] == [
        "unknown",
        "12 B",
        "1.5 KiB",
        "5.0 TiB",
    ]
