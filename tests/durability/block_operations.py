"""The FUSE side of the recording disk: one file that a loop device writes to, one for marks."""

import errno
import os
import stat
from pathlib import Path

from tests.durability.block_log import Kind, Record, pack
from tests.durability.fuse_operations import FuseOperations, refusal

DISK = "disk"
"""The name of the file that is the disk."""

MARKS = "marks"
"""The name of the file that takes marks: each write to it is one."""


class RecordingOperations(FuseOperations):
    """Keeps an image, and logs what is done to it.

    That libfuse calls from one thread is what puts writes, flushes and marks in order.
    """

    def __init__(self, image: Path, log: Path) -> None:
        """Open both; the log is written anew."""
        self._image = os.open(image, os.O_RDWR | os.O_CLOEXEC)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def getattr(self, path: str, handle: int | None = None) -> dict[str, int]:
        """Describe the folder or one of its two files."""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path not in (f"/{DISK}", f"/{MARKS}"):
            raise refusal(errno.ENOENT, path)
        size = os.fstat(self._image).st_size if path == f"/{DISK}" else 0
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size}

    def read(self, path: str, size: int, offset: int, handle: int) -> bytes:
        """Return what is on the disk."""
        return os.pread(self._image, size, offset)

    def write(self, path: str, data: bytes, offset: int, handle: int) -> int:
        """Log a write to the disk and do it, or log a mark."""
        if path == f"/{MARKS}":
            self._record(Record(Kind.MARK, 0, data))
            return len(data)
        self._record(Record(Kind.WRITE, offset, data))
        return os.pwrite(self._image, data, offset)

    def fsync(self, path: str, data_only: int, handle: int) -> int:
        """Log a flush: the loop device turns each of those into a sync of its file."""
        self._record(Record(Kind.FLUSH))
        return 0

    def _record(self, record: Record) -> None:
        packed = pack(record)
        if os.write(self._log, packed) < len(packed):
            raise refusal(errno.ENOSPC, DISK)
