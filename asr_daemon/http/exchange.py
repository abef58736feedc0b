"""One request and its answer, on Tornado's delegate layer.

A request is judged by its head (path, method, credentials, length) before its body is read, and a
refusal is written at once. What the sender is still uploading then is read and thrown away, since
closing the connection on it would reset it before the sender has read the answer.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache, partial
from http.client import responses
from typing import Protocol, cast

from tornado import httputil
from tornado.http1connection import HTTP1Connection

from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    CannotStore,
    MethodNotAllowed,
    ShuttingDown,
    UnsupportedBody,
)
from asr_daemon.http.guesses import Turn
from asr_daemon.http.heads import check_host, content_length, split_target
from asr_daemon.http.intake import Routing
from asr_daemon.http.limits import PATIENCE_S, Share, origin_of
from asr_daemon.networks import client_address
from asr_daemon.providers.base import Answer, Callback, Head

LINGER_S = 30.0
"""How long the rest of a refused body is read and thrown away."""

SMALL_BODY_BYTES = 64 * 1024
"""Bodies up to this size do not wait for memory: all connections together hold little of them."""

MEMORY_PER_BODY_BYTE = 3
"""What a byte of a large body takes at most: itself, its fields decoded once, and what was said."""

_log = logging.getLogger(__name__)


class Exchanges:
    """The requests that are under way, so that a shutdown can be honest to each."""

    def __init__(self) -> None:
        """Begin with none."""
        self.in_flight_bytes = 0
        """Of bodies that are received, in part or whole, and not yet answered."""
        self.leaving = False
        """Each answer announces that its connection ends, so that nobody sends into its end."""
        self._uploads: set[Exchange] = set()
        self._answers: set[asyncio.Task[None]] = set()
        self._queued: dict[Turn, bool] = {}
        self._fewer = asyncio.Event()

    @property
    def uploading(self) -> int:
        """How many requests have a body that is still on its way."""
        return len(self._uploads)

    def leave(self) -> None:
        """Announce the end with each answer, and let nobody wait for a verdict any longer.

        Who is right is let in at once, and who is not is refused.
        """
        self.leaving = True
        for turn, is_right in tuple(self._queued.items()):
            _end(turn, is_right=is_right)

    async def wait_for(self, turn: Turn, *, is_right: bool) -> None:
        """Wait for a turn; raise `ShuttingDown` if there is none because of the end."""
        if self.leaving:
            _end(turn, is_right=is_right)
        self._queued[turn] = is_right
        await asyncio.wait((turn,))
        del self._queued[turn]
        if turn.cancelled() and self.leaving:
            raise ShuttingDown("the daemon is shutting down")

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

    def is_uploading(self, exchange: "Exchange") -> bool:
        """Say whether a request has a body that is still on its way."""
        return exchange in self._uploads

    def upload_begins(self, exchange: "Exchange") -> None:
        """Note a request whose body is on its way."""
        self._uploads.add(exchange)

    def upload_ends(self, exchange: "Exchange") -> None:
        """Note that a body is here, or is not wanted any more."""
        self._uploads.discard(exchange)
        self._fewer.set()

    def answer(self, exchange: "Exchange") -> None:
        """Have a request answered that is whole."""
        task = asyncio.create_task(exchange.respond())
        self._answers.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        self._fewer.set()


class Exchange(httputil.HTTPMessageDelegate):
    """One request and its answer."""

    def __init__(
        self,
        routing: Routing,
        connection: HTTP1Connection,
        exchanges: Exchanges,
    ) -> None:
        """Take what is asked when the head is there, and the connection that it comes on."""
        self._routing = routing
        self._connection = connection
        self._context = cast(_Context, connection.context)
        self._exchanges = exchanges
        self._body: bytes | bytearray = b""
        self._received_bytes = 0
        self._refused = False
        self._share: Share | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._expected_since_s: float | None = None

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        """Refuse a request by its head, or have its body read when there is room for it."""
        request_line = cast(httputil.RequestStartLine, start_line)
        check_host(request_line, headers)
        length = content_length(request_line, headers)
        self._head = self._make_head(request_line, headers)
        self._wants_body = request_line.method != "HEAD"
        self._origin = origin_of(self._head.address)
        error = self._verdict(request_line.method, length)
        turn = None if self._is_anonymous else self._turn(error)
        return self._begin(length, error) if turn is None else self._begin_at(turn, length, error)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep a piece of the body, or throw it away if the request is refused."""
        if self._refused:
            return None
        self._received_bytes += len(chunk)
        self._exchanges.in_flight_bytes += len(chunk)
        if self._received_bytes > self._most_bytes:
            self.refuse(self._too_large())
            return None
        self._append(chunk)
        if self._share is None and self._received_bytes > SMALL_BODY_BYTES:
            # It comes in chunks and does not say how much it is going to be.
            return self._wait_for_room(self._most_bytes)
        return None

    def finish(self) -> None:
        """Answer a request whose body is whole."""
        self._set_deadline(None)
        self._expected_since_s = None
        self._exchanges.upload_ends(self)
        if self._refused:
            self._connection.finish()
        else:
            self._exchanges.answer(self)

    def on_connection_close(self) -> None:
        """Forget a request whose sender has gone."""
        self._set_deadline(None)
        self._exchanges.upload_ends(self)
        self._drop_body()

    def refuse(self, error: CallbackError) -> None:
        """Write a refusal now; what is still uploaded is read and thrown away."""
        self._refused = True
        self._expected_since_s = None
        self._exchanges.upload_ends(self)
        self._drop_body()
        self._set_deadline(LINGER_S)
        self._write(self._refusal(error))

    async def respond(self) -> None:
        """Answer a whole request."""
        callback = Callback(self._head, self._body, datetime.now(UTC))
        self._body = b""
        answer = await self._answer(callback)
        del callback
        self._drop_body()
        if answer is not None:
            self._write(answer)
        self._connection.finish()

    async def _answer(self, callback: Callback) -> Answer | None:
        try:
            return await self._respond(callback)
        except CallbackError as error:
            return self._refusal(error)
        except _GoneError:
            return None
        except asyncio.CancelledError:
            return self._refusal(ShuttingDown("the daemon is shutting down"))
        except Exception:  # noqa: BLE001 - the sender is owed an answer, and it is logged
            _log.exception("a request to %s failed", self._endpoint.name)
            return self._refusal(CannotStore("internal error"))

    async def _respond(self, callback: Callback) -> Answer:
        """Have it answered; where credentials are in the body, no sooner than may be told."""
        if not self._is_anonymous:
            return await self._endpoint.respond(callback)
        try:
            answer = await self._endpoint.respond(callback)
        except CallbackError as error:
            await self._wait_for(self._turn(error), is_right=False)
            raise
        await self._wait_for(self._turn(None), is_right=True)
        return answer

    def _turn(self, error: CallbackError | None) -> Turn | None:
        return self._intake.guesses.turn(self._origin, self._endpoint.name, error)

    async def _wait_for(self, turn: Turn | None, *, is_right: bool) -> None:
        """Wait for a turn.

        Raises:
            _GoneError: the sender goes before it.
            ShuttingDown: the daemon does.
        """
        if turn is None:
            return
        stream = self._connection.stream
        stream.set_close_callback(partial(_give_up, turn))
        try:
            await self._exchanges.wait_for(turn, is_right=is_right)
        finally:
            stream.set_close_callback(None)
        if turn.cancelled():
            raise _GoneError

    async def _begin_at(self, turn: Turn, length: int | None, error: CallbackError | None) -> None:
        # It is under way by now: a stop waits for it.
        self._exchanges.upload_begins(self)
        try:
            await self._wait_for(turn, is_right=error is None)
        except _GoneError:
            self._refused = True
            return
        except ShuttingDown as end:
            error = end
        room = None if self._refused else self._begin(length, error)
        if room is not None:
            await room

    def _begin(self, length: int | None, error: CallbackError | None) -> Awaitable[None] | None:
        if error is not None:
            self.refuse(error)
            if "Expect" in self._head.headers:
                self._connection.finish()
            return None
        if not self._is_anonymous:
            self._context.works(self._is_slow)
        self._exchanges.upload_begins(self)
        if length is not None and length > SMALL_BODY_BYTES:
            return self._wait_for_room(length)
        size_bytes = SMALL_BODY_BYTES if length is None else length
        # Most small bodies are there with their head, and gone before this is called.
        asyncio.get_running_loop().call_soon(self._watch_upload, size_bytes)
        return None

    def _watch_upload(self, size_bytes: int) -> None:
        """Set a deadline for a body that is still on its way and does not wait for room."""
        if self._exchanges.is_uploading(self) and self._share is None:
            self._expect(size_bytes)

    async def _wait_for_room(self, size_bytes: int) -> None:
        """Wait, without reading on, until there is memory for a body of this size."""
        self._set_deadline(None)
        self._expected_since_s = None
        self._share = self._intake.memory.ask(size_bytes * MEMORY_PER_BODY_BYTE)
        waiting = self._share.wait()
        if waiting is not None:
            await waiting
        if not self._refused:
            self._expect(size_bytes)

    def _expect(self, size_bytes: int) -> None:
        """Give a body of this size its time."""
        upload_s = size_bytes / self._intake.body_min_rate_bytes_per_s
        self._set_deadline(self._intake.header_timeout_s + upload_s)
        self._expected_since_s = asyncio.get_running_loop().time()

    def _is_slow(self) -> bool:
        """Say whether the body comes slower than it may, which is tolerated if there is room."""
        if self._expected_since_s is None:
            return self._refused
        took_s = asyncio.get_running_loop().time() - self._expected_since_s - PATIENCE_S
        return self._received_bytes < took_s * self._intake.body_min_rate_bytes_per_s

    def _append(self, chunk: bytes) -> None:
        """Keep a chunk of the body; a body of several grows in its place."""
        if not self._body:
            self._body = chunk
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += chunk

    def _drop_body(self) -> None:
        self._body = b""
        self._exchanges.in_flight_bytes -= self._received_bytes
        self._received_bytes = 0
        if self._share is not None:
            self._share.give_back()

    def _set_deadline(self, timeout_s: float | None) -> None:
        """Close the connection when this time is over, unless another deadline is set by then."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if timeout_s is not None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(timeout_s, self._connection.close)

    def _make_head(
        self, start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders
    ) -> Head:
        path, query = split_target(start_line.path)
        self._intake = intake = self._routing.intake
        self._endpoint = endpoint = self._routing.find(path)
        self._is_anonymous = endpoint.anonymous_bytes is not None
        self._most_bytes = min(intake.body_bytes, endpoint.anonymous_bytes or intake.body_bytes)
        peer = self._context.remote_ip
        address = client_address(peer, headers, self._intake.trusted_proxies)
        return Head(path.encode("latin1"), query.encode("latin1"), headers, address)

    def _verdict(self, method: str, length: int | None) -> CallbackError | None:
        try:
            self._judge(method, length)
        except CallbackError as error:
            return error
        return None

    def _judge(self, method: str, length: int | None) -> None:
        if method != "POST":
            raise MethodNotAllowed("only POST is served here")
        self._endpoint.admit(self._head)
        headers = self._head.headers
        if headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
            raise UnsupportedBody("compressed bodies are not accepted")
        if headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
            raise UnsupportedBody("multipart bodies are not accepted")
        if length is not None and length > self._most_bytes:
            raise self._too_large()

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is larger than {self._most_bytes} bytes")

    def _refusal(self, error: CallbackError) -> Answer:
        answer = self._endpoint.refuse(error)
        fields = {
            "endpoint": self._endpoint.name,
            "outcome": type(error).__name__,
            "reason": str(error),
            "status": answer.status,
            "address": self._head.address,
        }
        # That results cannot be stored is said once, by the committer, and not for each of them.
        level = logging.DEBUG if isinstance(error, CannotStore) else logging.INFO
        _log.log(level, "request refused", extra={"fields": fields})
        return answer

    def _write(self, answer: Answer) -> None:
        headers = httputil.HTTPHeaders()
        headers["Content-Type"] = "application/json; charset=utf-8"
        headers["Content-Length"] = str(len(answer.body))
        headers["Date"] = _date(int(time.time()))
        for name, value in answer.headers:
            headers[name] = value
        if self._exchanges.leaving:
            headers["Connection"] = "close"
        start_line = httputil.ResponseStartLine("HTTP/1.1", answer.status, responses[answer.status])
        self._intake.answered(self._endpoint.name, answer.status)
        body = answer.body if self._wants_body else None
        self._connection.write_headers(start_line, headers, body)


class _Context(Protocol):
    """A connection, as a request knows it."""

    remote_ip: str

    def works(self, is_slow: Callable[[], bool]) -> None:
        """Note that it carries a request that was let in, and what tells whether that is slow."""
        ...


class _GoneError(Exception):
    """The sender did not wait for its turn."""


def _end(turn: Turn, *, is_right: bool) -> None:
    if turn.done():
        return
    if is_right:
        turn.set_result(None)
    else:
        turn.cancel()


def _give_up(turn: Turn) -> None:
    turn.cancel()


@lru_cache(maxsize=1)
def _date(now_s: int) -> str:
    """Return the value of a Date header; a busy second has many of the same."""
    return formatdate(now_s, usegmt=True)
