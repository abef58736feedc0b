"""What the log says of requests that are refused: each result, and of strangers the first."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from asr_daemon.errors import (
    CallbackError,
    CannotStore,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Unauthorized,
)

QUIET_S = 60.0
"""How long no more is said of the same refusal of the same sender."""

MOST_SENDERS = 1000
"""How many of these are remembered; the one that was said first is forgotten first."""

_STRANGERS = (Unauthorized, NotFound, MethodNotAllowed, MalformedRequest)
"""Refusals of who was not let in: anybody can have thousands of them."""

_log = logging.getLogger(__name__)


class Refusal(Struct, frozen=True):
    """One request that was refused."""

    provider: str
    """What was asked for."""
    error: CallbackError
    status: int
    address: str
    network: str
    """What the address counts against."""
    body_bytes: int
    """What was received of the body."""
    took_s: float
    """Since the head was there."""


class AccessLog:
    """Says what is refused, and counts what it does not say again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing said; `clock` returns seconds."""
        self._clock = clock
        self._said_at_s: OrderedDict[tuple[str, type[CallbackError], str], float] = OrderedDict()
        self._unsaid: dict[tuple[str, type[CallbackError], str], int] = {}

    def note(self, refusal: Refusal) -> None:
        """Say that a request was refused, with how many more there were since the last time.

        That results cannot be stored is said once, by the committer, and not for each of them.
        """
        fields = {
            "provider": refusal.provider,
            "outcome": type(refusal.error).__name__,
            "reason": str(refusal.error),
            "status": refusal.status,
            "address": refusal.address,
            "bytes": refusal.body_bytes,
            "ms": round(refusal.took_s * 1000, 1),
        }
        if isinstance(refusal.error, _STRANGERS):
            unsaid = self._tell(refusal)
            if unsaid is None:
                return
            if unsaid:
                fields["more"] = unsaid
        level = logging.DEBUG if isinstance(refusal.error, CannotStore) else logging.INFO
        _log.log(level, "request refused", extra={"fields": fields})

    def _tell(self, refusal: Refusal) -> int | None:
        """Return how many were not said if this one is to be, else `None`."""
        key = (refusal.provider, type(refusal.error), refusal.network)
        now_s = self._clock()
        said_at_s = self._said_at_s.get(key)
        if said_at_s is not None and now_s - said_at_s < QUIET_S:
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return None
        self._said_at_s[key] = now_s
        self._said_at_s.move_to_end(key)
        if len(self._said_at_s) > MOST_SENDERS:
            forgotten, _ = self._said_at_s.popitem(last=False)
            self._unsaid.pop(forgotten, None)
        return self._unsaid.pop(key, 0)
