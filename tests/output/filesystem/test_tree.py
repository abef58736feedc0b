"""The tree: whole files, durable in order, never replaced."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from asr_daemon.errors import CannotStore
from asr_daemon.output.base import Result, Stored
from asr_daemon.output.filesystem.output import FilesystemOutput
from asr_daemon.output.filesystem.sync import FileSystemSync
from tests.output.filesystem.conftest import (
    OPEN,
    SETTINGS,
    UNNAMED,
    MakeOutput,
    contents,
    large,
    output_at,
    result,
    staged,
)


def test_files_stand_under_their_names(make_output: MakeOutput, tmp_path: Path) -> None:
    """A result's files are there whole, and nothing is left aside."""
    assert make_output().store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]
    assert contents(tmp_path / "root") == {
        "tencent/2026/11/21/42.txt": b"hello\n",
        "tencent/2026/11/21/42.json": b'{"id": "x", "digest": "d1"}',
    }


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


def test_without_durability_nothing_is_synced(
    make_output: MakeOutput, system_calls: list[str]
) -> None:
    """`durability: none` leaves everything to the page cache."""
    make_output(durable=False).store([result()])
    assert not [call for call in system_calls if call.startswith("fsync")]


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
