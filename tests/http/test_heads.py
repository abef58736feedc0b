"""A head with one reading; and one answer a request, on a real socket."""

import asyncio
import sys
import time
from contextlib import suppress

import pytest

from asr_daemon.errors import MalformedRequest
from asr_daemon.http.connection import LARGEST_HEAD_BYTES
from asr_daemon.http.heads import MOST_FIELDS, MOST_PARAMETERS, RequestHead, read_head
from tests.http.conftest import Recorder

START = b"POST /in?key=good HTTP/1.1\r\nHost: x\r\n"
LENGTH = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def head_of(*lines: str, start: str = "POST /in HTTP/1.1", host: str = "Host: x") -> bytes:
    """Return a head."""
    return "".join(f"{line}\r\n" for line in (start, host, *lines, "")).encode("latin-1")


def test_all_of_a_head() -> None:
    """A head says what is asked for, in what words, and how long the rest is."""
    assert read_head(head_of("Content-Length: 5", start="POST /in?a=b?c HTTP/1.1")) == RequestHead(
        method="POST",
        path="/in",
        query="a=b?c",
        headers={"host": "x", "content-length": "5"},
        length=5,
        persistent=True,
        version="1.1",
        waits_for_go_ahead=False,
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
    head = read_head(head_of(start=f"POST {target} HTTP/1.1"))
    assert (head.path, head.query) == (path, query)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("TOKEN:a", "token", "a"),
        ("Token: \t a \t b\t ", "token", "a \t b"),
        ("Token:", "token", ""),
        ("Token: \t ", "token", ""),
        ("Token: a:b: c", "token", "a:b: c"),
        ("Token: \xe9\xa0", "token", "\xe9\xa0"),
        ("!#$%&'*+-.^_`|~09aZ: a", "!#$%&'*+-.^_`|~09az", "a"),
        ("Token: a\r\ntoken: b\r\nTOKEN:", "token", "a,b,"),
    ],
)
def test_fields(line: str, name: str, value: str) -> None:
    """A field has a name in any case, and a value without the blanks around it."""
    assert read_head(head_of(line)).headers == {"host": "x", name: value}


@pytest.mark.parametrize(
    "start",
    [
        "POST /in HTTP/2.0",
        "POST /in HTTP/0.9",
        "POST /in HTTP/1.11",
        "POST /in HTTP/1",
        "POST /in http/1.1",
        "POST /in",
        "POST  /in HTTP/1.1",
        "POST /in  HTTP/1.1",
        "POST /in HTTP/1.1 ",
        " POST /in HTTP/1.1",
        "POST\t/in HTTP/1.1",
        "POST /i n HTTP/1.1",
        "POST /in\x00 HTTP/1.1",
        "POST /in\x7f HTTP/1.1",
        "P@ST /in HTTP/1.1",
        "P\xd6ST /in HTTP/1.1",
        "\x16\x03\x01",
        "",
    ],
)
def test_first_lines_of_something_else(start: str) -> None:
    """What does not begin as a request of HTTP/1 is none."""
    with pytest.raises(MalformedRequest):
        read_head(head_of(start=start))


@pytest.mark.parametrize(
    "line",
    [
        "X : a",
        " X: a",
        "\tX: a",
        ": a",
        "X",
        "X\x00: a",
        "X: a\x00",
        "X: a\x0b",
        "X: a\x7f",
        "X: a\rY: b",
        "X: a\nY: b",
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X\xe9: a",
        "X(: a",
        "X: a\r\n\r\nY: b",
    ],
)
def test_fields_with_another_reading(line: str) -> None:
    """What another server could read as another field, or fields, is refused."""
    with pytest.raises(MalformedRequest):
        read_head(head_of(line, "Z: c"))


@pytest.mark.parametrize(
    "host", ["Host: a, b", "Host: a\r\nHost: a", "Host: \xe9", "Host: a/b", "X:"]
)
def test_hosts(host: str) -> None:
    """A request of HTTP/1.1 names one host; its name is asked for nowhere, and may be empty."""
    with pytest.raises(MalformedRequest):
        read_head(head_of(host=host))
    assert read_head(head_of(host="Host:")).headers == {"host": ""}
    assert read_head(head_of(host="Host: [::1]:80")).headers == {"host": "[::1]:80"}
    assert read_head(b"POST /in HTTP/1.0\r\n\r\n").headers == {}


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ([], 0),
        (["Content-Length: 0"], 0),
        (["Content-Length: 007"], 7),
        (["Content-Length: " + "9" * 18], 999_999_999_999_999_999),
        (["Content-Length: " + "9" * 19], sys.maxsize),
        (["Transfer-Encoding: chunked"], None),
        (["Transfer-Encoding: \tCHUNKED\t"], None),
    ],
)
def test_lengths(lines: list[str], length: int | None) -> None:
    """A body has the length that is said, or comes in chunks, or is not there."""
    assert read_head(head_of(*lines)).length == length


@pytest.mark.parametrize("value", ["", "+5", "-5", "5_0", "0x5", "5,5", "5;", "5.0", "\xb2", "5 5"])
def test_lengths_that_are_none(value: str) -> None:
    """A length is one decimal number, and is said once."""
    with pytest.raises(MalformedRequest):
        read_head(head_of(f"Content-Length: {value}"))


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
        read_head(head_of(*lines))


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_chunks_in_other_versions(version: str) -> None:
    """Chunks are of HTTP/1.1 only: whoever forwards another version may not know of them."""
    with pytest.raises(MalformedRequest):
        read_head(head_of("Transfer-Encoding: chunked", start=f"POST /in HTTP/{version}"))


@pytest.mark.parametrize(
    ("version", "lines", "persistent"),
    [
        ("1.1", [], True),
        ("1.1", ["Connection: close"], False),
        ("1.1", ["Connection: Keep-Alive, CLOSE"], False),
        ("1.1", ["Connection: a", "Connection: close"], False),
        ("1.1", ["Connection: closed"], True),
        ("1.0", [], False),
        ("1.0", ["Connection: keep-alive"], True),
        ("1.0", ["Connection: keep-alive, close"], False),
    ],
)
def test_persistence(version: str, lines: list[str], persistent: bool) -> None:
    """A connection is kept unless the sender says otherwise; before HTTP/1.1 if it says so."""
    head = read_head(head_of(*lines, start=f"POST /in HTTP/{version}"))
    assert head.persistent is persistent


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
    head = read_head(head_of(*lines, start=f"POST /in HTTP/{version}"))
    assert head.waits_for_go_ahead is waits


@pytest.mark.parametrize(
    "value", ["", "x", "100", "x 100-continue", "100-continue, x", "100-continue\r\nExpect: x"]
)
def test_expectations_with_another_reading(value: str) -> None:
    """A proxy that does not see an expectation would take the go-ahead for the answer."""
    with pytest.raises(MalformedRequest):
        read_head(head_of(f"Expect: {value}", "Content-Length: 5"))


def test_most_fields() -> None:
    """There are at most so many lines, be they of one name."""
    lines = ["X: a"] * (MOST_FIELDS - 1)
    assert read_head(head_of(*lines)).headers["x"] == ",".join("a" * len(lines))
    with pytest.raises(MalformedRequest):
        read_head(head_of(*lines, "X: a"))


@pytest.mark.parametrize("before", ["/in?", "/in/code=0"])
def test_most_parameters(before: str) -> None:
    """A URL has at most so many parameters, be they in its query or, as in old ones, its path."""
    enough = before + "&a" * (MOST_PARAMETERS - 1)
    assert read_head(head_of(start=f"POST {enough} HTTP/1.1")).method == "POST"
    with pytest.raises(MalformedRequest, match="parameters"):
        read_head(head_of(start=f"POST {enough}&a HTTP/1.1"))


@pytest.mark.parametrize(
    "piece", ["a:\r\n", "a\r\n", "a", " ", "\t", "X: ", "\r", "a:b,", f"{'a' * 256}: b\r\n", "9"]
)
@pytest.mark.parametrize("before", ["", "X:", "Connection:", "Content-Length:"])
def test_time_that_a_head_takes(before: str, piece: str) -> None:
    """The largest heads take no more than moments, whatever they are made of."""
    raw = head_of(before + piece * (LARGEST_HEAD_BYTES // len(piece)))
    began_s = time.process_time()
    with suppress(MalformedRequest):
        read_head(raw)
    assert time.process_time() - began_s < 0.1


async def answered(port: int, request: bytes) -> bytes:
    """Send a request, and return what is answered until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "head",
    [
        START.replace(b"\r\n", b"\n") + b"Content-Length: 5\n\n",
        START + b"X: a\n" + LENGTH + b"\r\n",
        START + LENGTH + b"\n",
        START + b"X: a\r\r\n" + LENGTH + b"\r\n",
        START + b"X: a\rContent-Length: 0\r\n" + LENGTH + b"\r\n",
        START.replace(b"\r\n", b"\r\r\n", 1) + LENGTH + b"\r\n",
        b"\r" + START + LENGTH + b"\r\n",
    ],
)
@pytest.mark.usefixtures("http_server")
@pytest.mark.gen_test
async def test_line_ends(http_port: int, endpoint: Recorder, head: bytes) -> None:
    """A CR or LF that is not half of a line's end is answered 400, and what follows is not read."""
    answer = await answered(http_port, head + b"hello")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b'{"code":400,"message":"this is not a request of HTTP"}')
    assert endpoint.bodies == []


@pytest.mark.parametrize(("length", "status"), [(256, b"200"), (257, b"400"), (50_000, b"400")])
@pytest.mark.usefixtures("http_server")
@pytest.mark.gen_test
async def test_long_names(http_port: int, length: int, status: bytes) -> None:
    """A name of a header that is too long to be remembered with 999 others is answered 400."""
    request = START + b"Connection: close\r\n" + LENGTH + b"X" * length + b": v\r\n\r\nhello"
    assert (await answered(http_port, request)).startswith(b"HTTP/1.1 " + status)


@pytest.mark.usefixtures("http_server")
@pytest.mark.gen_test
async def test_long_targets_and_values(http_port: int, endpoint: Recorder) -> None:
    """Only names are short: the oldest callbacks have their whole text in the URL."""
    start = b"\r\n" + START.replace(b"/in?", b"/in/" + b"a" * 5000 + b"?")
    request = start + b"Connection: close\r\n" + LENGTH + b"X: " + b"v" * 5000 + b"\r\n\r\nhello"
    assert (await answered(http_port, request)).startswith(b"HTTP/1.1 200 ")
    assert endpoint.bodies == [b"hello"]


@pytest.mark.usefixtures("http_server")
@pytest.mark.gen_test
async def test_blank_lines_before_a_request(http_port: int, endpoint: Recorder) -> None:
    """A blank line between requests, which some senders write, is no mistake."""
    request = b"\r\n" + START + b"Connection: close\r\n" + LENGTH + b"\r\nhello"
    assert (await answered(http_port, request)).startswith(b"HTTP/1.1 200 OK\r\n")
    assert endpoint.bodies == [b"hello"]


@pytest.mark.parametrize(
    "rest",
    [
        CHUNKED + b"\r\nzz\r\n",
        CHUNKED + b"\r\n5\r\nhelloX\r\n",
        CHUNKED + b"\r\n0\r\nTrailer: x\r\n\r\n",
    ],
)
@pytest.mark.usefixtures("http_server")
@pytest.mark.gen_test
async def test_refused_and_malformed(
    http_port: int, rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that was refused by its head is not answered again for its body, nor an error."""
    answer = await answered(http_port, START.replace(b"good", b"bad") + rest)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


@pytest.mark.parametrize(("key", "status"), [(b"good", b"413"), (b"bad", b"401")])
@pytest.mark.parametrize("digits", [30, 5000])
@pytest.mark.usefixtures("http_server")
@pytest.mark.gen_test
async def test_endless_lengths(http_port: int, digits: int, key: bytes, status: bytes) -> None:
    """A length beyond all ranges is a large body, of which nothing is read but the head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(START.replace(b"good", key) + b"Content-Length: " + b"9" * digits + b"\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 " + status)
    writer.close()
    await writer.wait_closed()


@pytest.mark.usefixtures("http_server")
@pytest.mark.gen_test
async def test_go_ahead_is_no_answer(http_port: int, endpoint: Recorder) -> None:
    """Who asks before sending a body is told to go on, and is answered then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(START + b"Expect: 100-continue\r\nConnection: close\r\n" + LENGTH + b"\r\n")
    first = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"hello")
    second = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert first.startswith(b"HTTP/1.1 100 ")
    assert second.startswith(b"HTTP/1.1 200 ")
    assert endpoint.bodies == [b"hello"]
