"""Long values: in pieces, and encoded as msgspec encodes what they stand for."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_daemon.long import Encoder, LongList, LongObject, LongText, Order, Utf8Text, decoded

VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=10,
)


def text(*pieces: str) -> LongText:
    """Return a text of these pieces."""
    return LongText(lambda: iter(pieces))


def long(value: Any) -> Any:
    """Return the same value as long as it can be."""
    match value:
        case str():
            return text(value[:1], value[1:])
        case dict():
            return LongObject({name: long(each) for name, each in value.items()})
        case list():
            parts = [[long(each)] if isinstance(each, dict) else [each] for each in value]
            return LongList(lambda: iter(parts))
        case _:
            return value


@pytest.mark.parametrize("indent", [0, 2])
@pytest.mark.parametrize("order", [None, "sorted"])
@given(value=VALUES)
def test_encoded_as_by_msgspec(value: object, indent: int, order: Order) -> None:
    """A long value is written as the value that it stands for, to the byte."""
    whole = msgspec.json.encode(value, order=order)
    if indent:
        whole = msgspec.json.format(whole, indent=indent)
    pieces = Encoder(indent=indent, order=order).pieces(long(value))
    assert b"".join(pieces) == whole


def test_long_values_among_short_ones() -> None:
    """A plain list may hold what is long."""
    pieces = Encoder(indent=2).pieces(LongObject(a=["b", text("c", "d")], e=[]))
    assert b"".join(pieces) == b'{\n  "a": [\n    "b",\n    "cd"\n  ],\n  "e": []\n}'


@given(st.lists(st.text(" \n\u2028ab", max_size=3)))
def test_stripped(pieces: list[str]) -> None:
    """Blanks at the ends go, wherever they are cut; inner ones stay in one piece."""
    stripped = list(text(*pieces).stripped())
    assert "".join(stripped) == "".join(pieces).strip()
    assert all(piece == piece.rstrip() != "" for piece in stripped)


@given(st.lists(st.text(max_size=3)), st.integers(0, 9), st.none() | st.integers(0, 9))
def test_between(pieces: list[str], begin: int, end: int | None) -> None:
    """A part of a text is that of the whole string."""
    assert text(*pieces).between(begin, end).whole() == "".join(pieces)[begin:end]


def test_utf8() -> None:
    """A text is encoded, or is what it came in."""
    raw = "夜班".encode()
    assert text("夜", "班").utf8() == raw
    assert Utf8Text(raw, lambda: decoded(raw)).utf8() is raw


@pytest.mark.parametrize("begin", [0, 3])
def test_decoded_in_pieces(monkeypatch: pytest.MonkeyPatch, begin: int) -> None:
    """A character is whole wherever bytes are cut."""
    monkeypatch.setattr("asr_daemon.long.STEP_BYTES", 4)
    raw = "夜班夜班".encode()
    assert "".join(decoded(raw, begin=begin, end=9)) == "夜班夜"[begin // 3 :]
    with pytest.raises(UnicodeDecodeError):
        list(decoded(raw, begin=begin, end=8))
