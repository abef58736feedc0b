"""Finds results of the index by numbers that are made of their identities and paths.

Such numbers come in no order, so that each would change a page of its own of whatever they are
sorted into. Those of the latest results are kept in memory, and sorted in some thousands at a time.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b

from msgspec import json

SCHEMA = (
    """
    CREATE TABLE numbers (
        number INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (number, seq)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE numbered (seq INTEGER NOT NULL)",
    "INSERT INTO numbered VALUES (0)",
)
"""`numbered` holds the last result whose numbers are sorted in."""

MOST_RECENT = 8192
"""Numbers that are kept in memory, two a result: about a megabyte."""

_NUMBER_BYTES = 7
"""Fewer than the eight of SQLite's integers, which have a sign."""

# One statement for all, whose values come as JSON: each step of a statement is a hand-over between
# threads.
_FIND = """
SELECT identity, path FROM results WHERE committed_at >= ? AND seq IN (
    SELECT value FROM json_each(?)
    UNION ALL SELECT seq FROM numbers WHERE number IN (SELECT value FROM json_each(?))
) ORDER BY seq
"""
_UNNUMBERED = """
SELECT seq, identity, path FROM results WHERE seq > (SELECT seq FROM numbered) ORDER BY seq
"""
_ADD = """
INSERT OR IGNORE INTO numbers
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)
"""
_REMOVE = """
DELETE FROM numbers WHERE (number, seq) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)
)
"""
_NUMBERED = "UPDATE numbered SET seq = ?"

Row = tuple[int, str, str]
"""Of a result: its sequence number, identity and path."""


class Numbers:
    """The numbers of the results in one open database.

    What it raises is `sqlite3.Error`; a new one is to be made then, when there is a database again.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take a database that has the tables, and read what is not sorted in yet."""
        self._connection = connection
        self._recent: dict[int, int] = {}
        self._stale: list[tuple[int, int]] = []
        self.added(connection.execute(_UNNUMBERED))

    def find(self, names: Iterable[str], since_s: float) -> list[tuple[str, str]]:
        """Return identity and path of what was committed since then, the oldest first.

        Args:
            names: identities or paths; others whose name has the same number may be found too.
            since_s: in Unix seconds.
        """
        numbers = [_number(name) for name in names]
        recent = [self._recent[number] for number in numbers if number in self._recent]
        parameters = (since_s, _json(recent), _json(numbers))
        return self._connection.execute(_FIND, parameters).fetchall()

    def added(self, rows: Iterable[Row]) -> None:
        """Know results that are in the database from now on."""
        for seq, *names in rows:
            for name in names:
                self._recent[_number(name)] = seq

    def removed(self, rows: Iterable[Row]) -> None:
        """Forget results that are not in the database any more."""
        self._stale.extend((_number(name), seq) for seq, *names in rows for name in names)

    def sort_in(self) -> None:
        """Sort in what is kept in memory, if it has become much; in no transaction."""
        if len(self._recent) < MOST_RECENT and len(self._stale) < MOST_RECENT:
            return
        last = max(self._recent.values(), default=None)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute(_ADD, (_json(sorted(self._recent.items())),))
            self._connection.execute(_REMOVE, (_json(sorted(self._stale)),))
            if last is not None:
                self._connection.execute(_NUMBERED, (last,))
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._recent.clear()
        self._stale.clear()


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=_NUMBER_BYTES).digest())


def _json(values: Sequence[object]) -> str:
    return json.encode(values).decode()
