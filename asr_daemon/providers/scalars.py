"""Values that senders spell as they like: a number as a string, a string as a number, `null`."""

import re
import sys
from collections.abc import Mapping
from typing import Any

LONGEST_MS = 100 * 3600 * 1000
"""Times beyond 100 hours are taken for nonsense: vendors transcribe at most 12."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?")


def look_up(mapping: Mapping[str, Any], name: str) -> Any:
    """Return the value of `name`, else of the first name that differs only in case, else `None`."""
    if name in mapping:
        return mapping[name]
    lowered = name.lower()
    return next((value for key, value in mapping.items() if key.lower() == lowered), None)


def as_text(value: object) -> str | None:
    """Return a string as it is and a number in digits; `None` for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def as_speech(value: object) -> str:
    """Return `as_text` without blanks at its ends, empty for `None`."""
    return (as_text(value) or "").strip()


def as_label(value: object) -> str | None:
    """Return `as_text`, but `None` for what is blank: an id, a key or a speaker is not."""
    text = as_text(value)
    return None if text is None or not text.strip() else text


def holds_text(value: object) -> bool:
    """Say whether there is a string that is not blank, at any depth."""
    if isinstance(value, str):
        return bool(value.strip())
    if isinstance(value, dict):
        return any(map(holds_text, value.values()))
    return isinstance(value, list) and any(map(holds_text, value))


def as_number(value: object) -> float | int | None:
    """Return a finite number, also from a string of decimal digits; `None` for anything else."""
    if isinstance(value, str):
        digits = _NUMBER.fullmatch(value.strip())
        # Not `value`: what `str.strip` takes for a blank is none for `float`.
        return None if digits is None else float(digits[0]) if digits[1] else int(digits[0])
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) <= sys.float_info.max else None


def as_ms(milliseconds: object) -> int | None:
    """Return a time in whole milliseconds.

    `None` for what is not a number, is negative, or is beyond `LONGEST_MS`.
    """
    number = as_number(milliseconds)
    return None if number is None or not 0 <= number <= LONGEST_MS else round(number)


def seconds_as_ms(seconds: object) -> int | None:
    """Return a time that is given in seconds, as `as_ms` does."""
    number = as_number(seconds)
    return None if number is None else as_ms(number * 1000)
