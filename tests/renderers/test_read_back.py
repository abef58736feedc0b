"""Files read back by tools that nobody here wrote."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from datetime import timedelta

import pysubs2
import pytest
import srt  # type: ignore[import-untyped]
import webvtt
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asr_daemon.renderers.base import Omitted
from asr_daemon.renderers.captions import LineLimits
from asr_daemon.renderers.one_line import one_line
from asr_daemon.renderers.srt import SrtRenderer
from asr_daemon.renderers.tsv import TsvRenderer
from asr_daemon.renderers.vtt import VttRenderer
from asr_daemon.transcript import Segment
from tests.renderers.transcripts import any_segments, text_of, transcript_of

Row = tuple[int, int, str]
Reader = Callable[[str], list[Row]]

NUMBER_AND_TIME = re.compile(r"\n-?[\d.]+\s*\n\d+[,.:，．。：]\d+[,.:，．。：]\d+(?!.* --> )")
# The readers are slow: a thousand transcripts are enough for a long run.
thousand = settings(max_examples=min(1000, settings().max_examples))
MILLISECOND = timedelta(milliseconds=1)


def read_pysubs2_srt(text: str) -> list[Row]:
    """Read SubRip with pysubs2."""
    return _read_pysubs2(text, "srt")


def read_pysubs2_vtt(text: str) -> list[Row]:
    """Read WebVTT with pysubs2."""
    return _read_pysubs2(text, "vtt")


def _read_pysubs2(text: str, format_name: str) -> list[Row]:
    events = pysubs2.SSAFile.from_string(text, format_=format_name)
    return [(event.start, event.end, event.plaintext) for event in events]


def read_srt(text: str) -> list[Row]:
    """Read SubRip with srt."""
    return [
        (subtitle.start // MILLISECOND, subtitle.end // MILLISECOND, subtitle.content)
        for subtitle in srt.parse(text)
    ]


def read_webvtt(text: str) -> list[Row]:
    """Read WebVTT with webvtt-py, strictly."""
    return _rows(webvtt.WebVTT.from_string(text, strict=True))


def read_webvtt_srt(text: str) -> list[Row]:
    """Read SubRip with webvtt-py, which takes an empty file for another format."""
    return _rows(webvtt.WebVTT.from_buffer(io.StringIO(text), format="srt")) if text else []


def _rows(file: webvtt.WebVTT) -> list[Row]:
    return [
        (caption.start_time.in_milliseconds(), caption.end_time.in_milliseconds(), caption.text)
        for caption in file.captions
    ]


def read_csv(text: str) -> list[Row]:
    """Read the table with csv."""
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [(int(row["start"]), int(row["end"]), row["text"]) for row in rows]


SRT_READERS = [read_pysubs2_srt, read_srt, read_webvtt_srt]
VTT_READERS = [read_pysubs2_vtt, read_webvtt]

plain_texts = st.text(
    st.characters(categories=["L", "N"], include_characters=" .,!?'\"，。？！：「」-"), min_size=1
).filter(lambda text: text.strip())


@st.composite
def plain_segments(draw: st.DrawFn) -> tuple[Segment, ...]:
    """Draw segments with times, speakers and texts without markup."""
    segments = []
    for _ in range(draw(st.integers(0, 6))):
        start_ms, length_ms = draw(st.integers(0, 200_000_000)), draw(st.integers(0, 100_000_000))
        speaker = draw(st.none() | st.sampled_from(["0", "1", "段落-0"]))
        segments.append(Segment(draw(plain_texts), start_ms, start_ms + length_ms, speaker))
    return tuple(segments)


def expected(segments: Sequence[Segment], *, speakers: bool = True) -> list[Row]:
    """Return what a reader should find."""
    return [
        (
            segment.start_ms or 0,
            segment.end_ms or 0,
            (f"[{segment.speaker}]: " if segment.speaker and speakers else "")
            + one_line(segment.text),
        )
        for segment in segments
    ]


@pytest.mark.parametrize("read", SRT_READERS)
@thousand
@given(segments=plain_segments())
def test_srt_has_the_same_times_and_texts(read: Reader, segments: tuple[Segment, ...]) -> None:
    """Every reader of SubRip finds what was rendered."""
    assert read(text_of(SrtRenderer(LineLimits()), *segments)) == expected(segments)


@pytest.mark.parametrize("read", VTT_READERS)
@thousand
@given(segments=plain_segments())
def test_vtt_has_the_same_times_and_texts(read: Reader, segments: tuple[Segment, ...]) -> None:
    """Every reader of WebVTT finds what was rendered."""
    assert read(text_of(VttRenderer(LineLimits()), *segments)) == expected(segments)


@thousand
@given(segments=plain_segments())
def test_tsv_has_the_same_times_and_texts(segments: tuple[Segment, ...]) -> None:
    """The table has the same rows."""
    assert read_csv(text_of(TsvRenderer(), *segments)) == expected(segments, speakers=False)


limits = st.builds(LineLimits, st.none() | st.integers(1, 40), st.none() | st.integers(1, 3))


# A text that is a time by itself, which pysubs2 takes for text, as it should.
@pytest.mark.filterwarnings("ignore:Possible missed subtitle start")
@thousand
@given(segments=any_segments(), limits=limits)
def test_captions_of_any_transcript_parse(segments: list[Segment], limits: LineLimits) -> None:
    """Whatever the vendor sent, no reader refuses the file."""
    transcript = transcript_of(*segments)
    srt_file = SrtRenderer(limits).render(transcript)
    vtt_file = VttRenderer(limits).render(transcript)
    if isinstance(srt_file, Omitted) or isinstance(vtt_file, Omitted):
        assert srt_file == vtt_file == Omitted("no times")
        return
    # srt takes lines of a number and a time for the next caption, also where no arrow follows.
    assume(not NUMBER_AND_TIME.search(srt_file.decode()))
    captions = read_srt(srt_file.decode())
    assert all(0 <= start <= end for start, end, _ in captions)
    assert srt_file.count(b" --> ") == vtt_file.count(b" --> ") == len(captions)
    shown = [row for row in captions if row[2].strip()]
    assert len(read_webvtt_srt(srt_file.decode())) == len(shown)
    assert len(read_webvtt(vtt_file.decode())) == len(captions)
    assert len(read_pysubs2_srt(srt_file.decode())) >= len(captions)
    assert len(read_pysubs2_vtt(vtt_file.decode())) >= len(captions)


@thousand
@given(segments=any_segments())
def test_table_of_any_transcript_parses(segments: list[Segment]) -> None:
    """Whatever the vendor sent, each segment is a row."""
    rendered = TsvRenderer().render(transcript_of(*segments))
    if not isinstance(rendered, Omitted):
        rows = read_csv(rendered.decode())
        assert len(rows) == len(segments)
        assert all(0 <= start <= end for start, end, _ in rows)
