"""Where in the audio a place in a segment's text is.

What the vendor recognised (its words) and what it wrote (the text, with punctuation and numbers)
differ. So places are counted in letters and digits only, words are looked up in the text in their
order, and what is between two of them, or has no words, is interpolated.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

from asr_daemon.renderers.timing import Span, share, span_of
from asr_daemon.transcript import Word

_SLACK = 16
"""How many letters of the text may be missing from the words before the next one that is found."""

_NO_LETTER = re.compile(r"[\W_]+")


def letters(text: str) -> str:
    """Return the letters and digits of `text`, in lower case."""
    squeezed = _NO_LETTER.sub("", text)
    lowered = squeezed.lower()
    # A few letters become two in lower case; places must stay the same.
    return lowered if len(lowered) == len(squeezed) else squeezed


def align(parts: Sequence[str], span: Span, words: Iterable[Word]) -> list[Span]:
    """Return where each of the successive `parts` of a segment's text is.

    Args:
        parts: what the text was cut into; each holds its blanks and punctuation.
        span: where the segment is.
        words: those of the segment; none where the vendor gave none.
    """
    texts = list(map(letters, parts))
    if not any(texts):
        return share(span, map(len, parts))
    timeline = _Timeline("".join(texts), span, words)
    places = pairwise(accumulate(map(len, texts), initial=0))
    return [timeline.between(start, end) for start, end in places]


class _Timeline:
    """The times of the places in one segment's letters."""

    def __init__(self, text: str, span: Span, words: Iterable[Word]) -> None:
        """Pin the words that are in `text` to their times, and its ends to those of `span`."""
        self._places, self._times = [0], [span.start_ms]
        for place, length, word_span in _find(text, words):
            self._pin(place, word_span.start_ms)
            self._pin(place + length, word_span.end_ms)
        self._pin(len(text), span.end_ms)

    def between(self, start: int, end: int) -> Span:
        """Return the times from one place to another; before a pause a place ends, then starts."""
        start_ms = self._interpolate(bisect_right(self._places, start) - 1, start)
        end_ms = self._interpolate(max(0, bisect_left(self._places, end) - 1), end)
        return Span(start_ms, max(start_ms, end_ms))

    def _pin(self, place: int, time_ms: int) -> None:
        self._places.append(place)
        self._times.append(max(time_ms, self._times[-1]))

    def _interpolate(self, index: int, place: int) -> int:
        before, time_ms = self._places[index], self._times[index]
        if place == before:
            return time_ms
        part, whole = place - before, self._places[index + 1] - before
        return time_ms + (self._times[index + 1] - time_ms) * part // whole


def _find(text: str, words: Iterable[Word]) -> Iterator[tuple[int, int, Span]]:
    """Yield place, length and times of each word that has times and is found in `text`."""
    place = missed = 0
    for word in words:
        wanted, span = letters(word.text), span_of(word)
        found = text.find(wanted, place, place + missed + len(wanted) + _SLACK)
        if not wanted or found < 0:
            missed += len(wanted)
            continue
        if span is not None:
            yield found, len(wanted), span
        place, missed = found + len(wanted), 0
