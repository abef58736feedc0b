"""A deadline that can be moved with every request at next to no cost."""

import asyncio
import math
from collections.abc import Callable


class Deadline:
    """Calls back when its time is over. Used on the event loop.

    The loop's own timers cost some microseconds to make and stay in its heap when they are
    cancelled. Here one timer is kept and looks, when it rings, whether the deadline was moved.
    """

    def __init__(self, over: Callable[[], None]) -> None:
        """Take what is called; no deadline is set yet."""
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._at_s = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, timeout_s: float) -> None:
        """Call back so long from now, and not at the time that was set before."""
        self._at_s = self._loop.time() + timeout_s
        if self._timer is not None:
            if self._timer.when() <= self._at_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(self._at_s, self._ring)

    def lift(self) -> None:
        """Do not call back any more, until a deadline is set again."""
        self._at_s = math.inf

    def end(self) -> None:
        """Lift the deadline for good."""
        self.lift()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._at_s == math.inf:
            return
        if self._loop.time() < self._at_s:
            self._timer = self._loop.call_at(self._at_s, self._ring)
            return
        self.lift()
        self._over()
