"""Numbers: results are found by identity and path, from memory or sorted in."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_daemon.store import numbers
from asr_daemon.store.numbers import MANY, SLICE, Numbers

FEW = 10


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a database with no results yet."""
    made = sqlite3.connect(tmp_path / "database", isolation_level=None)
    made.execute("CREATE TABLE results (seq INTEGER PRIMARY KEY, identity, path, committed_at)")
    for statement in numbers.SCHEMA:
        made.execute(statement)
    yield made
    made.close()


def store(database: sqlite3.Connection, first: int, count: int) -> list[tuple[int, str, str]]:
    """Store so many results, committed at their numbers, and return their rows."""
    rows = [(seq, f"id{seq}", f"day/{seq}.json") for seq in range(first, first + count)]
    database.execute("BEGIN")
    database.executemany("INSERT INTO results VALUES (?1, ?2, ?3, ?1)", rows)
    database.execute("COMMIT")
    return rows


def sort(numbers: Numbers) -> int:
    """Sort all that is worth it, and return in how many slices that was done."""
    slices = 0
    while numbers.sort_slice():
        slices += 1
    return slices


def sorted_in(database: sqlite3.Connection) -> int:
    """Return how many numbers are sorted in."""
    return int(database.execute("SELECT count(*) FROM numbers").fetchone()[0])


@pytest.mark.parametrize(("count", "lies_in"), [(FEW, 0), (MANY, 2 * MANY)])
def test_found_by_either_name(database: sqlite3.Connection, count: int, lies_in: int) -> None:
    """Identity and path lead to a result, whether its numbers are sorted in or not."""
    found_by = Numbers(database)
    found_by.added(store(database, 1, count))
    sort(found_by)
    assert sorted_in(database) == lies_in
    assert found_by.find(["id7"], 0) == [("id7", "day/7.json")]
    assert found_by.find(["day/7.json", "day/none.json"], 0) == [("id7", "day/7.json")]
    assert found_by.find(["id7"], 7.5) == []


def test_what_is_not_sorted_in_is_read_again(database: sqlite3.Connection) -> None:
    """The next process knows what this one kept in memory, and what it had sorted in."""
    before = Numbers(database)
    before.added(store(database, 1, MANY))
    sort(before)
    before.added(store(database, MANY + 1, FEW))
    after = Numbers(database)
    wanted = ["id1", f"id{MANY}", f"id{MANY + FEW}"]
    assert [identity for identity, _ in after.find(wanted, 0)] == wanted


def test_what_is_removed_is_forgotten(database: sqlite3.Connection) -> None:
    """The numbers of results that are gone go with the next that are sorted in."""
    found_by = Numbers(database)
    rows = store(database, 1, MANY)
    found_by.added(rows)
    sort(found_by)
    database.execute("DELETE FROM results")
    found_by.removed(rows)
    assert found_by.find(["id7"], 0) == []
    sort(found_by)
    assert sorted_in(database) == 0


def test_the_latest_of_one_name(database: sqlite3.Connection) -> None:
    """Where a name was used twice within the window, the latest result comes last."""
    found_by = Numbers(database)
    database.execute("INSERT INTO results VALUES (1, 'id', 'a.json', 1), (2, 'id', 'b.json', 2)")
    found_by.added([(1, "id", "a.json"), (2, "id", "b.json")])
    assert found_by.find(["id"], 0)[-1] == ("id", "b.json")


def test_a_database_that_is_locked(database: sqlite3.Connection, tmp_path: Path) -> None:
    """What cannot be sorted in now is kept, and sorted in later."""
    found_by = Numbers(database)
    found_by.added(store(database, 1, MANY))
    database.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(tmp_path / "database", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        found_by.sort_slice()
    other.close()
    assert found_by.find(["id7"], 0) == [("id7", "day/7.json")]
    sort(found_by)
    assert sorted_in(database) == 2 * MANY


def test_slices(database: sqlite3.Connection) -> None:
    """Little is done at once, and meanwhile everything is found."""
    found_by = Numbers(database)
    found_by.added(store(database, 1, MANY // 2))
    assert found_by.sort_slice()
    assert sorted_in(database) == SLICE
    found_by.added(store(database, MANY, 1))
    wanted = [f"id{seq}" for seq in (*range(1, MANY // 2 + 1), MANY)]
    assert [identity for identity, _ in found_by.find(wanted, 0)] == wanted
    assert sort(found_by) == MANY // SLICE - 1
    assert sorted_in(database) == MANY
    assert [identity for identity, _ in found_by.find(wanted, 0)] == wanted


def test_an_end_between_slices(database: sqlite3.Connection) -> None:
    """What was sorted in only in part is sorted in anew by the next process."""
    before = Numbers(database)
    before.added(store(database, 1, MANY))
    before.sort_slice()
    after = Numbers(database)
    sort(after)
    assert sorted_in(database) == 2 * MANY
    assert not Numbers(database).sort_slice()


def test_what_is_removed_while_it_is_sorted_in(database: sqlite3.Connection) -> None:
    """It is sorted out afterwards."""
    found_by = Numbers(database)
    rows = store(database, 1, MANY)
    found_by.added(rows)
    found_by.sort_slice()
    found_by.removed(rows)
    sort(found_by)
    assert sorted_in(database) == 0


def test_what_is_removed_before_it_is_sorted_in(database: sqlite3.Connection) -> None:
    """Nothing of it is left."""
    found_by = Numbers(database)
    rows = store(database, 1, MANY // 2 + FEW)
    found_by.added(rows[:-FEW])
    sort(found_by)
    found_by.added(rows[-FEW:])
    found_by.removed(rows)
    sort(found_by)
    found_by.added(store(database, MANY, MANY // 2))
    sort(found_by)
    assert sorted_in(database) == MANY
