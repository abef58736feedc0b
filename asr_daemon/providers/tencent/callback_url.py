"""What Tencent's callback URL holds: the key, one's own parameters, and fields that are appended.

The vendor appends its fields to the URL as if that had no query yet, or as an element of the path:
`?key=K?code=0&...`, `?key=K/code=0&...`, `/K&code=0&...`, and each with the separator encoded.
"""

import re
from collections.abc import Iterator

from asr_daemon.providers.form import Pair, decode_field, form_decode, percent_decode
from asr_daemon.providers.tencent.fields import VENDOR_NAMES, is_vendor_name
from asr_daemon.providers.urls import split_fields

KEY = b"key"

# No key has any of these characters in it.
_END_OF_KEY = re.compile(rb"[?/#]|%3[Ff]|%2[Ff]|%23")
_END_OF_ELEMENT = re.compile(rb"[/&]|%3[Ff]")
_APPENDED = re.compile(
    rb"(?:\?|%%3[Ff])(?=(?:key|%b)=)" % "|".join(sorted(VENDOR_NAMES)).encode(), re.IGNORECASE
)
_WITHIN_URL = re.compile(rb"(?::|%3[Aa])(?:/|%2[Ff]){2}")


def read_parameters(query: bytes) -> Iterator[Pair]:
    """Yield the parameters of a query, and those of a query that was appended to one of them."""
    for field in split_fields(query):
        own, appended = _split_key(field) if is_key(field) else _split_appended(field)
        if own:
            yield decode_field(own)
        for inner in split_fields(appended):
            # What is no pair was not meant as a field, and may be a secret.
            if b"=" in inner:
                yield from map(decode_field, filter(None, _split_appended(inner)))


def split_element(rest: bytes) -> tuple[bytes, bytes]:
    """Split what follows the path after its first element, which may be the key."""
    end = _END_OF_ELEMENT.search(rest)
    return (rest, b"") if end is None else (rest[: end.start()], rest[end.end() :].lstrip(b"/"))


def is_key(field: bytes) -> bool:
    """Say whether a field is named as the key."""
    return form_decode(field.partition(b"=")[0]).lower() == KEY


def _split_key(field: bytes) -> tuple[bytes, bytes]:
    end = _END_OF_KEY.search(field)
    if end is None:
        return field, b""
    appended = field[end.end() :]
    # It was encoded as a whole, together with the question mark.
    appended = appended if b"=" in appended else percent_decode(appended)
    return field[: end.start()], appended


def _split_appended(field: bytes) -> tuple[bytes, bytes]:
    """Split a field before a `?` and a name that is known, unless both belong to its value."""
    mark = _APPENDED.search(field)
    if mark is None:
        return field, b""
    own = field[: mark.start()]
    name = form_decode(own.partition(b"=")[0])
    if is_vendor_name(name) or _WITHIN_URL.search(own):
        return field, b""
    return own, field[mark.end() :]
