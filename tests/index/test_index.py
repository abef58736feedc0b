"""The index remembers, and never stands in the way."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_daemon.store.index import FILE, Index
from asr_daemon.store.numbers import MANY
from asr_daemon.store.result import Result

WINDOW_S = 48 * 3600.0
TREE = "0123456789abcdef"


class Clock:
    """A clock that a test sets."""

    now = 1_795_264_496.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
def index(tmp_path: Path, clock: Clock) -> Iterator[Index]:
    """Return an index below `tmp_path`."""
    made = Index(tmp_path / "state", WINDOW_S, clock)
    made.open(TREE)
    yield made
    made.close()


def result(identity: str = "42") -> Result:
    """Return a result without files."""
    return Result(
        "tencent", identity, "d", "succeeded", identity, "d", "day", identity, ((".json", b""),)
    )


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    """Read the database as another program would."""
    connection = sqlite3.connect(folder / "state" / FILE)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_finds_what_was_recorded(index: Index) -> None:
    """What has the same identity is the same result; its path is known too."""
    index.record([(result(), "day/42.json")])
    assert index.find([result()]) == {"42": "day/42.json"}
    assert index.find([result("43")]) == {}
    assert index.is_taken("day/42.json")
    assert not index.is_taken("day/43.json")


def test_survives_a_restart(index: Index, tmp_path: Path, clock: Clock) -> None:
    """What was recorded is known to the next process."""
    index.record([(result(), "day/42.json")])
    index.close()
    later = Index(tmp_path / "state", WINDOW_S, clock)
    later.open(TREE)
    assert later.find([result()]) == {"42": "day/42.json"}
    later.close()


def test_another_tree(index: Index, tmp_path: Path, clock: Clock) -> None:
    """What stands in another tree, such as on a disk that was replaced, does not count."""
    index.record([(result(), "day/42.json")])
    index.close()
    other = Index(tmp_path / "state", WINDOW_S, clock)
    other.open("another tree")
    assert other.find([result()]) == {}
    other.record([(result(), "day/42.json")])
    assert other.find([result()]) == {"42": "day/42.json"}
    other.close()


def test_two_daemons_in_one_place(
    index: Index, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A second daemon with the same state does without, and says so."""
    index.record([(result(), "day/42.json")])
    second = Index(tmp_path / "state", WINDOW_S, clock)
    second.open("another tree")
    second.record([(result("43"), "day/43.json")])
    assert second.find([result("43")]) == {"43": "day/43.json"}
    assert index.find([result()]) == {"42": "day/42.json"}
    assert index.find([result("43")]) == {}
    assert "another asr-daemon uses it" in caplog.text


def test_the_window(index: Index, clock: Clock) -> None:
    """After the window the same result is a new one."""
    index.record([(result(), "day/42.json")])
    clock.now += WINDOW_S
    assert index.find([result()]) == {"42": "day/42.json"}
    clock.now += 1
    assert index.find([result()]) == {}


def test_old_entries_are_pruned(index: Index, clock: Clock, tmp_path: Path) -> None:
    """What is older than the window goes when something new comes."""
    index.record([(result(), "day/42.json")])
    clock.now += WINDOW_S + 1
    index.record([(result("43"), "day/43.json")])
    assert rows(tmp_path, "SELECT id FROM results") == [("43",)]


def test_a_clock_that_jumps_costs_little(index: Index, clock: Clock) -> None:
    """A clock that is ten years ahead for one batch does not wipe the memory out."""
    index.record([(result(str(number)), "x") for number in range(1000)])
    clock.now += 10 * 365 * 86400
    index.record([(result("ahead"), "x")])
    clock.now -= 10 * 365 * 86400
    index.record([(result("back"), "x")])
    assert len(index.find([result(str(number)) for number in range(1000)])) >= 800


def test_entries_from_the_future_are_pruned(index: Index, clock: Clock, tmp_path: Path) -> None:
    """What was recorded while the clock was years ahead goes when it is right again."""
    clock.now += 10 * 365 * 86400
    index.record([(result("ahead"), "x")])
    clock.now -= 10 * 365 * 86400
    index.record([(result("back"), "x")])
    assert rows(tmp_path, "SELECT id FROM results") == [("back",)]


def test_sequence_numbers_grow(index: Index, tmp_path: Path) -> None:
    """Each result has a number higher than all before it, also in an index made anew."""
    index.record([(result("1"), "x")])
    index.record([(result("2"), "x")])
    [(first,), (second,)] = rows(tmp_path, "SELECT seq FROM results ORDER BY seq")
    index.close()
    (tmp_path / "state" / FILE).unlink()
    index.record([(result("3"), "x")])
    [(third,)] = rows(tmp_path, "SELECT seq FROM results")
    assert first < second < third  # type: ignore[operator] # integers, as the schema says


def test_a_name_is_taken_once_it_is_recorded(index: Index) -> None:
    """What was said of a name, when its result was looked for, holds until it is stored."""
    assert index.find([result()]) == {}
    assert not index.is_taken("day/42.json")
    index.record([(result(), "day/42.json")])
    assert index.is_taken("day/42.json")
    assert not index.is_taken("day/43.json")


def test_more_rows_than_one_statement_writes(index: Index, tmp_path: Path) -> None:
    """Each is written once, in its order, and found by its own number."""
    names = [str(number) for number in range(150)]
    index.record([(result(name), f"day/{name}.json") for name in names])
    stored = rows(tmp_path, "SELECT identity FROM results ORDER BY seq")
    assert stored == [(name,) for name in names]
    found = index.find([result(name) for name in names])
    assert found == {name: f"day/{name}.json" for name in names}


def test_numbers_are_sorted_in_as_fast_as_they_come(index: Index, tmp_path: Path) -> None:
    """However many results are recorded at once, few of their numbers are kept in memory."""
    for first in range(0, 30_000, 10_000):
        names = [str(number) for number in range(first, first + 10_000)]
        index.record([(result(name), f"day/{name}.json") for name in names])
    [(sorted_in,)] = rows(tmp_path, "SELECT count(*) FROM numbers")
    assert isinstance(sorted_in, int)
    assert sorted_in >= 60_000 - 2 * MANY


def test_a_damaged_index_is_set_aside(
    index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage instead of a database is moved away and a new one is made."""
    index.close()
    (tmp_path / "state" / FILE).write_bytes(b"garbage" * 1000)
    assert index.find([result()]) == {}
    index.record([(result(), "day/42.json")])
    assert index.find([result()]) == {"42": "day/42.json"}
    assert (tmp_path / "state" / f"{FILE}.aside").read_bytes().startswith(b"garbage")
    assert "is set aside and made anew" in caplog.text


def test_an_index_of_another_format_is_set_aside(index: Index, tmp_path: Path) -> None:
    """An index that a later version wrote is not touched, and not in the way."""
    index.close()
    other = sqlite3.connect(tmp_path / "state" / FILE)
    other.execute("PRAGMA user_version = 99")
    other.close()
    assert index.find([result()]) == {}
    index.record([(result(), "day/42.json")])
    assert index.find([result()]) == {"42": "day/42.json"}


def test_an_index_without_its_tables_is_set_aside(index: Index, tmp_path: Path) -> None:
    """A database of ours that has lost a table is made anew too."""
    index.record([(result(), "day/42.json")])
    index.close()
    other = sqlite3.connect(tmp_path / "state" / FILE)
    other.execute("DROP TABLE results")
    other.close()
    assert index.find([result()]) == {}
    index.record([(result(), "day/42.json")])
    assert index.find([result()]) == {"42": "day/42.json"}


def test_an_index_damaged_while_open(index: Index, tmp_path: Path) -> None:
    """Damage that shows only later is coped with in the same way."""
    index.record([(result(str(number)), "x" * 500) for number in range(500)])
    index.close()
    file = tmp_path / "state" / FILE
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    index.find([result("1")])
    index.record([(result(), "day/42.json")])
    assert index.find([result()]) == {"42": "day/42.json"}


def test_trouble_is_said_each_time(
    index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is in use again may fail in the same way once more."""
    for _ in range(2):
        index.close()
        (tmp_path / "state" / FILE).write_bytes(b"garbage" * 1000)
        index.record([(result(), "day/42.json")])
        index.record([(result("43"), "day/43.json")])
    said = [record.getMessage() for record in caplog.records]
    assert ["set aside" in line for line in said] == [True, False, True, False]
    assert said[1].endswith("is in use again")


def test_a_locked_index_is_not_waited_for(index: Index, tmp_path: Path) -> None:
    """While somebody else writes, entries are kept in memory, and written with the next batch."""
    index.record([(result("1"), "x")])
    other = sqlite3.connect(tmp_path / "state" / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    index.record([(result("2"), "y")])
    assert index.find([result("2")]) == {"2": "y"}
    other.execute("COMMIT")
    other.close()
    index.record([(result("3"), "z")])
    assert rows(tmp_path, "SELECT id FROM results ORDER BY seq") == [("1",), ("2",), ("3",)]


def test_an_index_that_was_deleted(index: Index, tmp_path: Path) -> None:
    """Deleting the state while the daemon runs is noticed with the next batch."""
    index.record([(result("1"), "x")])
    (tmp_path / "state" / FILE).unlink()
    index.record([(result("2"), "y")])
    assert rows(tmp_path, "SELECT id FROM results") == [("2",)]


def test_no_place_for_an_index(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no index can be made nothing fails, entries are kept in memory, and it is said once."""
    (tmp_path / "state").write_bytes(b"a file")
    index = Index(tmp_path / "state", WINDOW_S, clock)
    index.open(TREE)
    index.record([(result("1"), "x")])
    index.record([(result("2"), "y")])
    assert index.find([result("1")]) == {"1": "x"}
    assert caplog.text.count("cannot be used") == 1
