"""The committer: one thread that makes results durable, a batch at a time.

Whatever has queued up while one batch was being synced is the next batch, so that a sync is shared
by all who wait for it, and a single result waits for nobody.
"""

import asyncio
import logging
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from asr_daemon.errors import CannotStore, ShuttingDown
from asr_daemon.store.files import Result, Stored

LARGEST_BATCH = 64
"""Results in one batch; each holds a file descriptor per format while it is committed."""

_log = logging.getLogger(__name__)


class Tree(Protocol):
    """Where batches go: `ResultTree`, or a double in tests."""

    def commit(self, batch: Sequence[Result]) -> list[Stored | CannotStore]:
        """Make each result durable; say of each, in order, what became of it."""
        ...


Outcome = Stored | CannotStore
_Waiting = tuple[Result, "asyncio.Future[Outcome]"]


class Committer:
    """Hands results from the event loop to the thread, and outcomes back.

    `start`, `commit` and `stop` are called on the event loop.
    """

    def __init__(self, tree: Tree) -> None:
        """Take a tree that is open."""
        self._tree = tree
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="committer", daemon=True)
        self._stopped = False
        self._refused = 0
        self._trouble: str | None = None

    def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Why results are being refused, `None` while they are stored."""
        return self._trouble

    async def commit(self, result: Result) -> Stored:
        """Return when `result` is on stable storage.

        Raises:
            CannotStore: it is not, and the sender should be told so.
        """
        if self._stopped:
            raise ShuttingDown("the daemon is shutting down")
        outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self._queue.put((result, outcome))
        settled = await outcome
        if isinstance(settled, CannotStore):
            raise settled
        return settled

    async def stop(self) -> None:
        """Commit what has queued up, then end the thread."""
        if not self._stopped:
            self._stopped = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._take(first)
            outcomes = self._commit([result for result, _ in batch])
            self._loop.call_soon_threadsafe(_release, batch, outcomes)
            if last:
                return

    def _take(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """Return the next batch, and whether nothing comes after it."""
        batch = [first]
        try:
            while len(batch) < LARGEST_BATCH:
                following = self._queue.get_nowait()
                if following is None:
                    return batch, True
                batch.append(following)
        except Empty:
            pass
        return batch, False

    def _commit(self, results: list[Result]) -> list[Outcome]:
        try:
            outcomes = self._tree.commit(results)
        except Exception as error:  # noqa: BLE001 - the thread has to live, and it is logged
            # Whatever is wrong, the thread must live and the senders must hear the truth.
            _log.exception("a batch of %d results failed", len(results))
            refusal = CannotStore("the result cannot be stored now: internal error")
            refusal.__cause__ = error
            outcomes = [refusal] * len(results)
        self._report(outcomes)
        return outcomes

    def _report(self, outcomes: Sequence[Outcome]) -> None:
        """Log trouble when it begins and when it ends, not once for each result."""
        refusals = [outcome for outcome in outcomes if isinstance(outcome, CannotStore)]
        if refusals and self._trouble is None:
            self._trouble = str(refusals[0].__cause__ or refusals[0])
            _log.error("results are being refused: %s", self._trouble)
        self._refused += len(refusals)
        if self._trouble and not refusals:
            _log.warning("results are stored again; %d were refused", self._refused)
            self._refused, self._trouble = 0, None


def _release(batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
    for (_, waiting), outcome in zip(batch, outcomes, strict=True):
        if not waiting.done():
            waiting.set_result(outcome)
