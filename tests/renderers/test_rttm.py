"""Who speaks when, as NIST's scoring tools read it."""

from fractions import Fraction

from hypothesis import given

from asr_daemon.renderers.base import Omitted
from asr_daemon.renderers.rttm import RttmRenderer
from asr_daemon.transcript import Segment
from tests.renderers.transcripts import any_segments, reason_of, text_of, transcript_of

RTTM = RttmRenderer()
Turn = tuple[Fraction, Fraction, str]


def read_rttm(text: str) -> list[Turn]:
    """Read the ten fields of each SPEAKER line: onset, duration and name."""
    turns = []
    for line in text.splitlines():
        kind, file, channel, onset, duration, words, speaker_type, name, *rest = line.split()
        assert (kind, file, channel) == ("SPEAKER", "4000048858", "1")
        assert (words, speaker_type, rest) == ("<NA>", "<NA>", ["<NA>", "<NA>"])
        turns.append((Fraction(onset), Fraction(duration), name))
    return turns


def test_each_segment_is_a_turn() -> None:
    """Turns are sorted by time, which is in seconds."""
    segments = (Segment("x", 61_000, 3_661_005, "1"), Segment("y", 50, 1400, "0"))
    assert text_of(RTTM, *segments) == (
        "SPEAKER 4000048858 1 0.050 1.350 <NA> <NA> 0 <NA> <NA>\n"
        "SPEAKER 4000048858 1 61.000 3600.005 <NA> <NA> 1 <NA> <NA>\n"
    )


def test_names_have_no_blanks() -> None:
    """The fields are apart by blanks."""
    segments = (Segment("x", 0, 1, " 段落\n 1"), Segment("x", 1, 2, ""))
    assert text_of(RTTM, *segments) == (
        "SPEAKER 4000048858 1 0.000 0.001 <NA> <NA> 段落_1 <NA> <NA>\n"
        "SPEAKER 4000048858 1 0.001 0.001 <NA> <NA> _ <NA> <NA>\n"
    )


def test_what_cannot_be_scored_is_left_out() -> None:
    """Scoring tools refuse turns that take no time."""
    segments = (
        Segment("no speaker", 0, 1),
        Segment("no times", None, None, "0"),
        Segment("no length", 5, 5, "0"),
        Segment("starts too early", -5, 5, "0"),
    )
    assert text_of(RTTM, *segments) == "SPEAKER 4000048858 1 0.000 0.005 <NA> <NA> 0 <NA> <NA>\n"


def test_without_speakers_or_times_there_is_no_file() -> None:
    """But where nothing was said there is an empty one."""
    assert reason_of(RTTM, Segment("x", 0, 1)) == "no speakers"
    assert reason_of(RTTM, Segment("x", None, None, "0"), Segment("x", 0, 1)) == "no times"
    assert text_of(RTTM) == ""


@given(segments=any_segments())
def test_any_transcript_can_be_read(segments: list[Segment]) -> None:
    """Each turn has a length, and they are sorted."""
    rendered = RTTM.render(transcript_of(*segments))
    if isinstance(rendered, Omitted):
        assert segments
        return
    turns = read_rttm(rendered.decode())
    assert [turn[0] for turn in turns] == sorted(turn[0] for turn in turns)
    assert all(onset >= 0 and duration > 0 for onset, duration, _ in turns)
    assert len(turns) <= len(segments)
