"""What a Huawei callback says: the audio, the outcome, and the lattices.

The vendor's table and its example differ (`Body` and `body`, a code that is a string and a number),
and senders are third parties: documented names are matched without regard to case, and numbers
may be strings. Times have no printed unit; the example only makes sense in milliseconds.
"""

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.scalars import (
    as_label,
    as_ms,
    as_number,
    as_speech,
    as_text,
    look_up,
)
from asr_daemon.transcript import Segment, VendorError

_MESSAGES = ("message", "msg", "desc", "description")
"""Where senders may say why a task failed; the vendor documents no place for it."""


class Result(Struct, frozen=True):
    """One result; without segments where the task failed."""

    aid: str
    error: VendorError | None
    segments: tuple[Segment, ...]


def read_result(document: object) -> Result:
    """Read the decoded body of a callback.

    Raises:
        NotUnderstood: it does not have the documented shape; the sentence says where.
    """
    if not isinstance(document, dict):
        raise NotUnderstood("the body is not a JSON object")
    outer = _object(document, "body", "body")
    inner = _object(outer, "body", "body.body")
    aid = as_label(look_up(inner, "aid"))
    if aid is None:
        raise NotUnderstood("body.body.aid is missing, empty, or not a string")
    error = _read_error(
        {} if look_up(outer, "state") is None else _object(outer, "state", "body.state")
    )
    return Result(aid, error, () if error else _read_lattices(look_up(inner, "lattices")))


def _object(parent: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    value = look_up(parent, name)
    if not isinstance(value, dict):
        raise NotUnderstood(f"{where} is missing or not an object")
    return value


def _read_error(state: Mapping[str, Any]) -> VendorError | None:
    """Return the error of a task that failed: by `success`, or without it by `code`."""
    success = _read_success(look_up(state, "success"))
    value = look_up(state, "code")
    code = (as_text(value) or "").strip()
    if value is not None and as_text(value) is None:
        raise NotUnderstood("body.state.code is neither a string nor a number")
    if success or (success is None and not code.strip("0")):
        return None
    messages = (look_up(state, name) for name in _MESSAGES)
    return VendorError(code, next((text for text in messages if isinstance(text, str)), ""))


def _read_success(value: object) -> bool | None:
    match value:
        case None | bool():
            return value
        case str() if value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        case _:
            raise NotUnderstood("body.state.success is neither true nor false")


def _read_lattices(lattices: object) -> tuple[Segment, ...]:
    """Return the segments in the order of `lid`; those without a number stay behind in theirs."""
    if not isinstance(lattices, list):
        raise NotUnderstood("body.body.lattices is missing or not a list")
    for index, lattice in enumerate(lattices):
        _check_lattice(lattice, index)
    segments = map(_read_lattice, sorted(lattices, key=_number))
    return tuple(segment for segment in segments if segment.text)


def _check_lattice(lattice: object, index: int) -> None:
    if not isinstance(lattice, dict):
        raise NotUnderstood(f"body.body.lattices[{index}] is not an object")
    onebest = look_up(lattice, "onebest")
    if onebest is not None and as_text(onebest) is None:
        raise NotUnderstood(f"body.body.lattices[{index}].onebest is not a string")


def _number(lattice: dict[str, Any]) -> float:
    lid = as_number(look_up(lattice, "lid"))
    return math.inf if lid is None else lid


def _read_lattice(lattice: dict[str, Any]) -> Segment:
    """Return a segment; it has no text where nothing was said."""
    return Segment(
        as_speech(look_up(lattice, "onebest")),
        as_ms(look_up(lattice, "begin")),
        as_ms(look_up(lattice, "end")),
        as_label(look_up(lattice, "spk")),
    )
