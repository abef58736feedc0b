"""Times for formats that need them. All are milliseconds on the audio's clock, none below zero."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

from msgspec import Struct

from asr_daemon.transcript import Segment, Transcript, Word


class Span(Struct, frozen=True, gc=False):
    """A stretch of the audio; `end_ms` is never before `start_ms`."""

    start_ms: int
    end_ms: int

    @property
    def duration_ms(self) -> int:
        """Return its length."""
        return self.end_ms - self.start_ms


class TimedSegment(Struct, frozen=True):
    """A segment and where it is in the audio."""

    segment: Segment
    span: Span


def span_of(item: Segment | Word) -> Span | None:
    """Return where the vendor says that `item` is, `None` if it does not say both times.

    A time below zero becomes zero, and an end before the start becomes the start.
    """
    if item.start_ms is None or item.end_ms is None:
        return None
    start_ms = max(0, item.start_ms)
    return Span(start_ms, max(start_ms, item.end_ms))


def time_segments(transcript: Transcript) -> list[TimedSegment] | None:
    """Return every segment with times, `None` if there are segments and none has any.

    Segments without times share what is between the end of the segment before them and the start
    of the next by the length of their texts, so that no text is missing from a file.
    """
    spans = [span_of(segment) for segment in transcript.segments]
    if spans and not any(spans):
        return None
    timed: list[TimedSegment] = []
    waiting: list[Segment] = []
    clock_ms = 0
    for segment, span in zip(transcript.segments, spans, strict=True):
        if span is None:
            waiting.append(segment)
            continue
        timed += _fill(waiting, clock_ms, span.start_ms)
        timed.append(TimedSegment(segment, span))
        waiting, clock_ms = [], span.end_ms
    return timed + _fill(waiting, clock_ms, transcript.duration_ms or 0)


def bound(items: Sequence[Segment | Word], span: Span) -> Iterator[tuple[int, int]]:
    """Yield start and end of each item of `span`, the vendor's own where it gave them.

    Where it did not, they are as far apart as the order of the items allows.
    """
    starts: list[int] = []
    known_ms = span.start_ms
    for item in items:
        if item.start_ms is not None:
            starts.append(item.start_ms)
        else:
            starts.append(known_ms if item.end_ms is None else min(known_ms, item.end_ms))
        known_ms = starts[-1] if item.end_ms is None else item.end_ms
    ends: list[int] = []
    known_ms = span.end_ms
    for item, start_ms in zip(reversed(items), reversed(starts), strict=True):
        ends.append(max(start_ms, known_ms) if item.end_ms is None else item.end_ms)
        if item.start_ms is not None or item.end_ms is not None:
            known_ms = ends[-1] if item.start_ms is None else item.start_ms
    return zip(starts, reversed(ends), strict=True)


def share(span: Span, lengths: Iterable[int]) -> list[Span]:
    """Return `span` in successive parts that are as long as `lengths` are to each other."""
    done = list(accumulate(lengths, initial=0))
    total = done[-1] or 1
    bounds = [span.start_ms + span.duration_ms * length // total for length in done]
    return [Span(start_ms, end_ms) for start_ms, end_ms in pairwise(bounds)]


def _fill(segments: Sequence[Segment], start_ms: int, end_ms: int) -> list[TimedSegment]:
    gap = Span(start_ms, max(start_ms, end_ms))
    spans = share(gap, [len(segment.text) for segment in segments])
    return [TimedSegment(*pair) for pair in zip(segments, spans, strict=True)]
