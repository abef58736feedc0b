"""The index remembers, and never stands in the way."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from asr_daemon.clock import Clock
from asr_daemon.index.index import FILE, Entry, Index, Known

WINDOW_S = 48 * 3600.0
TREE = "0123456789abcdef"

VERSION_3 = """
CREATE TABLE results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT NOT NULL, provider TEXT NOT NULL, id TEXT,
    digest TEXT NOT NULL, path TEXT NOT NULL, status TEXT NOT NULL, committed_at REAL NOT NULL
);
CREATE INDEX results_by_identity ON results (identity);
CREATE INDEX results_by_path ON results (path);
CREATE TABLE tree (id TEXT NOT NULL);
INSERT INTO tree VALUES ('0123456789abcdef');
PRAGMA user_version = 3;
"""

VERSION_2 = """
CREATE TABLE results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT NOT NULL, provider TEXT NOT NULL, id TEXT,
    digest TEXT NOT NULL, path TEXT NOT NULL, status TEXT NOT NULL, committed_at REAL NOT NULL
);
CREATE TABLE numbers (
    number INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (number, seq)
) WITHOUT ROWID;
CREATE TABLE numbered (seq INTEGER NOT NULL);
CREATE TABLE tree (id TEXT NOT NULL);
INSERT INTO tree VALUES ('0123456789abcdef');
PRAGMA user_version = 2;
"""

VERSION_4 = """
CREATE TABLE results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT NOT NULL, provider TEXT NOT NULL, id TEXT,
    digest TEXT NOT NULL, path TEXT NOT NULL, status TEXT NOT NULL, committed_at REAL NOT NULL,
    tree TEXT NOT NULL DEFAULT '0123456789abcdef', is_found INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX results_by_identity ON results (identity);
CREATE INDEX results_by_path ON results (path);
CREATE TABLE trees (id TEXT PRIMARY KEY, is_filled INTEGER NOT NULL, is_open INTEGER NOT NULL);
INSERT INTO trees VALUES ('0123456789abcdef', 1, 0);
PRAGMA user_version = 4;
"""


class Time:
    """A clock that a test sets."""

    now = 1_795_264_496.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def time() -> Time:
    """Return a clock."""
    return Time()


@pytest.fixture
def index(tmp_path: Path, time: Time) -> Iterator[Index]:
    """Return an index below `tmp_path`."""
    made = Index(tmp_path / "state", Clock(time))
    made.open(TREE)
    yield made
    made.close()


def entry(identity: str = "42", path: str | None = None) -> Entry:
    """Return a result with its path."""
    return Entry(identity, "tencent", identity, "d", path or f"day/{identity}.json", "succeeded")


def find(index: Index, *identities: str) -> dict[str, str]:
    """Look for results within the window."""
    return {identity: known.path for identity, known in index.find(identities, WINDOW_S).items()}


def record(index: Index, *identities: str) -> None:
    """Record results at their usual paths."""
    index.record([entry(identity) for identity in identities], WINDOW_S)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    """Read the database as another program would."""
    connection = sqlite3.connect(folder / "state" / FILE)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_finds_what_was_recorded(index: Index) -> None:
    """What has the same identity is the same result; its path is known too."""
    record(index, "42")
    assert find(index, "42") == {"42": "day/42.json"}
    assert find(index, "43") == {}
    assert index.taken(["day/42.json", "day/43.json"], WINDOW_S) == {"day/42.json"}


def test_survives_a_restart(index: Index, tmp_path: Path, time: Time) -> None:
    """What was recorded is known to the next process."""
    record(index, "42")
    index.close()
    later = Index(tmp_path / "state", Clock(time))
    later.open(TREE)
    assert find(later, "42") == {"42": "day/42.json"}
    later.close()


def test_tree_that_comes_back(index: Index, tmp_path: Path, time: Time) -> None:
    """A root that was another one for a while finds what it had."""
    record(index, "42")
    index.note_filled()
    index.close()
    other = Index(tmp_path / "state", Clock(time))
    other.open("another tree")
    record(other, "43")
    other.close()
    again = Index(tmp_path / "state", Clock(time))
    again.open(TREE)
    assert find(again, "42", "43") == {"42": "day/42.json"}
    assert again.take_missing() is None
    again.close()


def found(*identities: str) -> list[tuple[Entry, float]]:
    """Return results that were found in the tree."""
    return [(entry(identity), 1_795_264_400.0) for identity in identities]


def test_new_index_misses_everything(index: Index, tmp_path: Path) -> None:
    """What is found of it, newest first, comes before what was recorded meanwhile."""
    assert index.take_missing() == 0.0
    record(index, "3")
    assert index.record_found(found("3", "2", "1"), older=True)
    index.note_filled()
    index.close()
    assert rows(tmp_path, "SELECT id, is_found FROM results ORDER BY seq") == [
        ("1", 1),
        ("2", 1),
        ("3", 0),
    ]


def test_index_that_was_not_closed(index: Index, tmp_path: Path, time: Time) -> None:
    """From a little before its newest result on."""
    record(index, "1")
    index.note_filled()
    shutil.copytree(tmp_path / "state", tmp_path / "killed/state")
    killed = Index(tmp_path / "killed/state", Clock(time))
    killed.open(TREE)
    assert killed.take_missing() == time.now - 60
    assert killed.record_found(found("1", "2"), older=False)
    killed.close()
    assert rows(tmp_path / "killed", "SELECT id FROM results ORDER BY seq") == [("1",), ("2",)]


def test_what_was_found_is_told_apart_until_it_is_confirmed(index: Index) -> None:
    """It may not be durable."""
    index.record_found(found("1"), older=True)
    assert index.find(["1"], WINDOW_S) == {"1": Known("day/1.json", is_found=True)}
    assert index.confirm(["day/1.json", "day/2.json"]) == {"day/1.json"}
    assert index.find(["1"], WINDOW_S) == {"1": Known("day/1.json", is_found=False)}


def test_another_tree(index: Index, tmp_path: Path, time: Time) -> None:
    """What stands in another tree, such as on a disk that was replaced, does not count."""
    record(index, "42")
    index.close()
    other = Index(tmp_path / "state", Clock(time))
    other.open("another tree")
    assert find(other, "42") == {}
    record(other, "42")
    assert find(other, "42") == {"42": "day/42.json"}
    other.close()


def test_two_daemons_in_one_place(
    index: Index, tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """A second daemon with the same state does without, and says so."""
    record(index, "42")
    second = Index(tmp_path / "state", Clock(time))
    second.open("another tree")
    record(second, "43")
    assert find(second, "43") == {"43": "day/43.json"}
    assert find(index, "42") == {"42": "day/42.json"}
    assert find(index, "43") == {}
    assert "another asr-daemon uses it" in caplog.text


def test_the_window(index: Index, time: Time) -> None:
    """After the window the same result is a new one."""
    record(index, "42")
    time.now += WINDOW_S
    assert find(index, "42") == {"42": "day/42.json"}
    time.now += 1
    assert find(index, "42") == {}


def test_old_entries_are_pruned(index: Index, time: Time, tmp_path: Path) -> None:
    """What is older than the window goes when something new comes."""
    record(index, "42")
    time.now += WINDOW_S + 1
    record(index, "43")
    assert rows(tmp_path, "SELECT id FROM results") == [("43",)]


def test_a_clock_that_jumps_costs_little(index: Index, time: Time) -> None:
    """A clock that is ten years ahead for one batch does not wipe the memory out."""
    record(index, *map(str, range(1000)))
    time.now += 10 * 365 * 86400
    record(index, "ahead")
    time.now -= 10 * 365 * 86400
    record(index, "back")
    assert len(find(index, *map(str, range(1000)))) >= 800


def test_entries_from_the_future_are_pruned(index: Index, time: Time, tmp_path: Path) -> None:
    """What was recorded while the clock was years ahead goes when it is right again."""
    time.now += 10 * 365 * 86400
    record(index, "ahead")
    time.now -= 10 * 365 * 86400
    record(index, "back")
    assert rows(tmp_path, "SELECT id FROM results") == [("back",)]


def test_sequence_numbers_grow(index: Index, tmp_path: Path) -> None:
    """Each result has a number higher than all before it, also in an index made anew."""
    record(index, "1")
    record(index, "2")
    [(first,), (second,)] = rows(tmp_path, "SELECT seq FROM results ORDER BY seq")
    index.close()
    (tmp_path / "state" / FILE).unlink()
    record(index, "3")
    [(third,)] = rows(tmp_path, "SELECT seq FROM results")
    assert first < second < third  # type: ignore[operator] # integers, as the schema says


@pytest.mark.parametrize("script", [VERSION_2, VERSION_3, VERSION_4])
def test_index_of_a_version_before_is_taken_over(
    tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture, script: str
) -> None:
    """Its results are known, and found by SQLite's own indexes."""
    (tmp_path / "state").mkdir()
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as before:
        before.executescript(script)
        row = ("42", "tencent", "42", "d", "day/42.json", "succeeded", time.now)
        before.execute(
            "INSERT INTO results (seq, identity, provider, id, digest, path, status, committed_at) "
            "VALUES (7, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        before.commit()
    index = Index(tmp_path / "state", Clock(time))
    index.open(TREE)
    assert find(index, "42") == {"42": "day/42.json"}
    record(index, "43")
    index.close()
    assert rows(tmp_path, "SELECT seq, id FROM results ORDER BY seq") == [(7, "42"), (8, "43")]
    tables = rows(tmp_path, "SELECT name FROM sqlite_master WHERE name LIKE 'number%'")
    assert (tables, caplog.text) == ([], "")


def test_names_are_found_without_reading_all_results(index: Index, tmp_path: Path) -> None:
    """Both questions are answered by an index."""
    explain = "EXPLAIN QUERY PLAN SELECT * FROM results WHERE "
    [(*_, by_identity)] = rows(tmp_path, explain + "identity IN ('42')")
    [(*_, by_path)] = rows(tmp_path, explain + "path IN ('day/42.json')")
    assert "USING INDEX results_by_identity" in str(by_identity)
    assert "USING INDEX results_by_path" in str(by_path)


def test_a_damaged_index_is_set_aside(
    index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage instead of a database is moved away and a new one is made."""
    index.close()
    (tmp_path / "state" / FILE).write_bytes(b"garbage" * 1000)
    assert find(index, "42") == {}
    record(index, "42")
    assert find(index, "42") == {"42": "day/42.json"}
    assert (tmp_path / "state" / f"{FILE}.aside").read_bytes().startswith(b"garbage")
    assert "was moved away and is rebuilt" in caplog.text


def test_an_index_of_another_format_is_set_aside(index: Index, tmp_path: Path) -> None:
    """An index that a later version wrote is not touched, and not in the way."""
    index.close()
    other = sqlite3.connect(tmp_path / "state" / FILE)
    other.execute("PRAGMA user_version = 99")
    other.close()
    assert find(index, "42") == {}
    record(index, "42")
    assert find(index, "42") == {"42": "day/42.json"}


def test_an_index_without_its_tables_is_set_aside(index: Index, tmp_path: Path) -> None:
    """A database of ours that has lost a table is made anew too."""
    record(index, "42")
    index.close()
    other = sqlite3.connect(tmp_path / "state" / FILE)
    other.execute("DROP TABLE results")
    other.close()
    assert find(index, "42") == {}
    record(index, "42")
    assert find(index, "42") == {"42": "day/42.json"}


def test_an_index_damaged_while_open(index: Index, tmp_path: Path) -> None:
    """Damage that shows only later is coped with in the same way."""
    index.record([entry(str(number), "x" * 500) for number in range(500)], WINDOW_S)
    index.close()
    file = tmp_path / "state" / FILE
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    find(index, "1")
    record(index, "42")
    assert find(index, "42") == {"42": "day/42.json"}


def test_trouble_is_said_each_time(
    index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is in use again may fail in the same way once more."""
    for _ in range(2):
        index.close()
        (tmp_path / "state" / FILE).write_bytes(b"garbage" * 1000)
        record(index, "42")
        record(index, "43")
    said = [record.getMessage() for record in caplog.records]
    assert ["moved away" in line for line in said] == [True, False, True, False]
    assert said[1].endswith("is in use again")


def test_a_locked_index_is_not_waited_for(index: Index, tmp_path: Path) -> None:
    """While somebody else writes, entries are kept in memory, and written with the next batch."""
    record(index, "1")
    other = sqlite3.connect(tmp_path / "state" / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    record(index, "2")
    assert find(index, "2") == {"2": "day/2.json"}
    other.execute("COMMIT")
    other.close()
    record(index, "3")
    assert rows(tmp_path, "SELECT id FROM results ORDER BY seq") == [("1",), ("2",), ("3",)]


def test_an_index_that_was_deleted(index: Index, tmp_path: Path) -> None:
    """Deleting the state while the daemon runs is noticed with the next batch."""
    record(index, "1")
    (tmp_path / "state" / FILE).unlink()
    record(index, "2")
    assert rows(tmp_path, "SELECT id FROM results") == [("2",)]


def test_no_place_for_an_index(
    tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no index can be made nothing fails, entries are kept in memory, and it is said once."""
    (tmp_path / "state").write_bytes(b"a file")
    index = Index(tmp_path / "state", Clock(time))
    index.open(TREE)
    record(index, "1")
    record(index, "2")
    assert find(index, "1") == {"1": "day/1.json"}
    assert caplog.text.count("cannot be used") == 1
