"""The callback listeners' router: which endpoint serves a path."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from asr_daemon.body import Body
from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    ShuttingDown,
    UnsupportedBody,
)
from asr_daemon.providers.base import Answer, Head
from asr_daemon.providers.urls import rest_of_path
from asr_daemon.web.interfaces import Endpoint, Intake


class Router:
    """Finds the endpoint that serves a path."""

    def __init__(self, is_healthy: Callable[[], bool] = lambda: True) -> None:
        """Serve nothing until `serve` is called; `is_healthy` is for health checks."""
        self._endpoints: list[tuple[str, Endpoint]] = []
        self._by_path: dict[str, Endpoint] = {}
        self._nowhere = _Nowhere()
        self.health: Endpoint = _Health(is_healthy)
        """The endpoint of health checks."""
        self.intake: Intake
        """What applies to the next request."""

    def serve(self, endpoints: Mapping[str, Endpoint], intake: Intake) -> None:
        """Serve the next requests so, also on connections that are open.

        Args:
            endpoints: by path; each serves everything at and below its path, the longest first.
            intake: what applies to every request.
        """
        longest_first = sorted(endpoints, key=len, reverse=True)
        self._endpoints = [(path, endpoints[path]) for path in longest_first]
        self._by_path = dict(endpoints)
        self.intake = intake

    def find(self, path: str) -> Endpoint:
        """Return what serves a path, as consoles and vendors spell it."""
        endpoint = self._by_path.get(path)
        return self._search(path.encode("latin-1")) if endpoint is None else endpoint

    def _search(self, path: bytes) -> Endpoint:
        for known, endpoint in self._endpoints:
            if rest_of_path(path, known) is not None:
                return endpoint
        return self._nowhere


class _Health:
    """The endpoint of health checks, which are not logged."""

    name = "health"
    anonymous_bytes = 1024

    def __init__(self, is_healthy: Callable[[], bool]) -> None:
        self._is_healthy = is_healthy

    def admit(self, head: Head) -> None:
        pass

    async def respond(self, head: Head, body: Body, received_at: datetime) -> Answer:
        text = "text/plain; charset=utf-8"
        if self._is_healthy():
            return Answer(200, b"ok\n", content_type=text)
        return Answer(503, b"unavailable\n", content_type=text)

    def refuse(self, error: CallbackError) -> Answer:
        return _refusal(error)


class _Nowhere:
    """The endpoint of all other paths."""

    name = "nowhere"
    anonymous_bytes = None

    def admit(self, head: Head) -> None:
        raise NotFound("no such path")

    async def respond(self, head: Head, body: Body, received_at: datetime) -> Answer:
        raise NotFound("no such path")

    def refuse(self, error: CallbackError) -> Answer:
        return _refusal(error)


def _refusal(error: CallbackError) -> Answer:
    bases = type(error).__mro__
    status = next(_STATUSES[base] for base in bases if base in _STATUSES)
    return Answer(status, msgspec.json.encode({"code": status, "message": str(error)}))


_STATUSES: dict[type[BaseException], int] = {
    CallbackError: 404,
    MalformedRequest: 400,
    MethodNotAllowed: 405,
    BodyTooLarge: 413,
    UnsupportedBody: 415,
    ShuttingDown: 503,
}
