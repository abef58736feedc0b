"""A disk in memory that keeps what was synced and nothing else, to find syncs that are missing.

The file systems of Linux keep a new file's name when the file is synced, so a directory that is
never synced goes unnoticed there; not here.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.durability.mounts import fuse_mounted, work_directory
from tests.durability.posix_operations import DURABLE_TREE
from tests.durability.weaker_operations import Lack


class PosixDisk:
    """An empty, strict file system; what it lacks stands at `PosixOperations`."""

    def __init__(self, mountpoint: Path) -> None:
        """Take the place where it is mounted."""
        self.mountpoint = mountpoint

    def durable_tree(self) -> dict[str, bytes]:
        """Return path and data of each file that would be left if the power went now.

        Paths are relative to the mount point. A file is only there if its entry, and that of each
        directory above it, was synced through its directory; its data is that of its last sync,
        or nothing. May be called at any time, from any process that sees the mount.
        """
        report = json.loads((self.mountpoint / DURABLE_TREE).read_bytes())
        return {path: data.encode("latin-1") for path, data in report.items()}


@contextmanager
def posix_disk(*lacks: Lack) -> Iterator[PosixDisk]:
    """Yield a new disk; it goes away with everything on it, also if the test fails.

    It may lack something else, see `Lack`. Needs the requirements `root` and `fuse`.
    """
    with work_directory() as work, fuse_mounted("posix", work / "disk", *lacks) as mountpoint:
        yield PosixDisk(mountpoint)
