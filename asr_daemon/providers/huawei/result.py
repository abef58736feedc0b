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
from asr_daemon.providers.huawei.iflytek import read_sentence
from asr_daemon.providers.scalars import (
    as_label,
    as_ms,
    as_number,
    as_speech,
    as_text,
    holds_text,
    look_up,
)
from asr_daemon.transcript import Segment, VendorError

_MESSAGES = ("message", "msg", "desc", "description")
"""Where senders may say why a task failed; the vendor documents no place for it."""


_LISTS = ("lattices", "lattice2", "lattice")
"""The documented list, and those of the engine that senders pass on: `lattice` holds its sentences
as strings, `lattice2` the same as objects, with numbers, times and speakers."""

_ENGINE_FORMS = ("json_1best", "lattice2")

_MEMBERS = frozenset(["lid", "begin", "end", "spk", "onebest", *_ENGINE_FORMS])
"""What is read of a lattice, in lower case."""


class HuaweiResult(Struct, frozen=True):
    """One result; without segments where the task failed."""

    aid: str
    error: VendorError | None
    segments: tuple[Segment, ...]


def read_result(document: object) -> HuaweiResult:
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
    return HuaweiResult(aid, error, () if error else _read_segments(inner))


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


def _read_segments(inner: Mapping[str, Any]) -> tuple[Segment, ...]:
    """Return what was said: the segments of the first list that has any.

    Nothing was said where lattices are empty. Where they hold text of which none can be read, to
    acknowledge them would be to lose it.
    """
    values = ((name, look_up(inner, name)) for name in _LISTS)
    lists = [(f"body.body.{name}", value) for name, value in values if value is not None]
    if not lists:
        raise NotUnderstood("body.body.lattices is missing or not a list")
    for where, lattices in lists:
        segments = _read_lattices(lattices, where)
        if segments:
            return segments
    for where, lattices in lists:
        if any(map(_holds_unread_text, lattices)):
            raise NotUnderstood(f"{where} holds no text in a place that is known")
    return ()


def _read_lattices(lattices: object, where: str) -> tuple[Segment, ...]:
    """Return the segments in the order of `lid`, those without a number last."""
    if not isinstance(lattices, list):
        raise NotUnderstood(f"{where} is missing or not a list")
    read = [_read_lattice(lattice, f"{where}[{index}]") for index, lattice in enumerate(lattices)]
    order = sorted(range(len(lattices)), key=lambda index: _number(lattices[index]))
    return tuple(read[index] for index in order if read[index].text)


def _number(lattice: dict[str, Any]) -> float:
    lid = as_number(look_up(lattice, "lid"))
    return math.inf if lid is None else lid


def _read_lattice(lattice: object, where: str) -> Segment:
    """Return a segment; it has no text where nothing was said."""
    if not isinstance(lattice, dict):
        raise NotUnderstood(f"{where} is not an object")
    onebest = look_up(lattice, "onebest")
    if onebest is not None and as_text(onebest) is None:
        raise NotUnderstood(f"{where}.onebest is not a string")
    segment = Segment(
        as_speech(onebest),
        as_ms(look_up(lattice, "begin")),
        as_ms(look_up(lattice, "end")),
        as_label(look_up(lattice, "spk")),
    )
    return segment if segment.text else _read_engine_form(lattice, segment, where)


def _read_engine_form(lattice: dict[str, Any], segment: Segment, where: str) -> Segment:
    """Return a segment whose text is where the engine puts it, if it is anywhere.

    Times of the lattice come first; of speakers the engine's, whose `spk` is a paragraph.
    """
    name, best = _engine_form(lattice)
    if best is None:
        return segment
    try:
        sentence = read_sentence(best, segment.start_ms)
    except NotUnderstood as error:
        raise NotUnderstood(f"{where}.{name}: {error}") from None
    return Segment(
        sentence.text,
        sentence.start_ms if segment.start_ms is None else segment.start_ms,
        sentence.end_ms if segment.end_ms is None else segment.end_ms,
        sentence.speaker or segment.speaker,
        sentence.words,
    )


def _engine_form(lattice: dict[str, Any]) -> tuple[str, object]:
    """Return the first member that may hold a sentence, and its value if it is not blank."""
    values = ((name, look_up(lattice, name)) for name in _ENGINE_FORMS)
    held = (
        pair for pair in values if pair[1] and not (isinstance(pair[1], str) and pair[1].isspace())
    )
    return next(held, ("", None))


def _holds_unread_text(lattice: dict[str, Any]) -> bool:
    return any(holds_text(lattice[name]) for name in lattice if name.lower() not in _MEMBERS)
