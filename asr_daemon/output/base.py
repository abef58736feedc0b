"""What a store of results promises: a batch in, and for each result what became of it."""

import os
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from asr_daemon.body import Spool, StagedContent
from asr_daemon.errors import CannotStore

Content = bytes | bytearray | StagedContent
"""What a part of a result is to hold."""


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
    """Differs between results of one name; the content of the marker carries it."""
    directory: str
    """Relative to the top of the store, with `/`."""
    stem: str
    files: tuple[tuple[str, Content], ...]
    """Suffix and content, in the order in which they appear: the marker comes last."""
    failure: str | None = None
    """The vendor's code of a task that failed there; only counted."""
    follow_up: str | None = None
    """What is to be done for it later; remembered with it."""

    @property
    def marker(self) -> str:
        """The path of the marker, if no other result has the name."""
        return self.path(self.stem, self.files[-1][0])

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        contents = [content for _, content in self.files]
        return sum(
            len(content) if isinstance(content, bytes | bytearray) else content.size_bytes
            for content in contents
        )

    def path(self, stem: str, suffix: str) -> str:
        """Return the path of a file of this result under a name, relative to the top."""
        return f"{self.directory}/{stem}{suffix}".removeprefix("/")


class Stored(Struct, frozen=True):
    """A result that is on stable storage."""

    path: str
    """Of its marker (the last file), relative to the top of the store."""
    duplicate: bool
    """It was there before; nothing was written."""


Outcome = Stored | CannotStore
"""What became of a result."""


class Output(Protocol):
    """Stores results: each once, complete, and never changed afterwards.

    All but `open_spool` and `close` are called on the committer's thread.
    """

    def store(self, batch: Sequence[Result]) -> list[Outcome]:
        """Make each result durable; return for each, in order, what became of it.

        One that fails does not hold up the others. A rejected body is a result like any other; one
        that there is no room for gets `NoRoomForRejected`.
        """
        ...

    async def open_spool(self) -> Spool:
        """Return an empty spool; raise `CannotStore` if there is no room for it."""
        ...

    def check_health(self, *, thoroughly: bool) -> str | None:
        """Return why results cannot be stored now, `None` if they can.

        Thoroughly, something is stored and removed for that.
        """
        ...

    def check_provider(self, provider: str) -> str | None:
        """Return why results cannot be stored where the provider's last one was refused."""
        ...

    def close(self) -> None:
        """Store no more: another process may use the store from now on."""
        ...


class Commits(Protocol):
    """What stores one result: `Committer`, `Fetcher` around it, or a double in tests."""

    async def commit(self, result: Result) -> Stored:
        """Return when the result is on stable storage; raise `CannotStore` if it is not."""
        ...


def reason_of(error: OSError) -> str:
    """Return what happened and where, for the administrator."""
    what = error.strerror or str(error)
    return what if error.filename is None else f"{what}: {error.filename}"


def refusal_of(error: OSError) -> CannotStore:
    """Return the refusal of a result that failed with `error`, which is its cause.

    The sentence is for the sender and names no path.
    """
    reason = os.strerror(error.errno) if error.errno else "unknown error"
    refusal = CannotStore(f"the result cannot be stored now: {reason}")
    refusal.__cause__ = error
    return refusal
