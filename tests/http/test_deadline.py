"""A deadline that is set, moved and lifted, on a loop whose clock is told the time."""

import asyncio
from collections.abc import Awaitable, Callable

from asr_daemon.http.deadline import Deadline


class Clock:
    """Tells a loop the time, and counts how often a deadline calls back."""

    def __init__(self) -> None:
        """Stop the clock of the loop that runs."""
        loop = asyncio.get_running_loop()
        self._now_s = loop.time()
        loop.time = lambda: self._now_s  # type: ignore[method-assign]
        self._rings = 0
        self.deadline = Deadline(self._ring)

    async def rings_after(self, seconds: float) -> int:
        """Let time pass, and return how often was called back so far."""
        self._now_s += seconds
        for _ in range(3):
            await asyncio.sleep(0)
        return self._rings

    def _ring(self) -> None:
        self._rings += 1


def run_with_clock(run: Callable[[Clock], Awaitable[None]]) -> None:
    """Run with a deadline that is not set yet, and with its clock."""

    async def run_with_both() -> None:
        await run(Clock())

    asyncio.run(run_with_both())


def test_rings_once() -> None:
    """It calls back when its time is over, and not again."""

    async def run(clock: Clock) -> None:
        clock.deadline.set(2.0)
        assert await clock.rings_after(1.9) == 0
        assert await clock.rings_after(0.2) == 1
        assert await clock.rings_after(9.0) == 1

    run_with_clock(run)


def test_moved_later() -> None:
    """It calls back at the later time only."""

    async def run(clock: Clock) -> None:
        clock.deadline.set(2.0)
        assert await clock.rings_after(1.0) == 0
        clock.deadline.set(2.0)
        assert await clock.rings_after(1.9) == 0
        assert await clock.rings_after(0.2) == 1

    run_with_clock(run)


def test_moved_earlier() -> None:
    """It calls back at the earlier time only."""

    async def run(clock: Clock) -> None:
        clock.deadline.set(9.0)
        clock.deadline.set(1.0)
        assert await clock.rings_after(1.1) == 1
        assert await clock.rings_after(9.0) == 1

    run_with_clock(run)


def test_lifted() -> None:
    """It does not call back until it is set again, sooner or later than it was before."""

    async def run(clock: Clock) -> None:
        clock.deadline.set(2.0)
        clock.deadline.lift()
        assert await clock.rings_after(3.0) == 0
        clock.deadline.set(4.0)
        clock.deadline.lift()
        clock.deadline.set(1.0)
        assert await clock.rings_after(1.1) == 1

    run_with_clock(run)


def test_ended() -> None:
    """After the end it does not call back, and leaves no timer behind."""

    async def run(clock: Clock) -> None:
        clock.deadline.end()
        clock.deadline.set(2.0)
        clock.deadline.end()
        assert await clock.rings_after(3.0) == 0
        assert clock.deadline._timer is None

    run_with_clock(run)


def test_set_again_when_it_rings() -> None:
    """Whoever is called back may set it anew."""

    async def run(clock: Clock) -> None:
        again = Deadline(lambda: again.set(2.0))
        again.set(1.0)
        await clock.rings_after(1.1)
        assert again._timer is not None
        again.end()

    run_with_clock(run)
