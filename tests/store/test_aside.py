"""Large files are written before their result, and gone unless a result takes them."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from asr_daemon.errors import CannotStore
from asr_daemon.store.files import ResultTree
from asr_daemon.store.result import Result, Stored
from asr_daemon.store.syncfs import SyncOfAll
from tests.store.test_files import MODES, RULES, contents, result

PIECES = (b"hello", b", ", b"world\n")


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[ResultTree]:
    """Return an open tree at `tmp_path/root`."""
    made = ResultTree(tmp_path / "root", MODES, durable=True, rules=RULES)
    made.open()
    yield made
    made.close()


def large(tree: ResultTree, text: tuple[bytes, ...] = PIECES) -> Result:
    """Return a result whose text is written aside."""
    usual = result()
    return structs.replace(usual, files=((".txt", tree.write_aside(".txt", text)), usual.files[1]))


@pytest.mark.parametrize("takes_unnamed", [True, False])
def test_committed(tree: ResultTree, tmp_path: Path, takes_unnamed: bool) -> None:
    """What was written aside gets its name like any other file, and nothing is left."""
    tree._staging._takes_unnamed &= takes_unnamed
    assert tree.commit([large(tree)]) == [Stored("tencent/2026/11/21/42.json", False)]
    assert contents(tmp_path / "root") == {
        "tencent/2026/11/21/42.txt": b"hello, world\n",
        "tencent/2026/11/21/42.json": b'{"id": "x", "digest": "d1"}',
    }


def test_forgotten(tree: ResultTree, tmp_path: Path) -> None:
    """A file that nobody holds any more is removed, and its descriptor is free."""
    before = os.listdir("/proc/self/fd")
    aside = tree.write_aside(".txt", PIECES)
    assert (len(aside), len(os.listdir("/proc/self/fd"))) == (13, len(before) + 1)
    del aside
    assert contents(tmp_path / "root") == {}
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize(
    ("found", "stem"),
    [(b"hello, world\n", "42"), (b"hello", "42~2"), (b"hello, world\nmore", "42~2")],
)
def test_text_that_is_there(tree: ResultTree, tmp_path: Path, found: bytes, stem: str) -> None:
    """A text of a commit that was cut off is ours only if all of it is the same."""
    path = tmp_path / "root/tencent/2026/11/21/42.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(found)
    [outcome] = tree.commit([large(tree)])
    assert outcome == Stored(f"tencent/2026/11/21/{stem}.json", False)
    assert path.read_bytes() == found


def test_sync_before_commit(tree: ResultTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is synced as it grows, and once more at its end."""
    synced: list[int] = []
    monkeypatch.setattr("asr_daemon.store.aside._SYNC_BYTES", 5)
    monkeypatch.setattr(os, "fdatasync", lambda each: synced.append(os.fstat(each).st_size))
    monkeypatch.setattr(os, "fsync", lambda each: synced.append(os.fstat(each).st_size))
    assert len(tree.write_aside(".txt", PIECES)) == 13
    assert synced == [7, 13, 13]


def test_sync_of_all_is_on_a_file_of_the_batch(
    tree: ResultTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file may be on another file system, after a reload: it tells nothing of the rest."""
    synced: list[int] = []

    def sync(self: SyncOfAll, descriptor: int) -> bool:
        synced.append(os.fstat(descriptor).st_ino)
        return True

    monkeypatch.setattr(SyncOfAll, "sync", sync)
    outcomes = tree.commit([large(tree), *(result(str(number)) for number in range(4))])
    assert all(isinstance(each, Stored) for each in outcomes)
    text = tmp_path / "root/tencent/2026/11/21/42.txt"
    assert len(synced) == 1
    assert synced != [text.stat().st_ino]


def test_no_second_sync(tree: ResultTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be written anew is not trusted once a sync of it has failed."""
    written = large(tree)
    failures = iter([OSError(errno.EIO, "broken")])

    def fsync(descriptor: int) -> None:
        for failure in failures:
            raise failure

    monkeypatch.setattr(os, "fsync", fsync)
    [outcome] = tree.commit([written])
    assert isinstance(outcome, CannotStore)
    del written
    assert contents(tmp_path / "root") == {}


def test_broken_disk(tree: ResultTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be synced is an error at once, and is removed."""

    def fsync(descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="broken"):
        tree.write_aside(".txt", PIECES)
    assert contents(tmp_path / "root") == {}


def test_same_content(tree: ResultTree, tmp_path: Path) -> None:
    """Files of one content are told from others, however long."""
    aside = tree.write_aside(".txt", [b"x" * 600_000])
    for other, same in ((600_000, True), (599_999, False), (600_001, False)):
        (tmp_path / "other").write_bytes(b"x" * other)
        assert aside.is_at(str(tmp_path / "other")) is same
