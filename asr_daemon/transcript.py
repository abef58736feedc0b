"""The transcript model: what a vendor's callback says, in the field's terms.

All values are frozen. Times are integer milliseconds on the audio's clock, `None` where the
vendor gave none. This module imports nothing of the package.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import Struct

Status = Literal["succeeded", "failed"]


class Word(Struct, frozen=True, gc=False):
    """A word and its place in the audio."""

    text: str
    start_ms: int | None
    end_ms: int | None


class Segment(Struct, frozen=True, gc=False):
    """A sentence or turn; `words` is empty where the vendor gave none."""

    text: str
    start_ms: int | None = None
    end_ms: int | None = None
    speaker: str | None = None
    words: tuple[Word, ...] = ()


class VendorError(Struct, frozen=True):
    """Why the vendor could not transcribe, in the vendor's own code and message."""

    code: str
    message: str


class Fetched(Struct, frozen=True):
    """Where a text is from that did not come with its callback."""

    document: str
    """The name of the JSON document of the callback, which is in the same directory."""
    at: datetime
    """When it was fetched; aware, UTC."""


class Transcript(Struct, frozen=True, kw_only=True):
    """One callback, parsed: a transcript, or the vendor's failure to make one."""

    provider: str
    id: str | None
    """The vendor's id of the task or audio; `None` where it sent none."""
    name: str | None
    """What `{id}` in the layout becomes; `None` for a result that has nothing to be named by."""
    received_at: datetime
    """When the whole body was there; aware, UTC."""
    digest: str
    """`sha256:` and the hex digest of the vendor's fields, decoded and in canonical order."""
    error: VendorError | None = None
    segments: tuple[Segment, ...] = ()
    appid: str | None = None
    duration_ms: int | None = None
    audio_url: str | None = None
    audio_key: str | None = None
    text_url: str | None = None
    """Where the vendor says that the text is, of a callback that has none."""
    fetched: Fetched | None = None
    """Where the text is from; `None` for what came with its callback."""
    language: str | None = None
    query: Mapping[str, str | list[str]]
    """The parameters of the callback URL without the key; a list where a name is repeated."""
    payload: Mapping[str, Any]
    """The vendor's own fields, decoded once and otherwise untouched."""

    @property
    def status(self) -> Status:
        """Say whether the vendor made a transcript."""
        return "succeeded" if self.error is None else "failed"

    @property
    def fingerprint(self) -> str:
        """Tell results of one name apart, see `fingerprint_of`."""
        return fingerprint_of(self.id, self.digest, self.query)

    @property
    def identity(self) -> str:
        """Be the same for two results if one is a duplicate of the other."""
        return identity_of(self.provider, self.id, self.name, self.fingerprint)


def fingerprint_of(id_: str | None, digest: str, query: Mapping[str, str | list[str]]) -> str:
    """Return what tells results of one name apart: the digest.

    Of a result without an id only the parameters of the callback URL say which task it is of; they
    belong to it then.
    """
    if id_ is not None or not query:
        return digest
    return f"{digest} {msgspec.json.encode(query, order='sorted').decode()}"


def identity_of(provider: str, id_: str | None, name: str | None, fingerprint: str) -> str:
    """Return 64 hex digits that are the same for two results if one is a duplicate of the other."""
    return sha256(msgspec.json.encode((provider, id_, name, fingerprint))).hexdigest()
