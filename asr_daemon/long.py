"""Long values: read in pieces, anew each time, so that they are never held whole.

As objects, a body of tens of megabytes takes ten times its size, and while one call encodes it, no
other thread runs. So what is long stays in the bytes that it came in, and a long document is
written piece by piece. Every piece is small enough for other threads to wait for.
"""

from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Generic, Literal, TypeVar

from msgspec import json

STEP_BYTES = 32 * 1024
"""What is about as long as a piece; nothing shorter than that is long."""

T = TypeVar("T")


class Again(Generic[T]):
    """What can be looped over any number of times, and is made anew for each loop."""

    def __init__(self, make: Callable[[], Iterator[T]]) -> None:
        """Take what makes it."""
        self._make = make

    def __iter__(self) -> Iterator[T]:
        """Return a new loop."""
        return self._make()


class LongText(Again[str]):
    """A text, in pieces."""

    def whole(self) -> str:
        """Return it as one string."""
        return "".join(self)

    def utf8(self) -> bytes | bytearray:
        """Return it in UTF-8."""
        return b"".join(piece.encode() for piece in self)

    def between(self, begin: int, end: int | None = None) -> "LongText":
        """Return the characters from one offset to another, or to the end."""
        return LongText(lambda: self._between(begin, end))

    def stripped(self) -> "LongText":
        """Return it without blanks at its ends; no run of blanks is cut in pieces then."""
        return LongText(self._stripped)

    def _between(self, begin: int, end: int | None) -> Iterator[str]:
        at = 0
        for piece in self:
            if end is not None and at >= end:
                return
            part = piece[max(0, begin - at) : None if end is None else end - at]
            if part:
                yield part
            at += len(piece)

    def _stripped(self) -> Iterator[str]:
        blanks: list[str] = []
        began = False
        for piece in self:
            text = piece.rstrip() if began else piece.strip()
            if text:
                yield "".join(blanks) + text if began else text
                began = True
                blanks = [piece[len(piece.rstrip()) :]]
            elif began:
                blanks.append(piece)


class Utf8Text(LongText):
    """A text that is held in UTF-8."""

    def __init__(self, raw: bytes | bytearray, pieces: Callable[[], Iterator[str]]) -> None:
        """Take it, and what decodes it."""
        super().__init__(pieces)
        self._raw = raw

    def utf8(self) -> bytes | bytearray:
        """Return it as it is held."""
        return self._raw


class LongList(Again[Any]):
    """A list, in runs of elements; an element that is long itself is a run of its own."""

    def __init__(self, runs: Callable[[], Iterator[Sequence[Any]]]) -> None:
        """Take what makes the runs."""
        super().__init__(lambda: chain.from_iterable(runs()))
        self.runs = runs


class LongObject(dict[str, Any]):
    """A mapping, any value of which may be long."""


def decoded(
    raw: bytes | bytearray,
    encoding: str = "utf-8",
    errors: str = "strict",
    *,
    begin: int = 0,
    end: int | None = None,
) -> Iterator[str]:
    """Decode bytes, or those from one offset to another, in pieces."""
    decoder = getincrementaldecoder(encoding)(errors)
    end = len(raw) if end is None else end
    for start in range(begin, end, STEP_BYTES):
        behind = min(start + STEP_BYTES, end)
        yield decoder.decode(raw[start:behind], behind == end)


Long = LongText | LongList | LongObject
Order = Literal["sorted"] | None


class Encoder:
    """Encodes what may be long as JSON, in pieces that joined are what msgspec makes of it."""

    def __init__(self, *, indent: int = 0, order: Order = None) -> None:
        """Take how it is written.

        Args:
            indent: blanks a level; 0 writes one line.
            order: of the names.
        """
        self._indent = indent
        self._order: Order = order

    def pieces(self, value: Any, level: int = 0) -> Iterator[bytes]:
        """Yield the encoded value, which begins at a level of indentation."""
        match value:
            case LongText():
                return _quoted(value)
            case LongList():
                return self._list(value.runs(), level)
            case LongObject():
                return self._object(value, level)
            case list() if any(isinstance(each, Long) for each in value):
                return self._list(([each] for each in value), level)
            case _:
                encoded = self._short(value)
                return iter([encoded.replace(b"\n", self._line(level)) if level else encoded])

    def _short(self, value: Any) -> bytes:
        encoded = json.encode(value, order=self._order)
        return json.format(encoded, indent=self._indent) if self._indent else encoded

    def _line(self, level: int) -> bytes:
        return b"\n" + b" " * (level * self._indent) if self._indent else b""

    def _list(self, runs: Iterable[Sequence[Any]], level: int) -> Iterator[bytes]:
        sign = b"["
        for run in runs:
            if len(run) == 1 and isinstance(run[0], Long):
                yield sign + self._line(level + 1)
                yield from self.pieces(run[0], level + 1)
                sign = b","
            elif run:
                yield sign
                yield self._run(run, level)
                sign = b","
        yield b"[]" if sign == b"[" else self._line(level) + b"]"

    def _run(self, run: Sequence[Any], level: int) -> bytes:
        """Return the elements with what is between them, and the line before the first."""
        encoded = self._short(run)
        if not self._indent:
            return encoded[1:-1]
        return encoded[1 : -len("\n]")].replace(b"\n", self._line(level))

    def _object(self, value: LongObject, level: int) -> Iterator[bytes]:
        sign, colon = b"{", b": " if self._indent else b":"
        for name in sorted(value) if self._order else value:
            yield sign + self._line(level + 1) + json.encode(name) + colon
            yield from self.pieces(value[name], level + 1)
            sign = b","
        yield b"{}" if sign == b"{" else self._line(level) + b"}"


def _quoted(text: LongText) -> Iterator[bytes]:
    yield b'"'
    for piece in text:
        yield json.encode(piece)[1:-1]
    yield b'"'
