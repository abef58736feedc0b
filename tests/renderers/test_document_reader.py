"""Documents are read back as what they were rendered from."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from asr_daemon.renderers.document import JsonRenderer
from asr_daemon.renderers.document_reader import NoDocument, read_transcript
from asr_daemon.transcript import Fetched, Segment, Transcript, VendorError, Word
from tests.renderers.transcripts import TEXTS, transcript_of

# Seconds as floats tell milliseconds apart for 35,000 years.
TIMES = st.none() | st.integers(-(2**50), 2**50)
WORDS = st.lists(st.builds(Word, TEXTS, TIMES, TIMES), max_size=4).map(tuple)
SEGMENTS = st.lists(st.builds(Segment, TEXTS, TIMES, TIMES, st.none() | TEXTS, WORDS), max_size=5)


def read_back(transcript: Transcript, *, keep_payload: bool = True, indent: int = 0) -> Transcript:
    """Return what is read of the document of a transcript."""
    document = JsonRenderer(keep_payload=keep_payload, indent=indent).render(transcript)
    return read_transcript(document, transcript.name)


@given(segments=SEGMENTS, duration_ms=TIMES, indent=st.sampled_from([0, 2]))
def test_any_transcript_can_be_read_back(
    segments: list[Segment], duration_ms: int | None, indent: int
) -> None:
    transcript = transcript_of(
        *segments,
        duration_ms=duration_ms,
        audio_url="https://example.com/a.wav",
        audio_key="k",
        language="zh",
        query={"job": ["1", "2"]},
        payload={"code": "0", "more": [1, {"x": None}]},
    )
    assert read_back(transcript, indent=indent) == transcript


def test_text_that_lies_elsewhere_or_was_fetched() -> None:
    elsewhere = transcript_of(text_url="https://example.com/t")
    fetched = transcript_of(
        Segment("a"),
        fetched=Fetched("7.json", datetime(2026, 11, 21, 12, 0, 0, 5000, tzinfo=UTC)),
    )
    assert [read_back(elsewhere), read_back(fetched)] == [elsewhere, fetched]


def test_failed_task() -> None:
    failed = transcript_of(id=None, name=None, error=VendorError("10001", "no"))
    assert read_back(failed) == failed


def test_document_without_a_payload() -> None:
    transcript = transcript_of(Segment("a"), payload={"code": "0"})
    assert read_back(transcript, keep_payload=False) == structs.replace(transcript, payload={})


def test_document_from_before_bounds_and_with_fields_to_come() -> None:
    document = JsonRenderer(keep_payload=True, indent=0).render(transcript_of(Segment("a")))
    bounds = b'"start":0.0,"end":0.0,"text":"a","estimated":["start","end"]'
    assert bounds in document
    nulls = document.replace(bounds, b'"start":null,"end":null,"mood":"good","text":"a"')
    assert read_transcript(nulls, "4000048858") == transcript_of(Segment("a"))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"payload": {"a": ' + b"[" * 100_000, "recursion|Stack overflow"),
        (b'{"name": "package"}', "missing required field `schema_version`"),
        (b'{"schema_version": 2}', "Invalid enum value 2"),
        (b'{"schema_version": 1, "provider": "\xff"}', "utf-8"),
    ],
)
def test_anything_else_is_no_document(document: bytes, reason: str) -> None:
    with pytest.raises(NoDocument, match=reason):
        read_transcript(document, None)


def test_a_moment_that_cannot_be_read() -> None:
    document = JsonRenderer(keep_payload=False, indent=0).render(transcript_of())
    with pytest.raises(NoDocument, match="yesterday"):
        read_transcript(document.replace(b"2026-11-21T12:34:56.789Z", b"yesterday"), None)
