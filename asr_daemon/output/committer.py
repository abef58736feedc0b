"""The committer: one thread that makes results durable, a batch at a time.

Group commit: what comes while the thread is busy is the next batch, so that a sync is shared by all
that wait for it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from asr_daemon.errors import CannotStore, ShuttingDown
from asr_daemon.output.base import Outcome, Output, Result, Stored
from asr_daemon.output.health import StorageHealth

MOST_FILES = 256
"""Files in one batch; each is open until the batch is committed."""

TURNS_BEFORE_BATCH = 8
"""Turns of the event loop before a batch: senders that were just answered can join it.

Each of their requests is read, parsed and queued in a turn or two. Without these turns batches are
half as large, and the loop and the thread take turns at Python's lock: 15 % more CPU a callback.
"""

PATIENCE_S = 5.0
"""How long a callback waits for its commit: senders give up after about that long."""

LOOK_S = 0.5
"""How often an idle committer looks whether results could be stored."""

_SILENT = "storage does not answer"
_ENDED = "the committer has ended; the log says why, and a restart helps"

_log = logging.getLogger(__name__)

Observe = Callable[[int, float], None]
"""Takes how many results a batch had, and how many seconds it took; on the committer's thread."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A result whose callback waits for it; dropped once it is committed."""

    result: Result | None
    provider: str
    outcome: "asyncio.Future[Outcome]"


class Committer:
    """Hands results from the event loop to the thread, and outcomes back.

    `start`, `commit` and `stop` are called on the event loop.
    """

    def __init__(self, output: Output, observe: Observe) -> None:
        """`output` is open; `observe` is called after each batch."""
        self._output = output
        self._observe = observe
        self._queued: deque[_Waiting] = deque()
        self._to_thread: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
        self._is_busy = False
        self._busy_since_s: float | None = None
        self._health = StorageHealth()
        self._stopped = False
        self._ended = asyncio.Event()

    def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        Thread(target=self._run, name="committer", daemon=True).start()

    @property
    def is_well(self) -> bool:
        """Whether a restart would help nothing: the thread is there, even if storage is silent."""
        return self._stopped or not self._ended.is_set()

    @property
    def queued(self) -> int:
        """How many results wait for the next batch."""
        return len(self._queued)

    @property
    def unhealthy(self) -> str | None:
        """Why all results are refused, `None` while some are stored."""
        if not self.is_well:
            return _ENDED
        busy_since_s = self._busy_since_s
        silent_s = 0.0 if busy_since_s is None else time.monotonic() - busy_since_s
        if silent_s > PATIENCE_S:
            return f"storage has not answered for {silent_s:.0f} s"
        return self._health.reason

    @property
    def refused(self) -> dict[str, str]:
        """Why the results of some providers are refused."""
        return self._health.refused

    async def commit(self, result: Result) -> Stored:
        """Return when the result is on stable storage.

        Raises:
            CannotStore: it is not, or not within `PATIENCE_S`. It may still be stored if it is just
                being written then; one that is still queued never is.
        """
        if self._stopped:
            raise ShuttingDown("the daemon is shutting down")
        if self._ended.is_set():
            raise CannotStore(_ENDED)
        waiting = _Waiting(result, result.provider, self._loop.create_future())
        self._queued.append(waiting)
        if not self._is_busy:
            self._is_busy = True
            self._flush_after(TURNS_BEFORE_BATCH)
        try:
            async with asyncio.timeout(PATIENCE_S):
                outcome = await waiting.outcome
        except TimeoutError:
            self._health.silent(_SILENT, PATIENCE_S)
            raise CannotStore(f"the result cannot be stored now: {_SILENT}") from None
        if isinstance(outcome, CannotStore):
            raise outcome
        return outcome

    async def stop(self, timeout_s: float | None = None) -> bool:
        """Commit what is queued, then end the thread; return whether it ended within the time.

        A thread that hangs on its disk is left behind, and does not keep the process from ending.
        """
        if not self._stopped:
            self._stopped = True
            while self._queued:
                self._flush()
            self._to_thread.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        return self._ended.is_set()

    def _flush_after(self, turns: int) -> None:
        """Hand the next batch over after so many turns of the event loop."""
        if turns:
            self._loop.call_soon(self._flush_after, turns - 1)
        else:
            self._flush()

    def _flush(self) -> None:
        """Pass the next batch to the thread, without those whose time is up."""
        batch: list[_Waiting] = []
        files = 0
        while self._queued and files < MOST_FILES:
            waiting = self._queued.popleft()
            if not waiting.outcome.done() and waiting.result is not None:
                batch.append(waiting)
                files += len(waiting.result.files)
        self._is_busy = bool(batch)
        if batch:
            self._to_thread.put(batch)

    def _release(self, batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
        """Give everybody of a batch their outcome."""
        providers = (waiting.provider for waiting in batch)
        self._health.stored(zip(providers, outcomes, strict=True))
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if not waiting.outcome.done():
                waiting.outcome.set_result(outcome)
        self._flush_after(TURNS_BEFORE_BATCH)

    def _run(self) -> None:
        """Serve until `stop`; on the thread, as everything below."""
        try:
            while self._serve():
                pass
        except BaseException:  # noqa: BLE001 - a thread ends in silence otherwise
            _log.exception("the committer has ended")
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)

    def _serve(self) -> bool:
        """Commit the next batch, or check storage when none comes; return `False` at the end."""
        try:
            batch = self._to_thread.get(timeout=LOOK_S)
        except Empty:
            self._look()
            return True
        if batch is None:
            return False
        results = [waiting.result for waiting in batch if waiting.result is not None]
        for waiting in batch:
            waiting.result = None
        self._busy_since_s = began_s = time.monotonic()
        outcomes = self._store(results)
        self._busy_since_s = None
        self._observe(len(batch), time.monotonic() - began_s)
        self._loop.call_soon_threadsafe(self._release, batch, outcomes)
        return True

    def _store(self, results: list[Result]) -> list[Outcome]:
        try:
            return self._output.store(results)
        except Exception as error:  # noqa: BLE001 - the thread has to live, and it is logged
            _log.exception("a batch of %d results failed", len(results))
            refusal = CannotStore("the result cannot be stored now: internal error")
            refusal.__cause__ = error
            return [refusal] * len(results)

    def _look(self) -> None:
        """Check storage while nothing is to be stored."""
        self._busy_since_s = time.monotonic()
        refused, reasons = self._health.refused, dict[str, str | None]()
        is_unhealthy = bool(refused) or self._health.reason is not None
        try:
            reason = self._output.check_health(thoroughly=is_unhealthy)
            for provider in refused:
                reasons[provider] = reason or self._output.check_provider(provider)
        except Exception as error:  # noqa: BLE001 - the thread has to live, and it is logged
            _log.exception("checking storage failed")
            reason = f"internal error: {error}"
        self._busy_since_s = None
        self._loop.call_soon_threadsafe(self._health.checked, reason, reasons)
