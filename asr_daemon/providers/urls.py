"""URLs as consoles, documents and vendors build them out of the one that was agreed on.

Vendors append their fields to a URL that has a query of its own, as another query, as path
elements, or encoded; consoles and documents turn `&` into `&amp;`, double slashes and add one.
"""

import re
from collections.abc import Iterator

from asr_daemon.providers.form import percent_decode

_AMPERSAND = re.compile(rb"&(?:amp;)*+")
_ENCODED_QUESTION_MARK = re.compile(rb"%3[Ff]")
_LEADING_QUESTION_MARKS = re.compile(rb"(?:\?|%3[Ff])++")


def rest_of_path(path: bytes, base: str) -> bytes | None:
    """Return what follows `base` and its slashes in a path, both as they are spelled.

    Slashes may be doubled, and a `?` encoded. `None` means that the path is neither `base` nor
    below it.
    """
    plain = base.rstrip("/").encode()
    if path == plain or path.startswith(plain + b"/"):
        return path[len(plain) :].lstrip(b"/")
    elements = [re.escape(element.encode()) for element in base.split("/") if element]
    start = b"".join(b"/+" + element for element in elements)
    found = re.match(rb"%b(?=/|%%3[Ff]|\Z)" % start, path)
    return None if found is None else path[found.end() :].lstrip(b"/")


def split_url(path: bytes, query: bytes, base: str) -> tuple[bytes | None, bytes]:
    """Return what follows `base` in a path, as `rest_of_path` does, and the query.

    What follows an encoded `?` is query, unless it stands within the pairs of a path.
    """
    rest = rest_of_path(path, base)
    mark = _ENCODED_QUESTION_MARK.search(rest) if rest else None
    if not rest or mark is None or b"=" in rest[: mark.start()]:
        return rest, query
    inner = rest[mark.end() :]
    inner = inner if b"=" in inner else percent_decode(inner)
    return rest[: mark.start()].rstrip(b"/"), inner + b"&" + query


def split_fields(query: bytes) -> Iterator[bytes]:
    """Yield the fields of a query, still encoded, of whatever their separators have become."""
    for field in _AMPERSAND.split(query) if query else ():
        leading = _LEADING_QUESTION_MARKS.match(field)
        yield field if leading is None else field[leading.end() :]


def unescape_ampersands(raw: bytes) -> bytes:
    """Return pairs between which `&amp;` became `&` again."""
    return _AMPERSAND.sub(b"&", raw)
