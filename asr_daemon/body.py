"""The body of a request: in memory, or on disk where it is longer; its size decides what happens.

A body is received into memory or spooled (`web/request.py`), and converted on the event loop, in a
thread, or in a child process (`pipeline.py`, `worker.py`). One larger than `limits.body`, 64 MiB by
default, is refused: by its head (`web/request_head.py`), or as it arrives in chunks.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

SMALL_BODY_BYTES = 32 * 1024
"""Up to this size a body is converted on the event loop: that takes a millisecond or two."""

MEMORY_BYTES = 256 * 1024
"""Up to this size a body is held in memory; a longer one is spooled while it arrives."""

LARGE_BODY_BYTES = 4 * 1024 * 1024
"""Beyond this size a body is converted in a child process: it takes ten times its size."""


class StagedContent(Protocol):
    """Content that is too large for memory: written already, not yet part of a result.

    It stays its owner's, who discards it after the commit. Used on any thread.
    """

    @property
    def size_bytes(self) -> int:
        """Its size, also where a child process has written to it."""
        ...

    def fileno(self) -> int:
        """Return the descriptor of an open file, which a child process may read and write."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Yield it from the start."""
        ...

    def digest(self) -> str:
        """Return its SHA-256 in hex digits."""
        ...

    def discard(self) -> None:
        """Delete it unless it is part of a result; again does nothing."""
        ...


class Spool(Protocol):
    """Takes a large content while it arrives. Used on the event loop, which never waits for it."""

    @property
    def size_bytes(self) -> int:
        """What was written."""
        ...

    @property
    def content(self) -> StagedContent:
        """What was written, for a result or a child process."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Append to it; raise `CannotStore`."""
        ...

    def read(self) -> bytes:
        """Return all of it; on any thread but the event loop's. Raise `CannotStore`."""
        ...

    def discard(self) -> None:
        """Delete it; again does nothing."""
        ...


OpenSpool = Callable[[], Awaitable[Spool]]
"""Returns an empty spool; raises `CannotStore` if there is no room for it."""

Body = bytes | Spool
"""A body that was received; a spool is discarded by its owner."""
