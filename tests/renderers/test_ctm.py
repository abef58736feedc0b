"""Words and their times, as NIST's scoring tools read them."""

from fractions import Fraction

from hypothesis import given

from asr_daemon.renderers.base import Omitted
from asr_daemon.renderers.ctm import CtmRenderer
from asr_daemon.transcript import Segment, Word
from tests.renderers.transcripts import any_segments, reason_of, text_of, transcript_of

CTM = CtmRenderer()
Entry = tuple[str, str, Fraction, Fraction, str]


def read_ctm(text: str) -> list[Entry]:
    """Read `FILE CHANNEL BEGIN DURATION WORD`, apart by blanks, and check that it is sorted."""
    fields = [line.split() for line in text.splitlines() if not line.startswith(";;")]
    entries = [
        (file, channel, Fraction(begin), Fraction(duration), word)
        for file, channel, begin, duration, word in fields
    ]
    assert entries == sorted(entries, key=lambda entry: entry[:3])
    return entries


def segment(*words: Word) -> Segment:
    """Return a segment of these words."""
    return Segment("x", 0, 1000, None, words)


def test_each_word_is_a_line() -> None:
    """Times are seconds, the second of them a duration."""
    words = (Word("hello", 50, 1_400), Word("你好", 61_000, 3_661_005))
    assert text_of(CTM, segment(*words)) == (
        "4000048858 1 0.050 1.350 hello\n4000048858 1 61.000 3600.005 你好\n"
    )


def test_lines_are_sorted_by_time() -> None:
    """Segments of several channels overlap."""
    segments = (
        segment(Word("b", 2000, 2100)),
        segment(Word("a", 1000, 3000), Word("c", 2000, 2001)),
    )
    assert text_of(CTM, *segments) == (
        "4000048858 1 1.000 2.000 a\n4000048858 1 2.000 0.100 b\n4000048858 1 2.000 0.001 c\n"
    )


def test_words_with_blanks_are_several() -> None:
    """They share the time by their length; no text is no word."""
    words = (Word(" New\u3000York\n", 0, 700), Word(" ", 700, 800))
    assert (
        text_of(CTM, segment(*words))
        == "4000048858 1 0.000 0.300 New\n4000048858 1 0.300 0.400 York\n"
    )


def test_words_without_times_are_left_out() -> None:
    """Nothing is made up in a file for scoring."""
    words = (Word("a", None, 5), Word("b", -5, 5))
    assert text_of(CTM, segment(*words)) == "4000048858 1 0.000 0.005 b\n"


def test_without_word_times_there_is_no_file() -> None:
    """But where nothing was said there is an empty one."""
    assert reason_of(CTM, Segment("x", 0, 1), segment(Word("a", None, None))) == "no word times"
    assert text_of(CTM) == ""


def test_recording_has_the_name_of_the_files() -> None:
    """It has no blanks, and a result without an id has a name, too."""
    named = text_of(CTM, segment(Word("a", 0, 1)), name="任务 1/2")
    assert named == "%E4%BB%BB%E5%8A%A1%201%2F2 1 0.000 0.001 a\n"
    unnamed = text_of(CTM, segment(Word("a", 0, 1)), name=None)
    assert unnamed == "no-id~abababababababab 1 0.000 0.001 a\n"


@given(segments=any_segments())
def test_any_transcript_can_be_read(segments: list[Segment]) -> None:
    """Each word with times is there with them."""
    words = [
        (Fraction(max(0, word.start_ms), 1000), text)
        for each in segments
        for word in each.words
        if word.start_ms is not None and word.end_ms is not None
        for text in word.text.split()[:1]
    ]
    rendered = CTM.render(transcript_of(*segments))
    if isinstance(rendered, Omitted):
        assert segments
        assert not words
        return
    entries = read_ctm(rendered.decode())
    assert {(entry[2], entry[4]) for entry in entries} >= set(words)
    assert all(entry[:2] == ("4000048858", "1") and entry[3] >= 0 for entry in entries)
