"""The sequence of results: from a cursor on, each at least once, in the order of their commits.

It comes from the index. Where the index does not know the cursor, because it was made again or has
forgotten that far back, what was committed since is taken from the tree, which is the truth.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from asr_daemon.index.queries import Cursor, Filter, Queries, Row

PAGE = 500
"""Results in one answer."""

OVERLAP_S = 60.0
"""How far before a cursor the tree is searched: a file is written before its result is indexed,
by as long as the disk took to sync."""

_STAGING = ".staging"
_SUFFIX = ".json"


class Item(Struct, frozen=True):
    """A result, and the cursor after it."""

    row: Row
    cursor: Cursor


class _Document(Struct):
    """What a JSON document says of itself."""

    provider: str
    status: str
    digest: str
    id: str | None = None


class Feed:
    """Results from a cursor on. Used by one thread."""

    def __init__(
        self,
        queries: Queries,
        root: Path,
        wanted: Filter,
        cursor: Cursor | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin after `cursor`; `None` is the oldest result that the index knows."""
        self._queries = queries
        self._root = root
        self._wanted = wanted
        self._cursor = cursor
        self._clock = clock
        self._seq = 0
        self._identity: tuple[int, int] | None = None
        self._from_tree: deque[Item] = deque()

    def next(self) -> list[Item]:
        """Return the next results, as many as fit into a page; none if there are no more now.

        Raises:
            IndexUnavailable: the index cannot be read.
        """
        while True:
            if self._from_tree:
                items = [self._from_tree.popleft() for _ in range(min(PAGE, len(self._from_tree)))]
                break
            rows = self._queries.after(self._seq, self._wanted, PAGE)
            if self._queries.identity == self._identity:
                items = [Item(row, Cursor.after(row)) for row in rows]
                self._seq = rows[-1].seq if rows else self._seq
                break
            self._resume()
        self._cursor = items[-1].cursor if items else self._cursor
        return items

    def _resume(self) -> None:
        """Find the place of the cursor in an index that was not asked before."""
        last_seq, now = self._queries.last_seq(), self._clock()
        identity = self._queries.identity
        if self._cursor is None:
            is_known = self._identity is None
            since = 0.0
        else:
            is_known = self._queries.holds(self._cursor)
            since = self._cursor.committed_at - OVERLAP_S
        if self._queries.identity != identity:
            return
        self._identity = identity
        if is_known:
            self._seq = 0 if self._cursor is None else self._cursor.seq
        else:
            # What is written from now on gets a later number.
            self._seq = last_seq
            self._from_tree.extend(self._committed(since, now))

    def _committed(self, since: float, until: float) -> list[Item]:
        """Return what the tree holds of a span of time, in the order in which it was written."""
        rows = sorted(self._rows_below(self._root, since, until), key=_written)
        items = (Item(row, Cursor.after(row, self._seq)) for row in rows)
        before = None if self._cursor is None else self._cursor.path_digest
        return [
            item
            for item in items
            if self._wanted.accepts(item.row) and item.cursor.path_digest != before
        ]

    def _rows_below(self, root: Path, since: float, until: float) -> Iterator[Row]:
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name != _STAGING]
            for name in names:
                if name.endswith(_SUFFIX):
                    path = os.path.join(folder, name)
                    row = _read(path, os.path.relpath(path, root), since, until)
                    if row is not None:
                        yield row


def _read(path: str, name: str, since: float, until: float) -> Row | None:
    """Return the result of a document that was written within a span of time."""
    try:
        written_at = os.stat(path).st_mtime
        if not since <= written_at <= until:
            return None
        with open(path, "rb") as file:
            document = msgspec.json.decode(file.read(), type=_Document)
    except (OSError, msgspec.DecodeError, UnicodeError):
        # A reader has just moved it away, or it is nothing of ours.
        return None
    return Row(
        0, document.provider, document.id, document.digest, name, document.status, written_at
    )


def _written(row: Row) -> tuple[float, str]:
    return row.committed_at, row.path
