"""What the head of a request says, where it can be read in one way only, and how it is judged."""

import pytest
from tornado.httputil import HTTPHeaders, parse_request_start_line

from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    CannotStore,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    UnsupportedBody,
    WrongCredentials,
)
from asr_daemon.providers.base import Head
from asr_daemon.web.interfaces import Intake
from asr_daemon.web.refusal_log import RefusalLog
from asr_daemon.web.request_head import (
    MAX_PARAMETERS,
    JudgedHead,
    RequestHead,
    judge_head,
    read_head,
)
from asr_daemon.web.routing import Router
from asr_daemon.web.throttle import Throttle
from tests.web.conftest import MemorySpool, Recorder


def head_of(*lines: str, start: str = "POST /in HTTP/1.1", host: str = "Host: x") -> RequestHead:
    """Return what a head says that Tornado has parsed."""
    headers = HTTPHeaders.parse("".join(f"{line}\r\n" for line in (host, *lines)))
    return read_head(parse_request_start_line(start), headers)


def test_head_with_everything() -> None:
    """A head says what is asked for, and how long the rest is."""
    assert head_of("Content-Length: 5", start="POST /in?a=b?c HTTP/1.1") == RequestHead(
        path="/in", query="a=b?c", length=5, is_last=False, expects_continue=False
    )


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/%2e%2e/a?b#c", "/%2e%2e/a", "b#c"),
        ("/\xe9?\xff", "/\xe9", "\xff"),
        ("//in?x=http://y/z", "//in", "x=http://y/z"),
        ("http://a.example/in?b", "/in", "b"),
        ("http://a.example?b=/in", "", "b=/in"),
        ("a.example:443", "", ""),
        ("*", "", ""),
        ("in", "", ""),
    ],
)
def test_targets(target: str, path: str, query: str) -> None:
    """A target is a path with a query, or a URL with both; anything else names no path."""
    head = head_of(start=f"POST {target} HTTP/1.1")
    assert (head.path, head.query) == (path, query)


@pytest.mark.parametrize(
    "host", ["Host: a, b", "Host: a\r\nHost: a", "Host: \xe9", "Host: a/b", "X:"]
)
def test_hosts(host: str) -> None:
    """A request of HTTP/1.1 names one host; its name is asked for nowhere, and may be empty."""
    with pytest.raises(MalformedRequest):
        head_of(host=host)
    assert head_of(host="Host:").path == "/in"
    assert head_of(host="Host: [::1]:80").path == "/in"
    assert head_of(host="X:", start="POST /in HTTP/1.0").path == "/in"


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ([], 0),
        (["Content-Length: 0"], 0),
        (["Content-Length: 007"], 7),
        (["Content-Length: " + "9" * 18], 999_999_999_999_999_999),
        (["Transfer-Encoding: chunked"], None),
        (["Transfer-Encoding: \tCHUNKED\t"], None),
    ],
)
def test_lengths(lines: list[str], length: int | None) -> None:
    """A body has the length that is said, or comes in chunks, or is not there."""
    assert head_of(*lines).length == length


@pytest.mark.parametrize(
    "value", ["", "9" * 19, "+5", "-5", "5_0", "0x5", "5,5", "5;", "5.0", "\xb2", "5 5"]
)
def test_lengths_that_are_none(value: str) -> None:
    """A length is one decimal number, and is said once."""
    with pytest.raises(MalformedRequest):
        head_of(f"Content-Length: {value}")


@pytest.mark.parametrize(
    "lines",
    [
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Transfer-Encoding: identity"],
        ["Content-Length: 5", "content-length: 5"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: chunked;q=1"],
        ["Transfer-Encoding: chunked\xa0"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding:"],
    ],
)
def test_framings_with_another_reading(lines: list[str]) -> None:
    """Where another server could see another end of the body, the request is refused."""
    with pytest.raises(MalformedRequest):
        head_of(*lines)


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_chunks_in_other_versions(version: str) -> None:
    """Chunks are of HTTP/1.1 only: whoever forwards another version may not know of them."""
    with pytest.raises(MalformedRequest):
        head_of("Transfer-Encoding: chunked", start=f"POST /in HTTP/{version}")


@pytest.mark.parametrize(
    ("version", "lines", "is_last"),
    [
        ("1.1", [], False),
        ("1.1", ["Connection: close"], True),
        ("1.1", ["Connection: Keep-Alive, CLOSE"], True),
        ("1.1", ["Connection: a", "Connection: close"], True),
        ("1.1", ["Connection: closed"], False),
        ("1.0", [], True),
        ("1.0", ["Connection: keep-alive", "Content-Length: 0"], False),
        ("1.0", ["Connection: keep-alive"], True),
        ("1.2", [], True),
        ("1.0", ["Connection: keep-alive, close"], True),
    ],
)
def test_last_requests(version: str, lines: list[str], is_last: bool) -> None:
    """A connection is kept unless the sender says otherwise; before HTTP/1.1 if it says so."""
    head = head_of(*lines, start=f"POST /in HTTP/{version}")
    assert head.is_last is is_last


@pytest.mark.parametrize(
    ("version", "lines", "waits"),
    [
        ("1.1", ["Expect: 100-continue", "Content-Length: 5"], True),
        ("1.1", ["Expect: 100-Continue", "Transfer-Encoding: chunked"], True),
        ("1.1", ["Expect: 100-continue"], False),
        ("1.0", ["Expect: 100-continue", "Content-Length: 5"], False),
    ],
)
def test_expectations(version: str, lines: list[str], waits: bool) -> None:
    """Who asks before it sends a body waits, unless there is none, or its version knows no such."""
    head = head_of(*lines, start=f"POST /in HTTP/{version}")
    assert head.expects_continue is waits


@pytest.mark.parametrize(
    "value", ["", "x", "100", "x 100-continue", "100-continue, x", "100-continue\r\nExpect: x"]
)
def test_expectations_with_another_reading(value: str) -> None:
    """A proxy that does not see an expectation would take the go-ahead for the answer."""
    with pytest.raises(MalformedRequest):
        head_of(f"Expect: {value}", "Content-Length: 5")


@pytest.mark.parametrize("before", ["/in?", "/in/code=0"])
def test_most_parameters(before: str) -> None:
    """A URL has at most so many parameters, be they in its query or, as in old ones, its path."""
    enough = before + "&a" * (MAX_PARAMETERS - 1)
    assert head_of(start=f"POST {enough} HTTP/1.1").length == 0
    with pytest.raises(MalformedRequest, match="parameters"):
        head_of(start=f"POST {enough}&a HTTP/1.1")


async def _open_spool() -> MemorySpool:
    return MemorySpool()


def judged(start: str, *lines: str, endpoint: Recorder | None = None) -> JudgedHead:
    """Return how a head is judged where bodies have 100 bytes at most."""
    router = Router()
    intake = Intake(
        body_bytes=100,
        open_spool=_open_spool,
        throttle=Throttle(),
        refusal_log=RefusalLog(),
        answered=lambda name, status: None,
    )
    router.serve({"/in": endpoint or Recorder()}, intake)
    headers = HTTPHeaders.parse("".join(f"{line}\r\n" for line in ("Host: x", *lines)))
    return judge_head(parse_request_start_line(f"{start} HTTP/1.1"), headers, "192.0.2.1", router)


def test_admitted() -> None:
    """The endpoint gets path, query, headers and the client's address."""
    head = judged("POST /in?key=good", "Content-Length: 100", "X-A: b")
    assert (head.endpoint.name, head.most_bytes, head.error) == ("recorder", 100, None)
    headers = HTTPHeaders({"Host": "x", "Content-Length": "100", "X-A": "b"})
    assert head.head == Head(b"/in", b"key=good", headers, "192.0.2.1")


@pytest.mark.parametrize(
    ("start", "lines", "error"),
    [
        ("POST /out", ["Content-Length: 101"], NotFound),
        ("PUT /in", ["Content-Length: 101"], MethodNotAllowed),
        ("POST /in?key=bad", ["Content-Length: 101"], WrongCredentials),
        ("POST /in?key=good", ["Content-Length: 101", "Content-Encoding: gzip"], UnsupportedBody),
        ("POST /in?key=good", ["Content-Type: multipart/form-data"], UnsupportedBody),
        ("POST /in?key=good", ["Content-Length: 101"], BodyTooLarge),
    ],
)
def test_refused_unread(start: str, lines: list[str], error: type[CallbackError]) -> None:
    """Who has no credentials learns no more than that."""
    head = judged(start, *lines)
    assert type(head.error) is error
    assert head.request is not None


def test_head_that_cannot_be_read() -> None:
    """Nobody knows where the request ends."""
    head = judged("POST /in?key=good", "Content-Length: x")
    assert (head.endpoint.name, head.request) == ("nowhere", None)
    assert isinstance(head.error, MalformedRequest)


def test_endpoint_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The sender may try again, and the log says why."""

    class Broken(Recorder):
        def admit(self, head: Head) -> None:
            raise ZeroDivisionError

    head = judged("POST /in", endpoint=Broken())
    assert isinstance(head.error, CannotStore)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(("method", "served"), [("GET", "health"), ("POST", "nowhere")])
def test_health_checks(method: str, served: str) -> None:
    """They need no credentials; their body has a limit of its own."""
    head = judged(f"{method} /healthz", "Content-Length: 100")
    assert head.endpoint.name == served
    assert (head.error is None) is (served == "health")
