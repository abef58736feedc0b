"""Times for formats that need them."""

import pytest

from asr_daemon.renderers.timing import Span, share, span_of, time_segments
from asr_daemon.transcript import Segment
from tests.renderers.transcripts import transcript_of


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "expected"),
    [
        (5, 9, Span(5, 9)),
        (-5, 9, Span(0, 9)),
        (-5, -9, Span(0, 0)),
        (9, 5, Span(9, 9)),
        (None, 9, None),
        (5, None, None),
    ],
)
def test_span_is_never_below_zero_or_backwards(
    start_ms: int | None, end_ms: int | None, expected: Span | None
) -> None:
    """Readers of captions know neither."""
    assert span_of(Segment("x", start_ms, end_ms)) == expected


def spans(*segments: Segment, duration_ms: int | None = None) -> list[tuple[int, int]] | None:
    """Return the times of the segments of a transcript."""
    timed = time_segments(transcript_of(*segments, duration_ms=duration_ms))
    if timed is None:
        return None
    assert [each.segment for each in timed] == list(segments)
    return [(each.span.start_ms, each.span.end_ms) for each in timed]


def test_segments_without_any_times() -> None:
    """There is nothing to begin with, except where nothing was said."""
    assert spans(Segment("x"), Segment("y", 5)) is None
    assert spans() == []


def test_segments_without_times_share_the_gap_by_length() -> None:
    """They are between the end of the one before and the start of the next."""
    segments = (Segment("a", 0, 1000), Segment("bbb"), Segment("c", 7), Segment("d", 5000, 6000))
    assert spans(*segments) == [(0, 1000), (1000, 4000), (4000, 5000), (5000, 6000)]


def test_segments_without_times_at_the_ends() -> None:
    """The audio starts at zero, and ends where the vendor says so."""
    segments = (Segment("a"), Segment("b", 400, 600), Segment("c"))
    assert spans(*segments, duration_ms=1000) == [(0, 400), (400, 600), (600, 1000)]
    assert spans(*segments) == [(0, 400), (400, 600), (600, 600)]


def test_no_gap_between_overlapping_segments() -> None:
    """What has no time left takes none."""
    assert spans(Segment("a", 0, 9), Segment("b"), Segment("c", 5, 9)) == [(0, 9), (9, 9), (5, 9)]


def test_shares_are_as_long_as_their_lengths() -> None:
    """The parts follow each other, and leave nothing over."""
    assert share(Span(10, 20), [1, 2, 0, 1]) == [
        Span(10, 12),
        Span(12, 17),
        Span(17, 17),
        Span(17, 20),
    ]
    assert share(Span(10, 20), [0]) == [Span(10, 10)]
    assert share(Span(10, 20), []) == []
