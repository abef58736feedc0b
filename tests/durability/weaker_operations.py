"""The strict disk without something that most file systems have."""

import errno
from collections.abc import Collection
from pathlib import PurePath
from typing import Literal, get_args

from tests.durability.fuse_operations import refusal
from tests.durability.posix_operations import PosixOperations
from tests.durability.posix_tree import FatTree

Lack = Literal[
    "link", "rename-flags", "directory-sync", "inodes", "inode-numbers", "modes", "room", "fat"
]
"""What may be missing.

Without `rename-flags` a rename replaces or is refused; without `directory-sync` it is refused, and
entries are durable at once; without `inodes` none are reported as free; without `inode-numbers`
they change all the time; without `modes` none can be set; without `room` nothing can be made in
directories that are named `full`. With `fat` names and times are those of a FAT, see `FatTree`.
"""

LACKS: tuple[Lack, ...] = get_args(Lack)


class WeakerOperations(PosixOperations):
    """The operations; what is missing is refused as such file systems do."""

    def __init__(self, lacks: Collection[str]) -> None:
        """Begin with an empty tree."""
        super().__init__()
        self.lacks = frozenset(lacks)
        if "fat" in self.lacks:
            self._tree = FatTree()

    def getattr(self, path: str | None, handle: int | None = None) -> dict[str, int]:
        """Describe a file or directory."""
        described = super().getattr(path, handle)
        if "inode-numbers" in self.lacks:
            described["st_ino"] = next(self._numbers) + 1_000_000
        if "fat" in self.lacks:
            described["st_mtime"] -= described["st_mtime"] % 2_000_000_000
        return described

    def statfs(self, path: str) -> dict[str, int]:
        """Describe the disk."""
        none = {"f_ffree": 0, "f_favail": 0} if "inodes" in self.lacks else {}
        return {**super().statfs(path), **none}

    def fsyncdir(self, path: str | None, data_only: int, handle: int) -> int:
        """Make the entries of a directory durable."""
        if "directory-sync" in self.lacks:
            raise refusal(errno.EINVAL, path or "")
        return super().fsyncdir(path, data_only, handle)

    def create(self, path: str, mode: int, flags: int) -> int:
        """Make an empty file and return a handle of it."""
        handle = super().create(path, mode, flags)
        self._entered(path)
        return handle

    def mkdir(self, path: str, mode: int) -> int:
        """Make an empty directory."""
        super().mkdir(path, mode)
        return self._entered(path)

    def link(self, new: str, old: str) -> int:
        """Give a file one more name."""
        if "link" in self.lacks:
            raise refusal(errno.EPERM, new)
        self._refuse_full(new)
        super().link(new, old)
        return self._entered(new)

    def rename(self, old: str, new: str) -> int:
        """Move a name."""
        self._refuse_full(new)
        super().rename(old, new)
        self._entered(old)
        return self._entered(new)

    def chmod(self, path: str, mode: int) -> int:
        """Change the permissions, which nobody checks."""
        if "modes" in self.lacks:
            raise refusal(errno.EPERM, path)
        return super().chmod(path, mode)

    def _refuse_full(self, path: str) -> None:
        if "room" in self.lacks and PurePath(path).parent.name == "full":
            raise refusal(errno.ENOSPC, path)

    def _entered(self, path: str) -> int:
        if "directory-sync" in self.lacks:
            self._tree.directory(str(PurePath(path).parent)).sync()
        return 0
