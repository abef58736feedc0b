"""Each result comes at least once and in order, whatever becomes of the index."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from asr_daemon.clock import Clock
from asr_daemon.index.feed import Feed, first_cursor
from asr_daemon.index.index import FILE, Entry, Index
from asr_daemon.index.queries import Cursor, Filter, Queries

TREE = "0123456789abcdef"
WINDOW_S = 48 * 3600.0
HISTORY_S = 24 * 3600.0
BEGAN = 1_795_264_496.0


class Machine:
    """A tree and its index, and a clock that ticks with each result."""

    def __init__(self, folder: Path) -> None:
        """Begin with nothing."""
        self.root, self.state = folder / "root", folder / "state"
        self.now = BEGAN
        self.index = Index(self.state, Clock(lambda: self.now))
        self.index.open(TREE)
        self.index.note_filled()
        self._opened = ExitStack()

    def close(self) -> None:
        """Close every database that is open."""
        self._opened.close()
        self.index.close()

    def commit(self, id_: str, status: str = "succeeded") -> None:
        """Store a result and index it."""
        self.write(id_, status)
        digest = "sha256:00"
        path = f"tencent/{id_}.json"
        self.index.record([Entry(id_, "tencent", id_, digest, path, status)], WINDOW_S)

    def write(self, id_: str, status: str = "succeeded") -> None:
        """Store a result that is not indexed."""
        self.now += 1
        file = self.root / f"tencent/{id_}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        document = {"provider": "tencent", "id": id_, "status": status, "digest": "sha256:00"}
        file.write_text(json.dumps(document))
        os.utime(file, (self.now, self.now))

    def lose_index(self) -> None:
        """Remove the index; the daemon makes another one at its next result."""
        for file in self.state.glob(f"{FILE}*"):
            file.unlink()

    def feed(self, cursor: Cursor | None = None, wanted: Filter | None = None) -> Feed:
        """Return what follows a cursor, the first one unless it is given."""
        cursor = cursor or self.first_cursor()
        queries = self._queries()
        return Feed(queries, self.root, wanted or Filter(), cursor, clock=lambda: self.now)

    def first_cursor(self) -> Cursor:
        """Return where one begins who has no cursor."""
        return first_cursor(self._queries(), HISTORY_S, self.now)

    def _queries(self) -> Queries:
        return self._opened.enter_context(closing(Queries(self.state)))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Return a tree with its index."""
    machine = Machine(tmp_path)
    with closing(machine):
        yield machine


def ids(feed: Feed) -> list[str | None]:
    """Return the ids of the results that come next."""
    return [item.row.id for item in feed.next()]


def test_from_the_oldest_on(machine: Machine) -> None:
    machine.commit("b")
    machine.commit("a")
    feed = machine.feed()
    assert ids(feed) == ["b", "a"]
    assert ids(feed) == []
    machine.commit("c")
    assert ids(feed) == ["c"]


def test_from_a_cursor_on(machine: Machine) -> None:
    for id_ in "dcba":
        machine.commit(id_)
    cursor = machine.feed().next()[1].cursor
    assert ids(machine.feed(cursor)) == ["b", "a"]


def test_filtered_results_are_passed_over(machine: Machine) -> None:
    machine.commit("a")
    machine.commit("b", "failed")
    machine.commit("c", "rejected")
    machine.commit("d")
    assert ids(machine.feed()) == ["a", "b", "d"]
    assert ids(machine.feed(wanted=Filter(statuses=("failed",)))) == ["b"]


def test_index_made_again_while_following(machine: Machine) -> None:
    """What the lost index alone knew comes from the tree, before what the new one knows."""
    machine.commit("z")
    machine.now += 100
    feed = machine.feed()
    machine.commit("y")
    assert ids(feed) == ["z", "y"]
    machine.commit("x")
    machine.commit("w")
    machine.lose_index()
    machine.commit("v")
    assert ids(feed) == ["x", "w", "v"]
    assert ids(feed) == []
    machine.commit("u")
    assert ids(feed) == ["u"]


def test_index_made_again_while_nobody_followed(machine: Machine) -> None:
    """What was seen within the last minute may come again, and nothing earlier does."""
    machine.commit("z")
    machine.now += 100
    machine.commit("y")
    machine.commit("x")
    cursor = machine.feed().next()[-1].cursor
    machine.commit("w")
    machine.lose_index()
    machine.commit("v")
    assert ids(machine.feed(cursor)) == ["y", "w", "v"]


def test_interrupted_in_the_tree(machine: Machine) -> None:
    """The cursor behind a result from the tree leads to the next one."""
    machine.commit("z")
    cursor = machine.feed().next()[-1].cursor
    machine.now += 100
    machine.commit("y")
    machine.now += 100
    machine.commit("x")
    machine.lose_index()
    machine.commit("w")
    second = machine.feed(cursor).next()[0]
    assert second.row.id == "y"
    assert ids(machine.feed(second.cursor)) == ["x", "w"]


def test_interrupted_again_and_again_in_the_tree(machine: Machine) -> None:
    """Each time it goes on where it was, and not a minute before."""
    cursor = machine.first_cursor()
    for id_ in "abc":
        machine.commit(id_)
    machine.lose_index()
    machine.now += 1000
    machine.commit("d")
    taken: list[str | None] = []
    for _ in range(4):
        item = machine.feed(cursor).next()[0]
        taken.append(item.row.id)
        cursor = item.cursor
    assert taken == ["a", "b", "c", "d"]


def test_what_was_not_finished_while_the_tree_was_looked_at(machine: Machine) -> None:
    cursor = machine.first_cursor()
    machine.lose_index()
    machine.write("a")
    machine.write("b")
    machine.now += 30
    unfinished = machine.root / "tencent/b.json"
    unfinished.rename(machine.root / "b")
    machine.commit("c")
    item = machine.feed(cursor).next()[-1]
    assert item.row.id == "c"
    (machine.root / "b").rename(unfinished)
    machine.lose_index()
    machine.commit("d")
    assert ids(machine.feed(item.cursor)) == ["a", "b", "d"]


def test_index_lost_before_the_first_result_came(machine: Machine) -> None:
    feed = machine.feed()
    assert ids(feed) == []
    machine.commit("a")
    machine.lose_index()
    machine.commit("b")
    assert ids(feed) == ["a", "b"]


def test_stopped_before_the_first_result_came(machine: Machine) -> None:
    cursor = machine.first_cursor()
    machine.commit("a")
    machine.lose_index()
    machine.commit("b")
    assert ids(machine.feed(cursor)) == ["a", "b"]


def test_first_cursor_stays_where_it_was(machine: Machine) -> None:
    """The index alone has these: nothing is looked for in the tree."""
    machine.commit("a")
    cursor = machine.first_cursor()
    machine.commit("b")
    shutil.rmtree(machine.root)
    assert ids(machine.feed(cursor)) == ["a", "b"]


def test_history_is_where_one_begins(machine: Machine) -> None:
    machine.commit("a")
    machine.now += HISTORY_S
    machine.commit("b")
    machine.commit("c")
    assert ids(machine.feed()) == ["b", "c"]


def test_one_begins_while_the_index_is_lost(machine: Machine) -> None:
    machine.commit("a")
    machine.now += HISTORY_S + 100
    machine.commit("b")
    machine.lose_index()
    cursor = machine.first_cursor()
    machine.now += 1000
    machine.commit("c")
    assert ids(machine.feed(cursor)) == ["b", "c"]


def test_one_begins_while_the_index_is_filled_from_the_tree(machine: Machine) -> None:
    machine.commit("a")
    machine.lose_index()
    machine.commit("b")
    assert ids(machine.feed()) == ["a", "b"]


def test_what_the_index_has_forgotten(machine: Machine) -> None:
    machine.commit("a")
    cursor = machine.feed().next()[-1].cursor
    machine.commit("b")
    machine.now += 2 * WINDOW_S
    machine.commit("c")
    assert ids(machine.feed(cursor)) == ["b", "c"]


def test_nothing_unfinished_or_foreign_comes_from_the_tree(machine: Machine) -> None:
    machine.commit("a")
    cursor = machine.feed().next()[-1].cursor
    machine.lose_index()
    machine.commit("b")
    machine.write("c", "rejected")
    staged = machine.root / "tencent/.staging/d.json"
    staged.parent.mkdir()
    os.rename(machine.root / "tencent/a.json", staged)
    (machine.root / "tencent/e.json").write_text("[]")
    (machine.root / "tencent/f.json").write_bytes(b"\xff")
    assert ids(machine.feed(cursor)) == ["b"]


def test_directory_that_is_a_link(machine: Machine, tmp_path: Path) -> None:
    """It is followed, and not around in circles."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    machine.root.mkdir()
    (machine.root / "tencent").symlink_to(elsewhere)
    (elsewhere / "around").symlink_to(machine.root)
    cursor = machine.first_cursor()
    machine.commit("a")
    machine.lose_index()
    machine.commit("b")
    assert ids(machine.feed(cursor)) == ["a", "b"]


def test_more_than_a_page(machine: Machine) -> None:
    entries = [
        Entry(str(number), "tencent", str(number), "sha256:00", f"{number}.json", "succeeded")
        for number in range(1100)
    ]
    machine.index.record(entries, WINDOW_S)
    feed = machine.feed()
    assert [len(feed.next()) for _ in range(4)] == [500, 500, 100, 0]
