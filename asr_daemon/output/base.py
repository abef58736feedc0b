"""What an output is: results in, and for each what became of it."""

import os
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from asr_daemon.errors import CannotStore
from asr_daemon.output.filesystem.staging import StagedFile

Content = bytes | bytearray | StagedFile
"""What a file is to hold. A `StagedFile` stays its owner's, who discards it after the commit."""


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
        contents = [content for _, content in self.files]
        return sum(
            each.size_bytes if isinstance(each, StagedFile) else len(each) for each in contents
        )

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
