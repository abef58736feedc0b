"""Log lines for refused requests: each refused result, and of failed attempts the first."""

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
    NotHttp,
    Unauthorized,
)
from asr_daemon.networks import Client

QUIET_S = 60.0
"""How long the same refusal of the same client is counted only."""

QUIET_ABOUT_PROBES_S = 86_400.0
"""The same for other methods than POST, what is no HTTP, and clients that a proxy does not name:
health checks come every few seconds for years."""

MAX_CLIENTS = 1000
"""How many of these are remembered; the one that was logged first is forgotten first."""

_LIMITED = (Unauthorized, NotFound, MethodNotAllowed, MalformedRequest)
"""Refusals that anybody can cause, by the thousand."""

_log = logging.getLogger(__name__)

_Key = tuple[str, str, str]


class Refusal(Struct, frozen=True):
    """One request that was refused."""

    provider: str
    error: CallbackError
    status: int
    address: str
    """Of the client."""
    network: str
    """What the address counts against."""
    body_bytes: int
    """What was received of the body."""
    took_s: float
    """Since the head was received."""


class RefusalLog:
    """Logs refusals, and counts those that it does not log."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns seconds."""
        self._clock = clock
        self._logged_at_s: OrderedDict[_Key, float] = OrderedDict()
        self._unlogged: dict[_Key, int] = {}

    def note(self, refusal: Refusal) -> None:
        """Log a refused request, with how many more there were since the last line.

        Storage that fails is logged once, by the committer, and not for each result.
        """
        error = refusal.error
        fields = {
            "provider": refusal.provider,
            "outcome": type(error).__name__,
            "reason": str(error),
            "status": refusal.status,
            "address": refusal.address,
            "bytes": refusal.body_bytes,
            "ms": round(refusal.took_s * 1000, 1),
        }
        if isinstance(error, _LIMITED):
            is_probe = isinstance(error, MethodNotAllowed | NotHttp)
            quiet_s = QUIET_ABOUT_PROBES_S if is_probe else QUIET_S
            more = self._count((refusal.provider, type(error).__name__, refusal.network), quiet_s)
            if more is None:
                return
            if more:
                fields["more"] = more
        level = logging.DEBUG if isinstance(error, CannotStore) else logging.INFO
        _log.log(level, "request refused", extra={"fields": fields})

    def note_client(self, client: Client) -> None:
        """Log that a proxy does not name its client, once a day for each proxy."""
        if client.problem is None:
            return
        if self._count(("proxy", client.problem, client.address), QUIET_ABOUT_PROBES_S) is None:
            return
        _log.warning(
            "client address unknown, that of the proxy counts: have the proxy set this header, or "
            "set client_address_header to the one that it sets",
            extra={"fields": {"proxy": client.address, "reason": client.problem}},
        )

    def _count(self, key: _Key, quiet_s: float) -> int | None:
        """Return how many were not logged if this one is to be, else `None`."""
        now_s = self._clock()
        logged_at_s = self._logged_at_s.get(key)
        if logged_at_s is not None and now_s - logged_at_s < quiet_s:
            self._unlogged[key] = self._unlogged.get(key, 0) + 1
            return None
        self._logged_at_s[key] = now_s
        self._logged_at_s.move_to_end(key)
        if len(self._logged_at_s) > MAX_CLIENTS:
            forgotten, _ = self._logged_at_s.popitem(last=False)
            self._unlogged.pop(forgotten, None)
        return self._unlogged.pop(key, 0)


def internal_error(endpoint: str) -> CannotStore:
    """Log the exception that is being handled, and return the refusal of its request."""
    _log.exception("a request to %s failed", endpoint)
    return CannotStore("internal error")
