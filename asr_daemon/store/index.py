"""The index: what was committed within the window in which a vendor may send it again.

The tree is the truth and the index is expendable. It is written in the committer's batch, after
the results are on stable storage and without a sync of its own, so an entry is never ahead of its
result. If it is missing, locked, damaged or on a broken disk, nothing waits for it and nothing
fails: what it would have said is then found out from the tree, as far as the tree still holds it.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from asr_daemon.store.files import Result

FILE = "index.sqlite"
"""The name of the database below `state`."""

_VERSION = 1
_RETRY_S = 1.0
_MOST_PENDING = 10_000
_PRUNED_AT_ONCE = 200

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    id TEXT,
    digest TEXT NOT NULL,
    path TEXT NOT NULL,
    status TEXT NOT NULL,
    committed_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS results_digest ON results (digest);
PRAGMA user_version = {_VERSION};
"""
_FIND = """
SELECT path FROM results
WHERE digest = ? AND provider = ? AND id IS ? AND committed_at >= ? LIMIT 1
"""
_RECORD = """
INSERT INTO results (provider, id, digest, path, status, committed_at) VALUES (?, ?, ?, ?, ?, ?)
"""
# Only the oldest are looked at, and few at once: a clock that jumps ahead for a moment costs a few
# entries and not the whole memory.
_PRUNE = """
DELETE FROM results WHERE committed_at < ? AND seq IN
    (SELECT seq FROM results ORDER BY seq LIMIT ?)
"""

_log = logging.getLogger(__name__)

_Key = tuple[str, str | None, str]
_Row = tuple[str, str | None, str, str, str, float]


class Index:
    """Remembers results by provider, id and digest. Used by one thread; raises nothing."""

    def __init__(
        self, folder: Path, window_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        """Name the index; it is opened when it is first needed.

        Args:
            folder: where the database lies; made if it is missing.
            window_s: how long an entry counts.
            clock: returns the time in Unix seconds.
        """
        self._file = folder / FILE
        self._window_s = window_s
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._retry_at_s = 0.0
        self._pending: dict[_Key, _Row] = {}
        self._complaint: str | None = None

    def find(self, result: Result) -> str | None:
        """Return the path of the same result if it was committed within the window."""
        pending = self._pending.get(_key(result))
        if pending is not None:
            return pending[3]
        oldest = self._clock() - self._window_s
        parameters = (result.digest, result.provider, result.id, oldest)
        connection = self._connected()
        if connection is None:
            return None
        try:
            row = connection.execute(_FIND, parameters).fetchone()
        except sqlite3.Error as error:
            self._cope(error)
            return None
        return None if row is None else str(row[0])

    def record(self, committed: Sequence[tuple[Result, str]]) -> None:
        """Remember results that are on stable storage, with the paths of their markers.

        What cannot be written now is kept in memory and written with the next batch.
        """
        now = self._clock()
        for result, path in committed:
            row = (result.provider, result.id, result.digest, path, result.status, now)
            self._pending[_key(result)] = row
        while len(self._pending) > _MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        connection = self._connected()
        if connection is not None and self._pending:
            try:
                self._write(connection, now)
            except sqlite3.Error as error:
                self._cope(error)

    def close(self) -> None:
        """Close the database; it is opened again when it is needed."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _write(self, connection: sqlite3.Connection, now: float) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_RECORD, self._pending.values())
            connection.execute(_PRUNE, (now - self._window_s, _PRUNED_AT_ONCE))
            connection.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._pending.clear()
        if self._complaint is not None:
            _log.warning("the index %s is in use again", self._file)
            self._complaint = None

    def _connected(self) -> sqlite3.Connection | None:
        """Return a connection to the file that is there now, `None` if there cannot be one."""
        if self._connection is not None and self._inode != _inode(self._file):
            self.close()
        if self._connection is None and time.monotonic() >= self._retry_at_s:
            try:
                self._connection = _connect(self._file)
                self._inode = _inode(self._file)
            except (sqlite3.Error, OSError) as error:
                self._cope(error)
        return self._connection

    def _cope(self, error: sqlite3.Error | OSError) -> None:
        """Set a damaged index aside, leave any other alone for a moment, and say so once."""
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(
            error, sqlite3.OperationalError
        )
        if _is_locked(error):
            return
        self.close()
        if damaged:
            _set_aside(self._file)
        else:
            self._retry_at_s = time.monotonic() + _RETRY_S
        if self._complaint != str(error):
            self._complaint = str(error)
            what = "is damaged and made anew" if damaged else "cannot be used"
            _log.warning("the index %s %s: %s", self._file, what, error)


def _connect(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    connection = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"it has the format {version}, not {_VERSION}")
        if version == 0:
            connection.executescript(_SCHEMA)
            # Later than any number of an index that was lost, so that cursors still point back.
            first = time.time_ns() // 1_000
            connection.execute("INSERT INTO sqlite_sequence VALUES ('results', ?)", (first,))
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _key(result: Result) -> _Key:
    return result.provider, result.id, result.digest


def _is_locked(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _inode(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return 0


def _set_aside(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        # What cannot be moved away is met again, and said again, at the next attempt.
        with suppress(OSError):
            os.replace(f"{file}{suffix}", f"{file}{suffix}.damaged")
