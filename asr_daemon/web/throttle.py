"""Throttle failed attempts by client address; right credentials are never delayed."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

FREE_ATTEMPTS = 5
"""Failed attempts that are answered at once: a secret was just changed on one side."""

INTERVAL_S = 1.0
"""Between further ones from one address."""

MAX_DELAY_S = 10.0
"""The longest that a refusal waits."""

MAX_ADDRESSES = 10_000
"""How many are remembered; the one whose last attempt is the oldest is forgotten."""

_FREE_S = (FREE_ATTEMPTS - 1) * INTERVAL_S


class Throttle:
    """Delays refusals: each address has a bucket of attempts that fills by one each interval."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns seconds."""
        self._clock = clock
        self._full_at_s: OrderedDict[str, float] = OrderedDict()
        self._released = asyncio.Event()
        self.delayed = 0
        """How many refusals were delayed."""

    def count(self, network: str) -> float:
        """Count a failed attempt, and return by how many seconds to delay its refusal."""
        now_s = self._clock()
        full_at_s = max(self._full_at_s.pop(network, now_s), now_s)
        delay_s = min(max(full_at_s - now_s - _FREE_S, 0.0), MAX_DELAY_S)
        # However many fail at once, the address is as before some seconds later.
        self._full_at_s[network] = min(full_at_s + INTERVAL_S, now_s + _FREE_S + MAX_DELAY_S)
        if len(self._full_at_s) > MAX_ADDRESSES:
            self._full_at_s.popitem(last=False)
        if self._released.is_set():
            return 0.0
        self.delayed += delay_s > 0
        return delay_s

    async def wait(self, delay_s: float) -> None:
        """Return when a refusal may be sent: after its delay, or at once when the daemon stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), delay_s)

    def release(self) -> None:
        """Delay nothing any more."""
        self._released.set()
