"""The tree: whole files, durable in order, never replaced."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from asr_daemon.errors import CannotStore
from asr_daemon.renderers.json import read_fingerprint
from asr_daemon.store.files import Modes, ResultTree, Rules
from asr_daemon.store.result import Result, Stored

MakeTree = Callable[..., ResultTree]
UNNAMED = os.O_TMPFILE
MODES = Modes(0o640, 0o750)
RULES = Rules(read_fingerprint, lambda _: False)


@pytest.fixture
def make_tree(tmp_path: Path) -> Iterator[MakeTree]:
    """Return a maker of open trees at `tmp_path/root`; they are closed at the end."""
    made: list[ResultTree] = []

    def make(*, durable: bool = True) -> ResultTree:
        tree = ResultTree(tmp_path / "root", MODES, durable=durable, rules=RULES)
        made.append(tree)
        tree.open()
        return tree

    yield make
    for tree in made:
        tree.close()


def result(
    stem: str = "42", digest: str = "d1", text: bytes = b"hello\n", day: str = "21"
) -> Result:
    """Return a result whose JSON carries nothing but its digest."""
    document = b'{"id": "x", "digest": "%s"}' % digest.encode()
    files = ((".txt", text), (".json", document))
    identity = f"{stem} {digest}"
    folder = f"tencent/2026/11/{day}"
    return Result("tencent", stem, digest, "succeeded", identity, digest, folder, stem, files)


def contents(root: Path) -> dict[str, bytes]:
    """Return every file below `root` with its content, without the mark of the tree."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith("tree-")
    }


@pytest.fixture
def system_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of what is written, synced and linked from now on, by name."""
    calls: list[str] = []
    opened: dict[int, str] = {}
    numbers = count()
    real_open, real_fsync, real_link, real_mkdir = os.open, os.fsync, os.link, os.mkdir

    def name(path: str) -> str:
        return os.path.relpath(path, tmp_path)

    def fake_open(path: str, flags: int, mode: int = 0o777, dir_fd: int | None = None) -> int:
        descriptor = real_open(path, flags, mode, dir_fd=dir_fd)
        opened[descriptor] = name(path)
        if flags & UNNAMED == UNNAMED:
            opened[descriptor] = f"unnamed {next(numbers)}"
            calls.append(f"create {opened[descriptor]}")
        elif flags & os.O_CREAT:
            calls.append(f"create {name(path)}")
        return descriptor

    def fake_fsync(descriptor: int) -> None:
        calls.append(f"fsync {opened[descriptor]}")
        real_fsync(descriptor)

    def fake_link(source: str, target: str, dst_dir_fd: int) -> None:
        calls.append(f"link {opened[int(source.rpartition('/')[2])]} {name(target)}")
        real_link(source, target, dst_dir_fd=dst_dir_fd)

    def fake_mkdir(path: str, mode: int) -> None:
        calls.append(f"mkdir {name(path)}")
        real_mkdir(path, mode)

    for function, fake in (
        ("open", fake_open),
        ("fsync", fake_fsync),
        ("link", fake_link),
        ("mkdir", fake_mkdir),
    ):
        monkeypatch.setattr(os, function, fake)
    return calls


def test_files_stand_under_their_names(make_tree: MakeTree, tmp_path: Path) -> None:
    """A result's files are there whole, and nothing is left aside."""
    assert make_tree().commit([result()]) == [Stored("tencent/2026/11/21/42.json", False)]
    assert contents(tmp_path / "root") == {
        "tencent/2026/11/21/42.txt": b"hello\n",
        "tencent/2026/11/21/42.json": b'{"id": "x", "digest": "d1"}',
    }


def test_open_makes_the_root_durable(make_tree: MakeTree, system_calls: list[str]) -> None:
    """The root's own name, and the staging folder in it, are synced at start."""
    tree = make_tree()
    assert [call.replace(tree.id, "x") for call in system_calls] == [
        "mkdir root",
        "fsync .",
        "fsync .",
        "mkdir root/.staging",
        "create root/.staging/tree-x",
        "fsync root/.staging",
        "fsync root",
    ]


def test_commit_syncs_everything_in_order(make_tree: MakeTree, system_calls: list[str]) -> None:
    """The first result of a day has its files, its folder and all new parents synced."""
    tree = make_tree()
    system_calls.clear()
    tree.commit([result()])
    assert system_calls == [
        "create unnamed 0",
        "create unnamed 1",
        "fsync unnamed 0",
        "fsync unnamed 1",
        "mkdir root/tencent",
        "mkdir root/tencent/2026",
        "mkdir root/tencent/2026/11",
        "mkdir root/tencent/2026/11/21",
        "link unnamed 0 root/tencent/2026/11/21/42.txt",
        "link unnamed 1 root/tencent/2026/11/21/42.json",
        "fsync root",
        "fsync root/tencent",
        "fsync root/tencent/2026",
        "fsync root/tencent/2026/11",
        "fsync root/tencent/2026/11/21",
    ]


def test_known_folder_is_synced_alone(make_tree: MakeTree, system_calls: list[str]) -> None:
    """A later result in a folder that is durable syncs only that folder, once a batch."""
    tree = make_tree()
    tree.commit([result("41")])
    system_calls.clear()
    tree.commit([result("42"), result("43", "d2")])
    assert [call for call in system_calls if call.startswith("fsync root/tencent")] == [
        "fsync root/tencent/2026/11/21"
    ]


def test_folder_of_an_earlier_run_is_not_trusted(
    make_tree: MakeTree, system_calls: list[str]
) -> None:
    """A folder that another process made may not be durable: its parents are synced again."""
    first = make_tree()
    first.commit([result("41")])
    first.close()
    tree = make_tree()
    system_calls.clear()
    tree.commit([result("42")])
    assert "fsync root" in system_calls
    assert "fsync root/tencent/2026/11" in system_calls


def test_second_folder_of_an_earlier_run_is_not_trusted(
    make_tree: MakeTree, system_calls: list[str]
) -> None:
    """Each folder counts by itself."""
    first = make_tree()
    first.commit([result("41", day="21"), result("41", day="22")])
    first.close()
    tree = make_tree()
    tree.commit([result("42", day="21")])
    system_calls.clear()
    tree.commit([result("42", day="22")])
    assert "fsync root/tencent/2026/11" in system_calls


def test_folder_in_the_place_of_another_is_not_trusted(
    make_tree: MakeTree, system_calls: list[str], tmp_path: Path
) -> None:
    """Somebody moved the folder away and put another one there."""
    tree = make_tree()
    tree.commit([result("41")])
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.rename(folder.with_name("moved"))
    folder.mkdir()
    system_calls.clear()
    tree.commit([result("42")])
    assert "fsync root/tencent/2026/11" in system_calls


def test_folder_that_was_made_anew_is_not_trusted(
    make_tree: MakeTree, system_calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that was removed and made again is another one, even with the inode of the first."""
    monkeypatch.setattr("asr_daemon.store.files._identity", lambda path: (1, 1))
    tree = make_tree()
    tree.commit([result("41")])
    folder = tmp_path / "root/tencent/2026/11/21"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    system_calls.clear()
    tree.commit([result("42")])
    assert "fsync root/tencent/2026/11" in system_calls


def test_folder_whose_parent_could_not_be_synced_is_not_trusted(
    make_tree: MakeTree, system_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next result in it has the parents synced once more."""
    tree = make_tree()
    sync = tree._sync

    def failing(path: str) -> None:
        if path.endswith("/11"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(path)

    with monkeypatch.context() as patched:
        patched.setattr(tree, "_sync", failing)
        assert isinstance(tree.commit([result("41")])[0], CannotStore)
    system_calls.clear()
    assert isinstance(tree.commit([result("42")])[0], Stored)
    assert "fsync root/tencent/2026/11" in system_calls


def test_without_durability_nothing_is_synced(make_tree: MakeTree, system_calls: list[str]) -> None:
    """`durability: none` leaves everything to the page cache."""
    make_tree(durable=False).commit([result()])
    assert not [call for call in system_calls if call.startswith("fsync")]


def test_duplicate(make_tree: MakeTree, tmp_path: Path) -> None:
    """The same name and digest again writes nothing, and is stored."""
    tree = make_tree()
    tree.commit([result()])
    before = contents(tmp_path / "root")
    assert tree.commit([result()]) == [Stored("tencent/2026/11/21/42.json", True)]
    assert contents(tmp_path / "root") == before


def test_duplicate_in_one_batch(make_tree: MakeTree) -> None:
    """Of two equal results in one batch one is written."""
    outcomes = make_tree().commit([result(), result()])
    assert outcomes == [
        Stored("tencent/2026/11/21/42.json", False),
        Stored("tencent/2026/11/21/42.json", True),
    ]


def test_duplicate_is_synced_before_it_counts(make_tree: MakeTree, system_calls: list[str]) -> None:
    """Files found in the tree may stem from a killed process: they are synced first."""
    tree = make_tree()
    tree.commit([result()])
    system_calls.clear()
    tree.commit([result()])
    assert "fsync root/tencent/2026/11/21/42.txt" in system_calls
    assert "fsync root/tencent/2026/11/21/42.json" in system_calls
    assert system_calls[-1] == "fsync root/tencent/2026/11/21"


def test_same_name_other_content(make_tree: MakeTree, tmp_path: Path) -> None:
    """Another result of the same name is kept beside the first, as `~2`, `~3`."""
    tree = make_tree()
    others = [result(digest=f"d{n}", text=b"%d" % n) for n in range(3)]
    outcomes = [tree.commit([each])[0] for each in others]
    assert [getattr(each, "path", each) for each in outcomes] == [
        "tencent/2026/11/21/42.json",
        "tencent/2026/11/21/42~2.json",
        "tencent/2026/11/21/42~3.json",
    ]
    folder = tmp_path / "root/tencent/2026/11/21"
    assert (folder / "42.txt").read_bytes() == b"0"
    assert (folder / "42~3.txt").read_bytes() == b"2"


def test_names_of_others_are_read_once(tmp_path: Path) -> None:
    """However many results have one name, the next does not read all of them again."""
    read: list[bytes] = []

    def fingerprint(content: bytes) -> str | None:
        read.append(content)
        return read_fingerprint(content)

    rules = Rules(fingerprint, lambda _: False)
    tree = ResultTree(tmp_path / "root", MODES, durable=False, rules=rules)
    tree.open()
    for digest in ("d1", "d2", "d3", "d4", "d5"):
        tree.commit([result(digest=digest)])
    tree.close()
    names = sorted(path.name for path in (tmp_path / "root").rglob("42*.json"))
    assert (len(names), len(read)) == (5, 4)


def test_text_without_its_marker_is_completed(make_tree: MakeTree, tmp_path: Path) -> None:
    """What a killed commit left (the text, not yet the JSON) is completed, not doubled."""
    tree = make_tree()
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    (folder / "42.txt").write_bytes(b"hello\n")
    assert tree.commit([result()]) == [Stored("tencent/2026/11/21/42.json", False)]


def test_text_of_somebody_else_is_left_alone(make_tree: MakeTree, tmp_path: Path) -> None:
    """A text of other content whose JSON was moved away keeps its name."""
    tree = make_tree()
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    (folder / "42.txt").write_bytes(b"hello\nand more\n")
    assert tree.commit([result()]) == [Stored("tencent/2026/11/21/42~2.json", False)]
    assert (folder / "42.txt").read_bytes() == b"hello\nand more\n"


def test_text_is_not_put_beside_the_marker_of_another(make_tree: MakeTree, tmp_path: Path) -> None:
    """Where only the JSON of another result is left, no text of ours comes to stand beside it."""
    tree = make_tree()
    tree.commit([result(digest="d1")])
    folder = tmp_path / "root/tencent/2026/11/21"
    (folder / "42.txt").unlink()
    assert tree.commit([result(digest="d2")]) == [Stored("tencent/2026/11/21/42~2.json", False)]
    assert not (folder / "42.txt").exists()


def test_marker_that_cannot_be_read_is_left_alone(make_tree: MakeTree, tmp_path: Path) -> None:
    """A JSON that is not ours, or a folder of its name, counts as another result."""
    tree = make_tree()
    folder = tmp_path / "root/tencent/2026/11/21"
    (folder / "42.json").mkdir(parents=True)
    (folder / "42~2.json").write_bytes(b"not ours")
    assert tree.commit([result()]) == [Stored("tencent/2026/11/21/42~3.json", False)]


def test_short_writes_are_continued(
    make_tree: MakeTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that takes only a part is followed by the rest."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:2]))
    make_tree().commit([result()])
    assert (tmp_path / "root/tencent/2026/11/21/42.txt").read_bytes() == b"hello\n"


def test_full_disk(make_tree: MakeTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full nothing stands under a final name, and nothing is left aside."""

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    tree = make_tree()
    monkeypatch.setattr(os, "write", full)
    [outcome] = tree.commit([result()])
    assert isinstance(outcome, CannotStore)
    assert str(outcome) == "the result cannot be stored now: No space left on device"
    assert contents(tmp_path / "root") == {}


def test_one_that_fails_does_not_hold_up_the_others(
    make_tree: MakeTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a batch each result succeeds or fails by itself."""
    write = os.write

    def picky(descriptor: int, data: bytes) -> int:
        if bytes(data).startswith(b"bad"):
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return write(descriptor, data)

    tree = make_tree()
    monkeypatch.setattr(os, "write", picky)
    outcomes = tree.commit([result("1", text=b"bad"), result("2")])
    assert isinstance(outcomes[0], CannotStore)
    assert outcomes[1] == Stored("tencent/2026/11/21/2.json", False)


def test_file_that_could_not_be_synced_is_written_anew(
    make_tree: MakeTree, system_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed sync is not tried again on the same file: a new one is written."""
    tree = make_tree()
    fsync = os.fsync
    failures = iter([True])

    def once(descriptor: int) -> None:
        if next(failures, False):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", once)
    system_calls.clear()
    assert tree.commit([result()]) == [Stored("tencent/2026/11/21/42.json", False)]
    assert system_calls[:6] == [
        "create unnamed 0",
        "create unnamed 1",
        "create unnamed 2",
        "create unnamed 3",
        "fsync unnamed 2",
        "fsync unnamed 3",
    ]


def batch(count: int) -> list[Result]:
    """Return so many results of two files each."""
    return [result(str(number), f"d{number}") for number in range(count)]


def test_many_files_are_synced_at_once(
    make_tree: MakeTree, system_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From three results on one sync of all takes the place of theirs, before the first link."""

    def sync_all(descriptor: int) -> bool:
        system_calls.append("sync all")
        return True

    tree = make_tree()
    monkeypatch.setattr("asr_daemon.store.syncfs.sync_file_system", sync_all)
    system_calls.clear()
    tree.commit(batch(3))
    assert [call.partition(" ")[0] for call in system_calls if "unnamed" in call] == [
        *["create"] * 6,
        *["link"] * 6,
    ]
    assert system_calls.index("sync all") < system_calls.index(
        "link unnamed 0 root/tencent/2026/11/21/0.txt"
    )
    assert system_calls[-1] == "fsync root/tencent/2026/11/21"


@pytest.mark.parametrize(("count", "trusted"), [(2, True), (3, False)])
def test_files_are_synced_one_by_one(
    make_tree: MakeTree,
    system_calls: list[str],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    trusted: bool,
) -> None:
    """If they are few, or a sync of all cannot be trusted there."""
    tree = make_tree()
    monkeypatch.setattr("asr_daemon.store.syncfs.sync_file_system", lambda descriptor: trusted)
    tree.commit(batch(count))
    assert [call for call in system_calls if call.startswith("fsync unnamed")] == [
        f"fsync unnamed {number}" for number in range(2 * count)
    ]


def test_sync_of_all_that_failed(
    make_tree: MakeTree, system_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not say which file is not on the disk: all are written anew, and synced each."""

    def failing(descriptor: int) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    tree = make_tree()
    monkeypatch.setattr("asr_daemon.store.syncfs.sync_file_system", failing)
    outcomes = tree.commit(batch(3))
    assert [isinstance(outcome, Stored) for outcome in outcomes] == [True] * 3
    linked = [call.split()[2] for call in system_calls if call.startswith("link")]
    assert linked == ["6", "7", "8", "9", "10", "11"]
    assert {f"fsync unnamed {number}" for number in linked} <= set(system_calls)


def test_sync_of_all_that_is_slow(
    make_tree: MakeTree, system_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where others write a lot, it waits for them as well: it is not tried for a while."""
    now, tries = [100.0], []

    def slow(descriptor: int) -> bool:
        tries.append(now[0])
        now[0] += 2.0
        return True

    tree = make_tree()
    monkeypatch.setattr("asr_daemon.store.syncfs.sync_file_system", slow)
    monkeypatch.setattr("asr_daemon.store.syncfs.time.monotonic", lambda: now[0])
    tree.commit(batch(3))
    tree.commit([result(str(number), f"d{number}") for number in range(3, 6)])
    assert [call for call in system_calls if call.startswith("fsync unnamed")] == [
        f"fsync unnamed {number}" for number in range(6, 12)
    ]
    now[0] += 10.0
    tree.commit([result(str(number), f"d{number}") for number in range(6, 9)])
    assert tries == [100.0, 112.0]


def test_directory_that_cannot_be_synced(
    make_tree: MakeTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result whose name may not be durable is refused."""
    tree = make_tree()
    sync = tree._sync

    def failing(path: str) -> None:
        if path.endswith("/21"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(path)

    monkeypatch.setattr(tree, "_sync", failing)
    assert isinstance(tree.commit([result()])[0], CannotStore)


def test_folder_that_a_reader_removed_is_made_again(make_tree: MakeTree, tmp_path: Path) -> None:
    """Readers may remove folders; the next result makes them anew."""
    tree = make_tree()
    tree.commit([result("1")])
    folder = tmp_path / "root/tencent/2026/11/21"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert tree.commit([result("2")]) == [Stored("tencent/2026/11/21/2.json", False)]


def test_reader_that_is_quicker_than_the_sync(
    make_tree: MakeTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that takes a result and its folder as soon as it appears does not get it twice."""
    tree = make_tree()
    link = os.link

    def link_and_take(source: str, target: str, dst_dir_fd: int) -> None:
        link(source, target, dst_dir_fd=dst_dir_fd)
        if target.endswith(".json"):
            shutil.rmtree(os.path.dirname(target))

    monkeypatch.setattr(os, "link", link_and_take)
    assert tree.commit([result()]) == [Stored("tencent/2026/11/21/42.json", False)]


def test_name_of_a_result_that_a_reader_took_at_once(
    make_tree: MakeTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another result of its name, in the same batch, would overwrite it in the reader's folder."""
    tree = make_tree()
    link = os.link

    def link_and_take(source: str, target: str, dst_dir_fd: int) -> None:
        link(source, target, dst_dir_fd=dst_dir_fd)
        os.unlink(target)

    monkeypatch.setattr(os, "link", link_and_take)
    assert tree.commit([result(digest="d1"), result(digest="d2")]) == [
        Stored("tencent/2026/11/21/42.json", False),
        Stored("tencent/2026/11/21/42~2.json", False),
    ]


def test_trees_written_without_syncs_are_others(make_tree: MakeTree) -> None:
    """What was stored without syncs is not taken for durable later."""
    tree = make_tree(durable=False)
    unsynced = tree.id
    tree.close()
    assert make_tree().id != unsynced


def test_root_that_was_replaced(make_tree: MakeTree, tmp_path: Path) -> None:
    """Nothing is stored below a root that is not the one of the start; it is when that is back."""
    tree = make_tree()
    (tmp_path / "root").rename(tmp_path / "away")
    (tmp_path / "root").mkdir()
    assert isinstance(tree.commit([result()])[0], CannotStore)
    assert contents(tmp_path / "root") == {}
    (tmp_path / "root").rmdir()
    (tmp_path / "away").rename(tmp_path / "root")
    assert isinstance(tree.commit([result()])[0], Stored)


def test_root_that_is_replaced_within_a_batch(
    make_tree: MakeTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was linked below the root that was there is not where readers look now: refused."""
    tree = make_tree()
    sync_directories = tree._sync_directories

    def sync_then_replace(attempts: Any) -> None:
        sync_directories(attempts)
        (tmp_path / "root").rename(tmp_path / "away")
        (tmp_path / "root").mkdir()

    monkeypatch.setattr(tree, "_sync_directories", sync_then_replace)
    assert isinstance(tree.commit([result()])[0], CannotStore)


def test_root_that_goes_away_within_a_batch(
    make_tree: MakeTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not made anew, for it may have been a mount point."""
    tree = make_tree()
    link = tree._link

    def rename_then_link(attempt: Any) -> None:
        (tmp_path / "root").rename(tmp_path / "away")
        link(attempt)

    monkeypatch.setattr(tree, "_link", rename_then_link)
    assert isinstance(tree.commit([result()])[0], CannotStore)
    assert not (tmp_path / "root").exists()


def test_root_on_a_device_of_another_number(make_tree: MakeTree, tmp_path: Path) -> None:
    """A file system that went away and came back is known by the mark in its staging folder."""
    tree = make_tree()
    (tmp_path / "root").rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", tmp_path / "root")
    assert isinstance(tree.commit([result()])[0], Stored)


def test_unreadable_marker_is_left_alone(
    make_tree: MakeTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that a reader has taken for itself is another result, not an obstacle."""
    tree = make_tree()
    tree.commit([result()])

    def forbidden(path: str, mode: str) -> object:
        if path.endswith("/42.json"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    monkeypatch.setattr("builtins.open", forbidden)
    assert tree.commit([result(digest="d2")]) == [Stored("tencent/2026/11/21/42~2.json", False)]


def test_a_bug_leaves_nothing_open(make_tree: MakeTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised in the middle of a batch, its files are closed and forgotten."""
    tree = make_tree()
    before = len(os.listdir("/proc/self/fd"))

    def broken(source: str, target: str, dst_dir_fd: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(os, "link", broken)
    with pytest.raises(ZeroDivisionError):
        tree.commit([result()])
    assert len(os.listdir("/proc/self/fd")) == before


def test_probe(make_tree: MakeTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe leaves nothing behind, and meets what a result would meet."""
    tree = make_tree()
    tree.probe()
    assert contents(tmp_path / "root") == {}

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        tree.probe()
    assert contents(tmp_path / "root") == {}


def test_staging_folder_that_was_tidied_away(make_tree: MakeTree, tmp_path: Path) -> None:
    """Somebody who removes the staging folder does not stop the daemon."""
    tree = make_tree()
    shutil.rmtree(tmp_path / "root/.staging")
    assert isinstance(tree.commit([result()])[0], Stored)


def test_probe_looks_where_the_last_result_failed(
    make_tree: MakeTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that may not be written to is trouble until it may, although staging is well."""
    tree = make_tree()

    def forbidden(source: str, target: str, dst_dir_fd: int) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", forbidden)
        assert isinstance(tree.commit([result()])[0], CannotStore)
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda path, mode: not path.endswith("/21"))
        with pytest.raises(PermissionError):
            tree.probe()
    tree.probe()


def test_modes(make_tree: MakeTree, tmp_path: Path) -> None:
    """Files and folders have the configured modes."""
    make_tree().commit([result()])
    folder = tmp_path / "root/tencent"
    assert folder.stat().st_mode & 0o777 == 0o750
    assert (folder / "2026/11/21/42.json").stat().st_mode & 0o777 == 0o640


def test_second_daemon_is_kept_out(make_tree: MakeTree) -> None:
    """Two daemons cannot write to one tree."""
    tree = make_tree()
    with pytest.raises(OSError, match="another asr-daemon writes there"):
        make_tree()
    tree.close()
    make_tree()


def test_check_changes_nothing(tmp_path: Path) -> None:
    """Checking a root that is not there yet leaves it so; one that cannot be made is found."""
    tree = ResultTree(tmp_path / "a/b", MODES, durable=True, rules=RULES)
    tree.check()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        tree.check()
