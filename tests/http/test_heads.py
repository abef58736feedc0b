"""A head with one reading, and one answer a request, on a real socket."""

import asyncio

import pytest

from tests.http.conftest import Recorder

pytestmark = pytest.mark.usefixtures("http_server")

START = b"POST /in?key=good HTTP/1.1\r\nHost: x\r\n"
LENGTH = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


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
@pytest.mark.gen_test
async def test_line_ends(http_port: int, endpoint: Recorder, head: bytes) -> None:
    """A CR or LF that is not half of a line's end is answered 400, and what follows is not read."""
    answer = await answered(http_port, head + b"hello")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b'{"code":400,"message":"this is not a request of HTTP"}')
    assert endpoint.bodies == []


@pytest.mark.parametrize(("length", "status"), [(256, b"200"), (257, b"400"), (50_000, b"400")])
@pytest.mark.gen_test
async def test_long_names(http_port: int, length: int, status: bytes) -> None:
    """A name of a header that is too long to be remembered with 999 others is answered 400."""
    request = START + b"Connection: close\r\n" + LENGTH + b"X" * length + b": v\r\n\r\nhello"
    assert (await answered(http_port, request)).startswith(b"HTTP/1.1 " + status)


@pytest.mark.gen_test
async def test_long_targets_and_values(http_port: int, endpoint: Recorder) -> None:
    """Only names are short: the oldest callbacks have their whole text in the URL."""
    start = b"\r\n" + START.replace(b"/in?", b"/in/" + b"a" * 5000 + b"?")
    request = start + b"Connection: close\r\n" + LENGTH + b"X: " + b"v" * 5000 + b"\r\n\r\nhello"
    assert (await answered(http_port, request)).startswith(b"HTTP/1.1 200 ")
    assert endpoint.bodies == [b"hello"]


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
@pytest.mark.gen_test
async def test_refused_and_malformed(http_port: int, rest: bytes) -> None:
    """A request that was refused by its head is not answered again for its body."""
    answer = await answered(http_port, START.replace(b"good", b"bad") + rest)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(("key", "status"), [(b"good", b"413"), (b"bad", b"401")])
@pytest.mark.parametrize("digits", [30, 5000])
@pytest.mark.gen_test
async def test_endless_lengths(http_port: int, digits: int, key: bytes, status: bytes) -> None:
    """A length beyond all ranges is a large body, of which nothing is read but the head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(START.replace(b"good", key) + b"Content-Length: " + b"9" * digits + b"\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 " + status)
    writer.close()
    await writer.wait_closed()


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
