"""One request and its answer.

A request is judged by its head (path, method, credentials, length) before its body is read, and a
refusal is sent at once. What the sender is still uploading then is read and discarded.
"""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from datetime import datetime
from email.utils import formatdate
from http.client import responses
from sys import maxsize
from typing import cast

from tornado.concurrent import future_add_done_callback
from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from asr_daemon.body import MEMORY_BYTES, Body, Spool
from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    ShuttingDown,
    WrongCredentials,
)
from asr_daemon.networks import network_of
from asr_daemon.providers.base import Answer
from asr_daemon.web.connection import Connection
from asr_daemon.web.interfaces import Routing
from asr_daemon.web.refusal_log import Refusal, internal_error
from asr_daemon.web.request_head import JudgedHead, RequestHead, judge_head
from asr_daemon.web.requests_in_flight import InFlight


class CallbackRequest(HTTPMessageDelegate):
    """Receives one request for an endpoint, and sends its answer; Tornado calls it.

    What is served when the head is there serves the whole request, whatever is configured then.
    """

    def __init__(
        self, connection: Connection, http: HTTP1Connection, routing: Routing, in_flight: InFlight
    ) -> None:
        self._connection = connection
        self._http = http
        self._routing = routing
        self._in_flight = in_flight
        self._judged: JudgedHead
        self._method = ""
        self._request_headers: HTTPHeaders
        self._chunks: list[bytes] = []
        self._held_bytes = 0
        self._received_bytes = 0
        self._spool: Spool | None = None
        self._is_answered = False
        self._is_ignored = False
        self._is_complete = False
        self._responding: asyncio.Task[None] | None = None

    # What Tornado calls, in this order

    def headers_received(self, start_line: object, headers: HTTPHeaders) -> Awaitable[None] | None:
        """Admit the request by its head, or refuse it."""
        # It was sent ahead, on a connection that has been closed since.
        self._is_ignored = not self._connection.is_open
        if self._is_ignored:
            return None
        line = cast(RequestStartLine, start_line)
        self._began_s = time.monotonic()
        self._intake = self._routing.intake
        self._method, self._request_headers = line.method, headers
        self._judged = judged = judge_head(line, headers, self._connection.address, self._routing)
        if judged.request is not None:
            self._receive_as_judged(judged.request, headers)
        if isinstance(judged.error, WrongCredentials):
            return self._refuse_attempt(judged.error)
        if judged.error is not None:
            self._refuse(judged.error)
        else:
            self._in_flight.begin(self)
            self._connection.receive_body()
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep a piece of the body; Tornado reads on when that is done."""
        if self._is_answered or self._is_ignored:
            return None
        self._received_bytes += len(chunk)
        self._in_flight.received_bytes += len(chunk)
        self._chunks.append(chunk)
        self._held_bytes += len(chunk)
        if self._received_bytes > self._judged.most_bytes:
            self._refuse(BodyTooLarge(f"the body is larger than {self._judged.most_bytes} bytes"))
        elif self._held_bytes > MEMORY_BYTES:
            return self._spool_held()
        return None

    def finish(self) -> None:
        """Have the complete request answered."""
        self._is_complete = True
        if self._is_answered:
            self._http.finish()
        elif not self._is_ignored:
            self._connection.work()
            self._responding = asyncio.create_task(self._respond(self._intake.now()))

    def on_connection_close(self) -> None:
        """Discard what was received of a request that will not be complete."""
        self._release()

    # For a shutdown

    def abort(self) -> None:
        """Refuse the request, for the daemon stops; what is being stored may still be stored."""
        if self._responding is not None:
            self._responding.cancel()
        else:
            self._refuse(ShuttingDown("the daemon is shutting down"))

    def _receive_as_judged(self, request: RequestHead, headers: HTTPHeaders) -> None:
        """Have Tornado receive the body as the head announces it."""
        self._http.set_max_body_size(maxsize if request.length is None else request.length)
        if request.expects_continue:
            headers["Expect"] = "100-continue"  # Tornado takes only this spelling
        else:
            headers.pop("Expect", None)

    # The body

    async def _spool_held(self) -> None:
        """Write to disk what is held in memory, or refuse the request."""
        with self._connection.paused():
            try:
                await self._write_held()
            except CallbackError as error:
                self._refuse(error)
            except Exception:  # noqa: BLE001 - it is logged, and the sender is owed an answer
                self._refuse(internal_error(self._judged.endpoint.name))
        if self._is_answered:
            self._release()

    async def _write_held(self) -> None:
        if self._spool is None:
            self._spool = await self._intake.open_spool()
        chunks, self._chunks, self._held_bytes = self._chunks, [], 0
        await self._spool.write(b"".join(chunks))

    async def _take_body(self) -> Body:
        """Return the body, which is the endpoint's from now on."""
        if self._spool is not None and self._chunks:
            await self._write_held()
        spool, self._spool = self._spool, None
        return b"".join(self._chunks) if spool is None else spool

    def _release(self) -> None:
        """Give back what the request has taken; again does nothing."""
        self._in_flight.received_bytes -= self._received_bytes
        self._received_bytes = 0
        self._chunks = []
        if self._spool is not None:
            self._spool.discard()
            self._spool = None
        self._in_flight.end(self)

    # The answer

    async def _respond(self, received_at: datetime) -> None:
        result: Answer | CallbackError
        try:
            result = await self._result(received_at)
        except asyncio.CancelledError:
            result = ShuttingDown("the daemon is shutting down")
        if isinstance(result, CallbackError):
            self._refuse(result)
        else:
            self._release()
            self._send(result)

    async def _result(self, received_at: datetime) -> Answer | CallbackError:
        try:
            return await self._judged.endpoint.respond(
                self._judged.head, await self._take_body(), received_at
            )
        except WrongCredentials as error:
            await self._delay()
            return error
        except CallbackError as error:
            return error
        except Exception:  # noqa: BLE001 - it is logged, and the sender is owed an answer
            return internal_error(self._judged.endpoint.name)

    async def _refuse_attempt(self, error: WrongCredentials) -> None:
        await self._delay()
        self._is_ignored = not self._connection.is_open
        if not self._is_ignored:
            self._refuse(error)

    async def _delay(self) -> None:
        delay_s = self._intake.throttle.count(network_of(self._judged.head.address))
        if delay_s:
            self._connection.delay()
            await self._intake.throttle.wait(delay_s)

    def _refuse(self, error: CallbackError) -> None:
        answer = self._judged.endpoint.refuse(error)
        self._log_refusal(error, answer)
        self._release()
        request = self._judged.request
        # If the end of the request is unclear, nothing more is read.
        is_clear = request is not None and not (
            request.length is None or request.expects_continue or isinstance(error, ShuttingDown)
        )
        self._send(answer, is_last=not (is_clear or self._is_complete))

    def _log_refusal(self, error: CallbackError, answer: Answer) -> None:
        refusal = Refusal(
            provider=self._judged.endpoint.name,
            error=error,
            status=answer.status,
            address=self._judged.head.address,
            network=network_of(self._judged.head.address),
            body_bytes=self._received_bytes,
            took_s=time.monotonic() - self._began_s,
        )
        self._intake.refusal_log.note(refusal)

    def _send(self, answer: Answer, *, is_last: bool = False) -> None:
        """Send the answer; Tornado reads what is left of the body, unless it is the last one."""
        self._is_answered = True
        self._intake.answered(self._judged.endpoint.name, answer.status)
        is_last |= self._judged.request is None or self._judged.request.is_last
        is_last |= self._connection.is_last or self._in_flight.is_draining
        headers = _headers_of(answer)
        if is_last:
            headers["Connection"] = "close"
            # Tornado would promise a sender of HTTP/1.0 to keep it, and look for the body's end.
            for name in ("Connection", "Content-Length", "Transfer-Encoding"):
                with suppress(KeyError):
                    del self._request_headers[name]
        self._connection.answer()
        line = ResponseStartLine("HTTP/1.1", answer.status, responses[answer.status])
        body = None if self._method == "HEAD" else answer.body
        sent = self._http.write_headers(line, headers, body)
        if is_last:
            self._http.finish()
            future_add_done_callback(sent, lambda _: self._connection.close())
        elif self._is_complete:
            self._http.finish()
        elif self._judged.request is not None and self._judged.request.length:
            self._connection.discard()


def _headers_of(answer: Answer) -> HTTPHeaders:
    """Return the headers of an answer, dated now; no server is named."""
    headers = HTTPHeaders(
        {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Date": formatdate(usegmt=True),
        }
    )
    for name, value in answer.headers:
        headers.add(name, value)
    return headers
