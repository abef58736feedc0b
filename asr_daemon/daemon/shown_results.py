"""What the status page shows of results: read from the index and the tree, on a thread."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from asr_daemon.index.queries import Filter, IndexUnavailable, Queries, Row
from asr_daemon.web.status.pages import SHOWN, ResultLine, ShownResult, Wanted
from asr_daemon.web.status.timeline import TimelineSegment

LARGEST_BYTES = 64 * 1024 * 1024
"""A larger document is not shown: it is in memory while it is read."""

FAILURES = 10
_NO_REASON_BEYOND_BYTES = 64 * 1024
_LAST = (1 << 63) - 1

T = TypeVar("T")


class _Error(Struct, frozen=True):
    code: str
    message: str

    def __str__(self) -> str:
        return f"code {self.code}: {self.message}" if self.message else f"code {self.code}"


class _Audio(Struct, frozen=True):
    duration: float | None = None


class _Document(Struct, frozen=True):
    """What is shown of a document, of a result or of a rejected body."""

    received_at: str = ""
    digest: str = ""
    language: str | None = None
    error: _Error | None = None
    reason: str | None = None
    audio: _Audio = _Audio()
    segments: list[TimelineSegment] = []


class Overview:
    """Answers from one thread, so that a disk that hangs holds up nothing but the page."""

    def __init__(self, state: Path, root: Path, since: Callable[[], float]) -> None:
        """Take what is read.

        Args:
            state: the directory of the index.
            root: of the tree.
            since: returns how far back results are shown, in Unix seconds.
        """
        self._queries = Queries(state)
        self._root = root
        self._since = since
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="overview")

    async def results(self, wanted: Wanted) -> Sequence[ResultLine] | str:
        """Return the newest results, or why there is nothing to show."""
        return await self._on_thread(lambda: self._results(wanted))

    async def failures(self) -> Sequence[ResultLine]:
        """Return the newest failed and rejected results with their reasons."""
        return await self._on_thread(self._failures)

    async def result(self, seq: int) -> ShownResult | None:
        """Return a result in full, `None` if the index does not know it."""
        return await self._on_thread(lambda: self._result(seq))

    def stop(self) -> None:
        """Answer nothing any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _results(self, wanted: Wanted) -> Sequence[ResultLine] | str:
        statuses = ("succeeded", "failed") if wanted.status is None else (wanted.status,)
        chosen = Filter(statuses, wanted.provider, self._since(), wanted.id_part)
        try:
            before = _LAST if wanted.before is None else wanted.before
            return [_line(row) for row in self._queries.newest(chosen, SHOWN, before)]
        except IndexUnavailable as error:
            return str(error)

    def _failures(self) -> Sequence[ResultLine]:
        try:
            rows = self._queries.newest(
                Filter(("failed", "rejected"), since=self._since()), FAILURES
            )
        except IndexUnavailable:
            return []
        return [_line(row, self._reason(row)) for row in rows]

    def _reason(self, row: Row) -> str | None:
        document = self._read(row, _NO_REASON_BEYOND_BYTES)
        if isinstance(document, str):
            return None
        error = document.error
        return document.reason if error is None else str(error)

    def _result(self, seq: int) -> ShownResult | None:
        try:
            row = next(iter(self._queries.after(seq - 1, _EVERYTHING, 1)), None)
        except IndexUnavailable:
            return None
        if row is None or row.seq != seq:
            return None
        document = self._read(row, LARGEST_BYTES)
        if isinstance(document, str):
            return ShownResult(_line(row), [], [], None, document)
        return ShownResult(_line(row), _facts(document), document.segments, document.audio.duration)

    def _read(self, row: Row, largest_bytes: int) -> _Document | str:
        """Return a document, or why it is not shown."""
        try:
            with (self._root / row.path).open("rb") as file:
                content = file.read(largest_bytes + 1)
            if len(content) > largest_bytes:
                return f"it is larger than {largest_bytes >> 20} MiB, too large to be shown here"
            return msgspec.json.decode(content, type=_Document)
        except OSError as error:
            return f"the document is not there any more, or cannot be read: {error.strerror}"
        except (msgspec.DecodeError, UnicodeError) as error:
            return f"the document cannot be read: {error}"


_EVERYTHING = Filter(("succeeded", "failed", "rejected"))


def _line(row: Row, reason: str | None = None) -> ResultLine:
    return ResultLine(row.seq, row.committed_at, row.provider, row.status, row.id, row.path, reason)


def _facts(document: _Document) -> list[tuple[str, str]]:
    error = document.error
    facts = {
        "received": document.received_at,
        "reason": document.reason,
        "error": None if error is None else str(error),
        "audio": None if document.audio.duration is None else f"{document.audio.duration:g} s",
        "language": document.language,
        "segments": str(len(document.segments)) if document.segments else None,
        "digest": document.digest,
    }
    return [(name, value) for name, value in facts.items() if value]
