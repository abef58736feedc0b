"""Which results of a batch were received before, and what their senders are answered.

Two results are the same if their identities are. The index knows those of the last
`duplicate_window`; one that it does not know is looked for in the tree under its name (`names.py`).
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from asr_daemon.index.index import Known
from asr_daemon.output.base import Outcome, Result, Stored


class Deduplicated:
    """A batch, of which each result is written once, however often it comes."""

    def __init__(
        self,
        batch: Sequence[Result],
        known: Mapping[str, Known],
        is_there: Callable[[str], bool],
    ) -> None:
        """Tell duplicates from what is to be written.

        Args:
            batch: in the order in which results were received.
            known: what the index knows of them, by identity.
            is_there: returns whether there is a file at a path relative to the root.
        """
        self._batch = batch
        self._settled: dict[str, Outcome] = {}
        self._new: dict[str, Result] = {}
        for result in batch:
            before = known.get(result.identity)
            if before is None:
                self._new.setdefault(result.identity, result)
            elif before.is_found and is_there(before.path):
                # The process that wrote it may have been killed before its syncs.
                self._new[result.identity] = _placed_at(result, before.path)
            else:
                self._settled[result.identity] = Stored(before.path, duplicate=True)

    @property
    def new(self) -> list[Result]:
        """What is to be written, or made durable."""
        return list(self._new.values())

    def outcomes(self, stored: Sequence[Outcome]) -> list[Outcome]:
        """Return what became of each result of the batch, given the outcomes of `new`.

        A second one of the same identity shares the fate of the first.
        """
        settled = {**self._settled, **dict(zip(self._new, stored, strict=True))}
        return [_take(settled, result.identity) for result in self._batch]


def _placed_at(result: Result, marker: str) -> Result:
    """Return a result with the name that it has already."""
    directory, _, name = marker.rpartition("/")
    stem = name.removesuffix(result.files[-1][0])
    return structs.replace(result, directory=directory, stem=stem)


def _take(settled: dict[str, Outcome], identity: str) -> Outcome:
    """Return what became of a result; for the next one of the same identity it is a duplicate."""
    outcome = settled[identity]
    if isinstance(outcome, Stored):
        settled[identity] = Stored(outcome.path, duplicate=True)
    return outcome
