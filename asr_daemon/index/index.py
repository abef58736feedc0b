"""The index: what was committed within the window in which a vendor may send it again.

The tree is the truth and the index is expendable. It is written in the committer's batch, after
the results are on stable storage and without a sync of its own, so an entry is never ahead of its
result. If it is missing, locked, damaged or on a broken disk, nothing waits for it and nothing
fails: what it would have said is then found out from the tree, as far as the tree still holds it.
"""

import json
import logging
import os
import sqlite3
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from asr_daemon.clock import Clock
from asr_daemon.index.database import begin, end, inode, lock, prepare, set_aside

FILE = "index.sqlite"
"""The name of the database below `state`."""

_RETRY_S = 1.0

_BUSY_S = 0.05
"""A reader that recovers the database after a crash locks it for some milliseconds."""

_MOST_PENDING = 10_000
_PRUNED_AT_ONCE = 200

# One statement for all, whose values come as JSON: each step is a hand-over between threads.
_FIND = """
SELECT identity, path, is_found FROM results
WHERE identity IN (SELECT value FROM json_each(?)) AND committed_at >= ? AND tree = ? ORDER BY seq
"""
_TAKEN = """
SELECT path FROM results
WHERE path IN (SELECT value FROM json_each(?)) AND committed_at >= ? AND tree = ?
"""
_RECORD = """
INSERT INTO results (identity, provider, id, digest, path, status, follow_up, committed_at, tree)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_CONFIRM = "UPDATE results SET is_found = 0 WHERE path = ? AND tree = ?"

# Before all that is known: what is found is older, and comes newest first.
_RECORD_OLDER = """
INSERT INTO results
    (identity, provider, id, digest, path, status, follow_up, committed_at, tree, is_found, seq)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, coalesce(
    (SELECT min(seq) FROM results), (SELECT seq FROM sqlite_sequence WHERE name = 'results')
) - 1
WHERE NOT EXISTS (SELECT 1 FROM results WHERE path = ?5 AND tree = ?9)
"""
_RECORD_MISSED = """
INSERT INTO results
    (identity, provider, id, digest, path, status, follow_up, committed_at, tree, is_found)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1
WHERE NOT EXISTS (SELECT 1 FROM results WHERE path = ?5 AND tree = ?9)
"""
_NEWEST = "SELECT committed_at FROM results ORDER BY seq DESC LIMIT 1"

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
    follow_up: str | None = None
    """What is to be done for it later."""


class Known(NamedTuple):
    """A result that is remembered."""

    path: str
    """Of its marker, relative to the root."""
    is_found: bool
    """Its files were found in the tree: they may not be durable, or not announced to watchers."""


class Index:
    """Remembers the results of one tree at a time. Used by one thread; raises nothing."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        """Name the index; `open` says for which tree it is.

        Args:
            folder: where the database lies; made if it is missing.
            clock: what time it is.
        """
        self.clock = clock or Clock()
        self._file = folder / FILE
        self._tree_id = ""
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._retry_at_s = 0.0
        self._pending: dict[str, tuple[Entry, float]] = {}
        self._complaint: str | None = None
        self._missing_since_s: float | None = None

    def open(self, tree_id: str) -> None:
        """Begin to remember for a tree; what is remembered of others stays, and is not used."""
        self._tree_id = tree_id
        self._connected()

    def newest_s(self) -> float:
        """Return when the last result was committed, in Unix seconds; 0 if that is not known."""
        connection = self._connected()
        if connection is None:
            return 0.0
        try:
            rows = connection.execute(_NEWEST).fetchall()
        except sqlite3.Error as error:
            self._cope(error)
            return 0.0
        return float(rows[0][0]) if rows else 0.0

    def find(self, identities: Collection[str], window_s: float) -> dict[str, Known]:
        """Return, by identity, those results that were committed within the window."""
        rows = self._query(_FIND, identities, window_s)
        found = {identity: Known(path, bool(is_found)) for identity, path, is_found in rows}
        for identity in identities:
            if identity in self._pending:
                found[identity] = Known(self._pending[identity][0].path, is_found=False)
        return found

    def taken(self, paths: Collection[str], window_s: float) -> set[str]:
        """Return those paths under which a result was committed within the window."""
        rows = self._query(_TAKEN, paths, window_s)
        pending = {entry.path for entry, _ in self._pending.values()}
        return {path for (path,) in rows} | pending.intersection(paths)

    def record(self, entries: Sequence[Entry], keep_s: float) -> None:
        """Remember results, and forget some of those that are older than what is kept.

        What cannot be written now is kept in memory and written with the next batch.
        """
        now = self.clock.now_s()
        self._pending.update((entry.identity, (entry, now)) for entry in entries)
        while len(self._pending) > _MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        connection = self._connected()
        if connection is None or not self._pending:
            return
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                rows = [
                    (*entry, committed_at, self._tree_id)
                    for entry, committed_at in self._pending.values()
                ]
                connection.executemany(_RECORD, rows)
                connection.execute(_PRUNE, (now - keep_s, now + keep_s, _PRUNED_AT_ONCE))
        except sqlite3.Error as error:
            self._cope(error)
            return
        self._pending.clear()
        if self._complaint is not None:
            _log.warning("the index %s is in use again", self._file)
            self._complaint = None

    def confirm(self, paths: Collection[str]) -> set[str]:
        """Note that results are durable and were seen; return the paths that are known."""
        connection = self._connected()
        known: set[str] = set()
        if connection is None:
            return known
        try:
            with connection:
                for path in paths:
                    if connection.execute(_CONFIRM, (path, self._tree_id)).rowcount:
                        known.add(path)
        except sqlite3.Error as error:
            self._cope(error)
        return known

    def take_missing(self) -> float | None:
        """Return from when on results of the tree may be missing, 0 for all, to be found once.

        `None` if none are missing.
        """
        missing_since_s, self._missing_since_s = self._missing_since_s, None
        return missing_since_s

    def record_found(self, found: Sequence[tuple[Entry, float]], *, older: bool) -> bool:
        """Remember what was found in the tree and is not known; say whether that was written.

        Args:
            found: results, and when they were committed; newest first if they are `older`.
            older: than all that is known.
        """
        connection = self._connected()
        if connection is None:
            return False
        pending = {entry.path for entry, _ in self._pending.values()}
        rows = [
            (*entry, committed_at, self._tree_id)
            for entry, committed_at in found
            if entry.path not in pending
        ]
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_RECORD_OLDER if older else _RECORD_MISSED, rows)
        except sqlite3.Error as error:
            self._cope(error)
            return False
        return True

    def note_filled(self) -> None:
        """Note that nothing of the tree is missing any more."""
        connection = self._connected()
        if connection is not None:
            with suppress(sqlite3.Error), connection:
                connection.execute("UPDATE trees SET is_filled = 1 WHERE id = ?", (self._tree_id,))

    @property
    def backlog(self) -> int:
        """How many results wait until the database can be written; on any thread."""
        return len(self._pending)

    def close(self) -> None:
        """Close the database, and let another process have it."""
        if self._connection is not None and not self._pending:
            end(self._connection, self._tree_id)
        self._disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _query(self, query: str, names: Collection[str], window_s: float) -> list[Any]:
        connection = self._connected()
        if connection is None:
            return []
        try:
            parameters = (json.dumps(list(names)), self.clock.now_s() - window_s, self._tree_id)
            return connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            self._cope(error)
            return []

    def _connected(self) -> sqlite3.Connection | None:
        """Return a connection to the file that is there now, `None` if there cannot be one."""
        if self._connection is not None and self._inode != inode(self._file):
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
            self._lock = lock(self._file.parent)
        connection = sqlite3.connect(
            self._file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            prepare(connection)
            missing_since_s = begin(connection, self._tree_id)
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection
        self._inode = inode(self._file)
        if missing_since_s is not None:
            self._missing_since_s = missing_since_s

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _cope(self, error: sqlite3.Error | OSError) -> None:
        """Move an unusable index away, retry any other later, and log it once."""
        code = getattr(error, "sqlite_errorcode", None)
        transient = isinstance(error, OSError) or (code is not None and code & 0xFF in _TRANSIENT)
        if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return
        self._disconnect()
        if transient:
            self._retry_at_s = time.monotonic() + _RETRY_S
        else:
            set_aside(self._file)
        if self._complaint != str(error):
            self._complaint = str(error)
            what = "cannot be used" if transient else "was moved away and is rebuilt"
            _log.warning("the index %s %s: %s", self._file, what, error)
