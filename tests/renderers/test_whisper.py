"""Captions and tables, byte for byte as whisper and WhisperX make them."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asr_daemon.renderers.base import Renderer
from asr_daemon.renderers.captions import LineLimits
from asr_daemon.renderers.srt import SrtRenderer
from asr_daemon.renderers.tsv import TsvRenderer
from asr_daemon.renderers.vtt import VttRenderer
from asr_daemon.transcript import Segment, Word
from tests.durability.requirements import require
from tests.renderers import requirements
from tests.renderers.transcripts import text_of, transcript_of
from tests.renderers.whisper_cases import CASES, Case
from tests.renderers.whisper_writers import Writers, whisper_segments

RENDERERS: tuple[Renderer, ...] = (
    SrtRenderer(LineLimits()),
    VttRenderer(LineLimits()),
    TsvRenderer(),
)
WITHOUT_SPEAKERS = [case for case in CASES if not any(segment.speaker for segment in case.segments)]
each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each_case
def test_srt(case: Case) -> None:
    """Captions are numbered from 1, and times have hours and a comma."""
    assert text_of(SrtRenderer(LineLimits()), *case.segments) == case.srt


@each_case
def test_vtt(case: Case) -> None:
    """Times have hours where there are any, and a full stop."""
    assert text_of(VttRenderer(LineLimits()), *case.segments) == "WEBVTT\n\n" + case.vtt


@each_case
def test_tsv(case: Case) -> None:
    """Times are milliseconds."""
    assert text_of(TsvRenderer(), *case.segments) == "start\tend\ttext\n" + case.tsv


@pytest.mark.parametrize("case", WITHOUT_SPEAKERS, ids=[case.name for case in WITHOUT_SPEAKERS])
def test_writers_of_whisper(case: Case) -> None:
    """They make the same of the same segments; they know no speakers."""
    require(requirements.whisper)
    compare(case, Writers("whisper"))


@each_case
def test_writers_of_whisperx(case: Case) -> None:
    """They make the same of the same segments."""
    require(requirements.whisperx)
    compare(case, Writers("whisperx"))


def compare(case: Case, writers: Writers) -> None:
    """Look whether every format is what `writers` make."""
    for renderer in RENDERERS:
        theirs = writers.write(renderer.name, whisper_segments(case.segments))
        assert renderer.render(transcript_of(*case.segments)) == theirs


@st.composite
def spoken(draw: st.DrawFn) -> tuple[Segment, ...]:
    """Draw segments whose words, with the blanks before them, are their text."""
    segments, clock_ms = [], 0
    for _ in range(draw(st.integers(1, 5))):
        words = []
        for text in draw(st.lists(st.text("abcdefgh", min_size=1, max_size=12), min_size=1)):
            start_ms = clock_ms + draw(st.sampled_from([0, 120, 2999, 3000, 3001]))
            clock_ms = start_ms + draw(st.integers(1, 900))
            words.append(Word(f" {text}", start_ms, clock_ms))
        text = "".join(word.text for word in words)
        segments.append(Segment(text, words[0].start_ms, clock_ms, None, tuple(words)))
    return tuple(segments)


@given(
    segments=spoken(),
    width=st.none() | st.integers(1, 50),
    count=st.none() | st.integers(1, 4),
)
def test_line_limits(segments: tuple[Segment, ...], width: int | None, count: int | None) -> None:
    """With words that have times whisper breaks lines and captions at the same places."""
    require(requirements.whisper)
    assume(width is not None or count is not None)
    # whisper subtracts seconds as floats, so that 3 s are a long pause or none by chance.
    starts = [word.start_ms or 0 for segment in segments for word in segment.words]
    assume(all(after - before != 3000 for before, after in pairwise(starts)))
    theirs = Writers("whisper").write(
        "srt",
        whisper_segments(segments, words=True),
        max_line_width=width,
        max_line_count=count,
    )
    assert text_of(SrtRenderer(LineLimits(width, count)), *segments) == theirs.decode()
