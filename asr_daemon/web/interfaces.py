"""The interfaces between `web` and the rest: endpoints, and what applies to every request."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct

from asr_daemon.body import Body, OpenSpool
from asr_daemon.errors import CallbackError
from asr_daemon.networks import CLIENT_HEADERS, Network
from asr_daemon.providers.base import Answer, Head
from asr_daemon.web.refusal_log import RefusalLog
from asr_daemon.web.throttle import Throttle

HEALTH_PATH = "/healthz"
"""The path of health checks, by GET or HEAD."""


class Endpoint(Protocol):
    """What is served at a path."""

    @property
    def name(self) -> str:
        """How logs and metrics call it."""
        ...

    @property
    def anonymous_bytes(self) -> int | None:
        """The largest body whose sender shows credentials in it; `None` if the head has them."""
        ...

    def admit(self, head: Head) -> None:
        """Judge a request by its head; raise `CallbackError` to refuse it unread."""
        ...

    async def respond(self, head: Head, body: Body, received_at: datetime) -> Answer:
        """Answer a complete request, whose body it owns; raise `CallbackError` to refuse it."""
        ...

    def refuse(self, error: CallbackError) -> Answer:
        """Return the answer to a request that is refused."""
        ...


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Intake(Struct, frozen=True, kw_only=True):
    """What applies to every request."""

    body_bytes: int
    """The largest body."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of the proxies whose `client_address_header` is believed."""
    client_address_header: str = CLIENT_HEADERS[0]
    """The only header that names the client of a proxy, in lower case."""
    open_spool: OpenSpool
    """For a large body."""
    now: Callable[[], datetime] = _utc_now
    """Returns when a body was complete."""
    throttle: Throttle
    refusal_log: RefusalLog
    answered: Callable[[str, int], None]
    """Called with the endpoint and status of every answer."""


class Routing(Protocol):
    """The router."""

    @property
    def intake(self) -> Intake:
        """What applies to a request whose head is received now."""
        ...

    @property
    def health(self) -> Endpoint:
        """The endpoint of health checks."""
        ...

    def find(self, path: str) -> Endpoint:
        """Return what serves a path."""
        ...
