"""Segments in columns are those that were taken in."""

import pytest
from msgspec import structs

from asr_daemon.long_segments import LongSegments
from asr_daemon.transcript import Segment, Word

SEGMENTS = (
    Segment("夜班", 0, 900, "0", (Word("夜", 0, None), Word("班", None, 900))),
    Segment("a"),
    Segment("b", None, 360_000_000, "1", (Word("b", 1, 2),)),
)


def plain(segment: Segment) -> Segment:
    """Return a segment with everything at hand."""
    return structs.replace(segment, text="".join(segment.text), words=tuple(segment.words))


def test_same_each_time() -> None:
    """Each loop gives every segment, with all that is known of it."""
    segments = LongSegments(SEGMENTS)
    assert [tuple(map(plain, segments)) for _ in range(2)] == [SEGMENTS] * 2
    assert len(segments) == 3
    assert set(segments.speakers) == {"0", "1", None}


def test_none() -> None:
    """Where nothing is said there is nothing."""
    assert not LongSegments(())
    assert list(LongSegments(())) == []


def test_long_text_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text is never held whole."""
    monkeypatch.setattr("asr_daemon.long_segments.STEP_BYTES", 5)
    monkeypatch.setattr("asr_daemon.long.STEP_BYTES", 5)
    (first, second, _) = LongSegments(SEGMENTS)
    assert (list(first.text), second.text) == (["夜", "班"], "a")


@pytest.mark.parametrize("at_once", [1, 2, 10])
def test_order(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """They can be put in order; equal ones stay in theirs."""
    monkeypatch.setattr("asr_daemon.long_segments._SORTED_AT_ONCE", at_once)
    segments = LongSegments(Segment(text) for text in "abcde")
    segments.sort([2, 1, 2.5, 1, 0])
    assert "".join("".join(segment.text) for segment in segments) == "ebdac"
