"""Pairs are taken apart without losing a byte."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_daemon.providers.form import (
    collect,
    form_decode,
    percent_decode,
    split_pairs,
    to_texts,
)


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        (b"", []),
        (b"a=1&b=2", [(b"a", b"1"), (b"b", b"2")]),
        (b"&&a=1&", [(b"a", b"1")]),
        (b"a", [(b"a", b"")]),
        (b"a=1;b=2", [(b"a", b"1;b=2")]),
        (b"a=b=c", [(b"a", b"b=c")]),
        (b"=a", [(b"", b"a")]),
        (b"a%3D=%26+%2B", [(b"a=", b"& +")]),
        (b"a=1&A=2&a=1", [(b"a", b"1"), (b"A", b"2"), (b"a", b"1")]),
    ],
)
def test_split_pairs(raw: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
    """Names and values are split first and decoded then."""
    assert list(split_pairs(raw)) == pairs


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        (b"%41%6a%6A", b"Ajj"),
        (b"%2541", b"%41"),
        (b"%", b"%"),
        (b"%4", b"%4"),
        (b"%%41", b"%A"),
        (b"%G1%1G%\n", b"%G1%1G%\n"),
        (b"=3D%3D==41%41", b"=3D===41A"),
        (b"a+b%2B", b"a b+"),
        (b"%00%ff\x80", b"\x00\xff\x80"),
        (b"=\r\n=_%0d%0A", b"=\r\n=_\r\n"),
    ],
)
def test_form_decode(raw: bytes, decoded: bytes) -> None:
    """Escapes are decoded once; what is none stays literally."""
    assert form_decode(raw) == decoded


def test_percent_decode_leaves_plus() -> None:
    """In a path, `+` is no blank."""
    assert percent_decode(b"a+b%20c") == b"a+b c"


@given(st.lists(st.sampled_from([b"%", b"4", b"f", b"F", b"g", b"=", b"+", b"\n", b"\xe4"])))
def test_decoding_agrees_with_a_plain_one(parts: list[bytes]) -> None:
    """Decoding all escapes at once gives what decoding one by one gives."""
    raw = b"".join(parts)
    one_by_one = re.sub(
        rb"%([0-9A-Fa-f]{2})", lambda escape: bytes([int(escape[1], 16)]), raw.replace(b"+", b" ")
    )
    assert form_decode(raw) == one_by_one


@pytest.mark.parametrize("offset", range(4))
def test_escapes_across_slices(offset: int) -> None:
    """An escape is whole wherever a large value is cut for decoding."""
    assert form_decode(b"x" * offset + b"%E4" * 400_000) == b"x" * offset + b"\xe4" * 400_000
    assert form_decode(b"x" * offset + b"%" * 1_200_000) == b"x" * offset + b"%" * 1_200_000


def test_collect() -> None:
    """A repeated name has the list of its values."""
    texts = to_texts([(b"a", b"1"), (b"b", b"2"), (b"a", b"1")], "utf-8")
    assert collect(texts) == {"a": ["1", "1"], "b": "2"}
