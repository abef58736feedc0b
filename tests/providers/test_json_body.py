"""JSON from a sender is decoded without trust."""

import msgspec
import pytest

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.json_body import decode_json


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b'{"\xff": 1}',
        b"9" * 5000,
        b"[" * 100_000,
        b"[" * 5000 + b"]" * 5000,
        b'{"a": ["' + b"a" * 200_000 + b'", "\\ud800"]}',
        b"{} {}",
    ],
)
def test_refused(raw: bytes) -> None:
    """What is broken, or made to do harm, is refused in words that hold none of it."""
    with pytest.raises(NotUnderstood, match=r"^the JSON [a-z ,]+"):
        decode_json(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b' {"a": [1, 2.5, null, true, "\\u0000"]} ', {"a": [1, 2.5, None, True, "\x00"]}),
        (b"\xef\xbb\xbf {}", {}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"1180591620717411303424", 2**70),
        (b'"\\ud83d\\ude00"', "😀"),
    ],
)
def test_decoded(raw: bytes, value: object) -> None:
    """What is JSON is decoded, and can be encoded again."""
    assert decode_json(raw) == value
    assert msgspec.json.encode(decode_json(raw))


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that would be many times as long as its body is refused."""
    monkeypatch.setattr("asr_daemon.providers.json_body._MOST_VALUES", 10)
    assert decode_json(b"[" + b"0," * 9 + b"0]")
    with pytest.raises(NotUnderstood, match="more values"):
        decode_json(b"[" + b"0," * 10 + b"0]")


@pytest.mark.parametrize("opened", [b"[", b'{"a":'])
def test_nesting(opened: bytes) -> None:
    """Nesting is refused beyond 64 levels, whatever this Python could bear."""
    closed = opened.translate(bytes.maketrans(b"[{", b"]}"))[:1]
    assert decode_json(opened * 64 + b"0" + closed * 64)
    with pytest.raises(NotUnderstood, match="nested"):
        decode_json(opened * 65 + b"0" + closed * 65)
