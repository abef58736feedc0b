"""What a head may look like on the wire, and what is refused before it is parsed."""

import asyncio
import logging
import time

import pytest

from asr_daemon.web.iostream import MAX_HEAD_BYTES, MAX_HEADER_LINES
from tests.web.conftest import Recorder

pytestmark = pytest.mark.usefixtures("http_server")

START = b"POST /in?key=good HTTP/1.1\r\nHost: x\r\n"
LENGTH = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LAST = b"Connection: close\r\n"
TORNADOS_400 = b"HTTP/1.1 400 Bad Request\r\n\r\n"


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
    assert await answered(http_port, head + b"hello") == TORNADOS_400
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
    ("sent", "reason"),
    [
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + START + b"\r\n", "the PROXY protocol"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + START + b"\r\n", "the PROXY protocol"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "this is TLS, and the listener has none"),
        (b"\x16\x03\x01\r\n\r\n", "this is TLS, and the listener has none"),
        (b"\x16\x03\x01" + b"x" * 40_000, "this is TLS, and the listener has none"),
        (b"SSH-2.0-x\r\n\r\n", "no request of HTTP/1.1"),
        (START + CHUNKED + b"\r\nzz\r\n", "no request of HTTP/1.1"),
    ],
)
@pytest.mark.gen_test
async def test_something_else_is_logged(
    http_port: int,
    sent: bytes,
    reason: str,
    answers: list[tuple[str, int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An administrator finds out why a proxy or a sender gets no further; once a day."""
    caplog.set_level(logging.INFO)
    for _ in range(2):
        assert await answered(http_port, sent) == TORNADOS_400
    assert answers == [("nowhere", 400)] * 2
    [record] = [line for line in caplog.records if line.message == "request refused"]
    assert [line for line in caplog.records if line.levelname == "ERROR"] == []
    fields = record.__dict__["fields"]
    assert (fields["outcome"], fields["address"]) == ("NotHttp", "127.0.0.1")
    assert reason in fields["reason"]


@pytest.mark.gen_test
async def test_head_that_is_too_long_is_logged(
    http_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Tornado closes the connection without an answer."""
    caplog.set_level(logging.INFO)
    assert await answered(http_port, START + b"X: " + b"a" * MAX_HEAD_BYTES) == b""
    [record] = [line for line in caplog.records if line.message == "request refused"]
    assert "more than 256 KiB" in record.__dict__["fields"]["reason"]


@pytest.mark.parametrize(
    "rest",
    [
        CHUNKED + b"\r\nzz\r\n",
        CHUNKED + b"\r\n5\r\nhelloX\r\n",
        CHUNKED + b"\r\n0\r\nTrailer: x\r\n\r\n",
    ],
)
@pytest.mark.gen_test
async def test_refused_and_malformed(
    http_port: int, rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that was refused by its head is not answered again for its body, nor an error."""
    answer = await answered(http_port, START.replace(b"good", b"bad") + rest)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert [line for line in caplog.records if line.levelname == "ERROR"] == []


@pytest.mark.gen_test
async def test_go_ahead_is_no_answer(http_port: int, endpoint: Recorder) -> None:
    """A sender that waits for 100 Continue gets it, and its answer after the body."""
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


@pytest.mark.parametrize(("more", "status"), [(0, b"200"), (1, b"400")])
@pytest.mark.gen_test
async def test_most_header_lines(http_port: int, more: int, status: bytes) -> None:
    """There are at most so many lines, be they of one name."""
    lines = b"X: a\r\n" * (MAX_HEADER_LINES - 3 + more)
    answer = await answered(http_port, START + LAST + LENGTH + lines + b"\r\nhello")
    assert answer.startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    "start",
    [
        b"POST /in HTTP/2.0",
        b"POST /in HTTP/0.9",
        b"POST /in HTTP/1.11",
        b"POST /in http/1.1",
        b"POST /in",
        b"POST  /in HTTP/1.1",
        b"POST /in HTTP/1.1 ",
        b" POST /in HTTP/1.1",
        b"POST\t/in HTTP/1.1",
        b"POST /in\x00 HTTP/1.1",
        b"P@ST /in HTTP/1.1",
        b"\x16\x03\x01",
    ],
)
@pytest.mark.gen_test
async def test_first_lines_of_something_else(http_port: int, start: bytes) -> None:
    """What does not begin as a request of HTTP/1 gets Tornado's own answer, once."""
    assert await answered(http_port, start + b"\r\nHost: x\r\n\r\n") == TORNADOS_400


@pytest.mark.gen_test
async def test_head_that_is_too_long(http_port: int) -> None:
    """It ends its connection without an answer, and without a line in the log."""
    assert await answered(http_port, START + b"X: " + b"a" * MAX_HEAD_BYTES) == b""


@pytest.mark.parametrize("piece", [b"a:\r\n", b"a\r\n", b"a", b" ", b"\r", b"a:b,", b"9", b"a b"])
@pytest.mark.parametrize("before", [b"X:", b"Connection:", b"Content-Length:"])
@pytest.mark.gen_test
async def test_time_that_a_head_takes(http_port: int, before: bytes, piece: bytes) -> None:
    """Large heads take no more than moments, whatever they are made of."""
    value = piece * (MAX_HEAD_BYTES // len(piece) - 100)
    began_s = time.process_time()
    await answered(http_port, START + LAST + before + value + b"\x01\r\n\r\n")
    assert time.process_time() - began_s < 0.5
