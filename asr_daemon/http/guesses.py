"""Wrong credentials, slowed down by who sends them."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from asr_daemon.errors import CallbackError, MethodNotAllowed, TokenExpired, WrongCredentials

FREE_GUESSES = 5
"""Mistakes that cost nothing: somebody has just changed a secret on one side."""

INTERVAL_S = 1.0
"""Between further ones from one origin."""

MOST_ORIGINS = 10_000
"""How many origins are remembered; beyond that the one that was quiet longest is forgotten."""

_TELL_NOTHING = (MethodNotAllowed, TokenExpired)
"""Refusals that do not depend on a secret that could be guessed."""

Turn = asyncio.Future[None]
"""Is done when a verdict may be told; who does not wait any longer cancels it."""


class Guesses:
    """Says when a sender may be told whether its credentials are right.

    Each origin has a bucket of `FREE_GUESSES` that fills by one each `INTERVAL_S`, and that a wrong
    guess takes one from. While it is empty, verdicts are told one each `INTERVAL_S`, right or
    wrong: whoever guesses could otherwise tell by the time, and hang up.

    But where right credentials came from before, right ones are told at once. Honest senders share
    an address with others, behind one router or in the cloud of a vendor whose every customer may
    have callbacks sent; they must not be shut out by these.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any; `clock` returns seconds."""
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()

    def turn(self, origin: str, door: str, error: CallbackError | None) -> Turn | None:
        """Return `None` if a verdict may be told at once, else what is done when it may.

        Args:
            origin: whom it came from.
            door: what the credentials are for; right ones for one are nothing for another.
            error: the verdict; `None` is that they are right.
        """
        if isinstance(error, _TELL_NOTHING) or (error is None and self._is_proven(origin, door)):
            return None
        bucket = self._buckets.get(origin)
        if bucket is not None and bucket.is_empty:
            self._buckets.move_to_end(origin)
            return self._queue_up(bucket, origin, door, error)
        if error is None:
            self._prove(origin, door)
        elif isinstance(error, WrongCredentials):
            self._take_from(origin)
        return None

    def _queue_up(
        self, bucket: "_Bucket", origin: str, door: str, error: CallbackError | None
    ) -> Turn:
        turn = bucket.queue_up()

        def told(_: Turn) -> None:
            if error is None and not turn.cancelled():
                self._prove(origin, door)

        turn.add_done_callback(told)
        return turn

    def _is_proven(self, origin: str, door: str) -> bool:
        if (origin, door) not in self._proven:
            return False
        self._proven.move_to_end((origin, door))
        return True

    def _prove(self, origin: str, door: str) -> None:
        self._proven[origin, door] = None
        if len(self._proven) > MOST_ORIGINS:
            self._proven.popitem(last=False)

    def _take_from(self, origin: str) -> None:
        bucket = self._buckets.setdefault(origin, _Bucket(self._clock))
        self._buckets.move_to_end(origin)
        bucket.take()
        if len(self._buckets) > MOST_ORIGINS:
            self._buckets.popitem(last=False)


class _Bucket:
    """The mistakes of one origin, and who waits since there were too many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin full."""
        self._clock = clock
        self._full_at_s = clock()
        self._waiting: dict[Turn, None] = {}
        self._is_running = False

    @property
    def is_empty(self) -> bool:
        """Say whether a verdict has to wait, be it only for those who wait already."""
        return bool(self._waiting) or self._wait_s > 0.0

    @property
    def _wait_s(self) -> float:
        return self._full_at_s - self._clock() - (FREE_GUESSES - 1) * INTERVAL_S

    def take(self) -> None:
        """Take one."""
        self._full_at_s = max(self._clock(), self._full_at_s) + INTERVAL_S

    def queue_up(self) -> Turn:
        """Return a turn after those of all who wait."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        # Who hangs up leaves nothing behind, however many come.
        turn.add_done_callback(lambda done: self._waiting.pop(done, None))
        if not self._is_running:
            self._run()
        return turn

    def _run(self) -> None:
        self._is_running = bool(self._waiting)
        if self._is_running:
            asyncio.get_running_loop().call_later(max(self._wait_s, 0.0), self._next)

    def _next(self) -> None:
        turn = next((each for each in self._waiting if not each.done()), None)
        if turn is not None:
            self.take()
            del self._waiting[turn]
            turn.set_result(None)
        self._run()
