"""The model: what a vendor's callback says, in nobody's words but the field's own.

All values are frozen. Times are integer milliseconds on the audio's clock, `None` where the
vendor gave none. This module imports nothing of the package.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

Status = Literal["succeeded", "failed"]


class Word(Struct, frozen=True):
    """A word and its place in the audio."""

    text: str
    start_ms: int | None
    end_ms: int | None


class Segment(Struct, frozen=True):
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


class Transcript(Struct, frozen=True, kw_only=True):
    """One callback, decoded: a transcript, or the vendor's failure to make one."""

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
    language: str | None = None
    query: Mapping[str, str | list[str]]
    """The parameters of the callback URL without the key; a list where a name is repeated."""
    payload: Mapping[str, Any]
    """The vendor's own fields, decoded once and otherwise untouched."""

    @property
    def status(self) -> Status:
        """Say whether the vendor made a transcript."""
        return "succeeded" if self.error is None else "failed"
