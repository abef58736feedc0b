"""What is committed, and what becomes of it."""

import os
from typing import NamedTuple

from msgspec import Struct

from asr_daemon.errors import CannotStore
from asr_daemon.store.aside import Content


class Result(Struct, frozen=True):
    """The files of one callback, and the name that they are to have."""

    provider: str
    id: str | None
    digest: str
    status: str
    """`succeeded`, `failed` or `rejected`; this and what is above is only remembered."""
    identity: str
    """The same for two results if one is a duplicate of the other."""
    fingerprint: str
    """What tells results of one name apart; its marker's content carries it."""
    directory: str
    """Relative to the root, with `/`."""
    stem: str
    files: tuple[tuple[str, Content], ...]
    """Suffix and content, in the order in which they are linked: the marker comes last."""

    @property
    def marker(self) -> str:
        """The path of the marker relative to the root, if no other result has the name."""
        suffix, _ = self.files[-1]
        return f"{self.directory}/{self.stem}{suffix}".removeprefix("/")


class Stored(Struct, frozen=True):
    """A result that is on stable storage."""

    path: str
    """Of its marker (the last file), relative to the root."""
    duplicate: bool
    """It was there before; nothing was written."""


class Committed(NamedTuple):
    """A result that is on stable storage, and what it is there."""

    result: Result
    stored: Stored


Outcome = Stored | CannotStore
"""What becomes of a result."""


def describe(error: OSError) -> str:
    """Return what happened and where, for the admin."""
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
