"""The captions of a transcript, for the formats that show them.

Without limits a segment is a caption with its own text and times, as whisper writes it without word
times. A segment is one line then: a line break in its text could end a caption for a reader.
"""

import re

from msgspec import Struct

from asr_daemon.renderers.one_line import one_line
from asr_daemon.renderers.timing import Span, TimedSegment, time_segments
from asr_daemon.renderers.wrapping import Line, wrap
from asr_daemon.transcript import Transcript

_LATEST_MS = 100 * 3_600_000 - 1
"""Readers of captions take two digits of hours."""
_ARROW = re.compile("(?<!-)-{2,}>")
"""What whisper replaces, and what would be left of a longer one."""


class LineLimits(Struct, frozen=True):
    """Settings `output.captions`."""

    max_line_width: int | None = None
    """Characters in a line."""
    max_line_count: int | None = None
    """Lines in a caption."""


class Caption(Struct, frozen=True):
    """One caption; lines of `text` are apart by newlines."""

    span: Span
    text: str


def make_captions(transcript: Transcript, limits: LineLimits) -> list[Caption] | None:
    """Return the captions in the order of the segments, `None` if no segment has times."""
    segments = time_segments(transcript)
    if segments is None:
        return None
    if limits == LineLimits():
        return [_from_segment(timed) for timed in segments]
    return list(map(_from_lines, wrap(segments, limits.max_line_width, limits.max_line_count)))


def clock(time_ms: int, *, mark: str, always_hours: bool) -> str:
    """Return `HH:MM:SS` and milliseconds after `mark`; `MM:SS` in the first hour if allowed."""
    seconds, milliseconds = divmod(min(time_ms, _LATEST_MS), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours:02}:" if hours or always_hours else ""
    return f"{start}{minutes:02}:{seconds:02}{mark}{milliseconds:03}"


def _from_segment(timed: TimedSegment) -> Caption:
    return _caption(timed.span, timed.segment.speaker, one_line(timed.segment.text))


def _from_lines(lines: list[Line]) -> Caption:
    # Segments may overlap, so the last piece need not be the last to end.
    spans = [piece.span for line in lines for piece in line]
    span = Span(min(span.start_ms for span in spans), max(span.end_ms for span in spans))
    text = "\n".join("".join(piece.text for piece in line).strip() for line in lines)
    return _caption(span, lines[0][0].speaker, text)


def _caption(span: Span, speaker: str | None, text: str) -> Caption:
    prefix = "" if speaker is None else f"[{one_line(speaker)}]: "
    return Caption(span, _ARROW.sub("->", prefix + text))
