"""The index remembers, and never stands in the way."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_daemon.store.files import Result
from asr_daemon.store.index import FILE, Index

WINDOW_S = 48 * 3600.0


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
    yield made
    made.close()


def result(id_: str | None = "42", digest: str = "d1", provider: str = "tencent") -> Result:
    """Return a result without files."""
    return Result(provider, id_, digest, "succeeded", "day", id_ or "no-id", ())


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    """Read the database as another program would."""
    connection = sqlite3.connect(folder / "state" / FILE)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_finds_what_was_recorded(index: Index) -> None:
    """Provider, id and content together make the same result."""
    index.record([(result(), "day/42.json")])
    assert index.find(result()) == "day/42.json"
    assert index.find(result(digest="d2")) is None
    assert index.find(result(id_="43")) is None
    assert index.find(result(provider="huawei")) is None


def test_a_result_without_id(index: Index) -> None:
    """A result without an id is known by its content."""
    index.record([(result(None), "day/no-id.json")])
    assert index.find(result(None)) == "day/no-id.json"


def test_survives_a_restart(index: Index, tmp_path: Path, clock: Clock) -> None:
    """What was recorded is known to the next process."""
    index.record([(result(), "day/42.json")])
    later = Index(tmp_path / "state", WINDOW_S, clock)
    assert later.find(result()) == "day/42.json"
    later.close()


def test_the_window(index: Index, clock: Clock) -> None:
    """After the window the same result is a new one."""
    index.record([(result(), "day/42.json")])
    clock.now += WINDOW_S
    assert index.find(result()) == "day/42.json"
    clock.now += 1
    assert index.find(result()) is None


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
    assert sum(index.find(result(str(number))) is not None for number in range(1000)) >= 800


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


def test_a_damaged_index_is_set_aside(
    index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage instead of a database is moved away and a new one is made."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE).write_bytes(b"garbage" * 1000)
    assert index.find(result()) is None
    index.record([(result(), "day/42.json")])
    assert index.find(result()) == "day/42.json"
    assert (tmp_path / "state" / f"{FILE}.damaged").read_bytes().startswith(b"garbage")
    assert "is damaged and made anew" in caplog.text


def test_an_index_of_another_format_is_set_aside(index: Index, tmp_path: Path) -> None:
    """An index that a later version wrote is not touched, and not in the way."""
    (tmp_path / "state").mkdir()
    other = sqlite3.connect(tmp_path / "state" / FILE)
    other.execute("PRAGMA user_version = 99")
    other.close()
    assert index.find(result()) is None
    index.record([(result(), "day/42.json")])
    assert index.find(result()) == "day/42.json"


def test_an_index_damaged_while_open(index: Index, tmp_path: Path) -> None:
    """Damage that shows only later is coped with in the same way."""
    index.record([(result(str(number)), "x" * 500) for number in range(500)])
    index.close()
    file = tmp_path / "state" / FILE
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    index.find(result("1"))
    index.record([(result(), "day/42.json")])
    assert index.find(result()) == "day/42.json"


def test_a_locked_index_is_not_waited_for(index: Index, tmp_path: Path) -> None:
    """While somebody else writes, entries are kept in memory, and written with the next batch."""
    index.record([(result("1"), "x")])
    other = sqlite3.connect(tmp_path / "state" / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    index.record([(result("2"), "y")])
    assert index.find(result("2")) == "y"
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
    index.record([(result("1"), "x")])
    index.record([(result("2"), "y")])
    assert index.find(result("1")) == "x"
    assert caplog.text.count("cannot be used") == 1
