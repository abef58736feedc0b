"""The strict disk finds a writer that forgets to sync its directories, and is a file system."""

import os
from collections.abc import Iterator

import pytest

from tests.durability import requirements
from tests.durability.posix_disk import PosixDisk, posix_disk
from tests.durability.requirements import require
from tests.durability.toy_writer import ToyWriter


@pytest.fixture
def disk() -> Iterator[PosixDisk]:
    """Return an empty disk."""
    require(requirements.root, requirements.fuse)
    with posix_disk() as disk:
        yield disk


def test_writer_that_syncs_loses_nothing(disk: PosixDisk) -> None:
    """After each commit, what was committed would be left."""
    writer = ToyWriter(disk.mountpoint)
    for name in ("alpha", "arthur", "beta"):
        writer.commit(name, b"data of " + name.encode())
        assert disk.durable_tree()[f"{name[0]}/{name}"] == b"data of " + name.encode()


def test_writer_that_does_not_sync_directories_is_found(disk: PosixDisk) -> None:
    """Of its files nothing is left."""
    ToyWriter(disk.mountpoint, without=["sync directory"]).commit("alpha", b"data")
    assert (disk.mountpoint / "a" / "alpha").read_bytes() == b"data"
    assert disk.durable_tree() == {}


def test_writer_that_does_not_sync_files_is_found(disk: PosixDisk) -> None:
    """Of its files the names are left."""
    ToyWriter(disk.mountpoint, without=["sync file"]).commit("alpha", b"data")
    assert disk.durable_tree() == {"a/alpha": b""}


def test_disk_works_as_a_file_system(disk: PosixDisk) -> None:
    """What a committer may do to a file does what it does elsewhere."""
    path = disk.mountpoint / "file"
    path.write_bytes(b"0123456789")
    os.truncate(path, 4)
    with path.open("ab") as file:
        file.write(b"\0" * 200_000)
    os.link(path, disk.mountpoint / "same")
    path.chmod(0o640)
    os.utime(path, ns=(1, 2))
    status = (disk.mountpoint / "same").stat()
    assert (status.st_size, status.st_nlink, status.st_mtime_ns) == (200_004, 2, 2)
    assert oct(status.st_mode) == "0o100640"
    assert path.samefile(disk.mountpoint / "same")
    assert path.read_bytes() == b"0123" + b"\0" * 200_000


def test_names_are_listed_moved_and_removed(disk: PosixDisk) -> None:
    """Directories work, too, and the report of the disk is in no listing."""
    (disk.mountpoint / "d").mkdir()
    (disk.mountpoint / "d" / "中").touch()
    (disk.mountpoint / "d" / "中").rename(disk.mountpoint / "moved")
    assert sorted(os.listdir(disk.mountpoint)) == ["d", "moved"]
    (disk.mountpoint / "d").rmdir()
    (disk.mountpoint / "moved").unlink()
    assert os.listdir(disk.mountpoint) == []


def test_file_that_is_open_outlives_its_name(disk: PosixDisk) -> None:
    """A descriptor can be written to and synced after the last name has gone."""
    path = disk.mountpoint / "file"
    with path.open("wb", buffering=0) as file:
        path.unlink()
        file.write(b"data")
        os.fsync(file.fileno())
    assert not path.exists()


def test_unnamed_files_are_refused(disk: PosixDisk) -> None:
    """A writer that prefers O_TMPFILE has to use names here."""
    with pytest.raises(OSError, match="not supported"):
        os.open(disk.mountpoint, os.O_TMPFILE | os.O_WRONLY)


def test_disk_with_the_names_of_a_fat() -> None:
    """Case makes no difference, a few characters are forbidden, times are even seconds."""
    require(requirements.root, requirements.fuse)
    with posix_disk("fat") as disk:
        file = disk.mountpoint / "Name"
        file.write_bytes(b"data")
        os.utime(file, ns=(1, 3_999_999_999))
        assert (disk.mountpoint / "nAME").read_bytes() == b"data"
        assert os.listdir(disk.mountpoint) == ["Name"]
        assert file.stat().st_mtime_ns == 2_000_000_000
        with pytest.raises(FileExistsError):
            (disk.mountpoint / "name").touch(exist_ok=False)
        for forbidden in ("a:b", "a?", "a.", "a "):
            with pytest.raises(OSError, match="Invalid argument"):
                (disk.mountpoint / forbidden).touch()
