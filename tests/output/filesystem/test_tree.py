"""The tree: whole files, durable in order, never replaced."""

import errno
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from msgspec import structs

from asr_daemon.errors import CannotStore
from asr_daemon.index.index import Entry, Index, Known
from asr_daemon.output.base import Result, Stored
from asr_daemon.output.filesystem.names import ReadFingerprint
from asr_daemon.output.filesystem.output import FilesystemOutput, MarkerReaders, Settings
from asr_daemon.output.filesystem.staging import Modes, StagedFile
from asr_daemon.output.filesystem.sync import FileSystemSync
from asr_daemon.renderers.document import read_fingerprint

MakeOutput = Callable[..., FilesystemOutput]
UNNAMED = os.O_TMPFILE
OPEN = os.open
SETTINGS = Settings(Modes(0o640, 0o750), 3600.0, 0, 1000)


class LostIndex(Index):
    """Remembers nothing, so that everything is found out from the tree."""

    def open(self, tree_id: str) -> None:
        """Do nothing."""

    def newest_s(self) -> float:
        """Know no time."""
        return 0.0

    def find(self, identities: Collection[str], window_s: float) -> dict[str, Known]:
        """Find nothing."""
        return {}

    def taken(self, paths: Collection[str], window_s: float) -> set[str]:
        """Know no name."""
        return set()

    def record(self, entries: Sequence[Entry], keep_s: float) -> None:
        """Forget it."""

    def confirm(self, paths: Collection[str]) -> set[str]:
        """Know none."""
        return set()


def output_at(
    folder: Path, *, durable: bool = True, read: ReadFingerprint = read_fingerprint
) -> FilesystemOutput:
    """Return the output at `folder/root`, without an index; not yet open."""
    index = LostIndex(folder / "state")
    return FilesystemOutput(folder / "root", index, MarkerReaders(read), SETTINGS, durable=durable)


@pytest.fixture
def make_output(tmp_path: Path) -> Iterator[MakeOutput]:
    """Return a maker of open outputs at `tmp_path/root`; they are closed at the end."""
    made: list[FilesystemOutput] = []

    def make(**options: Any) -> FilesystemOutput:
        output = output_at(tmp_path, **options)
        output.open()
        made.append(output)
        return output

    yield make
    for output in made:
        output.close()


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


class SystemCalls(list[str]):
    """What is made, synced, named and announced below a folder, by name; trials are left out."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._folder = folder
        self._opened: dict[int, str] = {}
        self._numbers = count()
        self._real = {name: getattr(os, name) for name in ("open", "fsync", "link", "mkdir")}
        for name in self._real:
            monkeypatch.setattr(os, name, getattr(self, name))

    def open(self, path: str, flags: int, mode: int = 0o777, dir_fd: int | None = None) -> int:
        """Be `os.open`."""
        descriptor: int = self._real["open"](path, flags, mode, dir_fd=dir_fd)
        self._opened[descriptor] = self._name(path)
        if flags & UNNAMED == UNNAMED and ".trial-" not in path:
            self._opened[descriptor] = f"unnamed {next(self._numbers)}"
            self._note(f"create {self._opened[descriptor]}")
        elif flags & os.O_CREAT:
            self._note(f"create {self._name(path)}")
        elif flags & os.O_WRONLY:
            self._note(f"announce {self._name(path)}")
        return descriptor

    def fsync(self, descriptor: int) -> None:
        """Be `os.fsync`."""
        self._note(f"fsync {self._opened[descriptor]}")
        self._real["fsync"](descriptor)

    def link(self, source: str, target: str, dst_dir_fd: int | None = None) -> None:
        """Be `os.link`."""
        linked = self._opened[int(source.rpartition("/")[2])] if "/fd/" in source else source
        self._note(f"link {linked} {self._name(target)}")
        self._real["link"](source, target, dst_dir_fd=dst_dir_fd)

    def mkdir(self, path: str, mode: int) -> None:
        """Be `os.mkdir`."""
        self._note(f"mkdir {self._name(path)}")
        self._real["mkdir"](path, mode)

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self._folder)

    def _note(self, call: str) -> None:
        if ".trial-" not in call:
            self.append(call)


@pytest.fixture
def system_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of what is made, synced, named and announced from now on."""
    return SystemCalls(tmp_path, monkeypatch)


def test_files_stand_under_their_names(make_output: MakeOutput, tmp_path: Path) -> None:
    """A result's files are there whole, and nothing is left aside."""
    assert make_output().store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]
    assert contents(tmp_path / "root") == {
        "tencent/2026/11/21/42.txt": b"hello\n",
        "tencent/2026/11/21/42.json": b'{"id": "x", "digest": "d1"}',
    }


def test_open_makes_the_root_durable(
    make_output: MakeOutput, system_calls: list[str], tmp_path: Path
) -> None:
    """The root's own name, and the staging folder in it, are synced at start."""
    make_output()
    [mark] = (tmp_path / "root/.staging").iterdir()
    assert [call.replace(mark.name, "tree-x") for call in system_calls] == [
        "mkdir root",
        "fsync .",
        "fsync .",
        "mkdir root/.staging",
        "create root/.staging/tree-x",
        "fsync root/.staging",
        "fsync root",
    ]


def test_commit_syncs_everything_in_order(make_output: MakeOutput, system_calls: list[str]) -> None:
    """The first result of a day has its files, its folder and all new parents synced."""
    output = make_output()
    system_calls.clear()
    output.store([result()])
    assert system_calls == [
        "mkdir root/tencent",
        "mkdir root/tencent/2026",
        "mkdir root/tencent/2026/11",
        "mkdir root/tencent/2026/11/21",
        "create unnamed 0",
        "create unnamed 1",
        "fsync unnamed 0",
        "fsync unnamed 1",
        "link unnamed 0 root/tencent/2026/11/21/42.txt",
        "link unnamed 1 root/tencent/2026/11/21/42.json",
        "fsync root",
        "fsync root/tencent",
        "fsync root/tencent/2026",
        "fsync root/tencent/2026/11",
        "fsync root/tencent/2026/11/21",
        "announce root/tencent/2026/11/21/42.txt",
        "announce root/tencent/2026/11/21/42.json",
    ]


def test_known_folder_is_synced_alone(make_output: MakeOutput, system_calls: list[str]) -> None:
    """A later result in a folder that is durable syncs only that folder, once a batch."""
    output = make_output()
    output.store([result("41")])
    system_calls.clear()
    output.store([result("42"), result("43", "d2")])
    assert [call for call in system_calls if call.startswith("fsync root/tencent")] == [
        "fsync root/tencent/2026/11/21"
    ]


def test_folder_of_an_earlier_run_is_not_trusted(
    make_output: MakeOutput, system_calls: list[str]
) -> None:
    """A folder that another process made may not be durable: its parents are synced again."""
    first = make_output()
    first.store([result("41")])
    first.close()
    output = make_output()
    system_calls.clear()
    output.store([result("42")])
    assert "fsync root" in system_calls
    assert "fsync root/tencent/2026/11" in system_calls


def test_second_folder_of_an_earlier_run_is_not_trusted(
    make_output: MakeOutput, system_calls: list[str]
) -> None:
    """Each folder counts by itself."""
    first = make_output()
    first.store([result("41", day="21"), result("41", day="22")])
    first.close()
    output = make_output()
    output.store([result("42", day="21")])
    system_calls.clear()
    output.store([result("42", day="22")])
    assert "fsync root/tencent/2026/11" in system_calls


def test_folder_in_the_place_of_another_is_not_trusted(
    make_output: MakeOutput, system_calls: list[str], tmp_path: Path
) -> None:
    """Somebody moved the folder away and put another one there."""
    output = make_output()
    output.store([result("41")])
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.rename(folder.with_name("moved"))
    folder.mkdir()
    system_calls.clear()
    output.store([result("42")])
    assert "fsync root/tencent/2026/11" in system_calls


def test_folder_that_was_made_anew_is_not_trusted(
    make_output: MakeOutput,
    system_calls: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A folder that was removed and made again is another one, even with the inode of the first."""
    monkeypatch.setattr("asr_daemon.output.filesystem.tree._identity", lambda path: (1, 1))
    output = make_output()
    output.store([result("41")])
    folder = tmp_path / "root/tencent/2026/11/21"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    system_calls.clear()
    output.store([result("42")])
    assert "fsync root/tencent/2026/11" in system_calls


def test_folder_whose_parent_could_not_be_synced_is_not_trusted(
    make_output: MakeOutput,
    system_calls: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next result in it has the parents synced once more."""
    output = make_output()
    (tmp_path / "root/tencent/2026/11").mkdir(parents=True)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing_for(tmp_path / "root/tencent/2026/11"))
        assert isinstance(output.store([result("41")])[0], CannotStore)
    system_calls.clear()
    assert isinstance(output.store([result("42")])[0], Stored)
    assert "fsync root/tencent/2026/11" in system_calls


def failing_for(path: Path) -> Callable[[int], None]:
    """Return an `fsync` that fails for what is at a path."""
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    return failing


def test_without_durability_nothing_is_synced(
    make_output: MakeOutput, system_calls: list[str]
) -> None:
    """`durability: none` leaves everything to the page cache."""
    make_output(durable=False).store([result()])
    assert not [call for call in system_calls if call.startswith("fsync")]


def test_duplicate(make_output: MakeOutput, tmp_path: Path) -> None:
    """The same name and digest again writes nothing, and is stored."""
    output = make_output()
    output.store([result()])
    before = contents(tmp_path / "root")
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", True)]
    assert contents(tmp_path / "root") == before


def test_duplicate_is_synced_before_it_counts(
    make_output: MakeOutput, system_calls: list[str]
) -> None:
    """Files found in the tree may stem from a killed process: they are synced first."""
    output = make_output()
    output.store([result()])
    system_calls.clear()
    output.store([result()])
    assert "fsync root/tencent/2026/11/21/42.txt" in system_calls
    assert "fsync root/tencent/2026/11/21/42.json" in system_calls
    assert system_calls[-3:] == [
        "fsync root/tencent/2026/11/21",
        "announce root/tencent/2026/11/21/42.txt",
        "announce root/tencent/2026/11/21/42.json",
    ]


def test_same_name_other_content(make_output: MakeOutput, tmp_path: Path) -> None:
    """Another result of the same name is kept beside the first, as `~2`, `~3`."""
    output = make_output()
    others = [result(digest=f"d{n}", text=b"%d" % n) for n in range(3)]
    outcomes = [output.store([each])[0] for each in others]
    assert [getattr(each, "path", each) for each in outcomes] == [
        "tencent/2026/11/21/42.json",
        "tencent/2026/11/21/42~2.json",
        "tencent/2026/11/21/42~3.json",
    ]
    folder = tmp_path / "root/tencent/2026/11/21"
    assert (folder / "42.txt").read_bytes() == b"0"
    assert (folder / "42~3.txt").read_bytes() == b"2"


def test_names_of_others_are_read_once(make_output: MakeOutput, tmp_path: Path) -> None:
    """However many results have one name, the next does not read all of them again."""
    read: list[str] = []

    def fingerprint(file: BinaryIO) -> str | None:
        read.append(file.name)
        return read_fingerprint(file)

    output = make_output(durable=False, read=fingerprint)
    for digest in ("d1", "d2", "d3", "d4", "d5"):
        output.store([result(digest=digest)])
    names = sorted(path.name for path in (tmp_path / "root").rglob("42*.json"))
    assert (len(names), len(read)) == (5, 4)


def test_text_without_its_marker_is_completed(make_output: MakeOutput, tmp_path: Path) -> None:
    """What a killed commit left (the text, not yet the JSON) is completed, not doubled."""
    output = make_output()
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    (folder / "42.txt").write_bytes(b"hello\n")
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]


def test_text_of_somebody_else_is_left_alone(make_output: MakeOutput, tmp_path: Path) -> None:
    """A text of other content whose JSON was moved away keeps its name."""
    output = make_output()
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    (folder / "42.txt").write_bytes(b"hello\nand more\n")
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42~2.json", False)]
    assert (folder / "42.txt").read_bytes() == b"hello\nand more\n"


def test_text_is_not_put_beside_the_marker_of_another(
    make_output: MakeOutput, tmp_path: Path
) -> None:
    """Where only the JSON of another result is left, no text of ours comes to stand beside it."""
    output = make_output()
    output.store([result(digest="d1")])
    folder = tmp_path / "root/tencent/2026/11/21"
    (folder / "42.txt").unlink()
    assert output.store([result(digest="d2")]) == [Stored("tencent/2026/11/21/42~2.json", False)]
    assert not (folder / "42.txt").exists()


def test_marker_that_cannot_be_read_is_left_alone(make_output: MakeOutput, tmp_path: Path) -> None:
    """A JSON that is not ours, or a folder of its name, counts as another result."""
    output = make_output()
    folder = tmp_path / "root/tencent/2026/11/21"
    (folder / "42.json").mkdir(parents=True)
    (folder / "42~2.json").write_bytes(b"not ours")
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42~3.json", False)]


def test_short_writes_are_continued(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that takes only a part is followed by the rest."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:2]))
    make_output().store([result()])
    assert (tmp_path / "root/tencent/2026/11/21/42.txt").read_bytes() == b"hello\n"


def test_full_disk(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full nothing stands under a final name, and nothing is left aside."""

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    output = make_output()
    monkeypatch.setattr(os, "write", full)
    [outcome] = output.store([result()])
    assert isinstance(outcome, CannotStore)
    assert str(outcome) == "the result cannot be stored now: No space left on device"
    assert contents(tmp_path / "root") == {}


def test_one_that_fails_does_not_hold_up_the_others(
    make_output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a batch each result succeeds or fails by itself."""
    write = os.write

    def picky(descriptor: int, data: bytes) -> int:
        if bytes(data).startswith(b"bad"):
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return write(descriptor, data)

    output = make_output()
    monkeypatch.setattr(os, "write", picky)
    outcomes = output.store([result("1", text=b"bad"), result("2")])
    assert isinstance(outcomes[0], CannotStore)
    assert outcomes[1] == Stored("tencent/2026/11/21/2.json", False)


def test_file_that_could_not_be_synced_is_written_anew(
    make_output: MakeOutput, system_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed sync is not tried again on the same file: a new one is written."""
    output = make_output()
    fsync = os.fsync
    failures = iter([True])

    def once(descriptor: int) -> None:
        if next(failures, False):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", once)
    system_calls.clear()
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]
    assert [call for call in system_calls if "unnamed" in call][:6] == [
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
    make_output: MakeOutput, system_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From three results on one sync of all takes the place of theirs, before the first link."""

    def sync_all(self: FileSystemSync, descriptor: int) -> bool:
        system_calls.append("sync all")
        return True

    output = make_output()
    monkeypatch.setattr(FileSystemSync, "sync", sync_all)
    system_calls.clear()
    output.store(batch(3))
    assert [call.partition(" ")[0] for call in system_calls if "unnamed" in call] == [
        *["create"] * 6,
        *["link"] * 6,
    ]
    assert system_calls.index("sync all") < system_calls.index(
        "link unnamed 0 root/tencent/2026/11/21/0.txt"
    )
    assert system_calls[-7] == "fsync root/tencent/2026/11/21"
    assert all(call.startswith("announce") for call in system_calls[-6:])


@pytest.mark.parametrize(("count", "trusted"), [(2, True), (3, False)])
def test_files_are_synced_one_by_one(
    make_output: MakeOutput,
    system_calls: list[str],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    trusted: bool,
) -> None:
    """If they are few, or a sync of all cannot be trusted there."""
    output = make_output()
    monkeypatch.setattr(FileSystemSync, "sync", lambda self, descriptor: trusted)
    output.store(batch(count))
    assert [call for call in system_calls if call.startswith("fsync unnamed")] == [
        f"fsync unnamed {number}" for number in range(2 * count)
    ]


def test_sync_of_all_that_failed(
    make_output: MakeOutput, system_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not say which file is not on the disk: all are written anew, and synced each."""

    def failing(self: FileSystemSync, descriptor: int) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    output = make_output()
    monkeypatch.setattr(FileSystemSync, "sync", failing)
    outcomes = output.store(batch(3))
    assert [isinstance(outcome, Stored) for outcome in outcomes] == [True] * 3
    linked = [call.split()[2] for call in system_calls if call.startswith("link")]
    assert linked == ["6", "7", "8", "9", "10", "11"]
    assert {f"fsync unnamed {number}" for number in linked} <= set(system_calls)


def test_directory_that_cannot_be_synced(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result whose name may not be durable is refused."""
    output = make_output()
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    monkeypatch.setattr(os, "fsync", failing_for(folder))
    assert isinstance(output.store([result()])[0], CannotStore)


def test_folder_that_is_removed_before_the_link_is_made_again(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that tidies up may remove a folder that is still empty."""
    output, link = make_output(), os.link
    removals = iter([tmp_path / "root/tencent/2026/11/21"])

    def remove_and_link(source: str, target: str, dst_dir_fd: int) -> None:
        for folder in removals:
            folder.rmdir()
        link(source, target, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "link", remove_and_link)
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]


def test_name_that_is_taken_before_the_link(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is replaced: the result gets the next name."""
    output, fsync = make_output(), os.fsync
    taken = tmp_path / "root/tencent/2026/11/21/42.txt"
    taken.parent.mkdir(parents=True)

    def sync_and_take(descriptor: int) -> None:
        fsync(descriptor)
        taken.write_bytes(b"somebody else's")

    monkeypatch.setattr(os, "fsync", sync_and_take)
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42~2.json", False)]
    assert taken.read_bytes() == b"somebody else's"


def test_link_that_leads_nowhere_keeps_its_name(make_output: MakeOutput, tmp_path: Path) -> None:
    """It is not written through, and not in the way for ever."""
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    for name in ("42.txt", "42.json", "42~2.txt"):
        (folder / name).symlink_to("nowhere")
    assert make_output().store([result()]) == [Stored("tencent/2026/11/21/42~3.json", False)]


def test_folder_that_a_reader_removed_is_made_again(
    make_output: MakeOutput, tmp_path: Path
) -> None:
    """Readers may remove folders; the next result makes them anew."""
    output = make_output()
    output.store([result("1")])
    folder = tmp_path / "root/tencent/2026/11/21"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert output.store([result("2")]) == [Stored("tencent/2026/11/21/2.json", False)]


def test_reader_that_is_quicker_than_the_sync(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that takes a result and its folder as soon as it appears does not get it twice."""
    output = make_output()
    link = os.link

    def link_and_take(source: str, target: str, dst_dir_fd: int) -> None:
        link(source, target, dst_dir_fd=dst_dir_fd)
        if target.endswith(".json"):
            shutil.rmtree(os.path.dirname(target))

    monkeypatch.setattr(os, "link", link_and_take)
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]


def test_name_of_a_result_that_a_reader_took_at_once(
    make_output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another result of its name, in the same batch, would overwrite it in the reader's folder."""
    output = make_output()
    link = os.link

    def link_and_take(source: str, target: str, dst_dir_fd: int) -> None:
        link(source, target, dst_dir_fd=dst_dir_fd)
        os.unlink(target)

    monkeypatch.setattr(os, "link", link_and_take)
    assert output.store([result(digest="d1"), result(digest="d2")]) == [
        Stored("tencent/2026/11/21/42.json", False),
        Stored("tencent/2026/11/21/42~2.json", False),
    ]


def test_root_that_was_replaced(make_output: MakeOutput, tmp_path: Path) -> None:
    """Nothing is stored below a root that is not the one of the start; it is when that is back."""
    output = make_output()
    (tmp_path / "root").rename(tmp_path / "away")
    (tmp_path / "root").mkdir()
    assert isinstance(output.store([result()])[0], CannotStore)
    assert contents(tmp_path / "root") == {}
    (tmp_path / "root").rmdir()
    (tmp_path / "away").rename(tmp_path / "root")
    assert isinstance(output.store([result()])[0], Stored)


def test_root_that_is_replaced_within_a_batch(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was linked below the root that was there is not where readers look now: refused."""
    output, link = make_output(), os.link

    def link_and_replace(source: str, target: str, dst_dir_fd: int) -> None:
        link(source, target, dst_dir_fd=dst_dir_fd)
        if target.endswith(".json"):
            (tmp_path / "root").rename(tmp_path / "away")
            shutil.copytree(tmp_path / "away/tencent", tmp_path / "root/tencent")

    monkeypatch.setattr(os, "link", link_and_replace)
    assert isinstance(output.store([result()])[0], CannotStore)


def test_root_that_goes_away_within_a_batch(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not made again, for it may have been a mount point."""
    output, fsync = make_output(), os.fsync

    def rename_and_sync(descriptor: int) -> None:
        if (tmp_path / "root").exists():
            (tmp_path / "root").rename(tmp_path / "away")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", rename_and_sync)
    assert isinstance(output.store([result()])[0], CannotStore)
    assert not (tmp_path / "root").exists()


def test_root_on_a_device_of_another_number(make_output: MakeOutput, tmp_path: Path) -> None:
    """A file system that went away and came back is known by the mark in its staging folder."""
    output = make_output()
    (tmp_path / "root").rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", tmp_path / "root")
    assert isinstance(output.store([result()])[0], Stored)


def test_unreadable_marker_is_left_alone(
    make_output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that a reader has taken for itself is another result, not an obstacle."""
    output = make_output()
    output.store([result()])

    def forbidden(path: str, mode: str) -> object:
        if path.endswith("/42.json"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    monkeypatch.setattr("builtins.open", forbidden)
    assert output.store([result(digest="d2")]) == [Stored("tencent/2026/11/21/42~2.json", False)]


def test_a_bug_leaves_nothing_open(
    make_output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is raised in the middle of a batch, its files are closed and forgotten."""
    output = make_output()
    before = len(os.listdir("/proc/self/fd"))

    def broken(source: str, target: str, dst_dir_fd: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(os, "link", broken)
    with pytest.raises(ZeroDivisionError):
        output.store([result()])
    assert len(os.listdir("/proc/self/fd")) == before


def test_probe(make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe leaves nothing behind, and meets what a result would meet."""
    output = make_output()
    assert output.check_health(thoroughly=True) is None
    assert contents(tmp_path / "root") == {}

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    assert output.check_health(thoroughly=True) == "No space left on device"
    assert contents(tmp_path / "root") == {}


def test_staging_folder_that_was_tidied_away(make_output: MakeOutput, tmp_path: Path) -> None:
    """Somebody who removes the staging folder does not stop the daemon."""
    output = make_output()
    shutil.rmtree(tmp_path / "root/.staging")
    assert isinstance(output.store([result()])[0], Stored)


def test_probe_looks_where_the_last_result_failed(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that may not be written to is trouble until it may, although staging is well."""
    output = make_output()

    def forbidden(source: str, target: str, dst_dir_fd: int) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", forbidden)
        assert isinstance(output.store([result()])[0], CannotStore)
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda path, mode: not path.endswith("/21"))
        found = output.check_provider("tencent")
        assert found == f"Permission denied: {tmp_path}/root/tencent/2026/11/21"
    assert output.check_health(thoroughly=True) is None


def test_modes(make_output: MakeOutput, tmp_path: Path) -> None:
    """Files and folders have the configured modes."""
    make_output().store([result()])
    folder = tmp_path / "root/tencent"
    assert folder.stat().st_mode & 0o777 == 0o750
    assert (folder / "2026/11/21/42.json").stat().st_mode & 0o777 == 0o640


def test_second_daemon_is_kept_out(make_output: MakeOutput) -> None:
    """Two daemons cannot write to one tree."""
    output = make_output()
    with pytest.raises(OSError, match="another asr-daemon writes there"):
        make_output()
    output.close()
    make_output()


def test_check_changes_nothing(tmp_path: Path) -> None:
    """Checking a root that is not there yet leaves it so; one that cannot be made is found."""
    output = output_at(tmp_path / "a/b")
    output.check()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        output.check()


PIECES = (b"hello", b", ", b"world\n")


@pytest.fixture
def output(make_output: MakeOutput) -> FilesystemOutput:
    """Return an open output."""
    return make_output()


def staged(output: FilesystemOutput, pieces: Sequence[bytes] = PIECES) -> StagedFile:
    """Return a file that is staged before its result is there."""
    file = output.stage()
    for piece in pieces:
        file.write(piece)
    return file


def large(text: StagedFile) -> Result:
    """Return a result whose text is staged."""
    usual = result()
    return structs.replace(usual, files=((".txt", text), usual.files[1]))


def refusing_unnamed(path: str, flags: int, mode: int = 0o777, dir_fd: int | None = None) -> int:
    """Be `os.open` on a file system that knows no files without a name."""
    if flags & UNNAMED == UNNAMED:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path)
    return OPEN(path, flags, mode, dir_fd=dir_fd)


@pytest.mark.parametrize("opening", [OPEN, refusing_unnamed])
def test_staged_file_gets_its_final_name(
    make_output: MakeOutput,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opening: Callable[..., int],
) -> None:
    """Like any other file; it is still its owner's, and nothing is left once that discards it."""
    monkeypatch.setattr(os, "open", opening)
    output = make_output()
    text = staged(output)
    assert output.store([large(text)]) == [Stored("tencent/2026/11/21/42.json", False)]
    assert text.read() == b"hello, world\n"
    text.release()
    assert contents(tmp_path / "root") == {
        "tencent/2026/11/21/42.txt": b"hello, world\n",
        "tencent/2026/11/21/42.json": b'{"id": "x", "digest": "d1"}',
    }


@pytest.mark.parametrize("calls_before", [0, 1])
def test_staged_file_that_somebody_took_away(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls_before: int
) -> None:
    """As `rsync --remove-source-files` does: it is written once more."""
    monkeypatch.setattr(os, "open", refusing_unnamed)
    output, link, taken = make_output(), os.link, iter([False] * calls_before + [True])

    def take_and_link(source: str, target: str, dst_dir_fd: int) -> None:
        if next(taken, False):
            os.unlink(source)
        link(source, target, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "link", take_and_link)
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]
    assert contents(tmp_path / "root") == {
        "tencent/2026/11/21/42.txt": b"hello\n",
        "tencent/2026/11/21/42.json": b'{"id": "x", "digest": "d1"}',
    }


@pytest.mark.parametrize(
    ("found", "stem"),
    [(b"hello, world\n", "42"), (b"hello", "42~2"), (b"hello, world\nmore", "42~2")],
)
def test_text_that_is_there(
    output: FilesystemOutput, tmp_path: Path, found: bytes, stem: str
) -> None:
    """A text of a commit that was cut off is ours only if all of it is the same."""
    path = tmp_path / "root/tencent/2026/11/21/42.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(found)
    text = staged(output)
    assert output.store([large(text)]) == [Stored(f"tencent/2026/11/21/{stem}.json", False)]
    assert path.read_bytes() == found
    text.release()


def test_staged_file_whose_sync_fails_is_refused(
    output: FilesystemOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be written again, and a second sync of it would succeed without its data."""
    text, fsync = staged(output), os.fsync
    failures = iter([OSError(errno.EIO, "broken")])

    def once(descriptor: int) -> None:
        for failure in failures:
            raise failure
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", once)
    for _ in range(2):
        assert isinstance(output.store([large(text)])[0], CannotStore)
    text.release()


@pytest.mark.parametrize("status", ["succeeded", "rejected"])
def test_staged_file_that_was_discarded_is_refused(output: FilesystemOutput, status: str) -> None:
    """Its sender has given up; the others of the batch are stored."""
    text = staged(output)
    text.release()
    gone = structs.replace(large(text), status=status, identity="gone")
    refused, stored = output.store([gone, result("43")])
    assert isinstance(refused, CannotStore)
    assert stored == Stored("tencent/2026/11/21/43.json", False)


def test_staged_file_is_synced_beside_many_others(
    output: FilesystemOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync of all reports errors from the batch's first file on, and that is older."""
    text, synced, fsync = staged(output), list[int](), os.fsync

    def sync(descriptor: int) -> None:
        synced.append(descriptor)
        fsync(descriptor)

    def sync_all(self: FileSystemSync, descriptor: int) -> bool:
        return descriptor != text.descriptor

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(FileSystemSync, "sync", sync_all)
    outcomes = output.store([large(text), *batch(4)])
    assert all(isinstance(outcome, Stored) for outcome in outcomes)
    assert synced.count(text.descriptor) == 1
    text.release()


def test_nothing_is_staged_without_room(output: FilesystemOutput) -> None:
    """A large body is refused when it begins, not when the disk is full."""
    output.apply(structs.replace(SETTINGS, free_space_bytes=1 << 60))
    with pytest.raises(CannotStore, match="No space left on device"):
        output.stage()


def test_modes_that_change_hold_for_the_next_batch(
    output: FilesystemOutput, tmp_path: Path
) -> None:
    """What is there keeps its own."""
    output.store([result("1")])
    output.apply(structs.replace(SETTINGS, modes=Modes(0o600, 0o700)))
    output.store([result("2", day="22")])
    folder = tmp_path / "root/tencent/2026/11"
    names = ("21", "21/1.json", "22", "22/2.json")
    modes = [(folder / name).stat().st_mode & 0o777 for name in names]
    assert modes == [0o750, 0o640, 0o700, 0o600]
