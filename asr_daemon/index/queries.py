"""Queries of the index: what arrived, for programs that look and never write.

They work while the daemon runs and while it does not, and for other users that may read `state`.
An index that was removed and made again is noticed: a cursor that points into the old one is
not found, and its holder has to look at the tree (`feed.py`).
"""

import hashlib
import os
import re
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from asr_daemon.errors import AsrDaemonError
from asr_daemon.index.index import FILE

_RESULTS = """
SELECT seq, provider, id, digest, path, status, committed_at FROM (
    SELECT * FROM results WHERE tree = (SELECT id FROM trees ORDER BY rowid DESC LIMIT 1)
)
"""
"""Of the tree that the daemon writes to, or has written to last."""

_FOLLOW_UPS = """
SELECT path, follow_up, committed_at FROM results AS wanted
WHERE follow_up IS NOT NULL AND committed_at >= ?1
AND tree = (SELECT id FROM trees ORDER BY rowid DESC LIMIT 1)
AND NOT EXISTS (
    SELECT 1 FROM results AS made WHERE made.tree = wanted.tree
    AND made.path = substr(wanted.path, 1, length(wanted.path) - length(?2)) || ?3
)
ORDER BY seq LIMIT ?4
"""
_IS_FILLED = "SELECT is_filled FROM trees ORDER BY rowid DESC LIMIT 1"
_EVERYTHING = ("succeeded", "failed", "rejected")

_CURSOR = re.compile(r"1:(\d{1,19}):(\d{1,19}):([0-9a-f]{16})")
_BUSY_S = 5.0
_LAST = (1 << 63) - 1
_START = "0" * 16


class IndexUnavailable(AsrDaemonError):
    """There is no index, or it cannot be read; the message says why."""


class InvalidCursor(AsrDaemonError):
    """A cursor that was not written here."""


class Row(Struct, frozen=True):
    """A result that was committed."""

    seq: int
    """Counts up; 0 for one that is known from the tree alone."""
    provider: str
    id: str | None
    digest: str
    path: str
    """Of its JSON document, relative to the root."""
    status: str
    committed_at: float
    """Unix seconds."""


class Filter(Struct, frozen=True):
    """Which results are wanted."""

    statuses: tuple[str, ...] = ("succeeded", "failed")
    provider: str | None = None
    since: float | None = None
    """Unix seconds."""
    id_part: str | None = None

    def accepts(self, row: Row) -> bool:
        """Return whether a result is wanted."""
        return (
            row.status in self.statuses
            and self.provider in (None, row.provider)
            and (self.id_part is None or self.id_part in (row.id or ""))
            and (self.since is None or row.committed_at >= self.since)
        )

    @property
    def condition(self) -> tuple[str, list[object]]:
        """The same in SQL, with its values."""
        condition = f"status IN ({', '.join('?' * len(self.statuses))})"
        values: list[object] = [*self.statuses]
        if "succeeded" not in self.statuses:
            # These words are those of an index.
            condition = f"{condition} AND status <> 'succeeded'"
        if self.provider is not None:
            condition, values = f"{condition} AND provider = ?", [*values, self.provider]
        if self.since is not None:
            condition, values = f"{condition} AND committed_at >= ?", [*values, self.since]
        if self.id_part is not None:
            condition, values = f"{condition} AND instr(id, ?) > 0", [*values, self.id_part]
        return condition, values


class Cursor(Struct, frozen=True):
    """A place in the sequence of results: after one of them."""

    seq: int
    committed_us: int
    path_digest: str
    """Tells whether the result of this number is still the same one; zeros at a start."""

    @classmethod
    def start(cls, since: float) -> "Cursor":
        """Return the place before all that was committed since then, in Unix seconds."""
        return cls(0, int(since * 1e6), _START)

    @classmethod
    def after(cls, row: Row) -> "Cursor":
        """Return the place after a result."""
        return cls(row.seq, int(row.committed_at * 1e6), _digest(row.path))

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Return what `str` wrote.

        Raises:
            InvalidCursor: the text is something else.
        """
        match = _CURSOR.fullmatch(text.strip())
        if match is None:
            raise InvalidCursor("not a cursor of asr-daemon")
        return cls(int(match[1]), int(match[2]), match[3])

    def __str__(self) -> str:
        """Return the cursor as it is stored; opaque to everybody else."""
        return f"1:{self.seq}:{self.committed_us}:{self.path_digest}"

    @property
    def committed_at(self) -> float:
        """When the result before this place was committed, in Unix seconds."""
        return self.committed_us / 1e6

    @property
    def is_start(self) -> bool:
        """Whether no result is before this place."""
        return self.path_digest == _START


class FollowUp(Struct, frozen=True):
    """A result for which something is to be done later."""

    path: str
    """Of its JSON document, relative to the root."""
    work: str
    committed_at: float
    """Unix seconds."""


class Queries:
    """Reads the index below one `state` directory. Used by one thread."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not hold a database yet."""
        self._file = folder / FILE
        self._wal = f"{self._file}-wal"
        self._connection: sqlite3.Connection | None = None
        self._is_snapshot = False
        self.identity = (0, 0)
        """Of the database that the last answer came from; another one may number differently."""

    def newest(self, wanted: Filter, limit: int, before: int = _LAST) -> list[Row]:
        """Return results with smaller numbers than `before`, newest first.

        Raises:
            IndexUnavailable: it cannot be read.
        """
        condition, values = wanted.condition
        return self._rows(
            f"WHERE seq < ? AND {condition} ORDER BY seq DESC LIMIT ?", [before, *values, limit]
        )

    def after(self, seq: int, wanted: Filter, limit: int) -> list[Row]:
        """Return the first results after a number, oldest first.

        Raises:
            IndexUnavailable: it cannot be read.
        """
        condition, values = wanted.condition
        return self._rows(
            f"WHERE seq > ? AND {condition} ORDER BY seq LIMIT ?", [seq, *values, limit]
        )

    def place_of(self, cursor: Cursor) -> int | None:
        """Return the number after which to go on; `None` if this index does not reach back to it.

        Raises:
            IndexUnavailable: it cannot be read.
        """
        if cursor.is_start:
            return self._place_of_start(cursor)
        rows = self._rows("WHERE seq = ?", [cursor.seq])
        is_known = any(_digest(row.path) == cursor.path_digest for row in rows)
        return cursor.seq if is_known else None

    def first_since(self, since: float) -> Row | None:
        """Return the oldest result since then, of any status, in Unix seconds.

        Raises:
            IndexUnavailable: it cannot be read.
        """
        return next(iter(self.after(0, Filter(_EVERYTHING, since=since), 1)), None)

    def is_filled(self) -> bool:
        """Return whether nothing of the tree is missing, as far back as the index reaches.

        Raises:
            IndexUnavailable: it cannot be read.
        """
        return self._fetch(_IS_FILLED, []) == [(1,)]

    def last_seq(self) -> int:
        """Return the number of the newest result, 0 if there is none.

        Raises:
            IndexUnavailable: it cannot be read.
        """
        return max((row.seq for row in self._rows("ORDER BY seq DESC LIMIT 1", [])), default=0)

    def follow_ups(self, since: float, ending: str, made: str, limit: int) -> list[FollowUp]:
        """Return the first results for which something is to be done that is not, oldest first.

        Args:
            since: Unix seconds.
            ending: of the paths of results.
            made: takes the place of `ending` in the path of what was made for a result.
            limit: of their number.

        Raises:
            IndexUnavailable: it cannot be read.
        """
        return [FollowUp(*row) for row in self._fetch(_FOLLOW_UPS, [since, ending, made, limit])]

    def close(self) -> None:
        """Close the database; the next query opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _place_of_start(self, cursor: Cursor) -> int | None:
        oldest = self._rows("ORDER BY seq LIMIT 1", [])
        reaches_it = [row for row in oldest if int(row.committed_at * 1e6) <= cursor.committed_us]
        if not reaches_it or not self.is_filled():
            return None
        first = self.first_since(cursor.committed_at)
        return self.last_seq() if first is None else first.seq - 1

    def _rows(self, rest: str, values: list[object]) -> list[Row]:
        return [Row(*row) for row in self._fetch(_RESULTS + rest, values)]

    def _fetch(self, query: str, values: list[object]) -> list[tuple[Any, ...]]:
        try:
            while True:
                rows = self._connected().execute(query, values).fetchall()
                if not self._is_outdated():
                    return rows
        except (OSError, sqlite3.Error) as error:
            self.close()
            reason = error.strerror if isinstance(error, OSError) else error
            raise IndexUnavailable(f"the index {self._file} cannot be read: {reason}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and not self._is_outdated():
            return self._connection
        self.close()
        # In this order: a database that is replaced meanwhile is noticed at the next look. While
        # it is open, no other file gets its inode number.
        self.identity = self._inode()
        # Without a writer there is no shared memory, and other users could not make it.
        self._is_snapshot = not os.path.exists(self._wal)
        mode = "immutable=1" if self._is_snapshot else "mode=ro"
        name = f"file:{quote(str(self._file.absolute()))}?{mode}"
        self._connection = sqlite3.connect(name, uri=True, timeout=_BUSY_S)
        return self._connection

    def _is_outdated(self) -> bool:
        """Return whether the file is another one now, or has got a writer."""
        has_writer = self._is_snapshot and os.path.exists(self._wal)
        return has_writer or self._inode() != self.identity

    def _inode(self) -> tuple[int, int]:
        stat = self._file.stat()
        return (stat.st_dev, stat.st_ino)


def _digest(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:16]
