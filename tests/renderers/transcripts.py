"""Transcripts, and what renderers make of them."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from asr_daemon.renderers.base import Omitted, Renderer
from asr_daemon.transcript import Segment, Transcript, Word

TIMES = st.none() | st.integers(-5000, 20_000) | st.integers(-(2**63), 2**63)
_LINES = ["\n", "\r\n", "\n\n", "\u2028", "1\n", "\t", " ", "\0"]
_MARKUP = ["-->", "--->", "00:00:01,000", "WEBVTT", "NOTE", ";;", '"', "<v x>", "&", "{\\b1}"]
_SCRIPTS = ["a", "7", "好", "ก็", "ﷺ", "e\u0301", "\u202e"]
TEXTS = st.text(max_size=30) | st.lists(
    st.sampled_from(_LINES + _MARKUP + _SCRIPTS), max_size=12
).map("".join)


def transcript_of(*segments: Segment, **changes: Any) -> Transcript:
    """Return a transcript of these segments."""
    values: dict[str, Any] = {
        "provider": "tencent",
        "id": "4000048858",
        "name": "4000048858",
        "received_at": datetime(2026, 11, 21, 12, 34, 56, 789_000, tzinfo=UTC),
        "digest": "sha256:" + "ab" * 32,
        "segments": segments,
        "query": {},
        "payload": {},
    }
    return Transcript(**{**values, **changes})


def text_of(renderer: Renderer, *segments: Segment, **changes: Any) -> str:
    """Return the file that `renderer` makes of these segments."""
    rendered = renderer.render(transcript_of(*segments, **changes))
    assert isinstance(rendered, bytes)
    return rendered.decode()


def reason_of(renderer: Renderer, *segments: Segment) -> str:
    """Return why `renderer` makes no file of these segments."""
    rendered = renderer.render(transcript_of(*segments))
    assert isinstance(rendered, Omitted)
    return rendered.reason


def any_words() -> st.SearchStrategy[tuple[Word, ...]]:
    """Return words with and without times, in any order."""
    return st.lists(st.builds(Word, TEXTS, TIMES, TIMES), max_size=4).map(tuple)


def any_segments() -> st.SearchStrategy[list[Segment]]:
    """Return segments of any text and any times, or none."""
    return st.lists(
        st.builds(Segment, TEXTS, TIMES, TIMES, st.none() | TEXTS, any_words()), max_size=5
    )
