"""The process that serves a FUSE bed: `python -m tests.durability.fuse_server BED DIRECTORY ...`.

It prints a line when the mount is there, and ends when it is gone.
"""

import sys
from pathlib import Path

import mfusepy  # type: ignore[import-untyped]  # it carries no types

from tests.durability.block_operations import RecordingOperations
from tests.durability.fuse_operations import FuseOperations
from tests.durability.posix_operations import PosixOperations


def main(bed: str, directory: str, *arguments: str) -> None:
    """Serve until `directory` is unmounted: `block IMAGE LOG`, or `posix`.

    The tree of `posix` has names that are one file (hard links), so the kernel must not remember
    anything of one name that a change through the other would make wrong.
    """
    if bed == "block":
        image, log = arguments
        _serve(RecordingOperations(Path(image), Path(log)), directory)
    else:
        fresh = {"direct_io": True, "attr_timeout": 0, "entry_timeout": 0}
        _serve(PosixOperations(), directory, use_ino=True, hard_remove=True, **fresh)


def _serve(operations: FuseOperations, directory: str, **options: bool | int) -> None:
    mfusepy.FUSE(
        operations, directory, foreground=True, nothreads=True, allow_other=True, **options
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
