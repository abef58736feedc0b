"""A large body becomes the same files as the same body would if it were small."""

import gc
import sys
from urllib.parse import quote_from_bytes

import msgspec
import pytest

from asr_daemon.config.model import HuaweiSettings, TencentSettings
from asr_daemon.long import LongObject
from asr_daemon.providers.base import Provider
from asr_daemon.providers.huawei import Huawei
from asr_daemon.providers.tencent import Tencent
from asr_daemon.renderers.json import JsonRenderer
from asr_daemon.renderers.text import TextRenderer
from tests.providers.callbacks import (
    HUAWEI_EXAMPLE,
    TENCENT_2019,
    TENCENT_2020,
    TENCENT_CURRENT,
    TENCENT_DETAILED,
    callback,
)

RENDERERS = (
    TextRenderer(speakers="auto", timestamps=True),
    JsonRenderer(keep_payload=True, indent=2),
    JsonRenderer(keep_payload=False, indent=0),
)
LATTICES = [
    {"lid": 9, "begin": 1, "end": 2, "onebest": "last\n", "spk": 1},
    {"lid": "2", "begin": 1, "onebest": " a \r\n \u2028 b  c " * 3, "spk": 0},
    {"onebest": None, "more": [1, {"x": "y" * 30}]},
    {"onebest": "behind"},
    {"lid": 2, "onebest": "second of its number"},
]
WORDS = [{"Word": f"w{n}", "OffsetStartMs": n, "OffsetEndMs": "9"} for n in range(300)]
SENTENCES = [
    {"FinalSentence": None, "WrittenText": "  a\tb  " * 9, "StartMs": 5, "LangType": "zh"},
    None,
    {"Words": WORDS, "StartMs": 7, "SpeakerId": 1},
    {"FinalSentence": ""},
]


def huawei(*lattices: object) -> bytes:
    """Return a Huawei body."""
    inner = {"aid": "a", "lattices": lattices}
    return msgspec.json.encode({"body": {"state": {"success": True}, "body": inner}})


def tencent(text: bytes, detail: bytes = b"") -> bytes:
    """Return a Tencent form."""
    return b"code=0&requestId=1&text=%b&resultDetail=%b&text=again" % (
        quote_from_bytes(text).encode(),
        quote_from_bytes(detail).encode(),
    )


BODIES = [
    (Huawei(HuaweiSettings()), HUAWEI_EXAMPLE),
    (Huawei(HuaweiSettings()), huawei(*LATTICES)),
    (Huawei(HuaweiSettings()), b" " + huawei({"onebest": "one string " * 20}) + b"\n"),
    (Tencent(TencentSettings()), TENCENT_2019),
    (Tencent(TencentSettings()), TENCENT_2020),
    (Tencent(TencentSettings()), TENCENT_CURRENT),
    (Tencent(TencentSettings()), TENCENT_DETAILED),
    (Tencent(TencentSettings()), b"\r\n" + TENCENT_2019 + b"  \n"),
    (Tencent(TencentSettings()), tencent(b"t", msgspec.json.encode(SENTENCES))),
    (Tencent(TencentSettings()), tencent("[0:1.0,0:2.0,a] \n一\n[0:3.0,0:4.0]  二 \n".encode())),
    (Tencent(TencentSettings()), tencent(b"[0:1.0,0:2.0]  " + b"long line " * 20 + b"\nx")),
    (Tencent(TencentSettings()), tencent(b"odd \xff\xe4 bytes" * 3, b"[not JSON at all.....")),
    (Tencent(TencentSettings(text_encoding="gb18030")), tencent("一二三😀".encode("gb18030") * 4)),
    (
        Tencent(TencentSettings()),
        msgspec.json.encode({"code": 0, "text": "x\n" * 20, "resultDetail": SENTENCES}),
    ),
]


@pytest.fixture
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take for large what is longer than a few bytes."""
    rooms = ("json_long", "json_body", "form", "tencent_fields", "tencent_segments")
    for module in ("long", "long_segments", *(f"providers.{room}" for room in rooms)):
        monkeypatch.setattr(f"asr_daemon.{module}.STEP_BYTES", 12)


def files(provider: Provider, body: bytes) -> tuple[bool, str, list[bytes]]:
    """Return whether a body was taken for large, its digest, and its files in every format."""
    transcript = provider.decode(callback(body))
    is_large = isinstance(transcript.payload, LongObject)
    return is_large, transcript.digest, [b"".join(each.render(transcript)) for each in RENDERERS]


@pytest.mark.usefixtures("short_steps")
@pytest.mark.parametrize(("provider", "body"), BODIES)
def test_body_is_let_go(provider: Provider, body: bytes) -> None:
    """Nothing holds a body once its result is made: the next one needs the memory."""
    received = bytearray(body)
    references = sys.getrefcount(received)
    gc.disable()
    try:
        transcript = provider.decode(callback(received))
        for each in RENDERERS:
            assert b"".join(each.render(transcript))
        del transcript
        assert sys.getrefcount(received) == references
    finally:
        gc.enable()


@pytest.mark.parametrize(("provider", "body"), BODIES)
def test_same_files(provider: Provider, body: bytes, request: pytest.FixtureRequest) -> None:
    """Size changes how a body is worked on, and not a byte of what becomes of it."""
    usual = files(provider, body)
    request.getfixturevalue("short_steps")
    assert (usual[0], files(provider, body)) == (False, (True, *usual[1:]))
