"""The segments of a large body, in columns: a tenth of what they take as objects."""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from heapq import merge
from itertools import pairwise

from asr_daemon.long import STEP_BYTES, Again, LongText, decoded
from asr_daemon.transcript import Segment, Word

_SORTED_AT_ONCE = 10_000

_UNKNOWN = -1
"""Stands for a time that is not known."""


class _Texts:
    """Texts, one behind the other in UTF-8."""

    def __init__(self) -> None:
        self._utf8 = bytearray()
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, text: str | Iterable[str]) -> None:
        if isinstance(text, str):
            self._utf8 += text.encode()
        else:
            for piece in text:
                self._utf8 += piece.encode()
        self._ends.append(len(self._utf8))

    def at(self, index: int) -> str | LongText:
        begin, end = self._ends[index : index + 2]
        if end - begin <= STEP_BYTES:
            return self._utf8[begin:end].decode()
        return LongText(lambda: decoded(self._utf8, begin=begin, end=end))

    def short(self, index: int) -> str:
        return self._utf8[self._ends[index] : self._ends[index + 1]].decode()


class _Words(Again[Word]):
    """The words of one segment; they are made only for who wants them."""

    def __init__(self, make: Callable[[], Iterator[Word]], count: int) -> None:
        super().__init__(make)
        self._count = count

    def __len__(self) -> int:
        return self._count


class LongSegments:
    """Segments that are made anew by each loop."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        """Take them in; their times are below 500 hours."""
        self._texts, self._words = _Texts(), _Texts()
        self._times, self._word_times = array("i"), array("i")
        self._speakers: dict[str | None, int] = {}
        self._speaker = array("L")
        self._last_words = array("Q", [0])
        self._order: Sequence[int] | None = None
        for segment in segments:
            self._append(segment)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._speaker)

    def __iter__(self) -> Iterator[Segment]:
        """Make them, one by one."""
        speakers = list(self._speakers)
        for index in range(len(self)) if self._order is None else self._order:
            start_ms, end_ms = self._times[2 * index : 2 * index + 2]
            first, behind = self._last_words[index : index + 2]
            make_words = partial(self._make_words, first, behind)
            yield Segment(
                self._texts.at(index),
                None if start_ms == _UNKNOWN else start_ms,
                None if end_ms == _UNKNOWN else end_ms,
                speakers[self._speaker[index]],
                _Words(make_words, behind - first) if behind > first else (),
            )

    @property
    def speakers(self) -> Collection[str | None]:
        """Return who speaks, each once; `None` if somebody does who is not known."""
        return self._speakers.keys()

    def sort(self, numbers: Sequence[float]) -> None:
        """Put them in the order of their numbers; equal ones stay in theirs."""
        if all(before <= after for before, after in pairwise(numbers)):
            return
        steps = range(0, len(numbers), _SORTED_AT_ONCE)
        # No other thread runs while one call sorts them all.
        ranges = (range(step, min(step + _SORTED_AT_ONCE, len(numbers))) for step in steps)
        runs = [array("Q", sorted(each, key=numbers.__getitem__)) for each in ranges]
        self._order = array("Q", merge(*runs, key=numbers.__getitem__))

    def _append(self, segment: Segment) -> None:
        self._texts.append(segment.text)
        self._times.extend(_stored(segment.start_ms, segment.end_ms))
        self._speaker.append(self._speakers.setdefault(segment.speaker, len(self._speakers)))
        for word in segment.words:
            self._words.append(word.text)
            self._word_times.extend(_stored(word.start_ms, word.end_ms))
        self._last_words.append(len(self._words))

    def _make_words(self, begin: int, end: int) -> Iterator[Word]:
        for index in range(begin, end):
            start_ms, end_ms = self._word_times[2 * index : 2 * index + 2]
            yield Word(
                self._words.short(index),
                None if start_ms == _UNKNOWN else start_ms,
                None if end_ms == _UNKNOWN else end_ms,
            )


def _stored(start_ms: int | None, end_ms: int | None) -> tuple[int, int]:
    return (
        _UNKNOWN if start_ms is None else start_ms,
        _UNKNOWN if end_ms is None else end_ms,
    )
