"""Room is watched in bytes and inodes."""

import os
from pathlib import Path

import pytest

from asr_daemon.output.filesystem.space import Room, Space

MIB = 1024 * 1024


def statvfs(
    bavail: int = 1_000_000, favail: int = 1_000_000, files: int = 2_000_000, flag: int = 0
) -> os.statvfs_result:
    """Return the figures of a file system with blocks of 4 KiB."""
    return os.statvfs_result((4096, 4096, 0, 0, bavail, files, 0, favail, flag, 255))


@pytest.mark.parametrize(
    ("figures", "complaint"),
    [
        (statvfs(), None),
        (statvfs(bavail=256 * MIB // 4096), None),
        (statvfs(bavail=256 * MIB // 4096 - 1), "less than limits.free_space is left"),
        (statvfs(favail=16_383), "fewer than 16384 inodes are left"),
        (statvfs(favail=5_000, files=100_000), None),
        (statvfs(favail=4_999, files=100_000), "fewer than 5000 inodes are left"),
        (statvfs(favail=0, files=0), None),
        (statvfs(flag=os.ST_RDONLY), "Read-only file system"),
    ],
)
def test_check(
    figures: os.statvfs_result, complaint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the reserve of bytes, or of inodes in proportion, nothing is stored."""
    monkeypatch.setattr(os, "statvfs", lambda path: figures)
    space = Space(Path("/root"))
    if complaint is None:
        space.check(256 * MIB)
    else:
        with pytest.raises(OSError, match=complaint):
            space.check(256 * MIB)


def test_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was left at the last check is remembered for the metrics."""
    monkeypatch.setattr(os, "statvfs", lambda path: statvfs(bavail=10, favail=5))
    space = Space(Path("/root"))
    assert space.room is None
    space.check(0)
    assert space.room == Room(free_bytes=40960, inodes=2_000_000, free_inodes=5, read_only=False)


def test_inodes_that_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files can be made although none are reported free, the number means nothing."""
    monkeypatch.setattr(os, "statvfs", lambda path: statvfs(favail=0))
    space = Space(Path("/root"))
    with pytest.raises(OSError, match="fewer than 16384 inodes are left"):
        space.check(256 * MIB)
    space.note_files_made()
    space.check(256 * MIB)
