"""A request: judged by its head, answered readably, on a real socket."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_network

import pytest
from msgspec import structs
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from asr_daemon.body import MEMORY_BYTES
from asr_daemon.errors import CannotStore, ShuttingDown, WrongCredentials
from asr_daemon.web.connections import Connections
from asr_daemon.web.requests_in_flight import InFlight
from asr_daemon.web.routing import Router
from asr_daemon.web.throttle import FREE_ATTEMPTS, INTERVAL_S, Throttle
from tests.web.conftest import MAX_BODY_BYTES, MemorySpool, Recorder

pytestmark = pytest.mark.usefixtures("http_server")


async def exchange(port: int, *requests: bytes) -> bytes:
    """Send `requests`, the last with `Connection: close`, and return all that is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    *first, last = requests
    writer.writelines(
        [*first, last.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n", 1)]
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def post(target: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a request with its length."""
    lines = [f"POST {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def status(answer: bytes) -> int:
    """Return the status of the first answer in a stream."""
    return int(answer.split(b" ", 2)[1])


async def fetch(
    client: AsyncHTTPClient, url: str, body: bytes | None = b"", **more: object
) -> HTTPResponse:
    """Send a request as a client does, and return the answer, whatever its status."""
    return await client.fetch(url, method="POST", body=body, raise_error=False, **more)


@pytest.mark.gen_test
async def test_admitted_request(
    http_client: AsyncHTTPClient, base_url: str, endpoint: Recorder
) -> None:
    """It is answered with JSON, and no server is named."""
    response = await fetch(http_client, f"{base_url}/in?key=good", b"hello")
    assert (response.code, response.body) == (200, b'{"ok":true}')
    assert endpoint.bodies == [b"hello"]
    assert endpoint.heads[0].address == "127.0.0.1"
    names = ["Connection", "Content-Length", "Content-Type", "Date"]
    assert sorted(response.headers) == names
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.gen_test
async def test_refused_request(
    http_client: AsyncHTTPClient, base_url: str, endpoint: Recorder
) -> None:
    """It is answered in the endpoint's words, and its body is not kept."""
    response = await fetch(http_client, f"{base_url}/in?key=bad", b"hello")
    assert (response.code, response.body) == (401, b"wrong key")
    assert endpoint.bodies == []


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.gen_test
async def test_large_body_is_spooled(
    http_client: AsyncHTTPClient,
    base_url: str,
    endpoint: Recorder,
    in_flight: InFlight,
    chunked: bool,
) -> None:
    """Whether or not its length is announced; the endpoint owns the spool."""
    sent = b"0123456789" * (MAX_BODY_BYTES // 10)

    async def produce(write: "Callable[[bytes], Awaitable[None]]") -> None:
        await write(sent)

    more = {"body_producer": produce} if chunked else {}
    response = await fetch(
        http_client, f"{base_url}/in?key=good", None if chunked else sent, **more
    )
    assert response.code == 200
    [spool] = endpoint.spools
    assert spool.written == sent
    assert not spool.is_discarded
    assert in_flight.received_bytes == 0


@pytest.mark.gen_test
async def test_body_that_is_just_held(
    http_client: AsyncHTTPClient, base_url: str, endpoint: Recorder
) -> None:
    """Up to so many bytes are held in memory."""
    sent = b"x" * MEMORY_BYTES
    await fetch(http_client, f"{base_url}/in?key=good", sent)
    assert endpoint.bodies == [sent]


@pytest.mark.parametrize("spool_failure", [CannotStore("disk full"), ZeroDivisionError("a bug")])
@pytest.mark.gen_test
async def test_body_that_cannot_be_spooled(
    http_port: int, spools: list[MemorySpool], in_flight: InFlight
) -> None:
    """It is refused while it is uploaded, and nothing of it is kept."""
    answer = await exchange(http_port, post("/in?key=good", b"x" * MAX_BODY_BYTES))
    assert b"X-Refused: CannotStore" in answer
    assert [spool.is_discarded for spool in spools] == [True]
    assert in_flight.received_bytes == 0


@pytest.mark.gen_test
async def test_sender_that_goes_in_the_middle(
    http_port: int, spools: list[MemorySpool], in_flight: InFlight
) -> None:
    """What was received of a body is discarded when its sender goes."""
    _, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(post("/in?key=good", b"x" * MAX_BODY_BYTES)[:-1])
    while in_flight.received_bytes < MAX_BODY_BYTES - 1:
        await asyncio.sleep(0.001)
    writer.close()
    while in_flight.received_bytes:
        await asyncio.sleep(0.001)
    assert [spool.is_discarded for spool in spools] == [True]


@pytest.mark.gen_test
async def test_sender_that_goes_before_its_answer(
    http_port: int, endpoint: Recorder, in_flight: InFlight, connections: Connections
) -> None:
    """The request is finished nevertheless."""
    endpoint.released.clear()
    _, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(post("/in?key=good", b"hello"))
    while not endpoint.bodies:
        await asyncio.sleep(0.001)
    writer.close()
    while connections:
        await asyncio.sleep(0.001)
    assert in_flight.received_bytes == len(b"hello")
    endpoint.released.set()
    await in_flight.settle(1.0)
    assert in_flight.received_bytes == 0


@pytest.mark.gen_test
async def test_connection_is_kept(http_port: int, endpoint: Recorder) -> None:
    """Several requests on one connection are answered in their order."""
    answer = await exchange(http_port, post("/in?key=good", b"1"), post("/in?key=good", b"2"))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert endpoint.bodies == [b"1", b"2"]


@pytest.mark.gen_test
async def test_wrong_key_is_refused_before_the_body(http_port: int, endpoint: Recorder) -> None:
    """The refusal is there although the announced body never comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(post("/in?key=bad", b"x" * 900)[:-900])
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert line == b"HTTP/1.1 401 Unauthorized\r\n"
    assert endpoint.bodies == []


@pytest.mark.gen_test
async def test_refusal_keeps_the_connection(http_port: int, endpoint: Recorder) -> None:
    """After a refused body has come and gone the connection serves the next request."""
    answer = await exchange(http_port, post("/in?key=bad", b"x" * 900), post("/in?key=good", b"2"))
    assert answer.startswith(b"HTTP/1.1 401 Unauthorized")
    assert b"HTTP/1.1 200 OK" in answer
    assert endpoint.bodies == [b"2"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "BREW"])
@pytest.mark.gen_test
async def test_only_post(http_port: int, method: str) -> None:
    """Any other method is refused in the endpoint's words."""
    answer = await exchange(http_port, post("/in?key=good").replace(b"POST", method.encode()))
    assert b"X-Refused: MethodNotAllowed" in answer


@pytest.mark.parametrize("target", ["/in?key=good", "/other"])
@pytest.mark.gen_test
async def test_head(http_port: int, target: str) -> None:
    """HEAD is refused like any other method, without a body."""
    answer = await exchange(http_port, post(target).replace(b"POST", b"HEAD"))
    assert status(answer) in {405, 500}
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.gen_test
async def test_health_check(
    http_port: int, method: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A load balancer learns that callbacks are stored; nothing is logged."""
    caplog.set_level(logging.DEBUG)
    asked = f"{method} /healthz {version}\r\nHost: x\r\n\r\n".encode()
    answer = await exchange(http_port, asked)
    assert status(answer) == 200
    assert b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n" in answer
    assert answer.endswith(b"\r\n\r\nok\n" if method == "GET" else b"\r\n\r\n")
    assert [record.name for record in caplog.records if "asr_daemon" in record.name] == []


@pytest.mark.parametrize(
    ("method", "target", "refusal"),
    [
        ("POST", "/healthz", 404),
        ("OPTIONS", "/healthz", 405),
        ("GET", "/healthz/", 405),
        ("GET", "/", 405),
    ],
)
@pytest.mark.gen_test
async def test_other_than_a_health_check(
    http_port: int, method: str, target: str, refusal: int
) -> None:
    """Only GET and HEAD of this one path."""
    answer = await exchange(http_port, post(target).replace(b"POST", method.encode()))
    assert status(answer) == refusal


@pytest.mark.gen_test
async def test_health_checks_keep_their_connection(http_port: int, endpoint: Recorder) -> None:
    """A body of theirs, which none should have, is read and discarded."""
    check = post("/healthz", b"x").replace(b"POST", b"GET")
    answer = await exchange(http_port, check, check, post("/in?key=good", b"2"))
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert endpoint.bodies == [b"2"]


@pytest.mark.gen_test
async def test_configured_header_names_the_client(
    http_port: int, app: Router, endpoint: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """No other does, and where it is missing the log says so, but for health checks."""
    app.intake = structs.replace(
        app.intake,
        trusted_proxies=(ip_network("127.0.0.1"),),
        client_address_header="x-real-ip",
    )
    await exchange(
        http_port,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        post("/in?key=good", b"1", "X-Real-IP: 198.51.100.7", "X-Forwarded-For: 203.0.113.9"),
    )
    assert caplog.records == []
    await exchange(http_port, post("/in?key=good", b"2", "X-Forwarded-For: 203.0.113.9"))
    assert [head.address for head in endpoint.heads] == ["198.51.100.7", "127.0.0.1"]
    [record] = caplog.records
    reason = "the header x-real-ip is missing or empty; this request has x-forwarded-for"
    assert record.__dict__["fields"] == {"proxy": "127.0.0.1", "reason": reason}


@pytest.mark.gen_test
async def test_no_such_path(http_port: int) -> None:
    """Elsewhere there is a JSON answer, never a page."""
    answer = await exchange(http_port, post("/other", b"body"))
    assert status(answer) == 404
    assert answer.endswith(b'{"code":404,"message":"no such path"}')


@pytest.mark.parametrize("target", ["/in/unknown?key=good", "/in/unknown/deeper?key=good"])
@pytest.mark.gen_test
async def test_below_the_path_the_endpoint_decides(http_port: int, target: str) -> None:
    """What is below an endpoint's path is its own to judge."""
    assert status(await exchange(http_port, post(target))) == 404


@pytest.mark.gen_test
async def test_whole_url_as_target(http_port: int, endpoint: Recorder) -> None:
    """A request line with a whole URL means its path and query."""
    answer = await exchange(http_port, post("http://example.com/in/x?key=good", b"hello"))
    assert status(answer) == 200
    assert (endpoint.heads[0].path, endpoint.heads[0].query) == (b"/in/x", b"key=good")


@pytest.mark.gen_test
async def test_oversized_by_its_length(http_port: int, endpoint: Recorder) -> None:
    """A body that is too large by its length is refused readably while it is uploaded."""
    answer = await exchange(http_port, post("/in?key=good", b"x" * 3_000_000))
    assert status(answer) == 413
    assert answer.endswith(b"the body is larger than 1000000 bytes")
    assert endpoint.bodies == []


@pytest.mark.parametrize(
    ("head", "refusal"),
    [
        (b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX", 400),
        (b"Expect: 100-continue\r\nContent-Length: 3000000\r\n\r\n", 413),
    ],
)
@pytest.mark.gen_test
async def test_unclear_end(http_port: int, head: bytes, refusal: int) -> None:
    """Where nobody can say what comes next, a refusal is as readable while that is uploaded."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(b"POST /in?key=good HTTP/1.1\r\nHost: x\r\n" + head)
    for _ in range(30):
        writer.write(b"x" * 100_000)
        await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert status(answer) == refusal
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.gen_test
async def test_oversized_in_chunks(http_port: int, endpoint: Recorder) -> None:
    """A body of unknown length is refused when it grows too large."""
    head = b"POST /in?key=good HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"80000\r\n" + b"x" * 0x80000 + b"\r\n"
    answer = await exchange(http_port, head + chunk * 4 + b"0\r\n\r\n")
    assert status(answer) == 413
    assert answer.count(b"HTTP/1.1") == 1
    assert endpoint.bodies == []


@pytest.mark.gen_test
async def test_go_ahead_before_http_1_1(http_port: int, endpoint: Recorder) -> None:
    """A sender of HTTP/1.0, to whom a go-ahead would be the answer, gets none."""
    request = post("/in?key=good", b"hello", "Expect: 100-continue").replace(b"/1.1", b"/1.0")
    answer = await exchange(http_port, request)
    assert status(answer) == 200
    assert endpoint.bodies == [b"hello"]


@pytest.mark.gen_test
async def test_chunked(http_port: int, endpoint: Recorder) -> None:
    """A body in chunks arrives whole."""
    head = b"POST /in?key=good HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(http_port, head + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
    assert status(answer) == 200
    assert endpoint.bodies == [b"hello"]


@pytest.mark.parametrize(
    "header",
    ["Content-Encoding: gzip", "Content-Type: multipart/form-data; boundary=x"],
)
@pytest.mark.gen_test
async def test_compressed_and_multipart(http_port: int, header: str, endpoint: Recorder) -> None:
    """Compressed and multipart bodies are refused unread."""
    answer = await exchange(http_port, post("/in?key=good", b"x", header))
    assert b"X-Refused: UnsupportedBody" in answer
    assert endpoint.bodies == []


@pytest.mark.gen_test
async def test_expect_is_answered_by_a_refusal(http_port: int) -> None:
    """A sender that waits for 100 Continue gets the refusal at once."""
    request = post("/in?key=bad", b"x" * 900, "Expect: 100-continue")[:-900]
    answer = await exchange(http_port, request)
    assert answer.startswith(b"HTTP/1.1 401 Unauthorized")


@pytest.mark.gen_test
async def test_refusal_by_the_endpoint(http_port: int, endpoint: Recorder) -> None:
    """What cannot be stored is refused in the endpoint's words."""
    endpoint.failure = CannotStore("disk full")
    answer = await exchange(http_port, post("/in?key=good", b"x"))
    assert b"X-Refused: CannotStore" in answer
    assert answer.endswith(b"disk full")


@pytest.mark.gen_test
async def test_bug_in_the_endpoint(
    http_port: int, endpoint: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug is a refusal for the sender, and a traceback for the admin."""
    endpoint.failure = ZeroDivisionError("secret detail")
    answer = await exchange(http_port, post("/in?key=good", b"x"))
    assert answer.endswith(b"internal error")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("key", ["good", "bad"])
@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5, 6",
        "Content-Length: 5, 5",
        "Content-Length: -1",
        "Content-Length: 0x5",
        "Content-Length: ",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
    ],
)
@pytest.mark.gen_test
async def test_doubtful_framing_is_one_answer(
    http_port: int, endpoint: Recorder, key: str, framing: str
) -> None:
    """Where it is not clear where a body ends, one 400 is answered, whatever the key."""
    request = post(f"/in?key={key}").replace(b"Content-Length: 0", framing.encode())
    answer = await exchange(http_port, request + b"hello")
    assert answer.count(b"HTTP/1.1") == 1
    assert status(answer) == 400
    assert endpoint.bodies == []


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.2"])
@pytest.mark.gen_test
async def test_chunks_outside_their_version(
    http_port: int, endpoint: Recorder, version: bytes
) -> None:
    """Chunks are of HTTP/1.1 alone: a proxy may not see any in another version."""
    framing = b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
    request = post("/in?key=good").replace(b"Content-Length: 0\r\n", framing)
    request = request.replace(b"HTTP/1.1", version) + b"5\r\nhello\r\n0\r\n\r\n"
    assert status(await exchange(http_port, request)) == 400
    assert endpoint.bodies == []


@pytest.mark.gen_test
async def test_refusals_are_logged_without_secrets(
    http_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal is one line that names provider, reason and address, but not the URL."""
    caplog.set_level(logging.INFO)
    await exchange(http_port, post("/in?key=bad", b"x"))
    [record] = [line for line in caplog.records if line.message == "request refused"]
    fields = record.__dict__["fields"]
    assert fields.pop("ms") >= 0.0
    assert fields == {
        "provider": "recorder",
        "outcome": "WrongCredentials",
        "reason": "wrong key",
        "status": 401,
        "address": "127.0.0.1",
        "bytes": 0,
    }


@pytest.mark.gen_test
async def test_uploads_are_refused_at_the_end(
    http_port: int, in_flight: InFlight, caplog: pytest.LogCaptureFixture
) -> None:
    """An upload that a shutdown interrupts is refused, and that is no error in the log."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(post("/in?key=good", b"x" * 900)[:-1])
    await writer.drain()
    while not in_flight.received_bytes:
        await asyncio.sleep(0.001)
    await in_flight.refuse()
    answer = await reader.readuntil(b"shutting down")
    writer.close()
    await writer.wait_closed()
    assert f"X-Refused: {ShuttingDown.__name__}".encode() in answer
    assert [line for line in caplog.records if line.levelname == "ERROR"] == []


@pytest.mark.gen_test
async def test_requests_that_begin_at_the_end_are_refused(
    http_port: int, in_flight: InFlight
) -> None:
    """Who begins to upload while others are being refused is refused as well."""
    upload = post("/in?key=good", b"x" * 900)[:-1]
    _, first = await asyncio.open_connection("127.0.0.1", http_port)
    _, second = await asyncio.open_connection("127.0.0.1", http_port)
    first.write(upload)
    while not in_flight.received_bytes:
        await asyncio.sleep(0.001)
    second.write(upload)
    await asyncio.wait_for(in_flight.refuse(), 1.0)
    for writer in (first, second):
        writer.close()
        await writer.wait_closed()


@pytest.mark.gen_test
async def test_credentials_in_the_body(http_port: int, endpoint: Recorder) -> None:
    """Where the body has the credentials it is small, and refusals are delayed too."""
    endpoint.anonymous_bytes = 100
    assert status(await exchange(http_port, post("/in?key=good", b"x" * 101))) == 413
    endpoint.failure = WrongCredentials("wrong secret")
    bad = post("/in?key=good", b"x")
    began_s = time.monotonic()
    answers = await exchange(http_port, *[bad] * (FREE_ATTEMPTS + 1))
    assert answers.count(b"HTTP/1.1 401") == FREE_ATTEMPTS + 1
    assert time.monotonic() - began_s >= INTERVAL_S * 0.9


@pytest.mark.gen_test
async def test_failed_attempts_are_delayed_and_right_credentials_are_not(
    http_port: int, endpoint: Recorder
) -> None:
    """After a few wrong keys from an address the next has to wait for its refusal."""
    began_s = time.monotonic()
    bad, good = post("/in?key=bad"), post("/in?key=good")
    delayed = asyncio.create_task(exchange(http_port, *[bad] * (FREE_ATTEMPTS + 1)))
    while len(endpoint.heads) <= FREE_ATTEMPTS:
        await asyncio.sleep(0.001)
    assert status(await exchange(http_port, good)) == 200
    assert time.monotonic() - began_s < INTERVAL_S * 0.5
    assert (await delayed).count(b"HTTP/1.1 401") == FREE_ATTEMPTS + 1
    assert time.monotonic() - began_s >= INTERVAL_S * 0.9


@pytest.mark.gen_test
async def test_delayed_refusals_do_not_hold_up_the_end(
    http_port: int, throttle: Throttle, endpoint: Recorder
) -> None:
    """Who has failed often is refused at once when the daemon stops."""
    bad = post("/in?key=bad")
    await exchange(http_port, *[bad] * FREE_ATTEMPTS)
    delayed = asyncio.create_task(exchange(http_port, bad))
    while len(endpoint.heads) <= FREE_ATTEMPTS:
        await asyncio.sleep(0.001)
    began_s = time.monotonic()
    throttle.release()
    assert status(await delayed) == 401
    assert time.monotonic() - began_s < INTERVAL_S * 0.5


@pytest.mark.gen_test
async def test_last_answers(http_port: int, in_flight: InFlight, endpoint: Recorder) -> None:
    """When the daemon stops an answer ends its connection, and says so, before HTTP/1.1 too."""
    in_flight.is_draining = True
    for version in (b"HTTP/1.1", b"HTTP/1.0"):
        reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
        request = post("/in?key=good", b"hello", "Connection: keep-alive")
        writer.write(request.replace(b"HTTP/1.1", version) * 2)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.count(b"HTTP/1.1 200 OK") == 1
        assert b"\r\nConnection: close\r\n" in answer
    assert endpoint.bodies == [b"hello"] * 2


@pytest.mark.gen_test
async def test_connection_of_http_1_0_is_kept(http_port: int) -> None:
    """If its sender asks for it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    request = post("/in?key=good", b"hello", "Connection: keep-alive")
    writer.write(request.replace(b"HTTP/1.1", b"HTTP/1.0") * 2)
    for _ in range(2):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\nConnection: Keep-Alive\r\n" in head
        await reader.readuntil(b"}")
    writer.close()
    await writer.wait_closed()
