"""What an output promises: results in, and for each what became of it."""

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from asr_daemon.errors import CannotStore


class Staged(Protocol):
    """Content that the output holds already, without a name. Safe to be used by several threads."""

    descriptor: int
    """An open file, for a child process that reads or writes the content."""

    @property
    def size_bytes(self) -> int:
        """Its size."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Yield the content from its start; raise `OSError`."""
        ...

    def digest(self) -> str:
        """Return the SHA-256 of the content in hex digits; raise `OSError`."""
        ...

    def discard(self) -> None:
        """Let go of it; again does nothing."""
        ...


class Spool(Protocol):
    """A large body, which the output holds while it arrives. Used on the event loop."""

    size_bytes: int
    """What was written so far."""

    @property
    def content(self) -> Staged:
        """What was written so far; may be in a `Result`."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Append to it; raise `CannotStore`."""
        ...

    def read(self) -> bytes:
        """Return it as a whole, on any thread but the event loop's; raise `CannotStore`."""
        ...

    def discard(self) -> None:
        """Let go of it; again does nothing."""
        ...


OpenSpool = Callable[[], Awaitable[Spool]]
"""Returns an empty large body, on the event loop; raises `CannotStore`."""

Content = bytes | bytearray | Staged
"""What a file is to hold. What is staged stays its owner's, who discards it after the commit."""


class Result(Struct, frozen=True):
    """The files of one callback, and the name that they are to have."""

    provider: str
    id: str | None
    digest: str
    status: str
    """`succeeded`, `failed` or `rejected`; this and the fields above are only indexed."""
    identity: str
    """The same for two results if one is a duplicate of the other."""
    fingerprint: str
    """What tells results of one name apart; the content of the marker carries it."""
    directory: str
    """Relative to the root of the output, with `/`."""
    stem: str
    files: tuple[tuple[str, Content], ...]
    """Suffix and content, in the order in which they appear: the marker comes last."""
    failure: str | None = None
    """The vendor's code of a task that failed there; only counted."""
    follow_up: str | None = None
    """What is to be done for it later; remembered with it, and anything to whoever does it."""

    @property
    def marker(self) -> str:
        """The path of the marker relative to the root, if no other result has the name."""
        return self.path(self.stem, self.files[-1][0])

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(size_of(content) for _, content in self.files)

    def path(self, stem: str, suffix: str) -> str:
        """Return the path of a file of this result under a name, relative to the root."""
        return f"{self.directory}/{stem}{suffix}".removeprefix("/")


class Stored(Struct, frozen=True):
    """A result that is on stable storage."""

    path: str
    """Of its marker (the last file), relative to the root."""
    duplicate: bool
    """It was there before; nothing was written."""


Outcome = Stored | CannotStore
"""What became of a result."""


class Output(Protocol):
    """Stores results, a batch at a time. Used by the committer's thread."""

    def store(self, batch: Sequence[Result]) -> list[Outcome]:
        """Make each result durable; return for each, in order, what became of it."""
        ...

    def check_health(self, *, thoroughly: bool) -> str | None:
        """Return why results cannot be stored now, `None` if they can.

        Thoroughly, something is stored and removed for that.
        """
        ...

    def close(self) -> None:
        """Let another process have the place where results are stored."""
        ...


def size_of(content: Content) -> int:
    """Return the size of a content in bytes."""
    return len(content) if isinstance(content, (bytes, bytearray)) else content.size_bytes


def describe(error: OSError) -> str:
    """Return what happened and where, for the administrator."""
    what = error.strerror or str(error)
    return what if error.filename is None else f"{what}: {error.filename}"


def refusal_of(error: OSError) -> CannotStore:
    """Return the refusal of a result that met `error`, which is its cause.

    The sentence is for the sender and names no path.
    """
    reason = os.strerror(error.errno) if error.errno else "unknown error"
    refusal = CannotStore(f"the result cannot be stored now: {reason}")
    refusal.__cause__ = error
    return refusal
