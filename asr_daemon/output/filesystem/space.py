"""Free space on the file system of the results."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

BYTES_PER_INODE = 16 * 1024
"""How much data a file system is usually laid out for per inode (mke2fs' default)."""

LARGEST_SHARE_OF_INODES = 20
"""At most one in so many is kept, for file systems that are laid out with few."""


class Room(Struct, frozen=True):
    """What is left for this process' user; `inodes` is `None` where they are not counted."""

    free_bytes: int
    inodes: int
    free_inodes: int | None
    read_only: bool


class Space:
    """Compares what is free below a folder with a reserve."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.room: Room | None = None
        """What was left at the last check; `None` before the first, or if it failed."""
        self._counts_inodes = True

    def note_files_made(self) -> None:
        """Believe no count of inodes that says that none are left while files can be made."""
        with suppress(OSError):
            self._counts_inodes = self._look().free_inodes != 0

    def check(self, reserve_bytes: int) -> None:
        """Raise `OSError` if the file system is read-only, or less than the reserve is left.

        Of inodes as many are reserved as belong to so many bytes.
        """
        self.room = None
        self.room = room = self._look()
        if room.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self._folder))
        if room.free_bytes < reserve_bytes:
            raise OSError(errno.ENOSPC, "less than limits.free_space is left", str(self._folder))
        if room.free_inodes is not None:
            in_proportion = reserve_bytes // BYTES_PER_INODE
            reserve_inodes = min(in_proportion, room.inodes // LARGEST_SHARE_OF_INODES)
            if room.free_inodes < reserve_inodes:
                reason = f"fewer than {reserve_inodes} inodes are left (limits.free_space)"
                raise OSError(errno.ENOSPC, reason, str(self._folder))

    def _look(self) -> Room:
        status = os.statvfs(self._folder)
        return Room(
            free_bytes=status.f_bavail * status.f_frsize,
            inodes=status.f_files,
            free_inodes=status.f_favail if status.f_files and self._counts_inodes else None,
            read_only=bool(status.f_flag & os.ST_RDONLY),
        )
