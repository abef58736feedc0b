r"""Bytes that should be UTF-8, and what they are read as where they are not.

The rule, for each value of a form and for a JSON body as a whole:

1. What is UTF-8 throughout is UTF-8.
2. Otherwise it still is UTF-8, cut or damaged in places, where its characters of three and four
   bytes are no fewer than these places. Characters of two bytes count a quarter, for every sixth
   character of GBK looks like one.
3. Otherwise it is in the fallback encoding, which the sender declares or the administrator
   configures, if that leaves fewer bytes that are of no character.
4. Otherwise it is UTF-8.

A byte that is of no character is shown as `\xff`, so that none is lost; no text holds a lone
surrogate. So one cut character never turns a whole text into another encoding.
"""

import codecs
import re
from contextlib import suppress

from msgspec import Struct

from asr_daemon.errors import NotUnderstood

MOST_ODD_BYTES = 500_000
"""What a day of speech takes in an encoding that is not configured. Each is four times as long in
every copy."""

_UNREADABLE = "the text is neither in UTF-8 nor in the configured text_encoding"

_ODD = re.compile("[\udc80-\udcff]+")
"""Bytes that are of no character, as the error handler `surrogateescape` writes them."""
_ODD_BASE = 0xDC00

_REPLACEMENT = "\ufffd"
_LEADS_OF_TWO = bytes(range(0xC2, 0xE0))
_LEADS_OF_MORE = bytes(range(0xE0, 0xF5))
_QUARTER = 4

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([A-Za-z0-9-]{1,20})', re.IGNORECASE)
_DECLARED = {
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "x-gbk", "cp936", "ms936"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs", "cp950", "ms950"), "big5hkscs"),
}
"""Encodings that senders declare, by name in lower case, each read as the largest of its family:
what is declared as GB2312 is GBK. Other declarations are a library's default and not believed."""

for _name in set(_DECLARED.values()):
    # Python imports an encoding when it is used first; by then an upgrade may have removed it.
    codecs.lookup(_name)


class _Reading(Struct, frozen=True):
    """Bytes, read in one encoding."""

    text: str
    odd_bytes: int
    """Those that are of no character."""
    is_doubtful: bool
    """Hardly anything beyond ASCII is of a character."""


def to_text(raw: bytes, fallback: str) -> str:
    r"""Decode by the rule of this module; an odd byte is shown as `\xff`.

    Raises:
        NotUnderstood: so many bytes are odd that this is no text.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _show(_read(raw, fallback), r"\x")


def json_to_utf8(raw: bytes, fallback: str, *, doubtful: bool) -> bytes:
    r"""Return a JSON body in UTF-8, by the rule of this module; an odd byte is the text `\xff`.

    Args:
        raw: the body.
        fallback: an encoding.
        doubtful: whether to take a body of which hardly anything beyond ASCII can be read.

    Raises:
        NotUnderstood: as `to_text`, or it is doubtful.
    """
    with suppress(UnicodeDecodeError):
        raw.decode()
        return raw
    reading = _read(raw, fallback)
    if reading.is_doubtful and not doubtful:
        raise NotUnderstood(_UNREADABLE)
    return _show(reading, r"\\x").encode()


def declared_encoding(content_type: str) -> str | None:
    """Return the encoding that a Content-Type declares, if it is one that is believed."""
    charset = _CHARSET.search(content_type)
    return None if charset is None else _DECLARED.get(charset[1].lower())


def _read(raw: bytes, fallback: str) -> _Reading:
    """Read bytes that are not UTF-8 throughout."""
    weight, places = _weigh(raw)
    # A single bad byte in a text of ASCII is no sign of another encoding.
    in_utf8 = _read_as(raw, "utf-8", is_doubtful=weight + 1 < places)
    if weight >= places:
        return in_utf8
    with suppress(UnicodeError):
        # `surrogateescape` takes a second for six million bytes of no character; this takes 50 ms.
        if raw.decode(fallback, "replace").count(_REPLACEMENT) > MOST_ODD_BYTES:
            return in_utf8
        in_fallback = _read_as(raw, fallback, is_doubtful=False)
        if in_fallback.odd_bytes < in_utf8.odd_bytes:
            return in_fallback
    return in_utf8


def _weigh(raw: bytes) -> tuple[float, int]:
    """Return how much the characters of UTF-8 beyond ASCII weigh, and how many places are none."""
    valid = raw.decode("utf-8", "ignore").encode()
    replaced = raw.decode("utf-8", "replace").count(_REPLACEMENT)
    weight = _count(valid, _LEADS_OF_MORE) + _count(valid, _LEADS_OF_TWO) / _QUARTER
    return weight, replaced - raw.count(_REPLACEMENT.encode())


def _count(raw: bytes, wanted: bytes) -> int:
    return len(raw) - len(raw.translate(None, wanted))


def _read_as(raw: bytes, encoding: str, *, is_doubtful: bool) -> _Reading:
    """Read bytes in an encoding.

    Raises:
        UnicodeError: it cannot pass over odd bytes, or makes lone surrogates, which no file holds.
    """
    text = raw.decode(encoding, "surrogateescape")
    characters = _ODD.sub("", text)
    characters.encode()
    return _Reading(text, len(text) - len(characters), is_doubtful)


def _show(reading: _Reading, prefix: str) -> str:
    if reading.odd_bytes > MOST_ODD_BYTES:
        raise NotUnderstood(_UNREADABLE)

    def show(odd: re.Match[str]) -> str:
        return "".join(f"{prefix}{ord(byte) - _ODD_BASE:02x}" for byte in odd[0])

    return _ODD.sub(show, reading.text)
