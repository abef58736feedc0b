"""Requests and their answers, one after another on a connection.

A request is judged by its head (path, method, credentials, length) before its body is read, and a
refusal is written at once. What the sender is still uploading then is read and thrown away, since
closing the connection on it would reset it before the sender has read the answer.
"""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import cast

from tornado.iostream import StreamClosedError

from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    CannotStore,
    MalformedRequest,
    MethodNotAllowed,
    ShuttingDown,
    UnsupportedBody,
)
from asr_daemon.http.answers import GO_AHEAD, encode_answer
from asr_daemon.http.bodies import body_of
from asr_daemon.http.connection import Connection
from asr_daemon.http.guesses import Turn
from asr_daemon.http.heads import RequestHead, read_head
from asr_daemon.http.intake import Routing
from asr_daemon.http.limits import PATIENCE_S, Share, origin_of
from asr_daemon.http.refusals import Refusal
from asr_daemon.networks import client_address
from asr_daemon.providers.base import Answer, Callback, Head

LINGER_S = 30.0
"""How long the rest of a refused body, and what follows a last answer, is read and thrown away."""

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
        self._under_way: dict[Exchange, asyncio.Task[None]] = {}
        self._queued: dict[Turn, bool] = {}
        self._fewer = asyncio.Event()

    def __len__(self) -> int:
        """Return how many requests that were let in, or may be, are not answered yet."""
        return len(self._under_way)

    def leave(self) -> None:
        """Announce the end with each answer, and let nobody wait for a verdict any longer.

        Who is right is let in at once, and who is not is refused.
        """
        self.leaving = True
        for turn, is_right in tuple(self._queued.items()):
            _end(turn, is_right=is_right)

    async def wait_for(self, turn: Turn, connection: Connection, *, is_right: bool) -> None:
        """Wait for a turn.

        Raises:
            StreamClosedError: the sender does not.
            ShuttingDown: there is none because of the end.
        """
        if self.leaving:
            _end(turn, is_right=is_right)
        self._queued[turn] = is_right
        try:
            await connection.wait_for(turn)
        finally:
            del self._queued[turn]
        if turn.cancelled():
            raise ShuttingDown("the daemon is shutting down")

    async def settle(self, timeout_s: float) -> None:
        """Return when every request that is under way is answered, or `timeout_s` is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._under_way:
                    self._fewer.clear()
                    await self._fewer.wait()

    async def refuse(self) -> None:
        """Refuse every request that is under way; what is being stored may still be stored.

        Some may begin while others end.
        """
        while self._under_way:
            for task in tuple(self._under_way.values()):
                task.cancel()
            self._fewer.clear()
            await self._fewer.wait()

    def begins(self, exchange: "Exchange") -> None:
        """Note a request on the task that calls this, and that refuses it when it is cancelled."""
        self._under_way[exchange] = cast(asyncio.Task[None], asyncio.current_task())

    def ends(self, exchange: "Exchange") -> None:
        """Note that a request is answered, or that its sender has gone."""
        del self._under_way[exchange]
        self._fewer.set()


async def converse(connection: Connection, routing: Routing, exchanges: Exchanges) -> None:
    """Answer the requests of a connection, one after another, until it is closed."""
    with suppress(StreamClosedError):
        while True:
            await _serve_one(connection, routing, exchanges)


async def _serve_one(connection: Connection, routing: Routing, exchanges: Exchanges) -> None:
    """Answer a request; return when another may follow.

    Raises:
        StreamClosedError: the connection is closed.
    """
    connection.rests()
    connection.deadline.set(routing.intake.header_timeout_s)
    try:
        request = read_head(await connection.read_head())
    except MalformedRequest as error:
        endpoint = routing.find("")
        answer = endpoint.refuse(error)
        peer, origin = connection.address, connection.origin
        refusal = Refusal(endpoint.name, error, answer.status, peer, origin, 0, 0.0)
        routing.intake.refusals.note(refusal)
        routing.intake.answered(endpoint.name, answer.status)
        await connection.write(encode_answer(answer, "close", with_body=True))
        connection.deadline.set(LINGER_S)
        await connection.end()
    await Exchange(request, connection, routing, exchanges).run()


class Exchange:
    """One request and its answer."""

    def __init__(
        self,
        request: RequestHead,
        connection: Connection,
        routing: Routing,
        exchanges: Exchanges,
    ) -> None:
        """Take a head, and the connection that its body comes on.

        What is served at the moment serves the whole request, whatever is configured meanwhile.
        """
        self._request = request
        self._connection = connection
        self._exchanges = exchanges
        self._intake = intake = routing.intake
        self._endpoint = endpoint = routing.find(request.path)
        self._is_anonymous = endpoint.anonymous_bytes is not None
        self._most_bytes = min(intake.body_bytes, endpoint.anonymous_bytes or intake.body_bytes)
        address = client_address(connection.address, request.headers, intake.trusted_proxies)
        path, query = request.path.encode("latin-1"), request.query.encode("latin-1")
        self._head = Head(path, query, request.headers, address)
        self._origin = origin_of(address)
        self._rest = body_of(connection, request.length)
        self._body: bytes | bytearray = b""
        self._received_bytes = 0
        self._share: Share | None = None
        self._expected_since_s: float | None = None
        self._refused = False
        self._began_s = time.monotonic()
        self._waits_for_go_ahead = request.waits_for_go_ahead

    async def run(self) -> None:
        """Answer the request; return when another may follow on its connection.

        Raises:
            StreamClosedError: the connection is closed.
        """
        self._exchanges.begins(self)
        try:
            answer, is_clear = await self._answer(), True
        except CallbackError as error:
            answer, is_clear = self._refuse(error), self._is_clear(error)
        except asyncio.CancelledError:
            answer, is_clear = self._refuse(ShuttingDown("the daemon is shutting down")), False
        finally:
            self._drop_body()
            self._exchanges.ends(self)
        may_follow = await self._write(answer, is_last=not is_clear)
        if self._refused or not may_follow:
            self._connection.deadline.set(LINGER_S)
        if self._refused and is_clear:
            await self._throw_rest_away()
        if not may_follow:
            await self._connection.end()

    async def _answer(self) -> Answer:
        """Judge the head, receive the body, and have it answered.

        Raises:
            CallbackError: what the request is refused for.
        """
        await self._judge()
        await self._receive()
        callback = Callback(self._head, bytes(self._body), datetime.now(UTC))
        self._body = b""
        try:
            return await self._respond(callback)
        except (CallbackError, StreamClosedError):
            raise
        except Exception as error:
            # The sender is owed an answer nevertheless.
            _log.exception("a request to %s failed", self._endpoint.name)
            raise CannotStore("internal error") from error

    async def _judge(self) -> None:
        """Let the request in by its head, or refuse it, no sooner than that may be told."""
        error = self._verdict()
        if self._is_anonymous:
            if error is not None:
                raise error
            return
        turn = self._turn(error)
        if turn is not None:
            await self._wait_for(turn, is_right=error is None)
        if error is not None:
            raise error
        self._connection.works(self._is_slow)

    async def _receive(self) -> None:
        """Read the body, when there is room for it, and in its time.

        Raises:
            BodyTooLarge: it grows beyond its limit.
            MalformedRequest: it is not clear where it ends.
        """
        length = self._request.length
        if length is not None and length > SMALL_BODY_BYTES:
            await self._wait_for_room(length)
        else:
            self._expect(SMALL_BODY_BYTES if length is None else length)
        if self._waits_for_go_ahead:
            self._waits_for_go_ahead = False
            await self._connection.write(GO_AHEAD)
        while piece := await self._rest.read():
            self._append(piece)
            if self._received_bytes > self._most_bytes:
                raise self._too_large()
            if self._share is None and self._received_bytes > SMALL_BODY_BYTES:
                # It comes in chunks and does not say how much it is going to be.
                await self._wait_for_room(self._most_bytes)
        self._expected_since_s = None
        self._connection.deadline.lift()

    async def _respond(self, callback: Callback) -> Answer:
        """Have it answered; where credentials are in the body, no sooner than may be told."""
        if not self._is_anonymous:
            return await self._endpoint.respond(callback)
        try:
            answer = await self._endpoint.respond(callback)
        except CallbackError as error:
            turn = self._turn(error)
            if turn is not None:
                await self._wait_for(turn, is_right=False)
            raise
        turn = self._turn(None)
        if turn is not None:
            await self._wait_for(turn, is_right=True)
        return answer

    def _turn(self, error: CallbackError | None) -> Turn | None:
        return self._intake.guesses.turn(self._origin, self._endpoint.name, error)

    async def _wait_for(self, turn: Turn, *, is_right: bool) -> None:
        self._connection.deadline.lift()
        await self._exchanges.wait_for(turn, self._connection, is_right=is_right)

    async def _wait_for_room(self, size_bytes: int) -> None:
        """Wait, without reading on, until there is memory for a body of this size."""
        self._connection.deadline.lift()
        self._expected_since_s = None
        self._share = self._intake.memory.ask(size_bytes * MEMORY_PER_BODY_BYTE)
        waiting = self._share.wait()
        if waiting is not None:
            await self._connection.wait_for(waiting)
        self._expect(size_bytes)

    def _expect(self, size_bytes: int) -> None:
        """Give a body of this size its time."""
        upload_s = size_bytes / self._intake.body_min_rate_bytes_per_s
        self._connection.deadline.set(self._intake.header_timeout_s + upload_s)
        self._expected_since_s = time.monotonic()

    def _is_slow(self) -> bool:
        """Say whether the body comes slower than it may, which is tolerated if there is room."""
        if self._expected_since_s is None:
            return self._refused
        took_s = time.monotonic() - self._expected_since_s - PATIENCE_S
        return self._received_bytes < took_s * self._intake.body_min_rate_bytes_per_s

    def _append(self, piece: bytes) -> None:
        """Keep a piece of the body; a body of several grows in its place."""
        self._received_bytes += len(piece)
        self._exchanges.in_flight_bytes += len(piece)
        if not self._body:
            self._body = piece
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += piece

    def _drop_body(self) -> None:
        self._body = b""
        self._exchanges.in_flight_bytes -= self._received_bytes
        self._received_bytes = 0
        if self._share is not None:
            self._share.give_back()

    async def _throw_rest_away(self) -> None:
        """Read what is still on its way of a refused body."""
        try:
            while await self._rest.read():
                pass
        except MalformedRequest:
            # It is answered already.
            await self._connection.end()

    def _is_clear(self, error: CallbackError) -> bool:
        """Say whether it is known where a refused request ends."""
        # Who asked before sending a body may send it nevertheless, or not.
        return not (self._waits_for_go_ahead or isinstance(error, MalformedRequest))

    def _verdict(self) -> CallbackError | None:
        try:
            self._check_head()
        except CallbackError as error:
            return error
        return None

    def _check_head(self) -> None:
        if self._request.method != "POST":
            raise MethodNotAllowed("only POST is served here")
        self._endpoint.admit(self._head)
        headers = self._request.headers
        if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise UnsupportedBody("compressed bodies are not accepted")
        if headers.get("content-type", "").lower().startswith("multipart/"):
            raise UnsupportedBody("multipart bodies are not accepted")
        length = self._request.length
        if length is not None and length > self._most_bytes:
            raise self._too_large()

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is larger than {self._most_bytes} bytes")

    def _refuse(self, error: CallbackError) -> Answer:
        """Word and log a refusal."""
        self._refused = True
        self._expected_since_s = None
        answer = self._endpoint.refuse(error)
        self._intake.refusals.note(
            Refusal(
                provider=self._endpoint.name,
                error=error,
                status=answer.status,
                address=self._head.address,
                origin=self._origin,
                body_bytes=self._received_bytes,
                took_s=time.monotonic() - self._began_s,
            )
        )
        return answer

    async def _write(self, answer: Answer, *, is_last: bool) -> bool:
        """Write the answer; say whether another request may follow."""
        self._intake.answered(self._endpoint.name, answer.status)
        request = self._request
        is_last |= self._connection.is_last or self._exchanges.leaving or not request.persistent
        option = "close" if is_last else "keep-alive" if request.version == "1.0" else None
        encoded = encode_answer(answer, option, with_body=request.method != "HEAD")
        await self._connection.write(encoded)
        return not is_last


def _end(turn: Turn, *, is_right: bool) -> None:
    if turn.done():
        return
    if is_right:
        turn.set_result(None)
    else:
        turn.cancel()
