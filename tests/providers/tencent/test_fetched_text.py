"""Texts that callbacks of 2017 have only the URL of."""

import pytest

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.digest import digest_pairs
from asr_daemon.providers.tencent.fetched_text import make_text_source
from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.transcript import Segment, Transcript, Word
from tests.providers.callbacks import TENCENT_PATH, callback
from tests.renderers.transcripts import transcript_of

URL = "https://a.myqcloud.com/t?sign=x%2Fy"
ENCODED = b"https%3A%2F%2Fa.myqcloud.com%2Ft%3Fsign%3Dx%252Fy"


def parse(body: bytes) -> Transcript:
    return Tencent(TencentSettings()).parse(callback(body, TENCENT_PATH))


@pytest.mark.parametrize(
    "body",
    [
        b"code=0&requestId=7&text=&textUrl=" + ENCODED,
        b"code=0&requestId=7&textUrl=" + ENCODED,
        b"code=0&requestId=7&text=+%0A&TEXTURL=+" + ENCODED + b"%0A",
        b'{"code":0,"requestId":7,"text":null,"textUrl":"https://a.myqcloud.com/t?sign=x%2Fy"}',
    ],
)
def test_url_of_a_text_that_did_not_come(body: bytes) -> None:
    transcript = parse(body)
    assert (transcript.text_url, transcript.segments) == (URL, ())


@pytest.mark.parametrize(
    "body",
    [
        b"code=0&requestId=7&text=hello&textUrl=" + ENCODED,
        b"code=10001&requestId=7&text=&textUrl=" + ENCODED,
        b"code=0&requestId=7&text=",
        b"code=0&requestId=7&text=&textUrl=",
        b"code=0&requestId=7&text=&textUrl=+",
        b'{"code":0,"requestId":7,"textUrl":null}',
    ],
)
def test_no_url_where_the_text_came_or_there_is_none(body: bytes) -> None:
    assert parse(body).text_url is None


def read(content: bytes, content_type: str = "", encoding: str = "utf-8") -> Transcript:
    """Return a transcript with what was fetched for it."""
    source = make_text_source(TencentSettings(fetch_text="when_empty", text_encoding=encoding))
    assert source is not None
    first = transcript_of(text_url=URL, audio_key="k", payload={"code": "0"})
    return source.with_text(first, content, content_type)


def test_text_takes_the_place_of_that_of_the_callback() -> None:
    content = "[0:1.640,0:4.600]  你好\n[0:5.000,0:6.000]  再见\n".encode()
    assert read(content) == transcript_of(
        Segment("你好", 1640, 4600),
        Segment("再见", 5000, 6000),
        audio_key="k",
        digest=digest_pairs([(b"text", content)]),
        payload={"text": content.decode()},
    )


def test_detail_is_read_as_that_of_a_callback() -> None:
    content = (
        b'[{"FinalSentence":"hello","StartMs":100,"EndMs":900,"SpeakerId":1,"LangType":"en",'
        b'"Words":[{"Word":"hello","OffsetStartMs":0,"OffsetEndMs":800}]}]'
    )
    transcript = read(content)
    words = (Word("hello", 100, 900),)
    assert transcript.segments == (Segment("hello", 100, 900, "1", words),)
    assert transcript.language == "en"


@pytest.mark.parametrize(
    ("content", "content_type", "encoding"),
    [
        ("你好".encode("gb18030"), "text/plain; charset=gbk", "utf-8"),
        ("你好".encode("gb18030"), "text/plain", "gb18030"),
        (b"\xef\xbb\xbf" + "你好".encode(), "", "gb18030"),
    ],
)
def test_text_encoding(content: bytes, content_type: str, encoding: str) -> None:
    assert read(content, content_type, encoding).segments == (Segment("你好"),)


def test_other_json_is_text_so_that_nothing_is_lost() -> None:
    assert read(b'{"words": "hello"}').segments == (Segment('{"words": "hello"}'),)


def test_empty_text_is_silence() -> None:
    assert read(b"").segments == ()


def test_what_is_no_text() -> None:
    with pytest.raises(NotUnderstood):
        read(b"\xff" * 600_000)


def test_never_by_default() -> None:
    assert make_text_source(TencentSettings()) is None
