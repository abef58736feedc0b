"""Programs that were written for the JSON of whisper and WhisperX read the document as it is."""

import json
from typing import Any

import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr_daemon.renderers.document import JsonRenderer
from asr_daemon.transcript import Segment, Word
from tests.durability.requirements import require
from tests.renderers import requirements
from tests.renderers.transcripts import any_segments, transcript_of
from tests.renderers.whisper_writers import Writers

UNTIMED = (Segment("first sentence", speaker="0", words=(Word("first", None, None),)), Segment("b"))
MIXED = (Segment("a", 1640, 4600), Segment("b"), Segment("c", 5000, 6000, "1"))

some = settings(max_examples=min(1000, settings().max_examples))
# whisper's own writers assert that no time is below zero.
TIMES = st.none() | st.integers(0, 10**9)
spoken = st.lists(
    st.builds(
        Segment,
        st.text(max_size=20),
        TIMES,
        TIMES,
        st.none() | st.sampled_from(["0", "段落-0"]),
        st.lists(st.builds(Word, st.text(max_size=8), TIMES, TIMES), max_size=3).map(tuple),
    ),
    max_size=5,
)


def document_of(*segments: Segment, duration_ms: int | None = 8420) -> dict[str, Any]:
    """Return the document as a program loads it."""
    renderer = JsonRenderer(keep_payload=True, indent=2)
    loaded = json.loads(renderer.render(transcript_of(*segments, duration_ms=duration_ms)))
    assert isinstance(loaded, dict)
    return loaded


def read_whisper(document: dict[str, Any]) -> list[tuple[int, int, str]]:
    """Read what openai/whisper documents: seconds as numbers, and a text, for each segment."""
    return [
        (int(segment["start"] * 1000), int(segment["end"] * 1000), segment["text"].strip())
        for segment in document["segments"]
    ]


def read_whisperx(document: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Read what WhisperX documents: speaker and words where there are any, words with times."""
    return [
        (segment.get("speaker", "UNKNOWN"), round(word["start"], 2), round(word["end"], 2))
        for segment in document["segments"]
        for word in segment.get("words", [])
    ]


def test_readers_of_documented_json() -> None:
    assert read_whisper(document_of(*MIXED)) == [
        (1640, 4600, "a"),
        (4600, 5000, "b"),
        (5000, 6000, "c"),
    ]
    assert read_whisper(document_of(*UNTIMED)) == [
        (0, 8420, "first sentence"),
        (0, 8420, "b"),
    ]
    assert read_whisperx(document_of(*UNTIMED)) == [("0", 0.0, 8.42)]


def test_pysubs2_loads_a_transcript_without_times() -> None:
    file = pysubs2.load_from_whisper(document_of(*UNTIMED))
    assert [(event.start, event.end, event.text) for event in file] == [
        (0, 8420, "first sentence"),
        (0, 8420, "b"),
    ]


@some
@given(segments=any_segments(), duration_ms=st.none() | st.integers(0, 10**9))
def test_pysubs2_loads_any_transcript(segments: list[Segment], duration_ms: int | None) -> None:
    document = document_of(*segments, duration_ms=duration_ms)
    assert len(pysubs2.load_from_whisper(document)) == len(segments)
    assert len(pysubs2.load_from_whisper(document["segments"])) == len(segments)
    assert len(read_whisper(document)) == len(segments)
    assert len(read_whisperx(document)) == sum(len(segment.words) for segment in segments)


@pytest.mark.parametrize("package", ["whisper", "whisperx"])
@pytest.mark.parametrize("suffix", ["txt", "srt", "vtt", "tsv", "json"])
@some
@given(segments=spoken)
def test_writers_of_whisper_read_the_document(
    package: str, suffix: str, segments: list[Segment]
) -> None:
    require(requirements.whisper, requirements.whisperx)
    document = document_of(*segments)
    written = Writers(package).write_document(suffix, document).decode()
    if suffix == "json":
        assert json.loads(written) == document
    else:
        assert written or suffix in ("txt", "srt")
