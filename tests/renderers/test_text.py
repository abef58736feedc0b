"""Plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_daemon.renderers.text import TextRenderer
from asr_daemon.transcript import Segment, Transcript
from tests.conftest import MakeTranscript
from tests.renderers.transcripts import any_segments, transcript_of

TWO_SPEAKERS = (Segment("你好", 0, 900, "0"), Segment("hello", 61_000, 3_661_005, "1"))


def render(
    transcript: Transcript,
    speakers: str = "auto",
    *,
    timestamps: bool = False,
    join_speaker: bool = False,
) -> str:
    """Render with the given settings."""
    renderer = TextRenderer(speakers=speakers, timestamps=timestamps, join_speaker=join_speaker)
    return renderer.render(transcript).decode()


def test_one_segment_a_line(make_transcript: MakeTranscript) -> None:
    """Each segment is a line; line breaks inside it become blanks, its own blanks stay."""
    segments = (Segment("one"), Segment("two\u3000and\n  three \u2028"))
    assert render(make_transcript(segments=segments)) == "one\ntwo\u3000and three\n"


def test_silence(make_transcript: MakeTranscript) -> None:
    """No segments make an empty file."""
    assert render(make_transcript(segments=())) == ""


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [
        ("auto", "[0]: 你好\n[1]: hello\n"),
        ("always", "[0]: 你好\n[1]: hello\n"),
        ("never", "你好\nhello\n"),
    ],
)
def test_several_speakers(make_transcript: MakeTranscript, speakers: str, expected: str) -> None:
    """With several speakers each line names its own, unless that is not wanted."""
    assert render(make_transcript(segments=TWO_SPEAKERS), speakers) == expected


def test_one_speaker(make_transcript: MakeTranscript) -> None:
    """A single speaker is named only on demand."""
    transcript = make_transcript(segments=TWO_SPEAKERS[:1])
    assert render(transcript) == "你好\n"
    assert render(transcript, "always") == "[0]: 你好\n"


def test_timestamps(make_transcript: MakeTranscript) -> None:
    """Times stand before the line, with hours only where there are any."""
    text = render(make_transcript(segments=(*TWO_SPEAKERS, Segment("?"))), "never", timestamps=True)
    assert text == ("[00:00.000 --> 00:00.900]  你好\n[01:01.000 --> 01:01:01.005]  hello\n?\n")


def test_successive_segments_of_a_speaker_are_one_line(make_transcript: MakeTranscript) -> None:
    segments = (
        Segment("Hello,", 0, 900, "0"),
        Segment("is it connected?\nYes", 900, 2000, "0"),
        Segment("", 2000, 2000, "1"),
        Segment("你好。", 2000, 2500, "1"),
        Segment("听得到", 2600, 3000, "1"),
        Segment("OK", 3000, 3100, "1"),
        Segment("bye", 3100, 3500, "0"),
    )
    text = render(make_transcript(segments=segments), timestamps=True, join_speaker=True)
    assert text == (
        "[00:00.000 --> 00:02.000]  [0]: Hello, is it connected? Yes\n"
        "[00:02.000 --> 00:03.100]  [1]: 你好。听得到 OK\n"
        "[00:03.100 --> 00:03.500]  [0]: bye\n"
    )


def test_segments_without_a_speaker_are_not_joined(make_transcript: MakeTranscript) -> None:
    segments = (Segment("one"), Segment("two"), Segment("three", None, None, "0"))
    text = render(make_transcript(segments=segments), join_speaker=True)
    assert text == "one\ntwo\n[0]: three\n"


@given(
    segments=any_segments(),
    speakers=st.sampled_from(["auto", "always", "never"]),
    timestamps=st.booleans(),
    join_speaker=st.booleans(),
)
def test_any_transcript_is_lines(
    segments: list[Segment], speakers: str, timestamps: bool, join_speaker: bool
) -> None:
    text = render(
        transcript_of(*segments), speakers, timestamps=timestamps, join_speaker=join_speaker
    )
    assert text == "" or text.endswith("\n")
    assert len(text.splitlines()) == text.count("\n") <= len(segments)
    assert join_speaker or text.count("\n") == len(segments)
