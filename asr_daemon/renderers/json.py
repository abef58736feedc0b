"""The JSON document: what existing readers of whisper's and WhisperX's JSON understand, and more.

Seconds are floats on the audio's clock, `null` where the vendor gave none; `speaker` and `words`
are there only where the vendor gave them. The digest stands near the top, so that a person sees
it first.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import suppress
from datetime import datetime
from itertools import chain, islice
from json import JSONDecoder
from typing import Any, BinaryIO, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from asr_daemon.long import Encoder, LongList, LongObject, LongText
from asr_daemon.transcript import Segment, Status, Transcript, Word, fingerprint_of

_RUN = 256
"""Segments or words that are encoded in one call."""

HEAD_BYTES = 64 * 1024
"""How much of a document is read to tell it from others."""

_DECODER = JSONDecoder()
_BEFORE_NAME = re.compile(r"\s*[{,]\s*(?=\")")
_BEFORE_VALUE = re.compile(r"\s*:\s*")


class WordEntry(Struct, frozen=True):
    """A word and its place in the audio, in seconds."""

    word: str
    start: float | None
    end: float | None


class SegmentEntry(Struct, frozen=True):
    """A sentence or turn, in seconds; `id` counts from 0."""

    id: int
    start: float | None
    end: float | None
    text: str
    speaker: str | UnsetType = UNSET
    words: list[WordEntry] | UnsetType = UNSET


class AudioEntry(Struct, frozen=True):
    """What is known of the audio; `duration` in seconds."""

    duration: float | None
    url: str | None
    key: str | None


class ErrorEntry(Struct, frozen=True):
    """Why the vendor could not transcribe, in its own words."""

    code: str
    message: str


class Document(Struct, frozen=True):
    """The whole document, fields in the order in which they are written."""

    schema_version: Literal[1]
    provider: str
    id: str | None
    status: Status
    error: ErrorEntry | None
    received_at: str
    digest: str
    audio: AudioEntry
    language: str | None
    text: str
    segments: list[SegmentEntry]
    query: Mapping[str, str | list[str]]
    payload: Mapping[str, Any] | UnsetType = UNSET


class _Told(Struct):
    """What of a document tells it from others."""

    digest: str
    id: str | None = None
    query: dict[str, str | list[str]] = {}


class JsonRenderer:
    """Renders `.json`, indented by `indent` blanks a level (0: one line)."""

    suffix = ".json"

    def __init__(self, *, keep_payload: bool, indent: int) -> None:
        """Leave the vendor's own fields out unless `keep_payload`."""
        self._keep_payload = keep_payload
        self._indent = indent

    def render(self, transcript: Transcript) -> Iterable[bytes]:
        """Return the document in UTF-8, ended by a newline."""
        if _is_long(transcript):
            document = _long_document(transcript, keep_payload=self._keep_payload)
            return chain(Encoder(indent=self._indent).pieces(document), (b"\n",))
        encoded = msgspec.json.encode(_document(transcript, keep_payload=self._keep_payload))
        if self._indent > 0:
            encoded = msgspec.json.format(encoded, indent=self._indent)
        return (encoded + b"\n",)


def timestamp(moment: datetime) -> str:
    """Return an aware UTC moment as documents show it, to the millisecond."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def read_fingerprint(file: BinaryIO) -> str | None:
    """Return the fingerprint of a document that was rendered here, `None` of anything else.

    Of a long document only the head is read, where `id` and `digest` stand, unless it has no id:
    then `query`, which stands behind the text, belongs to the fingerprint.
    """
    head = file.read(HEAD_BYTES)
    if len(head) == HEAD_BYTES:
        members = _members_of_head(head.decode(errors="ignore"))
        id_, digest = members.get("id"), members.get("digest")
        if isinstance(id_, str) and isinstance(digest, str):
            return fingerprint_of(id_, digest, {})
    try:
        told = msgspec.json.decode(head + file.read(), type=_Told)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return fingerprint_of(told.id, told.digest, told.query)


def _members_of_head(head: str) -> dict[str, object]:
    """Return the members of an object whose text is cut off, as far as they are whole."""
    members: dict[str, object] = {}
    at = 0
    # A value that is cut off is a ValueError, as is anything that is no JSON.
    with suppress(ValueError, RecursionError):
        while separator := _BEFORE_NAME.match(head, at):
            name, at = _DECODER.raw_decode(head, separator.end())
            colon = _BEFORE_VALUE.match(head, at)
            if colon is None:
                break
            members[name], at = _DECODER.raw_decode(head, colon.end())
    return members


def _is_long(transcript: Transcript) -> bool:
    is_tuple = isinstance(transcript.segments, tuple)
    return not is_tuple or isinstance(transcript.payload, LongObject)


def _document(transcript: Transcript, *, keep_payload: bool) -> Document:
    error, duration_ms = transcript.error, transcript.duration_ms
    return Document(
        schema_version=1,
        provider=transcript.provider,
        id=transcript.id,
        status=transcript.status,
        error=None if error is None else ErrorEntry(error.code, error.message),
        received_at=timestamp(transcript.received_at),
        digest=transcript.digest,
        audio=AudioEntry(
            None if duration_ms is None else duration_ms / 1000,
            transcript.audio_url,
            transcript.audio_key,
        ),
        language=transcript.language,
        text="\n".join(
            [
                each.text if isinstance(each.text, str) else "".join(each.text)
                for each in transcript.segments
            ]
        ),
        segments=[_segment(number, each) for number, each in enumerate(transcript.segments)],
        query=transcript.query,
        payload=transcript.payload if keep_payload else UNSET,
    )


def _long_document(transcript: Transcript, *, keep_payload: bool) -> LongObject:
    """Return what `_document` does, with what may be long in pieces."""
    short = msgspec.structs.replace(transcript, segments=())
    long = LongObject(msgspec.structs.asdict(_document(short, keep_payload=False)))
    long["text"] = LongText(lambda: _text(transcript.segments))
    long["segments"] = LongList(lambda: _runs(transcript.segments))
    if keep_payload:
        long["payload"] = transcript.payload
    else:
        del long["payload"]
    return long


def _text(segments: Iterable[Segment]) -> Iterator[str]:
    newline = ""
    for segment in segments:
        if isinstance(segment.text, str):
            yield newline + segment.text
        else:
            yield newline
            yield from segment.text
        newline = "\n"


def _runs(segments: Iterable[Segment]) -> Iterator[list[SegmentEntry | LongObject]]:
    run: list[SegmentEntry | LongObject] = []
    for number, segment in enumerate(segments):
        if isinstance(segment.text, str) and _are_few(segment.words):
            run.append(_segment(number, segment))
        else:
            yield run
            run = []
            yield [_long_segment(number, segment)]
        if len(run) == _RUN:
            yield run
            run = []
    yield run


def _segment(number: int, segment: Segment) -> SegmentEntry:
    start_ms, end_ms, text = segment.start_ms, segment.end_ms, segment.text
    return SegmentEntry(
        number,
        None if start_ms is None else start_ms / 1000,
        None if end_ms is None else end_ms / 1000,
        text if isinstance(text, str) else "".join(text),
        UNSET if segment.speaker is None else segment.speaker,
        [_word(word) for word in segment.words] if segment.words else UNSET,
    )


def _are_few(words: Iterable[Word]) -> bool:
    return isinstance(words, Sized) and len(words) <= _RUN


def _long_segment(number: int, segment: Segment) -> LongObject:
    text, words = segment.text, segment.words
    entry = _segment(number, msgspec.structs.replace(segment, text="", words=()))
    long = LongObject(msgspec.structs.asdict(entry))
    long["text"] = text if isinstance(text, str) else LongText(lambda: iter(text))
    long["words"] = LongList(lambda: _word_runs(words)) if any(True for _ in words) else UNSET
    return LongObject((name, value) for name, value in long.items() if value is not UNSET)


def _word_runs(words: Iterable[Word]) -> Iterator[list[WordEntry]]:
    entries = map(_word, words)
    while run := list(islice(entries, _RUN)):
        yield run


def _word(word: Word) -> WordEntry:
    start_ms, end_ms = word.start_ms, word.end_ms
    return WordEntry(
        word.text,
        None if start_ms is None else start_ms / 1000,
        None if end_ms is None else end_ms / 1000,
    )
