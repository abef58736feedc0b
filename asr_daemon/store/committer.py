"""The committer: one thread that makes results durable, a batch at a time.

What comes while one batch is being synced is gathered on the event loop, and is the next batch: so
a sync is shared by all who wait for it. A single sender waits for nobody; where several were busy a
moment ago, a batch waits for them as long as they keep coming. It takes one hand-over between the
threads each way, and its results are made (decoded, named and rendered) in one run.
"""

import asyncio
import errno
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple, Protocol, TypeVar, cast

from asr_daemon.errors import CannotStore, NoRoomForRejected, ShuttingDown
from asr_daemon.store.aside import Aside
from asr_daemon.store.result import Committed, Outcome, Result, describe
from asr_daemon.store.trouble import Trouble
from asr_daemon.store.turn import Turn

LARGEST_BATCH = 64
"""Results in one batch; each holds a file descriptor per format while it is committed."""

MAKE_S = 0.01
"""How long results are made for one batch: a batch of large ones is smaller.

Those of the batch before, whose answers are due, and all other connections wait meanwhile.
"""

GATHER_S = 0.001
"""How long a batch waits for the next of those who were busy a moment ago."""

LOOK_S = 0.5
"""How often an idle committer looks whether results could be stored."""

STUCK_S = 5.0
"""How long a batch may take before the disk is reported as not answering."""

_HANGS = f"the disk has not answered for more than {STUCK_S:.0f} s"
_ENDED = "the committer has ended; the log says why, and a restart helps"

_log = logging.getLogger(__name__)


class Committable(Protocol):
    """Where batches go: `Store`, or a double in tests. Called on the committer's thread."""

    def commit(
        self, batch: Sequence[Result], waiting: AbstractContextManager[None]
    ) -> list[Outcome]:
        """Make each result durable; say of each, in order, what became of it.

        `waiting` is entered around what waits for the disk.
        """
        ...

    def write_aside(self, suffix: str, pieces: Iterable[bytes]) -> Aside:
        """Write a large file before its result; on any thread. Raise `CannotStore` if it fails."""
        ...

    def trouble(self, *, thoroughly: bool) -> str | None:
        """Return what keeps results from being stored now, `None` if nothing does."""
        ...


Observe = Callable[[int, float], None]
"""Is told how many results a batch had, and how many seconds it took; on the committer's thread."""

Make = Callable[[], Result]
"""Makes a result; what it raises is raised to whoever commits it, and to nobody else."""

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Waiting:
    """A result that somebody waits for.

    It holds neither request nor result for longer than they are needed: a batch may be remembered
    for long, by a thread that has nothing to do or by the traceback of an error.
    """

    make: Make | None
    outcome: "asyncio.Future[Outcome]"
    result: Result | None = None


class _Change(NamedTuple):
    """Another store, to be put in place between two batches."""

    make: Callable[[], Committable]
    done: "asyncio.Future[None]"


class Committer:
    """Hands results from the event loop to the thread, and outcomes back.

    `start`, `commit` and `stop` are called on the event loop.
    """

    def __init__(self, store: Committable, observe: Observe) -> None:
        """Take a store that is open, and what is told of each batch."""
        self._store = store
        self._observe = observe
        self._gathered: deque[_Waiting] = deque()
        self._queue: SimpleQueue[list[_Waiting] | _Change | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="committer", daemon=True)
        self._under_way = 0
        self._enough = 1
        self._gathers = False
        self._turn = Turn()
        self._stopped = False
        self._ended = asyncio.Event()
        self._trouble = Trouble()
        self._busy_since_s: float | None = None

    def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    @property
    def is_well(self) -> bool:
        """Say whether the thread is there and the disk answers, be it with an error."""
        return not self._ended.is_set() and not self._hangs

    @property
    def trouble(self) -> str | None:
        """Why results are being refused, `None` while they are stored."""
        if self._ended.is_set() and not self._stopped:
            return _ENDED
        if self._hangs:
            return _HANGS
        return self._trouble.reason

    async def commit(self, make: Make) -> Committed:
        """Return when the result that `make` returns is on stable storage.

        It is called on the event loop, soon: with others, or just before the batch begins.

        Raises:
            CannotStore: the result is not, and the sender should be told so.
            Exception: whatever `make` raises; nothing is stored.
        """
        if self._stopped:
            raise ShuttingDown("the daemon is shutting down")
        if self._ended.is_set():
            raise CannotStore(_ENDED)
        if self._hangs:
            # Whoever gives up meanwhile would leave a result behind in the queue.
            raise CannotStore(_HANGS)
        self._turn.give_way()
        waiting = _Waiting(make, self._loop.create_future())
        self._gathered.append(waiting)
        if not self._under_way:
            self._gather_on()
        settled = await waiting.outcome
        result, waiting.result = cast(Result, waiting.result), None
        self._turn.give_way()
        if isinstance(settled, CannotStore):
            raise settled
        return Committed(result, settled)

    async def change(self, change: Callable[[], Committable]) -> None:
        """Call `change` on the thread, between two batches, and use the store that it returns.

        What it raises is raised here, and the store stays as it was.

        Raises:
            OSError: the thread has ended.
        """
        if self._stopped or self._ended.is_set():
            raise OSError(errno.ESHUTDOWN, _ENDED)
        done: asyncio.Future[None] = self._loop.create_future()
        self._hand_all_over()
        self._queue.put(_Change(change, done))
        await done

    def write_aside(self, suffix: str, pieces: Iterable[bytes]) -> Aside:
        """Write a large file for a result that is committed later; on any thread.

        Raises:
            CannotStore: it cannot be written.
        """
        try:
            return self._store.write_aside(suffix, pieces)
        except CannotStore as refusal:
            self._trouble.met(_reason(refusal), 1)
            raise

    async def stop(self, timeout_s: float | None = None) -> bool:
        """Commit what has queued up, then end the thread; say whether it ended within the time.

        A thread that hangs on its disk is left behind, and does not keep the process from ending.
        """
        if not self._stopped:
            self._stopped = True
            self._hand_all_over()
            self._queue.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        return self._ended.is_set()

    @property
    def _hangs(self) -> bool:
        busy_since_s = self._busy_since_s
        return busy_since_s is not None and time.monotonic() - busy_since_s > STUCK_S

    def _gather_on(self) -> None:
        """Hand over the next batch when all have come who may, or when nobody else comes."""
        if len(self._gathered) >= self._enough:
            self._hand_over()
        elif not self._gathers:
            self._gathers = True
            self._loop.call_later(GATHER_S, self._look_again, len(self._gathered))

    def _look_again(self, known: int) -> None:
        """Hand over what has come, unless there is more since the last look."""
        self._gathers = False
        gathered = len(self._gathered)
        if self._under_way or not gathered:
            return
        if gathered > known:
            self._gather_on()
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        """Let the thread have the next batch, of those whose results can be made.

        They are made in one run: between the work on other connections, which leaves nothing of
        what it needs in the processor's caches, each takes nearly twice as long.
        """
        batch: list[_Waiting] = []
        until_s = time.monotonic() + MAKE_S
        while self._gathered and len(batch) < LARGEST_BATCH:
            waiting = self._gathered.popleft()
            if _makes_result(waiting):
                batch.append(waiting)
                if time.monotonic() > until_s:
                    break
        if batch:
            self._under_way += 1
            self._queue.put(batch)

    def _hand_all_over(self) -> None:
        while self._gathered:
            self._hand_over()

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)

    def _serve(self) -> None:
        while (item := self._next()) is not None:
            if isinstance(item, _Change):
                self._watched(partial(self._make, item))
            else:
                self._settle(item)

    def _next(self) -> list[_Waiting] | _Change | None:
        """Return what comes next, `None` at the end; look for trouble while nothing comes."""
        while True:
            try:
                return self._queue.get(timeout=LOOK_S)
            except Empty:
                self._watched(self._look)

    def _settle(self, batch: list[_Waiting]) -> None:
        began_s = time.monotonic()
        results = [cast(Result, waiting.result) for waiting in batch]
        outcomes = self._watched(partial(self._commit, results))
        self._observe(len(batch), time.monotonic() - began_s)
        self._loop.call_soon_threadsafe(self._release, batch, outcomes)

    def _release(self, batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
        """Tell everybody of a batch what became of their results, after the next one has begun."""
        self._under_way -= 1
        # All who are busy sending: in two halves, one would be received while the other is synced,
        # but on two cores each takes longer for that than it wins.
        self._enough = min(len(batch) + len(self._gathered), LARGEST_BATCH)
        if self._gathered and not self._under_way:
            self._gather_on()
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if waiting.outcome.done():
                waiting.result = None
            else:
                waiting.outcome.set_result(outcome)

    def _make(self, change: _Change) -> None:
        try:
            self._store = change.make()
        except Exception as error:  # noqa: BLE001 - whoever asked for the change gets it
            self._loop.call_soon_threadsafe(_fail, change.done, error)
        else:
            self._loop.call_soon_threadsafe(_succeed, change.done)

    def _watched(self, work: Callable[[], T]) -> T:
        """Do what may hang on a disk that does not answer, so that `trouble` can tell."""
        self._busy_since_s = time.monotonic()
        try:
            return work()
        finally:
            self._busy_since_s = None

    def _look(self) -> None:
        try:
            reason = self._store.trouble(thoroughly=self._trouble.reason is not None)
        except Exception as error:  # noqa: BLE001 - the thread has to live, and it is logged
            _log.exception("looking for trouble failed")
            reason = f"internal error: {error}"
        if reason is None:
            self._trouble.absent()
        else:
            self._trouble.met(reason, 0)

    def _commit(self, results: list[Result]) -> list[Outcome]:
        try:
            with self._turn.burst() as waiting:
                outcomes = self._store.commit(results, waiting)
        except Exception as error:  # noqa: BLE001 - the thread has to live, and it is logged
            _log.exception("a batch of %d results failed", len(results))
            refusal = CannotStore("the result cannot be stored now: internal error")
            refusal.__cause__ = error
            outcomes = [refusal] * len(results)
        refusals = [each for each in outcomes if isinstance(each, CannotStore)]
        refusals = [each for each in refusals if not isinstance(each, NoRoomForRejected)]
        if refusals:
            self._trouble.met(_reason(refusals[0]), len(refusals))
        else:
            self._trouble.absent()
        return outcomes


def _makes_result(waiting: _Waiting) -> bool:
    """Make the result of somebody who still waits; say whether there is one."""
    make, waiting.make = waiting.make, None
    if make is None or waiting.outcome.done():
        return False
    try:
        waiting.result = make()
    except Exception as error:  # noqa: BLE001 - whoever commits it gets it
        waiting.outcome.set_exception(error)
        return False
    return True


def _reason(refusal: CannotStore) -> str:
    cause = refusal.__cause__
    return describe(cause) if isinstance(cause, OSError) else str(cause or refusal)


def _succeed(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)


def _fail(done: "asyncio.Future[None]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
