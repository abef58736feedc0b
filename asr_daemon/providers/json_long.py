"""Long JSON: cut into runs of a size that can be decoded in one call, and checked run by run.

What a cut is made by need not be right for broken JSON, as every run is decoded: what is accepted
is what msgspec accepts.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

from msgspec import convert, json

from asr_daemon.errors import NotUnderstood
from asr_daemon.long import STEP_BYTES, Long, LongList, LongObject, LongText

T = TypeVar("T")

Raw = bytes | bytearray
Check = Callable[[Any, bytes, int], None]
"""Is given a decoded run, its source and its level; raises `NotUnderstood` if it is too much."""

Part = tuple[int, int] | Long | str
"""Where a run begins and ends, or an element that has no run."""

LARGE_LEVELS = 16
"""Levels of nesting above a run; vendors use five."""

MOST_MEMBERS = 10_000
"""Of a long object; the documented ones have five."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_FLAT = rb'[\[{](?:[^"\[\]{}]++|' + _STRING + rb")*+[\]}]"
_SCALAR = rb'[^"\[\]{},\s]++'
_ITEM = rb"(?:%b\s*+:\s*+)?+(?:%b|%b|%b)\s*+" % (_STRING, _FLAT, _STRING, _SCALAR)
_TOKEN = re.compile(
    rb'(?P<items>(?:%b,\s*+)++)|%b|%b|%b|\s++|(?P<sign>[\[\]{},"])'
    % (_ITEM, _FLAT, _STRING, _SCALAR),
    re.DOTALL,
)
"""A run of elements, each with its comma; or an element without one; or a part of an element."""

_NAME = re.compile(rb"\s*+(%b)\s*+:\s*+" % _STRING, re.DOTALL)
_BLANKS = re.compile(rb"\s*+")
_AFTER = re.compile(rb"\s*+([,\]}])")
_INSIDE_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_CHARACTERS = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u[dD][89abAB]..\\u....|\\u(?![dD][89abAB])....)*+", re.DOTALL
)
_INSIDE_CHARACTER = range(0x80, 0xC0)
"""Bytes of UTF-8 that begin no character."""

_CLOSED_BY = {ord("["): ord("]"), ord("{"): ord("}")}


class JsonRuns(LongList):
    """A JSON array, decoded run by run out of its source."""

    def __init__(self, raw: Raw, parts: list[Part]) -> None:
        """Take the source, and where in it the runs are, or what is between them."""
        super().__init__(partial(_runs, raw, parts, Any))
        self._raw = raw
        self._parts = parts

    def runs_of(self, element: type[T]) -> Iterator[list[T]]:
        """Yield the runs, their elements decoded as what is asked for.

        Raises:
            ValidationError: an element is something else.
        """
        return _runs(self._raw, self._parts, element)


class LongReader:
    """Reads a value longer than a step."""

    def __init__(self, raw: Raw, check: Check) -> None:
        """Take the JSON, and what looks at every run."""
        self._raw = raw
        self._check = check

    def read(self, at: int, levels: int = LARGE_LEVELS) -> tuple[Any, int]:
        """Return the object, array or string that begins at an offset, and where it ends.

        Raises:
            NotUnderstood: it is broken, or nested too deeply.
            MsgspecError: it is broken.
        """
        opened = self._raw[at]
        if opened == ord('"'):
            return self._text(at)
        if not levels:
            raise NotUnderstood("the JSON is nested too deeply")
        if opened == ord("["):
            return self._list(at, levels)
        return self._object(at, levels)

    def _list(self, at: int, levels: int) -> tuple[LongList, int]:
        parts: list[Part] = []
        walk = _Walk(self._raw, at)
        for begin, end in walk:
            if end is None:
                value, walk.at = self.read(begin, levels - 1)
                parts.append(value)
            else:
                self._decode(begin, end, b"[]", levels)
                parts.append((begin, end))
        return JsonRuns(self._raw, parts), walk.at

    def _object(self, at: int, levels: int) -> tuple[LongObject, int]:
        members = LongObject()
        walk = _Walk(self._raw, at)
        for begin, end in walk:
            if end is None:
                name = _must(_NAME.match(self._raw, begin))
                value, walk.at = self.read(name.end(), levels - 1)
                members[json.decode(name[1], type=str)] = value
            else:
                members.update(self._decode(begin, end, b"{}", levels))
            if len(members) > MOST_MEMBERS:
                raise NotUnderstood(f"the JSON has an object with more than {MOST_MEMBERS} members")
        return members, walk.at

    def _decode(self, begin: int, end: int, brackets: bytes, levels: int) -> Any:
        run = _enclosed(self._raw, begin, end, brackets)
        value = json.decode(run)
        if not value:
            _broken()  # there is a comma too many
        self._check(value, run, LARGE_LEVELS - levels)
        return value

    def _text(self, at: int) -> tuple[LongText | str, int]:
        begin, end = at + 1, _end_of_string(self._raw, at + 1)
        text = LongText(lambda: _characters(self._raw, begin, end))
        if end - begin <= STEP_BYTES:
            return text.whole(), end + 1
        for _ in text:
            pass  # it is decoded once to see that it can be
        return text, end + 1


class _Walk:
    """Cuts what is in an array or object into runs, and says where an element is long.

    A loop gets where each run begins and ends, without the comma behind it. For a long element it
    gets where that begins, and `None`; it then has to set `at` to where that ends.
    """

    def __init__(self, raw: Raw, at: int) -> None:
        self._raw = raw
        self._opened = raw[at]
        self._begin = self._cut = self.at = at + 1
        self._depth = 0

    def __iter__(self) -> Iterator[tuple[int, int | None]]:
        empty = True
        while self._step():
            while self.at - self._begin > STEP_BYTES:
                if self._cut > self._begin:
                    yield self._begin, self._raw.rfind(b",", self._begin, self._cut)
                    self._begin = self._cut
                elif self._is_long():
                    yield _must(_BLANKS.match(self._raw, self._begin)).end(), None
                    if not self._step_over():
                        return
                else:
                    break
                empty = False
        end = self.at - 1
        if self._raw[self._begin : end].strip():
            yield self._begin, end
        elif not empty:
            _broken()

    def _step(self) -> bool:
        """Go one token on; say whether the container goes on behind it."""
        token = _must(_TOKEN.match(self._raw, self.at, self.at + STEP_BYTES))
        self.at = token.end()
        sign = token["sign"]
        if sign == b'"':
            self.at = _end_of_string(self._raw, self.at) + 1
        elif sign in (b"[", b"{"):
            self._depth += 1
        elif sign in (b"]", b"}"):
            self._depth -= 1
            return self._depth >= 0 or self._closes()
        elif self._depth == 0 and (sign or token["items"]):
            self._cut = self.at
        return True

    def _step_over(self) -> bool:
        """Go on behind a long element; say whether another one follows."""
        after = _must(_AFTER.match(self._raw, self.at))
        self._begin = self._cut = self.at = after.end()
        self._depth = 0
        return after[1] == b"," or self._closes()

    def _closes(self) -> bool:
        if self._raw[self.at - 1] != _CLOSED_BY[self._opened]:
            _broken()
        return False

    def _is_long(self) -> bool:
        name = _NAME.match(self._raw, self._begin) if self._opened == ord("{") else None
        start = name or _must(_BLANKS.match(self._raw, self._begin))
        return self._raw[start.end() : start.end() + 1] in (b"[", b"{", b'"')


def _runs(raw: Raw, parts: Sequence[Part], element: type[T]) -> Iterator[list[T]]:
    for part in parts:
        if isinstance(part, tuple):
            run = _enclosed(raw, *part, b"[]")
            yield json.decode(run, type=list[element])  # type: ignore[valid-type]
        else:
            yield [convert(part, element)]


def _end_of_string(raw: Raw, at: int) -> int:
    """Return where the quote is that ends the string that an offset is in."""
    while at < len(raw):
        behind = min(at + STEP_BYTES, len(raw))
        quote = raw.find(b'"', at, behind)
        if raw.find(b"\\", at, behind if quote < 0 else quote) >= 0:
            found = _must(_INSIDE_STRING.match(raw, at, behind)).end()
            if found == at:
                break
            at = found
            quote = at if raw[at : at + 1] == b'"' else -1
        elif quote < 0:
            at = behind
        if quote >= 0:
            return quote
    return _broken()


def _characters(raw: Raw, begin: int, end: int) -> Iterator[str]:
    """Yield what is inside a string, in pieces that no character and no escape crosses."""
    while begin < end:
        cut = min(begin + STEP_BYTES, end)
        if raw.find(b"\\", begin, cut) >= 0:
            cut = _must(_CHARACTERS.match(raw, begin, cut)).end()
        while begin < cut < end and raw[cut] in _INSIDE_CHARACTER:
            cut -= 1
        if cut == begin:
            _broken()
        yield json.decode(_enclosed(raw, begin, cut, b'""'), type=str)
        begin = cut


def _enclosed(raw: Raw, begin: int, end: int, brackets: bytes) -> bytes:
    return b"".join((brackets[:1], memoryview(raw)[begin:end], brackets[1:]))


def _must(found: re.Match[bytes] | None) -> re.Match[bytes]:
    return found or _broken()


def _broken() -> NoReturn:
    raise NotUnderstood("the JSON is broken, or not of the documented shape")
