"""One sync for many files, on the file systems where it promises as much as one of each."""

import ctypes
import os
import sys
import time

_TRUSTED = {0xEF53: "ext2, ext3 and ext4", 0x58465342: "XFS"}
"""By the number that `statfs` gives: kinds on which a sync of all is as good as one of each file.

Others may do nothing when they are asked to (FUSE), or mean another file system (overlays).
"""

_SINCE = (5, 17)
"""The version of Linux from which on `syncfs` tells of every error."""

SLOW_S = 1.0
"""A sync of all that takes longer is not repeated for `CALM_S`."""

CALM_S = 10.0

_STATFS_BYTES = 256
"""More than any `struct statfs`, whose first word is the kind."""

_libc = ctypes.CDLL(None, use_errno=True)


class SyncOfAll:
    """A sync of the whole file system in place of one of each file. Used by one thread."""

    def __init__(self) -> None:
        """Begin with trust."""
        self._one_by_one_until_s = 0.0

    def sync(self, descriptor: int) -> bool:
        """Do as `sync_file_system`; after one that was slow return `False` for a while.

        It waits for what other programs have written as well, and they may write a lot.
        """
        began_s = time.monotonic()
        if began_s < self._one_by_one_until_s:
            return False
        done = sync_file_system(descriptor)
        ended_s = time.monotonic()
        if ended_s - began_s > SLOW_S:
            self._one_by_one_until_s = ended_s + CALM_S
        return done


def sync_file_system(descriptor: int) -> bool:
    """Sync the file system of an open file; `False` if that cannot be trusted: nothing is done.

    Args:
        descriptor: of a file that was opened before any was written that is to be synced: errors
            are told of from then on.

    Raises:
        OSError: something could not be written; it may be any file, also of another program.
    """
    if not _TELLS_ERRORS or _kind(descriptor) not in _TRUSTED:
        return False
    if _libc.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return True


def _kind(descriptor: int) -> int:
    status = ctypes.create_string_buffer(_STATFS_BYTES)
    if _libc.fstatfs(descriptor, status) != 0:
        return 0
    word = ctypes.sizeof(ctypes.c_long)
    return int.from_bytes(status.raw[:word], sys.byteorder)


def tells_every_error(release: str) -> bool:
    """Say whether `syncfs` tells of every error on a kernel, such as `6.1.0-18-amd64`."""
    parts = release.split(".")[:2]
    return tuple(int(part) if part.isdigit() else 0 for part in parts) >= _SINCE


_TELLS_ERRORS = tells_every_error(os.uname().release)
