"""The callback listener, on Tornado's delegate layer.

A request is judged by its head (path, method, credentials, length) before its body is read, and a
refusal is written at once. What the sender is still uploading then is read and thrown away, since
closing the connection on it would reset it before the sender has read the answer.
"""

import asyncio
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol, cast

import msgspec
from msgspec import Struct
from tornado import httputil
from tornado.http1connection import HTTP1Connection, is_transfer_encoding_chunked
from tornado.routing import AnyMatches, Matcher, Rule, RuleRouter

from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    CannotStore,
    MethodNotAllowed,
    NotFound,
    ShuttingDown,
    UnsupportedBody,
)
from asr_daemon.networks import Network, client_address
from asr_daemon.providers.base import Answer, Callback, Head

LINGER_S = 30.0
"""How long the rest of a refused body is read and thrown away."""

_LONGEST_LENGTH = 18
"""Digits of a Content-Length that is worth reading as a number."""

_log = logging.getLogger(__name__)


class Endpoint(Protocol):
    """What is served at a path."""

    @property
    def name(self) -> str:
        """How logs call it."""
        ...

    def admit(self, head: Head) -> None:
        """Judge a request by its head; raise `CallbackError` to refuse it unread."""
        ...

    async def respond(self, callback: Callback) -> Answer:
        """Answer a whole request; raise `CallbackError` to refuse it."""
        ...

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a request that is refused."""
        ...


class Intake(Struct, frozen=True, kw_only=True):
    """What the listener asks of every request."""

    body_bytes: int
    """The largest body."""
    header_timeout_s: float
    """Grace for a body before its rate counts."""
    body_min_rate_bytes_per_s: int
    """The slowest upload, averaged."""
    trusted_proxies: tuple[Network, ...] = ()
    """Whose word on the sender's address is believed."""


class Exchanges:
    """The requests that are under way, so that a shutdown can be honest to each."""

    def __init__(self) -> None:
        """Begin with none."""
        self.in_flight_bytes = 0
        """Of bodies that are received, in part or whole, and not yet answered."""
        self.leaving = False
        """Each answer announces that its connection ends, so that nobody sends into its end."""
        self._uploads: set[_Exchange] = set()
        self._answers: set[asyncio.Task[None]] = set()
        self._fewer = asyncio.Event()

    @property
    def uploading(self) -> int:
        """How many requests have a body that is still on its way."""
        return len(self._uploads)

    async def settle(self, timeout_s: float) -> None:
        """Return when every request that is under way is answered, or `timeout_s` is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._uploads or self._answers:
                    self._fewer.clear()
                    await self._fewer.wait()

    async def refuse(self) -> None:
        """Refuse every request that is under way; what is being stored may still be stored."""
        for exchange in tuple(self._uploads):
            exchange.refuse(ShuttingDown("the daemon is shutting down"))
        await asyncio.sleep(0)  # a task that has not begun could not answer its cancellation
        answers = tuple(self._answers)
        for answer in answers:
            answer.cancel()
        if answers:
            await asyncio.wait(answers)

    def upload_begins(self, exchange: "_Exchange") -> None:
        """Note a request whose body is on its way."""
        self._uploads.add(exchange)

    def upload_ends(self, exchange: "_Exchange") -> None:
        """Note that a body is here, or is not wanted any more."""
        self._uploads.discard(exchange)
        self._fewer.set()

    def answer(self, exchange: "_Exchange") -> None:
        """Have a request answered that is whole."""
        task = asyncio.create_task(exchange.respond())
        self._answers.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        self._fewer.set()


def make_router(
    endpoints: Mapping[str, Endpoint], intake: Intake, exchanges: Exchanges
) -> RuleRouter:
    """Return the router of a callback listener.

    Args:
        endpoints: by path; each is asked for everything at and below its path, the longest first.
        intake: what is asked of every request.
        exchanges: is told of the requests that are under way.
    """
    longest_first = sorted(endpoints, key=len, reverse=True)
    rules = [
        Rule(_AtOrBelow(path), _Door(endpoints[path], intake, exchanges)) for path in longest_first
    ]
    return RuleRouter([*rules, Rule(AnyMatches(), _Door(_Nowhere(), intake, exchanges))])


class _AtOrBelow(Matcher):
    """Matches a path and everything below it."""

    def __init__(self, path: str) -> None:
        self._path = path.rstrip("/")

    def match(self, request: httputil.HTTPServerRequest) -> dict[str, Any] | None:
        path, _ = _split_target(request.uri or "")
        return {} if path == self._path or path.startswith(f"{self._path}/") else None


class _Door(httputil.HTTPServerConnectionDelegate):
    """Starts an exchange for each request to one endpoint."""

    def __init__(self, endpoint: Endpoint, intake: Intake, exchanges: Exchanges) -> None:
        self._endpoint = endpoint
        self._intake = intake
        self._exchanges = exchanges

    def start_request(
        self,
        server_conn: object,
        request_conn: httputil.HTTPConnection,
    ) -> "_Exchange":
        connection = cast(HTTP1Connection, request_conn)
        return _Exchange(self._endpoint, connection, self._intake, self._exchanges)


class _Nowhere:
    """The endpoint of every path at which nothing is served."""

    name = "nowhere"

    def admit(self, head: Head) -> None:
        raise NotFound("no such path")

    async def respond(self, callback: Callback) -> Answer:
        raise NotFound("no such path")

    def refuse(self, error: CallbackError) -> Answer:
        status = HTTPStatus.METHOD_NOT_ALLOWED if isinstance(error, MethodNotAllowed) else 404
        return Answer(status, msgspec.json.encode({"code": int(status), "message": str(error)}))


class _Exchange(httputil.HTTPMessageDelegate):
    """One request and its answer."""

    def __init__(
        self,
        endpoint: Endpoint,
        connection: HTTP1Connection,
        intake: Intake,
        exchanges: Exchanges,
    ) -> None:
        self._endpoint = endpoint
        self._connection = connection
        self._intake = intake
        self._exchanges = exchanges
        self._chunks: list[bytes] = []
        self._received_bytes = 0
        self._refused = False

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> None:
        length = _content_length(headers)
        self._head = self._make_head(cast(httputil.RequestStartLine, start_line), headers)
        try:
            self._judge(cast(httputil.RequestStartLine, start_line).method, length)
        except CallbackError as error:
            self.refuse(error)
            if "Expect" in headers:
                self._connection.finish()
        else:
            self._exchanges.upload_begins(self)
            self._connection.set_body_timeout(self._body_timeout_s(length))

    def data_received(self, chunk: bytes) -> None:
        if self._refused:
            return
        self._received_bytes += len(chunk)
        self._exchanges.in_flight_bytes += len(chunk)
        if self._received_bytes > self._intake.body_bytes:
            self.refuse(self._too_large())
        else:
            self._chunks.append(chunk)

    def finish(self) -> None:
        self._exchanges.upload_ends(self)
        if self._refused:
            self._connection.finish()
        else:
            self._exchanges.answer(self)

    def on_connection_close(self) -> None:
        self._exchanges.upload_ends(self)
        self._drop_body()

    def refuse(self, error: CallbackError) -> None:
        """Write a refusal now; what is still uploaded is read and thrown away."""
        self._exchanges.upload_ends(self)
        self._drop_body()
        self._refused = True
        self._connection.set_body_timeout(LINGER_S)
        self._write(self._refusal(error))

    async def respond(self) -> None:
        """Answer a whole request."""
        callback = Callback(self._head, b"".join(self._chunks), datetime.now(UTC))
        self._chunks.clear()
        answer = await self._answer(callback)
        del callback
        self._drop_body()
        self._write(answer)
        self._connection.finish()

    async def _answer(self, callback: Callback) -> Answer:
        try:
            return await self._endpoint.respond(callback)
        except CallbackError as error:
            return self._refusal(error)
        except asyncio.CancelledError:
            return self._refusal(ShuttingDown("the daemon is shutting down"))
        except Exception:  # noqa: BLE001 - the sender is owed an answer, and it is logged
            _log.exception("a request to %s failed", self._endpoint.name)
            return self._refusal(CannotStore("internal error"))

    def _drop_body(self) -> None:
        self._chunks.clear()
        self._exchanges.in_flight_bytes -= self._received_bytes
        self._received_bytes = 0

    def _make_head(
        self, start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders
    ) -> Head:
        path, query = _split_target(start_line.path)
        peer = cast(_Context, self._connection.context).remote_ip
        address = client_address(peer, headers, self._intake.trusted_proxies)
        return Head(path.encode("latin1"), query.encode("latin1"), headers, address)

    def _judge(self, method: str, length: int | None) -> None:
        if method != "POST":
            raise MethodNotAllowed("only POST is served here")
        self._endpoint.admit(self._head)
        headers = self._head.headers
        if headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
            raise UnsupportedBody("compressed bodies are not accepted")
        if headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
            raise UnsupportedBody("multipart bodies are not accepted")
        if length is not None and length > self._intake.body_bytes:
            raise self._too_large()

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is larger than {self._intake.body_bytes} bytes")

    def _body_timeout_s(self, length: int | None) -> float:
        expected_bytes = self._intake.body_bytes if length is None else length
        upload_s = expected_bytes / self._intake.body_min_rate_bytes_per_s
        return self._intake.header_timeout_s + upload_s

    def _refusal(self, error: CallbackError) -> Answer:
        answer = self._endpoint.refuse(error)
        fields = {
            "endpoint": self._endpoint.name,
            "outcome": type(error).__name__,
            "reason": str(error),
            "status": answer.status,
            "address": self._head.address,
        }
        _log.info("request refused", extra={"fields": fields})
        return answer

    def _write(self, answer: Answer) -> None:
        headers = httputil.HTTPHeaders(
            {
                "Content-Type": "application/json; charset=utf-8",
                "Content-Length": str(len(answer.body)),
                "Date": formatdate(usegmt=True),
            }
        )
        for name, value in answer.headers:
            headers[name] = value
        if self._exchanges.leaving:
            headers["Connection"] = "close"
        status = HTTPStatus(answer.status)
        start_line = httputil.ResponseStartLine("HTTP/1.1", status.value, status.phrase)
        self._connection.write_headers(start_line, headers, answer.body)


class _Context(Protocol):
    """What Tornado knows of a connection."""

    remote_ip: str


def _split_target(target: str) -> tuple[str, str]:
    """Return path and query of a request target, which may be a whole URL (RFC 9112, 3.2.2)."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        _, _, behind_scheme = path.partition("://")
        _, slash, rest = behind_scheme.partition("/")
        path = slash + rest
    return path, query


def _content_length(headers: httputil.HTTPHeaders) -> int | None:
    """Return the announced length of the body, `None` if there is none.

    Raises:
        HTTPInputError: it is not one plain number, or comes with chunks: where a request ends
            would be anybody's guess (RFC 9112, 6.3), so Tornado answers 400 and closes.
    """
    if is_transfer_encoding_chunked(headers) or "Content-Length" not in headers:
        return None
    announced = headers["Content-Length"]
    if not (announced.isascii() and announced.isdigit()):
        raise httputil.HTTPInputError("Content-Length is not one number")
    return int(announced) if len(announced) <= _LONGEST_LENGTH else sys.maxsize
