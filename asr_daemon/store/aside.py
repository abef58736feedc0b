"""Large files: written aside piece by piece, and synced, before a batch takes them."""

import os
from collections.abc import Iterable
from weakref import finalize

from asr_daemon.store.staging import Staged, Staging

_BUFFER_BYTES = 256 * 1024

_SYNC_BYTES = 8 * 1024 * 1024
"""What is synced at once: with more, the syncs of small results would wait for it."""

_COMPARED_BYTES = 256 * 1024


class Aside:
    """A file in the staging folder; closed and removed as soon as nobody holds this object."""

    def __init__(self, staging: Staging, suffix: str) -> None:
        """Make a new file."""
        self._staging = staging
        self._staged = staging.create(suffix)
        self._size_bytes = 0
        finalize(self, staging.discard, self._staged)

    def __len__(self) -> int:
        """Return its size in bytes."""
        return self._size_bytes

    def write(self, pieces: Iterable[bytes], *, durable: bool) -> None:
        """Write all pieces, and sync them if they are to be durable."""
        unsynced = 0
        with open(self._staged.descriptor, "wb", buffering=_BUFFER_BYTES, closefd=False) as file:
            for piece in pieces:
                file.write(piece)
                self._size_bytes += len(piece)
                unsynced += len(piece)
                if durable and unsynced > _SYNC_BYTES:
                    file.flush()
                    os.fdatasync(self._staged.descriptor)
                    unsynced = 0
        if durable:
            os.fsync(self._staged.descriptor)

    def again(self) -> Staged:
        """Return the file for a commit, which discards what it is given."""
        return self._staging.duplicate(self._staged)

    def is_at(self, path: str) -> bool:
        """Say whether the file at a path has the same content."""
        with open(path, "rb") as other, open(self._staged.path, "rb") as own:
            while piece := own.read(_COMPARED_BYTES):
                if other.read(len(piece)) != piece:
                    return False
            return not other.read(1)


Content = bytes | bytearray | Aside
"""What a file is to hold."""
