"""What a body becomes stays the same from version to version, to the byte.

An index and a tree of an earlier version have to recognise a retry. So the digests here, and the
SHA-256 of the files, are literal; one that changes makes every result of before a new one.
"""

from hashlib import sha256
from urllib.parse import quote, quote_from_bytes

import pytest
from msgspec import json

from asr_daemon.providers.base import Provider
from asr_daemon.providers.huawei.provider import Huawei
from asr_daemon.providers.huawei.settings import HuaweiSettings
from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.renderers.document import JsonRenderer
from asr_daemon.renderers.text import TextRenderer
from tests.providers.callbacks import (
    HUAWEI_EXAMPLE,
    TENCENT_2017,
    TENCENT_2019,
    TENCENT_2020,
    TENCENT_CURRENT,
    TENCENT_DETAIL,
    TENCENT_DETAILED,
    callback,
)

RENDERERS = (
    TextRenderer(speakers="auto", timestamps=True),
    JsonRenderer(keep_payload=True, indent=2),
    JsonRenderer(keep_payload=False, indent=0),
)
HUAWEI = Huawei(HuaweiSettings())
TENCENT = Tencent(TencentSettings())
GB18030 = Tencent(TencentSettings(text_encoding="gb18030"))

LATTICES = [
    {"lid": 9, "begin": 1, "end": 2, "onebest": "last\n", "spk": 1},
    {"lid": "2", "begin": 1, "onebest": " a \r\n \u2028 b  c " * 3, "spk": 0},
    {"onebest": None, "more": [1, {"x": "y" * 30, "z": [1e300, -0.0, 2**64 - 1, 2**70]}]},
    {"onebest": "behind"},
    {"lid": 2, "onebest": "second of its number"},
]
DOCUMENTED = [
    {"begin": number, "end": number + 9, "lid": -number, "onebest": "夜班\t", "spk": number % 2}
    for number in range(3000)
]
WORDS = [{"Word": f"w{n}", "OffsetStartMs": n, "OffsetEndMs": "9"} for n in range(300)]
SENTENCES = [
    {"FinalSentence": None, "WrittenText": "  a\tb  " * 9, "StartMs": 5, "LangType": "zh"},
    None,
    {"Words": WORDS, "StartMs": 7, "SpeakerId": 1},
    {"FinalSentence": ""},
]
LINES = (
    "[0:1.640,0:4.600,a]  我在马上上夜班。\n[61:5.42,61:7.82]  明天&早上=说哈\u2028😀\n plain \n"
)


def huawei(*lattices: object) -> bytes:
    """Return a Huawei body."""
    inner = {"aid": "a", "lattices": lattices}
    return json.encode({"body": {"state": {"success": True}, "body": inner}})


def tencent(text: bytes, detail: bytes = b"") -> bytes:
    """Return a Tencent form."""
    return b"code=0&requestId=1&text=%b&resultDetail=%b&text=again" % (
        quote_from_bytes(text).encode(),
        quote_from_bytes(detail).encode(),
    )


def tencent_json(text: str, detail: object) -> bytes:
    """Return a Tencent body in JSON."""
    return json.encode({"code": 0, "text": text, "resultDetail": detail})


RESULTS: list[tuple[Provider, bytes, str, str]] = [
    (
        HUAWEI,
        HUAWEI_EXAMPLE,
        "sha256:9b568d5a173dc8ff7d7747c3acfafe7b8bedf2c8ac0d5082a100b934180055e7",
        "c12aede5f1ba209620e4707a3578690b20669a1ad24de078085e336953ea6241",
    ),
    (
        HUAWEI,
        huawei(*LATTICES),
        "sha256:cc2d065aa104004259823d8ab7228a128874d72cd58408b02a04b3a066bba5c8",
        "749ccfc5eaa048a973e03cef65f8367cf79941de96ed383ac6da62919c643f6a",
    ),
    (
        HUAWEI,
        huawei(*LATTICES * 1000),
        "sha256:bed671ca1098f5def658912f7b51cd6a85110e5e87bfe2aa0416ccc8845f1f85",
        "9c97eaacd12781967d1e161bc485083c50c5e5581d6cae706da7617dad6ff607",
    ),
    (
        HUAWEI,
        huawei(*DOCUMENTED),
        "sha256:e6b29042b62d865d72dad7acda1c225249aeca3fc629736031a632e22f23cec3",
        "0de09bd419c0eebb3d63a517fe2892514ec780f7fd98f8bef2825fa5e96f541b",
    ),
    (
        HUAWEI,
        b"\xef\xbb\xbf " + huawei({"onebest": "one string 😀 " * 20_000}) + b"\n",
        "sha256:26cb334fa899b7aaed48f1d10b351fdf27ffbb5093791e316c4075cccad46f02",
        "43e7a2911e4eb1cb168d1c3132f5c9ea8626e661fea7cbc8764fa39d25ad45dd",
    ),
    (
        TENCENT,
        TENCENT_2017,
        "sha256:e8282611616d20efcd380b07c2d2a2eedbc05b45f191aa4a329c02c9ba17efa1",
        "6bc7c2a57b95ed5ec105bfc43cec9c17ea25542badf0b9b5fa9b32a5f8d0669b",
    ),
    (
        TENCENT,
        TENCENT_2019,
        "sha256:5071807d0bab98c6e99026aaaf47619923e18ade5248abaf1f348a359d16e50c",
        "7421719c227d5d8b7811cfc290016e03a352dda550522c07f6a0620c870c7cb0",
    ),
    (
        TENCENT,
        TENCENT_2020,
        "sha256:d38a7c3d25828367570ee7e278818c7fe7abb4354ccf300d6c2b2a05b1b1561d",
        "994761323dc7081160e98d65bd43cb63dee832bd39c54cea4d512f0d2ca1705d",
    ),
    (
        TENCENT,
        TENCENT_CURRENT,
        "sha256:1ac590dd1a7b35fce6f0fb8a2c0addcc4734e5f7381fa6f0db2358bbc37b9804",
        "18d8a8c331a8336d015460431e0395eaf28674b1ce7e233803c23f9d8bf384b0",
    ),
    (
        TENCENT,
        TENCENT_DETAILED,
        "sha256:d99e0b0990f37df3ba7435db454ce0af5798bc46e0ee228dbdb4942dcb0e9bbb",
        "ba3e143b5a127d5f4c292165b1b41ad63462b50e63495510e2926dd387983a4a",
    ),
    (
        TENCENT,
        b"\r\n" + TENCENT_2019 + b"  \n",
        "sha256:5071807d0bab98c6e99026aaaf47619923e18ade5248abaf1f348a359d16e50c",
        "7421719c227d5d8b7811cfc290016e03a352dda550522c07f6a0620c870c7cb0",
    ),
    (
        TENCENT,
        tencent(LINES.encode() * 1000),
        "sha256:aea3e20848d643d47b995d52a1b16862e52c01c44b97b7da94c07bc39ea93b8c",
        "479d2e7cd7f81c64f3eff5ed0cb774b85aae8b044921dbe69fb257e50a3c2b58",
    ),
    (
        TENCENT,
        tencent(b"t", json.encode(SENTENCES)),
        "sha256:7e1e61994b943226a0528445d9fcd70e552559708af3586527a571a9a5604a40",
        "19dec257ff7c2c0301bafc5b2015cf4df666c69879c4a73aa68be736b7715c70",
    ),
    (
        TENCENT,
        tencent(b"t", json.encode(SENTENCES * 100)),
        "sha256:26d657502b02d230f0ffd6835f438a68d9a286e9e91b4d86be5bbc977468d1fa",
        "7da17d47207dbfe19cca5543a89364e6ab963845f97a5da09465465cc0155dd1",
    ),
    (
        TENCENT,
        TENCENT_CURRENT + quote("[" + f"{TENCENT_DETAIL[1:-1]}," * 200 + "{}]").encode(),
        "sha256:53f58b2e5347a6abc0375df46d714438d39ba55f9c61fdee968788a3d9f145d3",
        "e1207c23503abe2d5b25ad2006d226940fa670e6563b7015d90118c06a854363",
    ),
    (
        TENCENT,
        tencent(b"[0:1.0,0:2.0]  " + b"long line " * 20_000 + b"\nx"),
        "sha256:e16d9b972dec3a1654d1609ac8e618fb4fe0a5b37169b86e1846063b434ebe0c",
        "bc1ed63d03250e58800c85604beef3973000444934ae4a0c792c7c6642a99831",
    ),
    (
        TENCENT,
        tencent(b"odd \xff\xe4 bytes" * 3, b"[not JSON at all....."),
        "sha256:e83f5613c8f4b7ac1a8d58220eb95610892f670892b4d68016cd6e350af3ddad",
        "014ceb25b83a0f6414bbeb9cd685191ba56e50b66e6afdc60fb91ee70f30473c",
    ),
    (
        TENCENT,
        tencent(b"odd \xff\xe4 bytes" * 9000, b"[not JSON at all....."),
        "sha256:1cbbf2ad5c50f8faaf2e8d11637f8316c7cde8c3a52b72934c8af8959b8a56fa",
        "a886c3219546f9143b20ff0dafacee9de4aea0bbb5e9c9cc460310bb5887d697",
    ),
    (
        TENCENT,
        b"text=a%2b%%4&TEXT=b+c=d&&code&requestId=%e5%a4%9c" + b"%ff" * 50_000,
        "sha256:991487a57500a04223d60b6e5b803508918d5b9377432810d270fa7d25800705",
        "f39343eee1581013290f4fd120eb5ca328df20c4a5ae3939e0434bae9789b1e1",
    ),
    (
        GB18030,
        tencent("一二三😀".encode("gb18030") * 4),
        "sha256:c48b1d5419ef933c359ea1aa5d8b87c6cd144de8cc733ed34bfb15b64bfbece5",
        "353c4522cbbb63a7b3747348ff7eb664218579adc296bc304d88c968ecf5cf3c",
    ),
    (
        GB18030,
        tencent("一二三😀".encode("gb18030") * 9000),
        "sha256:d5b14f6063e21119e016e8e42db2620ec07e6e7a7681f0b30075ffb6f9e05ec0",
        "ac0a00844496a1ab39a5c602f0d332baf09be7f3b3b5ec581205bae54ef2f710",
    ),
    (
        TENCENT,
        tencent_json("x\n" * 20, SENTENCES),
        "sha256:89536dcbe19e271f38304d9c404e8ce060814288879dc3e44a4b8eb9cd56c83d",
        "13e778a3e7764c6319806a8d89728cce1d699fe1529fafc09af2f8d9bbd43124",
    ),
    (
        TENCENT,
        tencent_json(LINES * 900, SENTENCES * 90),
        "sha256:389b192679e8c5ffc0217f2f2879ba85e8196c2b194d736b5aab132c7cfb1b19",
        "4db06835d9975ab6139cee894c03ad7c2ec103250fff2f122a271bd7a0b9669c",
    ),
    (
        TENCENT,
        tencent_json(LINES * 900, TENCENT_DETAIL),
        "sha256:2a9a21f6e908ee0540b3f4c727b82141984b2112248f5b4e5a1462281472d5b6",
        "0f79dbc6c2fafa2e4741855b68a27d5108a55c1f2c48fb5b82d68ffc700a2e8b",
    ),
    (
        GB18030,
        '{"text": "夜班", "requestId": 7.0}'.encode("gb18030"),
        "sha256:f901bfc3146aae9006d743158e0fdacf1d7ec88e8c4798a735fd4ae53295ebce",
        "445bb341b27056957fb9a2c3164681c2cc3a5ab80abc08969d5ec6dc190dbfad",
    ),
    (
        TENCENT,
        b'{"requestId": "a\xff", "text": "\xe4 b\xfe"}',
        "sha256:a2528427bcf1a882f2d8ed0365da79b4b7c12707a26d7b830d1e85c11e094dee",
        "3a6255b75d1e8bd8e37df14c84a0ea0729f076fdf63b6f948b149587e0f641e2",
    ),
]


IDS = [f"{provider.name}, {len(body)} bytes" for provider, body, _, _ in RESULTS]


@pytest.mark.parametrize(("provider", "body", "digest", "files"), RESULTS, ids=IDS)
def test_same_as_ever(provider: Provider, body: bytes, digest: str, files: str) -> None:
    """Digest and files of documented and odd bodies, small and large ones, are as before."""
    transcript = provider.parse(callback(body))
    rendered = b"".join(renderer.render(transcript) for renderer in RENDERERS)
    assert (transcript.digest, sha256(rendered).hexdigest()) == (digest, files)
