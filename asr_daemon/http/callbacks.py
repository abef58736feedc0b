"""The callback listeners' router: which endpoint serves a path."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

import msgspec
from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.routing import AnyMatches, Matcher, Rule, RuleRouter

from asr_daemon.errors import CallbackError, MethodNotAllowed, NotFound
from asr_daemon.http.exchange import Endpoint, Exchange, Exchanges, Intake, split_target
from asr_daemon.http.wire import harden
from asr_daemon.providers.base import Answer, Callback, Head


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
    return _Router([*rules, Rule(AnyMatches(), _Door(_Nowhere(), intake, exchanges))])


class _Router(RuleRouter):
    """Routes requests that can be read in one way only."""

    def start_request(
        self,
        server_conn: object,
        request_conn: httputil.HTTPConnection,
    ) -> httputil.HTTPMessageDelegate:
        harden(cast(HTTP1Connection, request_conn))
        return super().start_request(server_conn, request_conn)


class _AtOrBelow(Matcher):
    """Matches a path and everything below it."""

    def __init__(self, path: str) -> None:
        self._path = path.rstrip("/")

    def match(self, request: httputil.HTTPServerRequest) -> dict[str, Any] | None:
        path, _ = split_target(request.uri or "")
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
    ) -> Exchange:
        connection = cast(HTTP1Connection, request_conn)
        return Exchange(self._endpoint, connection, self._intake, self._exchanges)


class _Nowhere:
    """The endpoint of every path at which nothing is served."""

    name = "nowhere"
    anonymous_bytes = None

    def admit(self, head: Head) -> None:
        raise NotFound("no such path")

    async def respond(self, callback: Callback) -> Answer:
        raise NotFound("no such path")

    def refuse(self, error: CallbackError) -> Answer:
        status = HTTPStatus.METHOD_NOT_ALLOWED if isinstance(error, MethodNotAllowed) else 404
        return Answer(status, msgspec.json.encode({"code": int(status), "message": str(error)}))
