"""The store: what is remembered, what there is room for, and the tree, as one."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager

from asr_daemon.errors import NoRoomForRejected
from asr_daemon.store.aside import Aside
from asr_daemon.store.files import ALONE, ResultTree
from asr_daemon.store.index import Index
from asr_daemon.store.rejected import Quota
from asr_daemon.store.result import Outcome, Result, Stored, describe, refusal_of
from asr_daemon.store.space import Space

REJECTED = "rejected"
"""The status, and the first folder below the root, of bodies that were not understood."""


class Store:
    """Commits batches of results, each of them once. Used by the committer's thread."""

    def __init__(self, tree: ResultTree, index: Index, space: Space, quota: Quota) -> None:
        """Take an open tree, what remembers, and what watches the room.

        Args:
            tree: makes results durable.
            index: says what was committed before.
            space: says whether there is room on the disk.
            quota: says whether there is room for rejected bodies.
        """
        self._tree = tree
        self._index = index
        self._space = space
        self._quota = quota

    def commit(
        self, batch: Sequence[Result], waiting: AbstractContextManager[None] = ALONE
    ) -> list[Outcome]:
        """Make each result durable, and say of each, in order, what became of it.

        The same result (of one identity) is written once, whether it comes again in the
        same batch or within the window, and is acknowledged only when it is durable: an entry of
        the index is made after the syncs, and a second one in a batch shares the fate of the first.
        `waiting` is entered around what waits for the disk.
        """
        settled: dict[str, Outcome] = {}
        fresh: dict[str, Result] = {}
        known = self._index.find(batch)
        for result in batch:
            key = result.identity
            if key in known:
                settled[key] = Stored(known[key], duplicate=True)
            else:
                fresh.setdefault(key, result)
        settled.update(zip(fresh, self._write(list(fresh.values()), waiting), strict=True))
        return [_take(settled, result.identity) for result in batch]

    def write_aside(self, suffix: str, pieces: Iterable[bytes]) -> Aside:
        """Write a large file for a result that is committed later; on any thread.

        Raises:
            CannotStore: it cannot be written.
        """
        try:
            self._space.check()
            return self._tree.write_aside(suffix, pieces)
        except OSError as error:
            raise refusal_of(error) from error

    def trouble(self, *, thoroughly: bool) -> str | None:
        """Say what keeps results from being stored now, `None` if nothing does.

        Thoroughly, a small file is written and synced for that; otherwise it is only looked.
        """
        try:
            self._space.check()
            if thoroughly:
                self._tree.probe()
            else:
                self._tree.check_root()
        except OSError as error:
            return describe(error)
        return None

    def _write(
        self, results: Sequence[Result], waiting: AbstractContextManager[None]
    ) -> list[Outcome]:
        if not results:
            return []
        try:
            self._space.check()
        except OSError as error:
            return [refusal_of(error)] * len(results)
        wanted = [result for result in results if self._has_room(result)]
        outcomes = dict(
            zip((each.identity for each in wanted), self._tree.commit(wanted, waiting), strict=True)
        )
        self._remember(wanted, outcomes)
        return [outcomes.get(result.identity) or _NO_ROOM for result in results]

    def _has_room(self, result: Result) -> bool:
        size = sum(len(content) for _, content in result.files)
        return result.status != REJECTED or self._quota.take(size)

    def _remember(self, results: Sequence[Result], outcomes: dict[str, Outcome]) -> None:
        stored = ((result, outcomes[result.identity]) for result in results)
        self._index.record(
            [(result, outcome.path) for result, outcome in stored if isinstance(outcome, Stored)]
        )


_NO_ROOM = NoRoomForRejected("there is no room left for rejected bodies (limits.rejected)")


def _take(settled: dict[str, Outcome], key: str) -> Outcome:
    """Return what became of a result; for the next one of the same key it is a duplicate."""
    outcome = settled[key]
    if isinstance(outcome, Stored):
        settled[key] = Stored(outcome.path, duplicate=True)
    return outcome
