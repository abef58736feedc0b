"""Lines and captions of a limited size, as whisper makes them with its options of these names.

Chinese, Japanese and Thai are broken between characters, other scripts between words.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from asr_daemon.renderers.alignment import align
from asr_daemon.renderers.one_line import one_line
from asr_daemon.renderers.timing import Span, TimedSegment

_WIDEST = 1000
"""The width where only the number of lines is limited; as whisper has it."""
_LONG_PAUSE_MS = 3000
"""From the start of one piece to that of the next; the next starts a caption."""

# Characters of Chinese, Japanese and Thai that a line may start with.
_CHARACTER = (
    "\u0e01-\u0e2f\u0e3f\u0e4f-\u0e5b\u2e80-\u2fdf\u3003-\u3007\u3012\u3013\u3020-\u303f\u3041-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# Opening brackets, and Thai vowels that are written first: together with what comes after them.
_OPENING = "「『（［｛〈《【〔〖〘｢\u0e40-\u0e44"
# Closing brackets, stops, and marks on a character: together with what comes before them.
_CLOSING = (
    "」』）］｝〉》】〕〗〙｣、。，．：；？！・ー々゛゜％｡､･"
    "\u0e30-\u0e3a\u0e45-\u0e4e\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef"
)
# Few brackets at a time: a long run of them would be read again from each of them.
_START = rf"[{_OPENING}“‘]{{0,4}}[{_CHARACTER}]"
_PIECE = re.compile(
    rf"\s*(?:{_START}[{_CLOSING}”’…!),.:;?\]}}%]*"
    rf"|[{_OPENING}]{{0,4}}[^\s{_OPENING}{_CLOSING}{_CHARACTER}]+[{_CLOSING}]*"
    r"|\S)"
)
_BY_CHARACTER = re.compile(_START)
_WITHOUT_BLANK = re.compile(rf"[{_CHARACTER}{_CLOSING}] [{_OPENING}{_CHARACTER}]")


class Piece(Struct, frozen=True, gc=False):
    """What is never broken: a character or a word, with the blanks before it."""

    text: str
    span: Span
    speaker: str | None
    is_first: bool
    """Whether it is the first of its segment."""


Line = list[Piece]


def wrap(
    segments: Iterable[TimedSegment], max_line_width: int | None, max_line_count: int | None
) -> Iterator[list[Line]]:
    """Yield the lines of each caption.

    With both limits captions go across segments, unless the speaker changes or after a long pause;
    with one of them no caption holds more than one segment. What is longer than a line has one of
    its own.
    """
    keep_segments = max_line_width is None or max_line_count is None
    pieces = (piece for timed in segments for piece in _cut(timed))
    for group in _group(pieces, keep_segments=keep_segments):
        lines = _fill_lines(group, max_line_width or _WIDEST)
        count = max_line_count or len(lines)
        yield from (lines[first : first + count] for first in range(0, len(lines), count))


def join(texts: Iterable[str]) -> str:
    """Return successive texts as one line, with blanks between them where the script has any."""
    joined = ""
    for text in filter(None, texts):
        apart = joined and not _WITHOUT_BLANK.fullmatch(f"{joined[-1]} {text[0]}")
        joined += f" {text}" if apart else text
    return joined


def _cut(timed: TimedSegment) -> Iterator[Piece]:
    segment = timed.segment
    parts = _PIECE.findall(one_line(segment.text))
    if parts and not _BY_CHARACTER.match(parts[0]):
        parts[0] = f" {parts[0]}"
    spans = align(parts, timed.span, segment.words)
    for number, (part, span) in enumerate(zip(parts, spans, strict=True)):
        yield Piece(part, span, segment.speaker, is_first=number == 0)


def _group(pieces: Iterable[Piece], *, keep_segments: bool) -> Iterator[list[Piece]]:
    """Yield runs of pieces that may share a caption."""
    group: list[Piece] = []
    for piece in pieces:
        if group and _is_apart(group[-1], piece, keep_segments=keep_segments):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _is_apart(before: Piece, piece: Piece, *, keep_segments: bool) -> bool:
    if keep_segments:
        return piece.is_first
    pause_ms = piece.span.start_ms - before.span.start_ms
    return pause_ms > _LONG_PAUSE_MS or piece.speaker != before.speaker


def _fill_lines(pieces: Iterable[Piece], width: int) -> list[Line]:
    lines: list[Line] = []
    room = 0
    for piece in pieces:
        if lines and len(piece.text) <= room:
            lines[-1].append(piece)
            room -= len(piece.text)
        else:
            lines.append([piece])
            room = width - len(piece.text.strip())
    return lines
