"""JSON from a sender: decoded without trust, and without keeping other threads waiting."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from msgspec import MsgspecError, Raw, json

from asr_daemon.errors import NotUnderstood

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"

_STEP_BYTES = 64 * 1024
"""What is decoded in one call, which no other thread can interrupt."""

_LARGE_LEVELS = 16
"""Levels of nesting above a step; each is read once more, and vendors use five."""

_MOST_VALUES = 6_000_000
"""64 MiB of word by word detail hold five million; what holds more is made to eat memory."""

_MOST_LEVELS = 64
"""Vendors use six; readers of our documents give up between a few hundred and 1,000."""


def decode_json(raw: bytes) -> Any:
    """Decode JSON, with or without a byte order mark; msgspec can encode whatever it returns.

    Raises:
        NotUnderstood: it is not JSON in UTF-8 (a lone surrogate included), a number is beyond all
            ranges, or it is nested too deeply or holds too many values to be anyone's result.
    """
    containers = _check_values(raw)
    with _UNDERSTANDING:
        value = _decode(raw.removeprefix(_BOM).strip(), _LARGE_LEVELS)
    # So few brackets cannot be nested any deeper; nearly all bodies have no more.
    if containers > _MOST_LEVELS:
        _check_levels(value)
    return value


def decode_elements(raw: bytes, decoder: json.Decoder[T]) -> Iterator[T]:
    """Yield the elements of a JSON array, decoded one by one.

    Raises:
        NotUnderstood: as `decode_json`, or it is not an array, or an element has another shape.
    """
    _check_values(raw)
    with _UNDERSTANDING:
        for element in json.decode(raw, type=list[Raw]):
            yield decoder.decode(element)


def _decode(raw: bytes | Raw, levels: int) -> Any:
    """Decode large containers element by element, and what is small in one call."""
    view = memoryview(raw)
    if view.nbytes <= _STEP_BYTES or view[0] not in b"{[":
        return json.decode(raw)
    if not levels:
        raise NotUnderstood("the JSON is nested too deeply")
    if view[0] == ord("["):
        return [_decode(part, levels - 1) for part in json.decode(raw, type=list[Raw])]
    parts = json.decode(raw, type=dict[str, Raw])
    return {name: _decode(part, levels - 1) for name, part in parts.items()}


def _check_values(raw: bytes) -> int:
    """Return how many containers there are at most, unless there are too many values."""
    containers = raw.count(b"[") + raw.count(b"{")
    if containers + raw.count(b",") > _MOST_VALUES:
        raise NotUnderstood("the JSON holds more values than any transcript")
    return containers


def _check_levels(value: Any) -> None:
    containers = [value]
    for _ in range(_MOST_LEVELS):
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
