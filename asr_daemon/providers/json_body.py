"""JSON from a sender: decoded without trust, and without keeping other threads waiting."""

import re
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from msgspec import MsgspecError, json

from asr_daemon.errors import NotUnderstood
from asr_daemon.long import STEP_BYTES, Again
from asr_daemon.providers.json_long import JsonRuns, LongReader

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf)?\s*+")
_BEHIND = re.compile(rb"\s*+\Z")

_MOST_VALUES = 16_000_000
"""64 MiB of the tersest word by word detail hold twelve; more would make a document many times as
long as the body."""

_MOST_LEVELS = 64
"""Vendors use six; readers of our documents give up between a few hundred and 1,000."""


def decode_json(raw: bytes | bytearray) -> Any:
    """Decode JSON, with or without a byte order mark; `Encoder` can encode whatever it returns.

    What is long is kept as `LongObject`, `LongList` or `LongText`, which need `raw` unchanged.

    Raises:
        NotUnderstood: it is not JSON in UTF-8 (a lone surrogate included), a number is beyond all
            ranges, or it is nested too deeply or holds too many values to be anyone's result.
    """
    with _UNDERSTANDING:
        if len(raw) > STEP_BYTES:
            return _decode_long(raw)
        value = json.decode(raw.removeprefix(_BOM).strip())
    _check_levels(value, raw, _MOST_LEVELS)
    return value


def decode_elements(raw: bytes | bytearray, element: type[T]) -> list[T] | Again[T]:
    """Return the elements of a JSON array, decoded as what is asked for.

    Raises:
        NotUnderstood: as `decode_json`, or it is not an array, or an element has another shape;
            of a long array that is found while it is looped over.
    """
    if len(raw) <= STEP_BYTES:
        with _UNDERSTANDING:
            elements: list[T] = json.decode(raw, type=list[element])  # type: ignore[valid-type]
            return elements
    return elements_as(decode_json(raw), element)


def elements_as(value: Any, element: type[T]) -> Again[T]:
    """Return the elements of a long array that was decoded before, as `decode_elements` does."""
    if not isinstance(value, JsonRuns):
        raise NotUnderstood("the JSON is not an array")
    return Again(lambda: _loop(value, element))


def _loop(elements: JsonRuns, element: type[T]) -> Iterator[T]:
    with _UNDERSTANDING:
        for run in elements.runs_of(element):
            yield from run


def _decode_long(raw: bytes | bytearray) -> Any:
    begin = _end(_BEFORE, raw, 0)
    if raw[begin : begin + 1] not in (b"{", b"[", b'"'):
        return json.decode(raw[begin:].strip())
    value, end = LongReader(raw, _Limits().check).read(begin)
    if _BEHIND.match(raw, end) is None:
        raise NotUnderstood("the JSON is followed by something else")
    return value


def _end(pattern: re.Pattern[bytes], raw: bytes | bytearray, at: int) -> int:
    found = pattern.match(raw, at)
    return at if found is None else found.end()


class _Limits:
    """Bounds what a long value may hold in all."""

    def __init__(self) -> None:
        self._values = 0

    def check(self, value: Any, run: bytes, level: int) -> None:
        self._values += sum(run.count(sign) for sign in (b",", b"[", b"{"))
        if self._values > _MOST_VALUES:
            raise NotUnderstood("the JSON holds more values than any transcript")
        _check_levels(value, run, _MOST_LEVELS - level)


def _check_levels(value: Any, raw: bytes | bytearray, most: int) -> None:
    # So few brackets cannot be nested any deeper; nearly all bodies have no more.
    if raw.count(b"[") + raw.count(b"{") <= most:
        return
    containers = [value]
    for _ in range(most):
        containers = [
            child
            for container in containers
            for child in _children(container)
            if isinstance(child, dict | list)
        ]
        if not containers:
            return
    raise NotUnderstood("the JSON is nested too deeply")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class _Understanding:
    """Turns what msgspec raises into `NotUnderstood`, without a word of the content."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, RecursionError):
            raise NotUnderstood("the JSON is nested too deeply") from None
        if isinstance(error, UnicodeDecodeError):
            raise NotUnderstood("the JSON is not in UTF-8") from None
        if isinstance(error, MsgspecError):
            raise NotUnderstood("the JSON is broken, or not of the documented shape") from None


_UNDERSTANDING = _Understanding()
