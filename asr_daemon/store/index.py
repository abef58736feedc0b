"""The index: what was committed within the window in which a vendor may send it again.

The tree is the truth and the index is expendable. It is written in the committer's batch, after
the results are on stable storage and without a sync of its own, so an entry is never ahead of its
result. If it is missing, locked, damaged or on a broken disk, nothing waits for it and nothing
fails: what it would have said is then found out from the tree, as far as the tree still holds it.
"""

import errno
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from asr_daemon.store import numbers
from asr_daemon.store.numbers import NUMBERS_A_RESULT, SLICE, Numbers, Row
from asr_daemon.store.result import Result

FILE = "index.sqlite"
"""The name of the database below `state`."""

_VERSION = 2
_CACHE_KIB = 1024
_RETRY_S = 1.0
_MOST_PENDING = 10_000
_PRUNED_AT_ONCE = 200
_PRUNE_S = 1.0

_SCHEMA = (
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
    *numbers.SCHEMA,
    "CREATE TABLE tree (id TEXT NOT NULL)",
    f"PRAGMA user_version = {_VERSION}",
)
_RECORD = "INSERT INTO results (identity, provider, id, digest, path, status, committed_at) VALUES "
_VALUES = "(?, ?, ?, ?, ?, ?, ?)"
_RECORDED_AT_ONCE = 64
"""One statement writes so many: each step of a statement is a hand-over between threads."""

# Only the oldest are looked at, and few at once: a clock that jumps for a moment, either way, costs
# a few entries and not the whole memory.
_PRUNE = """
DELETE FROM results WHERE (committed_at < ? OR committed_at > ?)
AND seq IN (SELECT seq FROM results ORDER BY seq LIMIT ?)
RETURNING seq, identity, path
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


class _Row(NamedTuple):
    """A row of `results`, but for its number."""

    identity: str
    provider: str
    id: str | None
    digest: str
    path: str
    status: str
    committed_at: float


class Index:
    """Remembers the results of one tree. Used by one thread; raises nothing."""

    def __init__(
        self, folder: Path, window_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        """Name the index; `open` says for which tree it is.

        Args:
            folder: where the database lies; made if it is missing.
            window_s: how long an entry counts.
            clock: returns the time in Unix seconds.
        """
        self._file = folder / FILE
        self._window_s = window_s
        self._clock = clock
        self._tree_id = ""
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._numbers: Numbers | None = None
        self._inode = 0
        self._retry_at_s = 0.0
        self._pending: dict[str, _Row] = {}
        self._looked_up: dict[str, bool] = {}
        self._unpruned = 0
        self._pruned_at_s = 0.0
        self._complaint: str | None = None

    def open(self, tree_id: str) -> None:
        """Begin to remember for a tree; what is remembered of another one does not count."""
        self._tree_id = tree_id
        self._connected()

    def find(self, results: Sequence[Result]) -> dict[str, str]:
        """Return the paths, by identity, of those results that were committed within the window."""
        identities = {result.identity for result in results}
        # Whoever stores those that are not found asks next whether their names are free.
        markers = {result.marker for result in results}
        found = self._look_up(identities | markers)
        paths = {path for _, path in found}
        self._looked_up = {marker: marker in paths for marker in markers}
        return {identity: path for identity, path in found if identity in identities}

    def is_taken(self, path: str) -> bool:
        """Say whether a result was committed under this path within the window."""
        if path not in self._looked_up:
            self._looked_up[path] = any(path == known for _, known in self._look_up([path]))
        return self._looked_up[path]

    def record(self, committed: Sequence[tuple[Result, str]]) -> None:
        """Remember results that are on stable storage, with the paths of their markers.

        What cannot be written now is kept in memory and written with the next batch.
        """
        now = self._clock()
        self._looked_up.clear()
        for result, path in committed:
            known = (result.identity, result.provider, result.id, result.digest)
            self._pending[result.identity] = _Row(*known, path, result.status, now)
        while len(self._pending) > _MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        connection = self._connected()
        if connection is not None and self._numbers is not None and self._pending:
            try:
                changed = self._write(connection, self._numbers, now)
                # As many as come and go are to be sorted, however many these are at once.
                for _ in range(1 + NUMBERS_A_RESULT * changed // SLICE):
                    self._numbers.sort_slice()
            except sqlite3.Error as error:
                self._cope(error)

    def close(self) -> None:
        """Close the database, and let another process have it."""
        self._disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _look_up(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return identity and path of what has one of these names, and perhaps of more."""
        pending = [(identity, row.path) for identity, row in self._pending.items()]
        if self._connected() is None or self._numbers is None:
            return pending
        try:
            return self._numbers.find(names, self._clock() - self._window_s) + pending
        except sqlite3.Error as error:
            self._cope(error)
            return pending

    def _write(self, connection: sqlite3.Connection, numbers: Numbers, now: float) -> int:
        """Write what is pending; return how many results came and went."""
        rows = list(self._pending.values())
        for start in range(0, len(rows), _RECORDED_AT_ONCE):
            some = rows[start : start + _RECORDED_AT_ONCE]
            statement = _RECORD + ", ".join([_VALUES] * len(some))
            last = connection.execute(statement, list(chain.from_iterable(some))).lastrowid or 0
            for row in some:
                del self._pending[row.identity]
            first = last - len(some) + 1
            numbers.added((seq, row.identity, row.path) for seq, row in enumerate(some, first))
        pruned = self._prune(connection, now, len(rows))
        numbers.removed(pruned)
        if self._complaint is not None:
            _log.warning("the index %s is in use again", self._file)
            self._complaint = None
        return len(rows) + len(pruned)

    def _prune(self, connection: sqlite3.Connection, now: float, recorded: int) -> list[Row]:
        """Forget what is older than the window: not each time, but more than is recorded."""
        self._unpruned += recorded
        if self._unpruned < _PRUNED_AT_ONCE // 2 and abs(now - self._pruned_at_s) < _PRUNE_S:
            return []
        window = (now - self._window_s, now + self._window_s)
        self._unpruned, self._pruned_at_s = 0, now
        return connection.execute(_PRUNE, (*window, _PRUNED_AT_ONCE)).fetchall()

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
            self._numbers = Numbers(connection)
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
            self._numbers = None

    def _cope(self, error: sqlite3.Error | OSError) -> None:
        """Set a useless index aside, leave any other alone for a moment, and say so once."""
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
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("INSERT INTO tree VALUES (?)", (tree_id,))
        # Later than any number of an index that was lost, so that cursors still point back.
        first = time.time_ns() // 1_000
        connection.execute("INSERT INTO sqlite_sequence VALUES ('results', ?)", (first,))
        connection.execute("COMMIT")
    elif version != _VERSION:
        raise sqlite3.DatabaseError(f"it has the format {version}, not {_VERSION}")
    elif connection.execute("SELECT id FROM tree").fetchall() != [(tree_id,)]:
        raise sqlite3.DatabaseError("it is of another tree")


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
