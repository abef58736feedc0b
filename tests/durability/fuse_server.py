"""The process that serves a FUSE bed: `python -m tests.durability.fuse_server BED DIRECTORY ...`.

It prints a line when the mount is there, and ends when it is gone.
"""

import errno
import sys
from pathlib import Path

import mfusepy  # type: ignore[import-untyped]  # it carries no types

from tests.durability.block_operations import RecordingOperations
from tests.durability.fuse_operations import FuseOperations
from tests.durability.weaker_operations import WeakerOperations


def main(bed: str, directory: str, *arguments: str) -> None:
    """Serve until `directory` is unmounted: `block IMAGE LOG`, or `posix LACK...`.

    The tree of `posix` has names that are one file (hard links), so the kernel must not remember
    anything of one name that a change through the other would make wrong.
    """
    if bed == "block":
        image, log = arguments
        _serve(RecordingOperations(Path(image), Path(log)), directory)
    else:
        fresh = {"direct_io": True, "attr_timeout": 0, "entry_timeout": 0}
        operations = WeakerOperations(arguments)
        _serve(operations, directory, use_ino=True, hard_remove=True, **fresh)


class _Fuse(mfusepy.FUSE):  # type: ignore[misc]  # it carries no types
    """Passes on what the binding leaves out: the flags of a rename."""

    def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
        if flags and "rename-flags" in getattr(self.operations, "lacks", ()):
            return -errno.EINVAL
        return int(super().rename_fuse_3(old, new, flags))


def _serve(operations: FuseOperations, directory: str, **options: bool | int) -> None:
    _Fuse(operations, directory, foreground=True, nothreads=True, allow_other=True, **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
