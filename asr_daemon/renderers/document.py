"""The JSON document: what existing readers of whisper's and WhisperX's JSON understand, and more.

Seconds are floats on the audio's clock. Readers of whisper's JSON count with `start` and `end` of
each segment, so both are always there; those that are not the vendor's are bounds, and `estimated`
names them. `speaker` is there only where the vendor gave it, `words` where it gave any in this
transcript. The digest stands near the top, so that a person sees it first.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from io import SEEK_END, BytesIO
from json import JSONDecoder
from typing import Any, BinaryIO, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from asr_daemon.renderers.timing import Span, bound
from asr_daemon.transcript import Segment, Status, Transcript, Word, fingerprint_of

HEAD_BYTES = 64 * 1024
"""How much of a document is read to tell it from others."""

_NOTHING: Mapping[str, str] = {}
_DECODER = JSONDecoder()
_BEFORE_NAME = re.compile(r"\s*[{,]\s*(?=\")")
_BEFORE_VALUE = re.compile(r"\s*:\s*")


Estimated = list[Literal["start", "end"]]
"""Which of the two times are bounds, because the vendor did not give them."""


class WordEntry(Struct, frozen=True, gc=False):
    """A word and its place in the audio, in seconds."""

    word: str
    start: float
    end: float
    estimated: Estimated | UnsetType = UNSET


class SegmentEntry(Struct, frozen=True, gc=False):
    """A sentence or turn, in seconds; `id` counts from 0."""

    id: int
    start: float
    end: float
    text: str
    estimated: Estimated | UnsetType = UNSET
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


class OmittedEntry(Struct, frozen=True):
    """A configured format that this transcript cannot have."""

    format: str
    reason: str


class FetchedEntry(Struct, frozen=True):
    """Where a text is from that did not come with its callback."""

    document: str
    at: str


class Document(Struct, frozen=True, kw_only=True):
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
    text_url: str | UnsetType = UNSET
    fetched: FetchedEntry | UnsetType = UNSET
    text: str
    segments: list[SegmentEntry]
    query: Mapping[str, str | list[str]]
    omitted: list[OmittedEntry] | UnsetType = UNSET
    payload: Mapping[str, Any] | UnsetType = UNSET


class _Audio(Struct, frozen=True):
    key: str | None = None


class Facts(Struct, frozen=True):
    """What of a document tells it from others; also of that of a rejected body."""

    digest: str
    provider: str = ""
    id: str | None = None
    status: str = ""
    audio: _Audio = _Audio()
    text_url: str | None = None
    query: dict[str, str | list[str]] = {}

    @property
    def fingerprint(self) -> str:
        """Tell results of one name apart."""
        return fingerprint_of(self.id, self.digest, self.query)

    @property
    def audio_key(self) -> str | None:
        """What names the audio."""
        return self.audio.key


class JsonRenderer:
    """Renders `.json`, indented by `indent` blanks a level (0: one line)."""

    name = "json"
    suffix = ".json"

    def __init__(self, *, keep_payload: bool, indent: int) -> None:
        """Leave the vendor's own fields out unless `keep_payload`."""
        self._keep_payload = keep_payload
        self._indent = indent

    def render(self, transcript: Transcript, omitted: Mapping[str, str] = _NOTHING) -> bytes:
        """Return the document in UTF-8, ended by a newline.

        Args:
            transcript: what the vendor sent.
            omitted: for each configured format that could not be rendered, the reason.
        """
        entries = [OmittedEntry(name, reason) for name, reason in omitted.items()]
        document = _document(transcript, entries or UNSET, keep_payload=self._keep_payload)
        encoded = msgspec.json.encode(document)
        # A large document is most of what its body takes in memory, so that the newline is appended
        # in place: nothing else refers to what is formatted. An indent of -1 writes one line.
        file = BytesIO(msgspec.json.format(encoded, indent=self._indent or -1))
        file.seek(0, SEEK_END)
        file.write(b"\n")
        return file.getvalue()


def render_follow_up(transcript: Transcript) -> str | None:
    """Return what has to be known later of a transcript whose text lies elsewhere, else `None`.

    That is its document without the vendor's own fields.
    """
    if transcript.text_url is None:
        return None
    return JsonRenderer(keep_payload=False, indent=0).render(transcript).decode()


def timestamp(moment: datetime) -> str:
    """Return an aware UTC moment as documents show it, to the millisecond."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def read_fingerprint(file: BinaryIO) -> str | None:
    """Return the fingerprint of a document that was rendered here, `None` of anything else."""
    facts = read_facts(file)
    return None if facts is None else facts.fingerprint


def read_facts(file: BinaryIO) -> Facts | None:
    """Return what tells a document that was rendered here from others, `None` of anything else.

    Of a long document only the head is read, where most of that stands, unless it has no id: then
    `query`, which follows the text, belongs to the fingerprint.
    """
    head = file.read(HEAD_BYTES)
    try:
        if len(head) == HEAD_BYTES:
            members = _members_of_head(head.decode(errors="ignore"))
            if isinstance(members.get("id"), str) and "digest" in members:
                return msgspec.convert(members, Facts)
        return msgspec.json.decode(head + file.read(), type=Facts)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError, RecursionError):
        return None


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


def _document(
    transcript: Transcript, omitted: list[OmittedEntry] | UnsetType, *, keep_payload: bool
) -> Document:
    error, fetched = transcript.error, transcript.fetched
    return Document(
        schema_version=1,
        provider=transcript.provider,
        id=transcript.id,
        status=transcript.status,
        error=None if error is None else ErrorEntry(error.code, error.message),
        received_at=timestamp(transcript.received_at),
        digest=transcript.digest,
        audio=AudioEntry(
            _seconds(transcript.duration_ms), transcript.audio_url, transcript.audio_key
        ),
        language=transcript.language,
        text_url=transcript.text_url or UNSET,
        fetched=UNSET if fetched is None else FetchedEntry(fetched.document, timestamp(fetched.at)),
        text="\n".join(segment.text for segment in transcript.segments),
        segments=list(_segments(transcript)),
        query=transcript.query,
        omitted=omitted,
        payload=transcript.payload if keep_payload else UNSET,
    )


def _segments(transcript: Transcript) -> Iterator[SegmentEntry]:
    segments = transcript.segments
    # Readers of whisper's JSON look for words in the first segment, and take them from each then.
    with_words = any(segment.words for segment in segments)
    audio = Span(0, transcript.duration_ms or 0)
    for id_, (segment, (start_ms, end_ms)) in enumerate(
        zip(segments, bound(segments, audio), strict=True)
    ):
        yield SegmentEntry(
            id_,
            start_ms / 1000,
            end_ms / 1000,
            segment.text,
            _estimated(segment),
            UNSET if segment.speaker is None else segment.speaker,
            _words(segment.words, Span(start_ms, end_ms)) if with_words else UNSET,
        )


def _words(words: Sequence[Word], span: Span) -> list[WordEntry]:
    return [
        WordEntry(word.text, start_ms / 1000, end_ms / 1000, _estimated(word))
        for word, (start_ms, end_ms) in zip(words, bound(words, span), strict=True)
    ]


def _estimated(item: Segment | Word) -> Estimated | UnsetType:
    if item.start_ms is not None and item.end_ms is not None:
        return UNSET
    estimated: Estimated = []
    if item.start_ms is None:
        estimated.append("start")
    if item.end_ms is None:
        estimated.append("end")
    return estimated


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
