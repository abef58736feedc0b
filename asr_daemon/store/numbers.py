"""Finds results of the index by numbers that are made of their identities and paths.

Such numbers come in no order, so that each would change a page of its own of whatever they are
sorted into. Those of the latest results are kept in memory until they are some thousands, and then
sorted in from the least to the greatest: many share a page. That is done in slices, since whoever
waits for a batch would wait for all of it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain

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

NUMBERS_A_RESULT = 2
"""Of its identity, and of its path."""

MANY = 4096
"""So many numbers are worth being sorted in or out."""

SLICE = 256
"""Numbers that are sorted in or out after one batch."""

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
_ADD = "INSERT OR IGNORE INTO numbers VALUES "
_REMOVE = """
DELETE FROM numbers WHERE (number, seq) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)
)
"""
_NUMBERED = "UPDATE numbered SET seq = ?"

Row = tuple[int, str, str]
"""Of a result: its sequence number, identity and path."""

_Numbered = tuple[int, int]
"""A number, and the sequence number of its result."""


class Numbers:
    """The numbers of the results in one open database.

    What it raises is `sqlite3.Error`; a new one is to be made then, when there is a database again.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take a database that has the tables, and read what is not sorted in yet."""
        self._connection = connection
        self._recent: dict[int, int] = {}
        self._stale: list[_Numbered] = []
        self._sorting_in: list[_Numbered] = []
        self._sorting_out: list[_Numbered] = []
        self._last = 0
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

    def sort_slice(self) -> bool:
        """Sort the next slice in or out, if there is one; say whether there was."""
        if self._sorting_in:
            self._sort_in()
        elif self._sorting_out:
            self._sort_out()
        elif len(self._recent) >= MANY:
            self._sorting_in = sorted(self._recent.items(), reverse=True)
            self._last = max(self._recent.values())
            self._sort_in()
        elif len(self._stale) >= MANY:
            self._sorting_out = sorted(filter(self._is_sorted_in, self._stale), reverse=True)
            self._stale.clear()
            self._sort_out()
        else:
            return False
        return True

    def _is_sorted_in(self, numbered: _Numbered) -> bool:
        """Say whether a number is sorted in; forget it where it is kept in memory yet."""
        number, seq = numbered
        if self._recent.get(number) != seq:
            return True
        del self._recent[number]
        return False

    def _sort_in(self) -> None:
        some = self._sorting_in[: -SLICE - 1 : -1]
        values = ", ".join(["(?, ?)"] * len(some))
        self._connection.execute(_ADD + values, list(chain.from_iterable(some)))
        if len(some) == len(self._sorting_in):
            self._connection.execute(_NUMBERED, (self._last,))
        del self._sorting_in[-SLICE:]
        for number, seq in some:
            # There may be a later result of the same name by now.
            if self._recent.get(number) == seq:
                del self._recent[number]

    def _sort_out(self) -> None:
        """Sort out what was sorted in: while something is being sorted in, this has to wait."""
        self._connection.execute(_REMOVE, (_json(self._sorting_out[: -SLICE - 1 : -1]),))
        del self._sorting_out[-SLICE:]


# Whatever is looked for and not found is added next.
@lru_cache(maxsize=512)
def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=_NUMBER_BYTES).digest())


def _json(values: Sequence[object]) -> str:
    return json.encode(values).decode()
