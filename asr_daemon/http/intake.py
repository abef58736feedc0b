"""What a request meets: what is asked of it, and what serves it."""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from asr_daemon.errors import CallbackError
from asr_daemon.http.guesses import Guesses
from asr_daemon.http.limits import Memory
from asr_daemon.http.refusals import Refusals
from asr_daemon.networks import Network
from asr_daemon.providers.base import Answer, Callback, Head


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

    async def respond(self, callback: Callback) -> Answer:
        """Answer a whole request; raise `CallbackError` to refuse it."""
        ...

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a request that is refused."""
        ...


class Intake(Struct, frozen=True, kw_only=True):
    """What is asked of every request, and what is told of it."""

    body_bytes: int
    """The largest body."""
    header_timeout_s: float
    """Grace for a body before its rate counts."""
    body_min_rate_bytes_per_s: int
    """The slowest upload, averaged."""
    trusted_proxies: tuple[Network, ...] = ()
    """Whose word on the sender's address is believed."""
    memory: Memory
    """Room for large bodies."""
    guesses: Guesses
    """Slows down who sends wrong credentials."""
    refusals: Refusals
    """Says what is refused."""
    answered: Callable[[str, int], None]
    """Is told the endpoint and status of every answer."""


class Routing(Protocol):
    """What is served at the moment."""

    @property
    def intake(self) -> Intake:
        """What is asked of a request whose head is there now."""
        ...

    def find(self, path: str) -> Endpoint:
        """Return what serves a path."""
        ...
