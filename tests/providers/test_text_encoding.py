"""Bytes are read as what most of them are, and none is lost."""

import pytest

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.text_encoding import (
    MOST_ODD_BYTES,
    declared_encoding,
    json_to_utf8,
    to_text,
)

TEXT = "我在马上上夜班"
UTF8 = TEXT.encode()
GBK = TEXT.encode("gb18030")
BIG5 = "我在馬上上夜班功許".encode("big5")


@pytest.mark.parametrize("fallback", ["utf-8", "gb18030", "big5", "cp1252"])
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (UTF8, TEXT),
        (UTF8[:-1], "我在马上上夜\\xe7\\x8f"),
        (UTF8[:-2], "我在马上上夜\\xe7"),
        (UTF8[1:], "\\x88\\x91在马上上夜班"),
        (UTF8[:4] + UTF8[5:], "我\\xe5\\xa8马上上夜班"),
        (UTF8 + b"\xff", TEXT + "\\xff"),
        (b"\xfe\xff" + UTF8, "\\xfe\\xff" + TEXT),
        (UTF8 + b"\xed\xa0\xbd\xed\xb8\x80", TEXT + "\\xed\\xa0\\xbd\\xed\\xb8\\x80"),
        ("夜班".encode()[:-1], "夜\\xe7\\x8f"),
        ("Привет".encode()[:-1], "Приве\\xd1"),
        ("😀".encode() + b"\x9f", "😀\\x9f"),
        (f"{TEXT}\ufffd".encode()[:-1], TEXT + "\\xef\\xbf"),
        ("\ufffd".encode() * 3 + b"\xff", "\ufffd\ufffd\ufffd\\xff"),
    ],
)
def test_mostly_utf8(raw: bytes, text: str, fallback: str) -> None:
    """A cut or bad character turns no text into another encoding."""
    assert to_text(raw, fallback) == text


@pytest.mark.parametrize(
    ("raw", "fallback", "text"),
    [
        (GBK, "gb18030", TEXT),
        (GBK, "gbk", TEXT),
        (GBK[:-1], "gb18030", "我在马上上夜\\xb0"),
        (GBK[:3] + b"\xff" + GBK[3:], "gb18030", "我\\xd4\\xff诼砩仙弦拱\\xe0"),
        (b"a " + GBK + b"\xff b", "gb18030", f"a {TEXT}\\xff b"),
        ("联通公司".encode("gbk"), "gb18030", "联通公司"),
        ("一二三😀".encode("gb18030"), "gb18030", "一二三😀"),
        (BIG5, "big5", "我在馬上上夜班功許"),
        (BIG5[:-1], "big5", "我在馬上上夜班功\\xb3"),
        ("夜班".encode("gb18030"), "gb18030", "夜班"),
        ("夜班".encode("big5"), "big5", "夜班"),
        ("café".encode("cp1252"), "cp1252", "café"),
    ],
)
def test_fallback(raw: bytes, fallback: str, text: str) -> None:
    """What is hardly UTF-8 is in the fallback encoding, in which it may be cut as well."""
    assert to_text(raw, fallback) == text


@pytest.mark.parametrize(
    ("raw", "fallback", "text"),
    [
        (b"a\xffb", "utf-8", "a\\xffb"),
        (b"a\xff\xff", "gb18030", "a\\xff\\xff"),
        (b"\xed\xa0\x80", "utf-8", "\\xed\\xa0\\x80"),
        (b"+2AA-\xff", "utf-7", "+2AA-\\xff"),
        (GBK[:4], "utf-8", "\\xce\\xd2\\xd4\\xda"),
        (GBK[:4], "ascii", "\\xce\\xd2\\xd4\\xda"),
    ],
)
def test_neither(raw: bytes, fallback: str, text: str) -> None:
    """What no encoding explains stays visible."""
    assert to_text(raw, fallback) == text


def test_fallback_makes_no_lone_surrogate() -> None:
    """An encoding that can spell half a character does not get it into a text."""
    assert to_text(b"\xff\\ud800", "raw_unicode_escape") == "\\xff\\ud800"


@pytest.mark.parametrize("fallback", ["utf-8", "gb18030"])
def test_too_many_odd_bytes(fallback: str) -> None:
    """Bytes that are no text at all are not turned into four times as many characters."""
    assert to_text(b"\xff" * MOST_ODD_BYTES, fallback) == "\\xff" * MOST_ODD_BYTES
    with pytest.raises(NotUnderstood, match="text_encoding"):
        to_text(b"\xff" * (MOST_ODD_BYTES + 1), fallback)


@pytest.mark.parametrize(
    ("raw", "fallback", "utf8"),
    [
        (b'{"a": "' + UTF8 + b'"}', "gb18030", b'{"a": "' + UTF8 + b'"}'),
        (b'{"a": "' + UTF8[:-1] + b'"}', "gb18030", b'{"a": "' + UTF8[:-3] + rb'\\xe7\\x8f"}'),
        (b'{"a": "' + GBK + b'"}', "gb18030", b'{"a": "' + UTF8 + b'"}'),
        # The second byte of these characters is that of a backslash.
        (b'{"a": "' + BIG5 + b'"}', "big5", '{"a": "我在馬上上夜班功許"}'.encode()),
        (rb'{"a": "C:\\xampp' + b'\xff"}', "utf-8", rb'{"a": "C:\\xampp\\xff"}'),
        (b'{"a": "caf\xe9"}', "utf-8", rb'{"a": "caf\\xe9"}'),
    ],
)
@pytest.mark.parametrize("doubtful", [True, False])
def test_json(raw: bytes, fallback: str, utf8: bytes, *, doubtful: bool) -> None:
    """A JSON body is decoded before it is taken apart, and odd bytes are text in it."""
    assert json_to_utf8(raw, fallback, doubtful=doubtful) == utf8


def test_doubtful_json() -> None:
    """A body of which nothing can be read is taken only where it may not be refused."""
    raw = b'{"a": "' + GBK[:4] + b'"}'
    assert json_to_utf8(raw, "utf-8", doubtful=True) == rb'{"a": "\\xce\\xd2\\xd4\\xda"}'
    with pytest.raises(NotUnderstood, match="text_encoding"):
        json_to_utf8(raw, "utf-8", doubtful=False)


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json; charset=GBK", "gb18030"),
        ('application/json;Charset="gb2312"', "gb18030"),
        ("application/x-www-form-urlencoded; a=b; charset = GB18030", "gb18030"),
        ("text/plain; charset=big5", "big5hkscs"),
        ("application/json; charset=UTF-8", None),
        ("application/json; charset=ISO-8859-1", None),
        ("application/json; charset=unicode_escape", None),
        ("application/json; charset=", None),
        ("application/json", None),
        ("", None),
    ],
)
def test_declared_encoding(content_type: str, encoding: str | None) -> None:
    """Only what is declared on purpose is believed, and read as the largest of its family."""
    assert declared_encoding(content_type) == encoding
