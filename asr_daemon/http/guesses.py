"""Wrong credentials, slowed down by who sends them."""

import time
from collections import OrderedDict
from collections.abc import Callable

FREE_GUESSES = 5
"""Mistakes that cost nothing: somebody has just changed a secret on one side."""

INTERVAL_S = 1.0
"""Between further ones from one origin."""

MOST_ORIGINS = 10_000
"""How many origins are remembered; beyond that the one that was quiet longest is forgotten."""


class Guesses:
    """Says how long an origin has to wait before its credentials are looked at.

    Each origin has a bucket of `FREE_GUESSES` that fills by one each `INTERVAL_S`, and that a wrong
    guess takes one from. While it is empty nothing that comes from there is judged at once, right
    or wrong: whoever guesses could otherwise tell by the time, and hang up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any; `clock` returns seconds."""
        self._clock = clock
        self._free_at_s: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, origin: str) -> float:
        """Take the next turn of an origin; return how long it is until then, 0 if it is now."""
        free_at_s = self._free_at_s.get(origin)
        if free_at_s is None:
            return 0.0
        now_s = self._clock()
        wait_s = free_at_s - now_s - (FREE_GUESSES - 1) * INTERVAL_S
        if wait_s <= 0.0:
            return 0.0
        # The turn is taken, right or wrong: otherwise all who wait would be judged at its end.
        self._free_at_s[origin] = free_at_s + INTERVAL_S
        self._free_at_s.move_to_end(origin)
        return wait_s

    def wrong(self, origin: str, waited_s: float) -> None:
        """Note a wrong guess of an origin that had waited for it as told."""
        if waited_s > 0.0:
            return
        now_s = self._clock()
        self._free_at_s[origin] = max(now_s, self._free_at_s.pop(origin, now_s)) + INTERVAL_S
        while len(self._free_at_s) > MOST_ORIGINS:
            self._free_at_s.popitem(last=False)
