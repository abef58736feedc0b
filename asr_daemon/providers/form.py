"""The pairs that forms, query strings and paths are made of, taken apart without losing a byte.

Bodies are tens of megabytes and may be hostile. Nothing here runs Python code for each byte or
escape, keeps other threads waiting for long, or needs more memory than a few times its input.
"""

from binascii import a2b_qp
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from asr_daemon.errors import NotUnderstood
from asr_daemon.long import STEP_BYTES, LongText, Utf8Text, decoded

MOST_ODD_BYTES = 500_000
"""What a day of speech takes in an encoding that is not configured. Each costs a third of a
microsecond, in which no other thread runs, and is four times as long in every copy."""

T = TypeVar("T")

Pair = tuple[bytes, bytes]
"""A name and its value, percent-decoded."""

_NO_TEXT = "the text is neither in UTF-8 nor in the configured text_encoding"
_ESCAPE_BYTES = len(b"%41")

_SHAPE = bytes(
    byte if byte == ord("%") else ord("0") if chr(byte) in "0123456789ABCDEFabcdef" else ord(" ")
    for byte in range(256)
)
"""Shows any byte as one of `%`, `0` (some hex digit) and blank."""

_DIFFERENCE = bytes(ord("%") ^ ord("=") if byte == ord("=") else 0 for byte in range(256))
"""What turns `%` into `=` by exclusive or, at each `=`; and nothing elsewhere."""


def split_pairs(raw: bytes | bytearray) -> Iterator[Pair]:
    """Yield the pairs of a form, a query string or the like, decoded once; `+` is a blank.

    A field without `=` is a name with an empty value; empty fields are passed over.
    """
    view = memoryview(raw)
    start = 0
    while start < len(raw):
        end = raw.find(b"&", start)
        end = len(raw) if end < 0 else end
        middle = raw.find(b"=", start, end)
        middle = end if middle < 0 else middle
        if start < end:
            yield form_decode(view[start:middle]), form_decode(view[middle + 1 : end])
        start = end + 1


def form_decode(raw: bytes | memoryview) -> bytes:
    """Decode percent escapes and `+` once; an escape that is cut or not hex stays literally."""
    if len(raw) <= STEP_BYTES:
        return _unescape(bytes(raw).replace(b"+", b" "))
    return b"".join(_unescape(piece.replace(b"+", b" ")) for piece in _slices(raw))


def percent_decode(raw: bytes | memoryview) -> bytes:
    """Decode percent escapes once, as `form_decode`, but leave `+` alone, as paths do."""
    return b"".join(_unescape(piece) for piece in _slices(raw))


def _slices(raw: bytes | memoryview) -> Iterator[bytes]:
    """Yield `raw` in slices that no escape crosses."""
    view = memoryview(raw)
    while view:
        piece = bytes(view[:STEP_BYTES])
        cut = piece.rfind(b"%", 1 - _ESCAPE_BYTES)
        if cut > 0 and len(piece) < len(view):
            piece = piece[:cut]
        yield piece
        view = view[len(piece) :]


def _unescape(piece: bytes) -> bytes:
    """Decode every whole escape of a slice.

    Quoted-printable is percent-encoding with `=` for `%`, and is decoded in C. So each `%` that
    starts a whole escape is made an `=`, all of them at once: their places are found in a copy that
    shows only the shape of the slice, and set by one exclusive or of two long numbers. This costs
    the same for every input, where a pattern with a replacement function costs a call an escape.
    """
    if b"%" not in piece:
        return piece
    piece = piece.replace(b"=", b"%3D")
    places = piece.translate(_SHAPE).replace(b"%00", b"=00").translate(_DIFFERENCE)
    marked = int.from_bytes(piece, "big") ^ int.from_bytes(places, "big")
    return a2b_qp(marked.to_bytes(len(piece), "big"))


def to_text(raw: bytes, fallback: str) -> str:
    r"""Decode UTF-8, else the encoding `fallback`, each strictly; else show odd bytes as `\xff`.

    No byte is lost, and the text never holds a lone surrogate.

    Raises:
        NotUnderstood: so many bytes are odd that this is no text.
    """
    # Nearly all is UTF-8, and `suppress` would take as long as decoding a short field.
    try:
        return raw.decode()
    except UnicodeError:
        pass
    with suppress(UnicodeError):
        text = raw.decode(fallback)
        text.encode()  # some codecs make lone surrogates: no file can hold them
        return text
    return show_odd_bytes(raw)


def show_odd_bytes(raw: bytes | bytearray) -> str:
    r"""Decode UTF-8, with `\xff` and the like for each byte that is none.

    Raises:
        NotUnderstood: there are more than `MOST_ODD_BYTES`.
    """
    if len(raw) - len(raw.decode("utf-8", "ignore").encode()) > MOST_ODD_BYTES:
        raise NotUnderstood(_NO_TEXT)
    return raw.decode("utf-8", "backslashreplace")


def to_long_text(raw: bytes, fallback: str) -> LongText:
    """Decode as `to_text`, in pieces, and keep the bytes in place of the text.

    Raises:
        NotUnderstood: so many bytes are odd that this is no text.
    """
    for encoding in ("utf-8", fallback):
        with suppress(UnicodeError):
            return strict_text(raw, encoding)
    even = sum(len(piece.encode()) for piece in decoded(raw, "utf-8", "ignore"))
    if len(raw) - even > MOST_ODD_BYTES:
        raise NotUnderstood(_NO_TEXT)
    return LongText(lambda: decoded(raw, "utf-8", "backslashreplace"))


def strict_text(raw: bytes | bytearray, encoding: str) -> LongText:
    """Return a text whose bytes are all decoded by `encoding`, and that holds no lone surrogate.

    Raises:
        UnicodeError: they are not, or it does.
    """

    def pieces() -> Iterator[str]:
        return decoded(raw, encoding)

    for piece in pieces():
        piece.encode()
    return Utf8Text(raw, pieces) if encoding == "utf-8" else LongText(pieces)


def to_texts(pairs: Iterable[Pair], fallback: str) -> list[tuple[str, str]]:
    """Apply `to_text` to each name and each value."""
    return [(to_text(name, fallback), to_text(value, fallback)) for name, value in pairs]


def collect(texts: Iterable[tuple[str, T]]) -> dict[str, T | list[T]]:
    """Return pairs as a mapping in their order, with a list where a name is repeated."""
    collected: dict[str, list[T]] = {}
    for name, value in texts:
        collected.setdefault(name, []).append(value)
    return {name: values if values[1:] else values[0] for name, values in collected.items()}


def rest_of_path(path: bytes, base: str) -> bytes | None:
    """Return what stands behind `base` and its slashes in a path, both as they are spelled.

    `None` means that the path is neither `base` nor below it.
    """
    start = base.encode().rstrip(b"/")
    rest = path.removeprefix(start)
    is_below = path.startswith(start) and rest[:1] in (b"", b"/")
    return rest.lstrip(b"/") if is_below else None
