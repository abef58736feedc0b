"""The callback listeners' router: which endpoint serves a path."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

import msgspec
from tornado import httputil
from tornado.http1connection import HTTP1Connection

from asr_daemon.errors import CallbackError, MethodNotAllowed, NotFound
from asr_daemon.http.exchange import Exchange, Exchanges
from asr_daemon.http.intake import Endpoint, Intake
from asr_daemon.http.wire import harden
from asr_daemon.providers.base import Answer, Callback, Head


class Router(httputil.HTTPServerConnectionDelegate):
    """Starts an exchange for each request, and finds the endpoint of its path.

    Tornado's `RuleRouter` would also take every query string apart, which here may be as long as a
    transcript.
    """

    def __init__(self, exchanges: Exchanges) -> None:
        """Take what is told of the requests that are under way; `serve` has to follow."""
        self._exchanges = exchanges
        self._endpoints: list[tuple[str, Endpoint]] = []
        self._nowhere = _Nowhere()
        self.intake: Intake
        """What is asked of the next request whose head is there."""

    def serve(self, endpoints: Mapping[str, Endpoint], intake: Intake) -> None:
        """Serve the next requests so, also on connections that are open and wait for them.

        Args:
            endpoints: by path; each is asked for everything at and below its path, the longest
                first.
            intake: what is asked of every request.
        """
        longest_first = sorted(endpoints, key=len, reverse=True)
        self._endpoints = [(path.rstrip("/"), endpoints[path]) for path in longest_first]
        self.intake = intake

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Begin the next request of a connection, which has to be one that has one reading."""
        connection = cast(HTTP1Connection, request_conn)
        harden(connection)
        return Exchange(self, connection, self._exchanges)

    def find(self, path: str) -> Endpoint:
        """Return what serves a path."""
        for known, endpoint in self._endpoints:
            if path == known or path.startswith(f"{known}/"):
                return endpoint
        return self._nowhere


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
