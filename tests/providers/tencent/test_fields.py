"""Tencent's fields are found wherever a generation puts them."""

from typing import Any

import pytest

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.form import Pair
from asr_daemon.providers.tencent.fields import Fields, is_pairs, read_fields


def body_fields(body: bytes, encoding: str = "utf-8") -> Fields:
    """Read the fields of a body, without anything in the URL."""
    return read_fields(body, [], b"", encoding)[0]


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b"code=0&text=a+%2B+b", {"code": "0", "text": "a + b"}),
        (b"\xef\xbb\xbfcode=0\r\n", {"code": "0"}),
        (b'{"code": 0, "text": null}', {"code": 0, "text": None}),
        (b'\r\n \xef\xbb\xbf {"requestId": 18446744073709551615}', {"requestId": 2**64 - 1}),
        (b"{x=1&code=0", {"{x": "1", "code": "0"}),
        (b"CODE=0&TextUrl=&unknown=1", {"CODE": "0", "TextUrl": "", "unknown": "1"}),
        (b"code=1&code=0&Code=2", {"code": ["1", "0"], "Code": "2"}),
        (b"text", {"text": ""}),
        (b"code=%2530", {"code": "%30"}),
    ],
)
def test_body(body: bytes, payload: dict[str, Any]) -> None:
    """What a body is, is seen from its content; names and values stay as they were sent."""
    assert body_fields(body).payload == payload


@pytest.mark.parametrize(
    "body", [b"CODE=1&code=0", b'{"Code": "1", "code": 0}', b"code=1&code=0&CODE=0"]
)
def test_first_means(body: bytes) -> None:
    """Of names that differ at most in case, the first means."""
    assert body_fields(body).get("code") == "1"


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"\x00\xff",
        b"{}",
        b"[]",
        b'["code"]',
        b'"code=0"',
        b"data=1&appid=2",
        b'{"audioUrl": "http://example.com/?a=1&code=0", "text": "',
        b'{"text": "\\ud800"}',
        b"code=0" + b"&" * 1_000_000,
    ],
)
def test_not_understood(body: bytes) -> None:
    """What holds none of the telling names, or is broken JSON, is no result."""
    with pytest.raises(NotUnderstood):
        body_fields(body)


@pytest.mark.parametrize(
    ("body", "encoding", "text"),
    [
        ("text=夜班".encode(), "gb18030", "夜班"),
        ("text=夜班".encode("gb18030"), "gb18030", "夜班"),
        (b"text=%D2%B9%B0%E0", "gb18030", "夜班"),
        (b"text=a%FF", "gb18030", "a\\xff"),
        ('{"text": "夜班"}'.encode("big5"), "big5", "夜班"),
        (b'{"text": "a\xff"}', "utf-8", "a\\xff"),
    ],
)
def test_text_encoding(body: bytes, encoding: str, text: str) -> None:
    """Bytes that are not UTF-8 are decoded by the configured encoding, or stay visible."""
    assert body_fields(body, encoding).get("text") == text


def test_digest_is_over_bytes() -> None:
    """A digest does not depend on the configured encoding, nor on how bytes are escaped."""
    digests = {
        body_fields(b"code=0&text=%B0%E0", "gb18030").digest,
        body_fields(b"code=0&text=%B0%E0", "utf-8").digest,
        body_fields(b"text=%b0%e0&code=%30", "utf-8").digest,
        body_fields(b"Text=\xb0\xe0&code=0\n", "utf-8").digest,
    }
    assert len(digests) == 1
    assert body_fields(b"code=0&text=%5Cxb0%5Cxe0").digest not in digests


def test_json_digest() -> None:
    """The digest of a JSON body depends on neither order nor blanks."""
    one, other = b'{"code":0,"text":"a"}', b'{ "text": "\\u0061", "code": 0 }'
    assert body_fields(one).digest == body_fields(other).digest


PARAMETERS: list[Pair] = [(b"job", b"42"), (b"code", b"7"), (b"AudioKey", b"k")]


@pytest.mark.parametrize(
    ("body", "parameters", "path_pairs", "payload", "others"),
    [
        (b"text=a", PARAMETERS, b"code=0", {"text": "a"}, PARAMETERS),
        (b" \r\n", PARAMETERS, b"code=0", {"code": "7", "AudioKey": "k"}, PARAMETERS[:1]),
        (b"", PARAMETERS[:1], b"code=0&text=a/b", {"code": "0", "text": "a/b"}, PARAMETERS[:1]),
        (b"", [(b"appid", b"1")], b"code=0", {"code": "0"}, [(b"appid", b"1")]),
    ],
)
def test_source(
    body: bytes,
    parameters: list[Pair],
    path_pairs: bytes,
    payload: dict[str, str],
    others: list[Pair],
) -> None:
    """The body comes first, then the query, then the path; the rest of the query stays apart."""
    fields, remaining = read_fields(body, parameters, path_pairs, "utf-8")
    assert (fields.payload, remaining) == (payload, others)


@pytest.mark.parametrize(
    ("body", "parameters", "path_pairs"),
    [(b"", [(b"job", b"1")], b"appid=1"), (b"junk", PARAMETERS, b"code=0")],
)
def test_no_source(body: bytes, parameters: list[Pair], path_pairs: bytes) -> None:
    """A body that is no result is not made one by the URL."""
    with pytest.raises(NotUnderstood):
        read_fields(body, parameters, path_pairs, "utf-8")


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (b"code=0", True),
        (b"x=1&projecteid=0", True),
        (b"audioUrl=http://example.com/a", True),
        (b"%74ext=a", True),
        (b"code", False),
        (b"x=1", False),
        (b"key/code=0", False),
        (b"", False),
    ],
)
def test_is_pairs(rest: bytes, expected: bool) -> None:
    """Pairs in a path begin with an element that holds a documented name."""
    assert is_pairs(rest) is expected
