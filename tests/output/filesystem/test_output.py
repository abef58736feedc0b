"""The store: each result once, and only what there is room for."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asr_daemon.errors import CannotStore, NoRoomForRejected
from asr_daemon.renderers.json import read_fingerprint
from asr_daemon.store.files import Modes, ResultTree, Rules
from asr_daemon.store.index import Index
from asr_daemon.store.rejected import Quota
from asr_daemon.store.result import Result, Stored
from asr_daemon.store.space import Space
from asr_daemon.store.store import Store

MakeStore = Callable[[], Store]


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[MakeStore]:
    """Return a maker of stores at `tmp_path/root`, each as after a restart."""
    opened: list[ResultTree | Index] = []

    def close() -> None:
        while opened:
            opened.pop().close()

    def make() -> Store:
        close()
        root = tmp_path / "root"
        index = Index(tmp_path / "state", 48 * 3600.0)
        rules = Rules(read_fingerprint, index.is_taken)
        tree = ResultTree(root, Modes(0o640, 0o750), durable=True, rules=rules)
        tree.open()
        index.open(tree.id)
        opened.extend((tree, index))
        return Store(tree, index, Space(root, 0), Quota(root / "rejected", 1000))

    yield make
    close()


def result(day: str = "21", digest: str = "d1", status: str = "succeeded") -> Result:
    """Return a result of one day."""
    files = ((".txt", b"hello\n"), (".json", b'{"id": "42", "digest": "%s"}' % digest.encode()))
    identity = f"42 {digest}"
    return Result("tencent", "42", digest, status, identity, digest, f"tencent/{day}", "42", files)


def markers(root: Path) -> list[str]:
    """Return the JSON files below `root`."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.json"))


def test_twice_at_once(make_store: MakeStore, tmp_path: Path) -> None:
    """Of the same result twice in a batch one is written, also under names that differ."""
    outcomes = make_store().commit([result("21"), result("22")])
    assert outcomes == [Stored("tencent/21/42.json", False), Stored("tencent/21/42.json", True)]
    assert markers(tmp_path / "root") == ["tencent/21/42.json"]


def test_again_after_midnight_and_a_restart(make_store: MakeStore, tmp_path: Path) -> None:
    """The same result on another day, in another process, is a duplicate of the first."""
    make_store().commit([result("21")])
    assert make_store().commit([result("22")]) == [Stored("tencent/21/42.json", True)]
    assert markers(tmp_path / "root") == ["tencent/21/42.json"]


def test_again_after_a_reader_moved_it_away(make_store: MakeStore, tmp_path: Path) -> None:
    """A result whose files are gone is not written a second time."""
    store = make_store()
    store.commit([result()])
    for path in (tmp_path / "root/tencent/21").iterdir():
        path.unlink()
    assert store.commit([result()]) == [Stored("tencent/21/42.json", True)]
    assert markers(tmp_path / "root") == []


def test_same_id_with_other_content(make_store: MakeStore, tmp_path: Path) -> None:
    """The vendor may use an id again: both results are kept, on one day and on two."""
    store = make_store()
    store.commit([result("21", "d1")])
    store.commit([result("21", "d2"), result("22", "d3")])
    assert markers(tmp_path / "root") == [
        "tencent/21/42.json",
        "tencent/21/42~2.json",
        "tencent/22/42.json",
    ]


def test_a_lost_index_falls_back_to_the_tree(make_store: MakeStore, tmp_path: Path) -> None:
    """Without the index a duplicate is found where its name is."""
    make_store().commit([result()])
    (tmp_path / "state/index.sqlite").unlink()
    assert make_store().commit([result()]) == [Stored("tencent/21/42.json", True)]


def test_what_could_not_be_stored_is_not_remembered(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that the disk did not take is new when it comes again, and is written then."""
    store = make_store()

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken_disk:
        broken_disk.setattr(os, "fsync", broken)
        [refused] = store.commit([result()])
    assert isinstance(refused, CannotStore)
    shutil.rmtree(tmp_path / "root/tencent", ignore_errors=True)
    assert store.commit([result()]) == [Stored("tencent/21/42.json", False)]


def test_what_was_refused_may_come_again(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both of the same result in a batch share a refusal, and the next try is a new one."""
    store = make_store()

    def full(path: str) -> os.statvfs_result:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", full)
        outcomes = store.commit([result(), result()])
    assert [type(outcome) for outcome in outcomes] == [CannotStore, CannotStore]
    assert store.commit([result()]) == [Stored("tencent/21/42.json", False)]


def test_rejected_bodies_have_a_quota(make_store: MakeStore) -> None:
    """A body over the quota is not kept, and results still are."""
    files = ((".body", b"x" * 1001),)
    big = Result("tencent", None, "d9", "rejected", "i9", "d9", "rejected", "x", files)
    outcomes = make_store().commit([big, result()])
    assert isinstance(outcomes[0], NoRoomForRejected)
    assert outcomes[1] == Stored("tencent/21/42.json", False)


def test_a_name_stays_taken(make_store: MakeStore, tmp_path: Path) -> None:
    """Other content does not get the name of a result that a reader has moved away."""
    store = make_store()
    store.commit([result("21", "d1")])
    for path in (tmp_path / "root/tencent/21").iterdir():
        path.unlink()
    assert store.commit([result("21", "d2")]) == [Stored("tencent/21/42~2.json", False)]


def test_an_emptied_disk_is_another_tree(make_store: MakeStore, tmp_path: Path) -> None:
    """When the tree was lost or replaced, what the vendor sends again is written again."""
    make_store().commit([result()])
    shutil.rmtree(tmp_path / "root")
    assert make_store().commit([result()]) == [Stored("tencent/21/42.json", False)]


def test_trouble(make_store: MakeStore, tmp_path: Path) -> None:
    """A root that is gone is trouble, until it is back."""
    store = make_store()
    for thoroughly in (False, True):
        assert store.trouble(thoroughly=thoroughly) is None
        (tmp_path / "root").rename(tmp_path / "away")
        found = store.trouble(thoroughly=thoroughly)
        assert "No such file or directory" in (found or "")
        (tmp_path / "away").rename(tmp_path / "root")
    assert store.trouble(thoroughly=True) is None


def test_trouble_that_only_writing_meets(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thorough look finds a disk that cannot sync."""
    store = make_store()

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    assert store.trouble(thoroughly=False) is None
    assert store.trouble(thoroughly=True) == "Input/output error"
