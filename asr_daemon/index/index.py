"""The index: what was committed within the window in which a vendor may send it again.

The tree is the truth and the index is expendable. It is written in the committer's batch, after
the results are on stable storage and without a sync of its own, so an entry is never ahead of its
result. If it is missing, locked, damaged or on a broken disk, nothing waits for it and nothing
fails: what it would have said is then found out from the tree, as far as the tree still holds it.
"""

import errno
import fcntl
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

FILE = "index.sqlite"
"""The name of the database below `state`."""

_VERSION = 3
_WITHOUT_INDEXES = 2
_CACHE_KIB = 1024
_RETRY_S = 1.0
_MOST_PENDING = 10_000
_PRUNED_AT_ONCE = 200

_INDEXES = (
    "CREATE INDEX results_by_identity ON results (identity)",
    "CREATE INDEX results_by_path ON results (path)",
)
_FROM_NOTHING = (
    """
    CREATE TABLE results (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        identity TEXT NOT NULL,
        provider TEXT NOT NULL,
        id TEXT,
        digest TEXT NOT NULL,
        path TEXT NOT NULL,
        status TEXT NOT NULL,
        committed_at REAL NOT NULL
    )
    """,
    *_INDEXES,
    "CREATE TABLE tree (id TEXT NOT NULL)",
)
# It had tables of its own in place of SQLite's indexes.
_FROM_VERSION_2 = (*_INDEXES, "DROP TABLE numbers", "DROP TABLE numbered")

# One statement for all, whose values come as JSON: each step is a hand-over between threads.
_FIND = """
SELECT identity, path FROM results
WHERE identity IN (SELECT value FROM json_each(?)) AND committed_at >= ? ORDER BY seq
"""
_TAKEN = """
SELECT path FROM results
WHERE path IN (SELECT value FROM json_each(?)) AND committed_at >= ?
"""
_RECORD = """
INSERT INTO results (identity, provider, id, digest, path, status, committed_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""

# Only the oldest are looked at, and few at once: a clock that jumps for a moment, either way, costs
# a few entries and not the whole memory.
_PRUNE = """
DELETE FROM results WHERE (committed_at < ? OR committed_at > ?)
AND seq IN (SELECT seq FROM results ORDER BY seq LIMIT ?)
"""

# With any other error the file may be whole, and somebody may be able to help.
_TRANSIENT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}

_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A result that is on stable storage."""

    identity: str
    """The same for two results if one is a duplicate of the other."""
    provider: str
    id: str | None
    digest: str
    path: str
    """Of its marker, relative to the root."""
    status: str


class Index:
    """Remembers the results of one tree. Used by one thread; raises nothing."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """Name the index; `open` says for which tree it is.

        Args:
            folder: where the database lies; made if it is missing.
            clock: returns the time in Unix seconds.
        """
        self._file = folder / FILE
        self._clock = clock
        self._tree_id = ""
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._retry_at_s = 0.0
        self._pending: dict[str, tuple[Entry, float]] = {}
        self._complaint: str | None = None

    def open(self, tree_id: str) -> None:
        """Begin to remember for a tree; what is remembered of another one does not count."""
        self._tree_id = tree_id
        self._connected()

    def find(self, identities: Collection[str], window_s: float) -> dict[str, str]:
        """Return the paths, by identity, of those results that were committed within the window."""
        found: dict[str, str] = dict(self._query(_FIND, identities, window_s))
        for identity in identities:
            if identity in self._pending:
                found[identity] = self._pending[identity][0].path
        return found

    def taken(self, paths: Collection[str], window_s: float) -> set[str]:
        """Return those paths under which a result was committed within the window."""
        rows = self._query(_TAKEN, paths, window_s)
        pending = {entry.path for entry, _ in self._pending.values()}
        return {path for (path,) in rows} | pending.intersection(paths)

    def record(self, entries: Sequence[Entry], window_s: float) -> None:
        """Remember results, and forget some of those that are older than the window.

        What cannot be written now is kept in memory and written with the next batch.
        """
        now = self._clock()
        self._pending.update((entry.identity, (entry, now)) for entry in entries)
        while len(self._pending) > _MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        connection = self._connected()
        if connection is None or not self._pending:
            return
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                rows = [(*entry, committed_at) for entry, committed_at in self._pending.values()]
                connection.executemany(_RECORD, rows)
                connection.execute(_PRUNE, (now - window_s, now + window_s, _PRUNED_AT_ONCE))
        except sqlite3.Error as error:
            self._cope(error)
            return
        self._pending.clear()
        if self._complaint is not None:
            _log.warning("the index %s is in use again", self._file)
            self._complaint = None

    @property
    def backlog(self) -> int:
        """How many results wait until the database can be written; on any thread."""
        return len(self._pending)

    def close(self) -> None:
        """Close the database, and let another process have it."""
        self._disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _query(self, query: str, names: Collection[str], window_s: float) -> list[Any]:
        connection = self._connected()
        if connection is None:
            return []
        try:
            parameters = (json.dumps(list(names)), self._clock() - window_s)
            return connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            self._cope(error)
            return []

    def _connected(self) -> sqlite3.Connection | None:
        """Return a connection to the file that is there now, `None` if there cannot be one."""
        if self._connection is not None and self._inode != _inode(self._file):
            self._disconnect()
        if self._connection is None and time.monotonic() >= self._retry_at_s:
            try:
                self._connect()
            except (sqlite3.Error, OSError) as error:
                self._cope(error)
        return self._connection

    def _connect(self) -> None:
        self._file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        if self._lock is None:
            self._lock = _lock(self._file.parent)
        connection = sqlite3.connect(
            self._file, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, self._tree_id)
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection
        self._inode = _inode(self._file)

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _cope(self, error: sqlite3.Error | OSError) -> None:
        """Set a useless index aside, leave any other alone for a moment, and log it once."""
        code = getattr(error, "sqlite_errorcode", None)
        transient = isinstance(error, OSError) or (code is not None and code & 0xFF in _TRANSIENT)
        if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return
        self._disconnect()
        if transient:
            self._retry_at_s = time.monotonic() + _RETRY_S
        else:
            _set_aside(self._file)
        if self._complaint != str(error):
            self._complaint = str(error)
            what = "cannot be used" if transient else "is set aside and made anew"
            _log.warning("the index %s %s: %s", self._file, what, error)


def _prepare(connection: sqlite3.Connection, tree_id: str) -> None:
    """Make a new database, or make sure that the one that is there is of this tree."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    [(version,)] = connection.execute("PRAGMA user_version")
    if version in (0, _WITHOUT_INDEXES):
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            _bring_up_to_date(connection, version, tree_id)
    elif version != _VERSION:
        raise sqlite3.DatabaseError(f"it has the format {version}, not {_VERSION}")
    if connection.execute("SELECT id FROM tree").fetchall() != [(tree_id,)]:
        raise sqlite3.DatabaseError("it is of another tree")


def _bring_up_to_date(connection: sqlite3.Connection, version: int, tree_id: str) -> None:
    for statement in _FROM_NOTHING if version == 0 else _FROM_VERSION_2:
        connection.execute(statement)
    if version == 0:
        connection.execute("INSERT INTO tree VALUES (?)", (tree_id,))
        # Later than any number of an index that was lost, so that cursors still point back.
        first = time.time_ns() // 1_000
        connection.execute("INSERT INTO sqlite_sequence VALUES ('results', ?)", (first,))
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _lock(folder: Path) -> int:
    """Keep a second daemon from remembering other results in the same place."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise OSError(errno.EBUSY, "another asr-daemon uses it", str(folder)) from error
    return descriptor


def _inode(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return 0


def _set_aside(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        # What cannot be moved away is met again, and said again, at the next attempt.
        with suppress(OSError):
            os.replace(f"{file}{suffix}", f"{file}{suffix}.aside")
