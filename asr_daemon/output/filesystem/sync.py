"""How files and directories come to be on stable storage, and one sync for many files."""

import ctypes
import errno
import os
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

_TRUSTED = {0xEF53: "ext2, ext3 and ext4", 0x58465342: "XFS"}
"""By the number that `statfs` gives: kinds on which a sync of all is as good as one of each file.

Others may do nothing when they are asked to (FUSE), or mean another file system (overlays).
"""

_SINCE = (5, 17)
"""The version of Linux from which on `syncfs` reports every error."""

SLOW_S = 1.0
"""How long a sync of all is waited for."""

CALM_S = 10.0
"""How long none is begun after one that was slow."""

_STATFS_BYTES = 256
"""More than any `struct statfs`, whose first word is the kind."""

_NOT_FOR_DIRECTORIES = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}
"""What `fsync` answers where it does nothing for a directory; a failure is another number."""

_libc = ctypes.CDLL(None, use_errno=True)


def sync_file(descriptor: int) -> None:
    """Put what was written to an open file on stable storage. Raise `OSError` if that fails."""
    os.fsync(descriptor)


def sync_directory(descriptor: int) -> None:
    """Put the entries of an open directory on stable storage, where the file system knows how."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FOR_DIRECTORIES:
            raise


def begin_writeback(descriptor: int) -> None:
    """Have the system start to write a file to the disk; to be followed by a sync.

    When all files of a batch are under way before the first is synced, the file system can put
    them into one transaction of its journal, where it would make one for each.
    """
    with suppress(OSError):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


class FileSystemSync:
    """A sync of the whole file system where it promises as much as one of each file.

    It waits for what other programs have written as well, which may take minutes. So it runs on a
    thread of its own, which is left behind when it takes too long. Used by one thread.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="syncfs")
        self._slow: Future[None] | None = None
        self._calm_until_s = 0.0

    def sync(self, descriptor: int) -> bool:
        """Sync the file system of an open file; `False` if each file has to be synced instead.

        That is where it cannot be trusted, takes longer than `SLOW_S`, or did lately.

        Args:
            descriptor: of a file that was opened before any was written that is to be synced:
                errors are reported from then on.

        Raises:
            OSError: something could not be written; it may be any file, also of another program.
        """
        if self._is_slow() or not is_trusted(descriptor):
            return False
        running = self._thread.submit(_sync_and_close, os.dup(descriptor))
        try:
            running.result(SLOW_S)
        except TimeoutError:
            self._slow = running
            return False
        return True

    def _is_slow(self) -> bool:
        if self._slow is not None and self._slow.done():
            self._slow = None
            self._calm_until_s = time.monotonic() + CALM_S
        return self._slow is not None or time.monotonic() < self._calm_until_s


def is_trusted(descriptor: int) -> bool:
    """Return whether `syncfs` reports every error on the file system of an open file."""
    return _REPORTS_ERRORS and _kind(descriptor) in _TRUSTED


def reports_every_error(release: str) -> bool:
    """Return whether `syncfs` reports every error on a kernel, such as `6.1.0-18-amd64`."""
    parts = release.split(".")[:2]
    return tuple(int(part) if part.isdigit() else 0 for part in parts) >= _SINCE


def _sync_and_close(descriptor: int) -> None:
    try:
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def _kind(descriptor: int) -> int:
    status = ctypes.create_string_buffer(_STATFS_BYTES)
    if _libc.fstatfs(descriptor, status) != 0:
        return 0
    word = ctypes.sizeof(ctypes.c_long)
    return int.from_bytes(status.raw[:word], sys.byteorder)


_REPORTS_ERRORS = reports_every_error(os.uname().release)
