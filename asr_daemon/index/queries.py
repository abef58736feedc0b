"""Queries of the index: what arrived, for programs that look and never write.

They work while the daemon runs and while it does not, and for other users that may read `state`.
An index that was removed and made again is noticed: a cursor that points into the old one is
not found, and whoever holds it has to look at the tree (`feed.py`).
"""

import hashlib
import os
import re
import sqlite3
from pathlib import Path
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

_CURSOR = re.compile(r"1:(\d{1,19}):(\d{1,19}):([0-9a-f]{16})")
_BUSY_S = 5.0
_LAST = (1 << 63) - 1


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
    """Identifies the result that had this number."""

    @classmethod
    def after(cls, row: Row, seq: int | None = None) -> "Cursor":
        """Return the place after a result; `seq` is where to go on if it has no number."""
        return cls(row.seq if seq is None else seq, int(row.committed_at * 1e6), _digest(row.path))

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


class Queries:
    """Reads the index below one `state` directory. Used by one thread."""

    def __init__(self, folder: Path) -> None:
        """Take the directory; the database need not be there yet."""
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

    def holds(self, cursor: Cursor) -> bool:
        """Return whether the last result before a cursor has its number in this index.

        Raises:
            IndexUnavailable: it cannot be read.
        """
        rows = self._rows("WHERE seq = ?", [cursor.seq])
        return any(_digest(row.path) == cursor.path_digest for row in rows)

    def last_seq(self) -> int:
        """Return the number of the newest result, 0 if there is none.

        Raises:
            IndexUnavailable: it cannot be read.
        """
        return max((row.seq for row in self._rows("ORDER BY seq DESC LIMIT 1", [])), default=0)

    def close(self) -> None:
        """Close the database; the next query opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, rest: str, values: list[object]) -> list[Row]:
        try:
            while True:
                rows = self._connected().execute(_RESULTS + rest, values).fetchall()
                if not self._is_outdated():
                    return [Row(*row) for row in rows]
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
