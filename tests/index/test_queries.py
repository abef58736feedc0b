"""What arrived is found in the index, whoever looks and whatever became of the daemon."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from asr_daemon.clock import Clock
from asr_daemon.index.index import FILE, Entry, Index
from asr_daemon.index.queries import (
    Cursor,
    Filter,
    FollowUp,
    IndexUnavailable,
    InvalidCursor,
    Queries,
    Row,
)
from tests.durability.requirements import require, root

WINDOW_S = 48 * 3600.0
TREE = "0123456789abcdef"
EVERYTHING = Filter(statuses=("succeeded", "failed", "rejected"))


class Time:
    """A clock that ticks once for each batch."""

    now = 1_795_264_496.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def entry(id_: str, provider: str = "tencent", status: str = "succeeded") -> Entry:
    """Return a result of this id."""
    return Entry(f"identity {id_}", provider, id_, "sha256:00", f"{provider}/{id_}.json", status)


@pytest.fixture
def clock() -> Time:
    """Return the index's clock."""
    return Time()


@pytest.fixture
def index(tmp_path: Path, clock: Time) -> Iterator[Index]:
    """Return an index that a daemon has open."""
    index = Index(tmp_path, Clock(clock))
    index.open(TREE)
    with closing(index):
        yield index


@pytest.fixture
def queries(tmp_path: Path) -> Iterator[Queries]:
    """Return what asks it."""
    with closing(Queries(tmp_path)) as queries:
        yield queries


def ids(rows: list[Row]) -> list[str | None]:
    """Return the ids of results."""
    return [row.id for row in rows]


def test_only_the_tree_that_is_written_to_is_shown(tmp_path: Path, clock: Time) -> None:
    """A root that was configured before has its rows in the same database."""
    for tree, id_ in (("first", "1"), ("second", "2"), ("first", "3")):
        index = Index(tmp_path, Clock(clock))
        with closing(index):
            index.open(tree)
            index.record([entry(id_)], 3600.0)
    with closing(Queries(tmp_path)) as queries:
        assert ids(queries.after(0, Filter(), 9)) == ["1", "3"]


def test_newest_first(index: Index, queries: Queries) -> None:
    index.record([entry("1"), entry("2"), entry("3")], WINDOW_S)
    assert ids(queries.newest(Filter(), 2)) == ["3", "2"]
    page = queries.newest(Filter(), 1)
    assert ids(queries.newest(Filter(), 9, before=page[0].seq)) == ["2", "1"]


def test_filters(index: Index, queries: Queries, clock: Time) -> None:
    index.record([entry("1"), entry("2", "huawei"), entry("3", status="failed")], WINDOW_S)
    clock.now += 60
    index.record([entry("4"), entry("5", status="rejected")], WINDOW_S)
    assert ids(queries.after(0, Filter(), 9)) == ["1", "2", "3", "4"]
    assert ids(queries.after(0, EVERYTHING, 9)) == ["1", "2", "3", "4", "5"]
    assert ids(queries.after(0, Filter(provider="huawei"), 9)) == ["2"]
    assert ids(queries.after(0, Filter(statuses=("failed",)), 9)) == ["3"]
    assert ids(queries.after(0, Filter(since=clock.now - 1), 9)) == ["4"]


def test_after_a_number(index: Index, queries: Queries) -> None:
    index.record([entry("1"), entry("2"), entry("3")], WINDOW_S)
    first = queries.after(0, Filter(), 1)[0]
    assert ids(queries.after(first.seq, Filter(), 9)) == ["2", "3"]
    assert queries.after(queries.last_seq(), Filter(), 9) == []


def test_follow_ups_are_those_of_the_tree_since_a_moment(
    index: Index, queries: Queries, clock: Time
) -> None:
    index.record([entry("0")._replace(follow_up="too old")], WINDOW_S)
    clock.now += 10
    index.record([entry("1"), entry("2")._replace(follow_up="work")], WINDOW_S)
    index.record([entry("3")._replace(follow_up="done"), entry("3~text")], WINDOW_S)
    index.record_found([(entry("4")._replace(follow_up="more"), clock.now)], older=False)
    pending = [
        FollowUp("tencent/2.json", "work", clock.now),
        FollowUp("tencent/4.json", "more", clock.now),
    ]
    assert queries.follow_ups(clock.now, ".json", "~text.json", 9) == pending
    assert queries.follow_ups(clock.now, ".json", "~text.json", 1) == pending[:1]
    index.close()
    index.open("another tree")
    assert queries.follow_ups(0, ".json", "~text.json", 9) == []


def test_what_is_committed_later_is_seen(index: Index, queries: Queries) -> None:
    assert queries.last_seq() == 0
    index.record([entry("1")], WINDOW_S)
    assert ids(queries.after(0, Filter(), 9)) == ["1"]


def test_daemon_that_is_down(index: Index, queries: Queries) -> None:
    index.record([entry("1")], WINDOW_S)
    index.close()
    assert ids(queries.after(0, Filter(), 9)) == ["1"]


def test_daemon_that_comes_back(index: Index, queries: Queries) -> None:
    index.record([entry("1")], WINDOW_S)
    index.close()
    assert ids(queries.after(0, Filter(), 9)) == ["1"]
    index.open(TREE)
    index.record([entry("2")], WINDOW_S)
    assert ids(queries.after(0, Filter(), 9)) == ["1", "2"]


def test_daemon_that_was_killed(index: Index, tmp_path: Path) -> None:
    """What it leaves beside the database is read, too."""
    index.record([entry("1")], WINDOW_S)
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob(f"{FILE}*"):
        shutil.copy(file, copy)
    with closing(Queries(copy)) as queries:
        assert ids(queries.after(0, Filter(), 9)) == ["1"]


def test_index_that_was_made_again(index: Index, queries: Queries, tmp_path: Path) -> None:
    index.record([entry("1")], WINDOW_S)
    [row] = queries.after(0, Filter(), 9)
    cursor = Cursor.after(row)
    assert queries.place_of(cursor) == row.seq
    before = queries.identity
    for file in tmp_path.glob(f"{FILE}*"):
        file.unlink()
    index.record([entry("2")], WINDOW_S)
    assert queries.place_of(cursor) is None
    assert queries.identity != before
    assert ids(queries.after(row.seq, Filter(), 9)) == ["2"]


def test_no_index(queries: Queries, tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailable) as caught:
        queries.last_seq()
    sentence = f"the index {tmp_path}/index.sqlite cannot be read: No such file or directory"
    assert str(caught.value) == sentence


def test_damaged_index(queries: Queries, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(IndexUnavailable, match="cannot be read: file is not a database"):
        queries.last_seq()


def test_looking_writes_nothing(index: Index, queries: Queries, tmp_path: Path) -> None:
    index.record([entry("1")], WINDOW_S)
    index.close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    queries.last_seq()
    queries.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def ids_for_another_user(folder: Path) -> str:
    """Return what somebody sees who may read the folder and not write to it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setuid(65534)
            seen = str(ids(Queries(folder).after(0, Filter(), 9)))
        except Exception as error:  # noqa: BLE001 - the test shows it
            seen = repr(error)
        os.write(writing, seen.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with open(reading, "rb") as file:
        return file.read().decode()


def test_another_user_may_look() -> None:
    """While the daemon runs, after it was stopped, and after it was killed."""
    require(root)
    with TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        Path(folder).chmod(0o755)
        index = Index(state)
        index.open(TREE)
        state.chmod(0o755)
        index.record([entry("1")], WINDOW_S)
        assert ids_for_another_user(state) == "['1']"
        killed = Path(folder) / "killed"
        shutil.copytree(state, killed)
        index.close()
        assert ids_for_another_user(state) == "['1']"
        assert [path.name for path in state.iterdir()] == [FILE]
        assert ids_for_another_user(killed) == "['1']"


def test_cursor_is_a_word() -> None:
    row = Row(7, "tencent", "1", "sha256:00", "tencent/1.json", "succeeded", 1_795_264_496.25)
    cursor = Cursor.after(row)
    assert str(cursor) == "1:7:1795264496250000:08f13643335c80bd"
    assert Cursor.parse(f"{cursor}\n") == cursor
    assert cursor.committed_at == 1_795_264_496.25


@pytest.mark.parametrize("text", ["", "7", "2:7:0:62e87f97ef6a3bb1", "1:7:0:xyz"])
def test_what_is_no_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor, match="not a cursor of asr-daemon"):
        Cursor.parse(text)
