"""Read a JSON document back into the transcript that it was rendered from."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from asr_daemon.errors import AsrDaemonError
from asr_daemon.renderers.document import AudioEntry, FetchedEntry
from asr_daemon.transcript import Fetched, Segment, Status, Transcript, VendorError, Word


class NoDocument(AsrDaemonError):
    """What was read is no document of a result; the message says why."""


class RejectionFound(NoDocument):
    """What was read says why a body was rejected."""


class _Rejection(Struct, frozen=True):
    """What a rejected body's document is known by."""

    status: Literal["rejected"]


class _Timed(Struct, frozen=True, gc=False):
    """Two times in seconds; `null` in documents from before `estimated`."""

    start: float | None
    end: float | None
    estimated: tuple[str, ...] = ()


class _Word(_Timed, frozen=True, gc=False):
    word: str = ""


class _Segment(_Timed, frozen=True, gc=False):
    text: str = ""
    speaker: str | None = None
    words: tuple[_Word, ...] = ()


class _Document(Struct, frozen=True):
    """What is read of a document; other fields may come within its version."""

    schema_version: Literal[1]
    provider: str
    id: str | None
    status: Status
    error: VendorError | None
    received_at: str
    digest: str
    audio: AudioEntry
    language: str | None
    segments: tuple[_Segment, ...]
    query: Mapping[str, str | list[str]]
    text_url: str | None = None
    fetched: FetchedEntry | None = None
    payload: Mapping[str, Any] = {}


_DECODER = msgspec.json.Decoder(_Document)
_REJECTION_DECODER = msgspec.json.Decoder(_Rejection)


def read_transcript(document: bytes, name: str | None) -> Transcript:
    """Return the transcript of a document that `JsonRenderer` made; pure.

    Args:
        document: the content of the file.
        name: what the file is named by, which the document does not contain.

    Raises:
        RejectionFound: it is that of a rejected body.
        NoDocument: it is anything else.
    """
    try:
        read = _DECODER.decode(document)
        received_at = datetime.fromisoformat(read.received_at)
        fetched = None if read.fetched is None else _fetched(read.fetched)
    except (ValueError, RecursionError) as error:
        if _is_rejection(document):
            raise RejectionFound("a rejected body") from error
        raise NoDocument(str(error)) from error
    return Transcript(
        provider=read.provider,
        id=read.id,
        name=name,
        received_at=received_at,
        digest=read.digest,
        error=read.error,
        segments=tuple(map(_segment, read.segments)),
        duration_ms=_milliseconds(read.audio.duration),
        audio_url=read.audio.url,
        audio_key=read.audio.key,
        language=read.language,
        text_url=read.text_url,
        fetched=fetched,
        query=read.query,
        payload=read.payload,
    )


def _fetched(entry: FetchedEntry) -> Fetched:
    return Fetched(entry.document, datetime.fromisoformat(entry.at))


def _is_rejection(document: bytes) -> bool:
    with suppress(ValueError, RecursionError):
        _REJECTION_DECODER.decode(document)
        return True
    return False


def _segment(entry: _Segment) -> Segment:
    words = tuple(Word(word.word, *_times(word)) for word in entry.words)
    return Segment(entry.text, *_times(entry), entry.speaker, words)


def _times(entry: _Timed) -> tuple[int | None, int | None]:
    """Return start and end where they are the vendor's own."""
    return (
        None if "start" in entry.estimated else _milliseconds(entry.start),
        None if "end" in entry.estimated else _milliseconds(entry.end),
    )


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
