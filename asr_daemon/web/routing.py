"""The callback listeners' router: which endpoint serves a path."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from asr_daemon.errors import (
    CallbackError,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    ShuttingDown,
)
from asr_daemon.providers.base import Answer, Head
from asr_daemon.web.intake import Body, Endpoint, Intake


class Router:
    """Finds the endpoint that serves a path."""

    def __init__(self) -> None:
        """Begin with nothing; `serve` has to follow."""
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

    async def respond(self, head: Head, body: Body, received_at: datetime) -> Answer:
        raise NotFound("no such path")

    def refuse(self, error: CallbackError) -> Answer:
        bases = type(error).__mro__
        status = next(_STATUSES[base] for base in bases if base in _STATUSES)
        return Answer(status, msgspec.json.encode({"code": status, "message": str(error)}))


_STATUSES: dict[type[BaseException], int] = {
    CallbackError: 404,
    MalformedRequest: 400,
    MethodNotAllowed: 405,
    ShuttingDown: 503,
}
