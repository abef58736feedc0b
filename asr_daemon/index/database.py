"""The database of the index: its tables, and how those of earlier versions become them."""

import errno
import fcntl
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

_VERSION = 5
_WITHOUT_INDEXES = 2
_WITH_ONE_TREE = 3
_WITHOUT_FOLLOW_UPS = 4
_CACHE_KIB = 1024
_MARGIN_S = 60.0

_INDEXES = (
    "CREATE INDEX results_by_identity ON results (identity)",
    "CREATE INDEX results_by_path ON results (path)",
)
# Few results have any: without this they are looked for among all.
_FOLLOW_UPS = "CREATE INDEX results_by_follow_up ON results (seq) WHERE follow_up IS NOT NULL"
# What failed or was rejected is looked for among many that succeeded.
_FAILURES = "CREATE INDEX results_not_succeeded ON results (tree) WHERE status <> 'succeeded'"
_TREES = """
    CREATE TABLE trees (
        id TEXT PRIMARY KEY,
        is_filled INTEGER NOT NULL,
        is_open INTEGER NOT NULL
    )
"""
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
        committed_at REAL NOT NULL,
        tree TEXT NOT NULL,
        is_found INTEGER NOT NULL DEFAULT 0,
        follow_up TEXT
    )
    """,
    *_INDEXES,
    _FOLLOW_UPS,
    _FAILURES,
    _TREES,
)
# It had tables of its own in place of SQLite's indexes.
_FROM_VERSION_2 = (*_INDEXES, "DROP TABLE numbers", "DROP TABLE numbered")
# It knew one tree.
_FROM_VERSION_3 = (
    "ALTER TABLE results ADD COLUMN tree TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE results ADD COLUMN is_found INTEGER NOT NULL DEFAULT 0",
    "UPDATE results SET tree = (SELECT id FROM tree)",
    _TREES,
    "INSERT INTO trees SELECT id, 1, 0 FROM tree",
    "DROP TABLE tree",
)
_FROM_VERSION_4 = ("ALTER TABLE results ADD COLUMN follow_up TEXT", _FOLLOW_UPS, _FAILURES)
_UPGRADES = {
    0: _FROM_NOTHING,
    _WITHOUT_INDEXES: (*_FROM_VERSION_2, *_FROM_VERSION_3, *_FROM_VERSION_4),
    _WITH_ONE_TREE: (*_FROM_VERSION_3, *_FROM_VERSION_4),
    _WITHOUT_FOLLOW_UPS: _FROM_VERSION_4,
}


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new database, or bring those of an earlier version up to date.

    Raises:
        sqlite3.DatabaseError: it is damaged, or of a later version.
    """
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    [(version,)] = connection.execute("PRAGMA user_version")
    if version in _UPGRADES:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            _bring_up_to_date(connection, version)
    elif version != _VERSION:
        raise sqlite3.DatabaseError(f"it has the format {version}, not {_VERSION}")


def begin(connection: sqlite3.Connection, tree_id: str) -> float | None:
    """Begin to remember for a tree; return from when on results may be missing, else `None`.

    They are missing if nothing is known of the tree (0: all of them), or if it was not ended.
    """
    trees = connection.execute(
        "SELECT is_filled, is_open FROM trees WHERE id = ?", (tree_id,)
    ).fetchall()
    with suppress(sqlite3.OperationalError), connection:
        # It gets a new row number: the last one is of the tree that is written to.
        is_filled = trees[0][0] if trees else 0
        connection.execute("INSERT OR REPLACE INTO trees VALUES (?, ?, 1)", (tree_id, is_filled))
    if trees == [(1, 0)]:
        return None
    if trees != [(1, 1)]:
        return 0.0
    newest = connection.execute(
        "SELECT committed_at FROM results WHERE tree = ? ORDER BY seq DESC LIMIT 1", (tree_id,)
    ).fetchall()
    return float(newest[0][0]) - _MARGIN_S if newest else 0.0


def end(connection: sqlite3.Connection, tree_id: str) -> None:
    """Note that nothing is missing of a tree."""
    with suppress(sqlite3.Error), connection:
        connection.execute("UPDATE trees SET is_open = 0 WHERE id = ?", (tree_id,))


def lock(folder: Path) -> int:
    """Keep a second daemon from remembering other results in the same place."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise OSError(errno.EBUSY, "another asr-daemon uses it", str(folder)) from error
    return descriptor


def inode(file: Path) -> int:
    """Return the number of a file, 0 if it is not there."""
    try:
        return file.stat().st_ino
    except OSError:
        return 0


def set_aside(file: Path) -> None:
    """Move an unusable database away, with SQLite's files next to it."""
    for suffix in ("", "-wal", "-shm"):
        # What cannot be moved away fails again, and is logged again, at the next attempt.
        with suppress(OSError):
            os.replace(f"{file}{suffix}", f"{file}{suffix}.aside")


def _bring_up_to_date(connection: sqlite3.Connection, version: int) -> None:
    for statement in _UPGRADES[version]:
        connection.execute(statement)
    if version == 0:
        # Later than any number of an index that was lost, so that cursors still point back.
        first = time.time_ns() // 1_000
        connection.execute("INSERT INTO sqlite_sequence VALUES ('results', ?)", (first,))
    connection.execute(f"PRAGMA user_version = {_VERSION}")
