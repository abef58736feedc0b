"""JSON from a sender, decoded without trust."""

from collections.abc import Iterable
from typing import Any

from msgspec import MsgspecError, json

from asr_daemon.errors import NotUnderstood

_BOM = b"\xef\xbb\xbf"

_MOST_VALUES = 16_000_000
"""64 MiB of the tersest word by word detail hold twelve; more would make a document many times as
long as the body."""

_MOST_LEVELS = 64
"""Vendors use six; readers of our documents give up between a few hundred and 1,000."""


def decode_json(raw: bytes) -> Any:
    """Decode JSON, with or without a byte order mark; whatever is returned can be encoded again.

    Raises:
        NotUnderstood: it is not JSON in UTF-8 (a lone surrogate included), a number is beyond all
            ranges, or it is nested too deeply or holds too many values to be anyone's result.
    """
    opened = raw.count(b"[") + raw.count(b"{")
    if opened + raw.count(b",") > _MOST_VALUES:
        raise NotUnderstood("the JSON holds more values than any transcript")
    try:
        value = json.decode(raw.removeprefix(_BOM).strip())
    except RecursionError:
        raise NotUnderstood("the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotUnderstood("the JSON is not in UTF-8") from None
    except MsgspecError:
        raise NotUnderstood("the JSON is broken, or not of the documented shape") from None
    # So few brackets cannot be nested any deeper; nearly all bodies have no more.
    if opened > _MOST_LEVELS:
        _check_levels(value)
    return value


def _check_levels(value: Any) -> None:
    level = [value]
    for _ in range(_MOST_LEVELS):
        level = [
            child
            for container in level
            for child in _children(container)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise NotUnderstood("the JSON is nested too deeply")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
