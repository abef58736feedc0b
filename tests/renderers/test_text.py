"""Plain text."""

import pytest

from asr_daemon.renderers.text import TextRenderer
from asr_daemon.transcript import Segment, Transcript
from tests.conftest import MakeTranscript

TWO_SPEAKERS = (Segment("你好", 0, 900, "0"), Segment("hello", 61_000, 3_661_005, "1"))


def render(transcript: Transcript, speakers: str = "auto", *, timestamps: bool = False) -> str:
    """Render with the given settings."""
    renderer = TextRenderer(speakers=speakers, timestamps=timestamps)
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
