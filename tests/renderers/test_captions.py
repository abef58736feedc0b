"""Where captions and tables differ from whisper's, so that every reader reads them."""

import pytest

from asr_daemon.renderers.base import Renderer
from asr_daemon.renderers.captions import LineLimits
from asr_daemon.renderers.srt import SrtRenderer
from asr_daemon.renderers.tsv import TsvRenderer
from asr_daemon.renderers.vtt import VttRenderer
from asr_daemon.transcript import Segment, Word
from tests.renderers.transcripts import reason_of, text_of

SRT = SrtRenderer(LineLimits())
VTT = VttRenderer(LineLimits())
TSV = TsvRenderer()


@pytest.mark.parametrize("renderer", [SRT, VTT, TSV])
def test_without_times_there_is_no_file(renderer: Renderer) -> None:
    """The reason is that no segment has any."""
    assert reason_of(renderer, Segment("x"), Segment("y", 5, None)) == "no times"


def test_segments_without_times_are_not_lost() -> None:
    """Where others have times, theirs are those of the gap."""
    segments = (Segment("a", 0, 1000), Segment("b"), Segment("c", 2000, 3000))
    assert text_of(TSV, *segments) == "start\tend\ttext\n0\t1000\ta\n1000\t2000\tb\n2000\t3000\tc\n"


def test_a_segment_is_one_line() -> None:
    """Else the rest of its text could be another row, or end its caption."""
    segment = Segment("a \n\n 2\r\n\u2028b\x0bc", 0, 1000)
    assert text_of(SRT, segment) == "1\n00:00:00,000 --> 00:00:01,000\na 2 b c\n\n"
    assert text_of(VTT, segment) == "WEBVTT\n\n00:00.000 --> 00:01.000\na 2 b c\n\n"
    assert text_of(TSV, segment) == "start\tend\ttext\n0\t1000\ta 2 b c\n"


def test_no_arrow_is_left() -> None:
    """Whisper leaves one of a longer one."""
    segment = Segment("a ---> b ----->", 0, 1000, "x-->y")
    assert text_of(SRT, segment) == "1\n00:00:00,000 --> 00:00:01,000\n[x->y]: a -> b ->\n\n"


def test_times_that_no_caption_can_have() -> None:
    """They are as near as can be: not below zero, and of two digits of hours."""
    segments = (Segment("a", -500, 100), Segment("b", 900, 800), Segment("c", 1, 360_000_000))
    assert text_of(VTT, *segments) == (
        "WEBVTT\n\n00:00.000 --> 00:00.100\na\n\n00:00.900 --> 00:00.900\nb\n\n"
        "00:00.001 --> 99:59:59.999\nc\n\n"
    )
    assert text_of(TSV, *segments) == (
        "start\tend\ttext\n0\t100\ta\n900\t900\tb\n1\t360000000\tc\n"
    )


def test_without_limits_words_change_nothing() -> None:
    """A segment has its own text and times."""
    words = (Word("hello", 100, 200),)
    expected = "1\n00:00:00,000 --> 00:00:01,000\nHello.\n\n"
    assert text_of(SRT, Segment("Hello.", 0, 1000, None, words)) == expected


@pytest.mark.parametrize("character", ["-", "「", "“", "。", " ", "_", "a", "好", "\n"])
def test_long_runs_of_a_character_take_no_longer_than_others(character: str) -> None:
    """A text that is read again from each of its characters would take hours."""
    segment = Segment(f"{character * 200_000}.", 0, 1000, None, (Word(character, 0, 1),))
    for renderer in (SRT, SrtRenderer(LineLimits(40, 2))):
        assert text_of(renderer, segment).startswith("1\n00:00:00,000 --> ")
