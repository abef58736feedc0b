"""Requests as a listener hands them over, and the examples that the vendors document."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from asr_daemon.providers.base import Callback, Head

RECEIVED_AT = datetime(2026, 11, 21, 12, 34, 56, 789_000, tzinfo=UTC)

TENCENT_PATH = b"/callbacks/tencent"
HUAWEI_PATH = b"/oifde/rest/sysapi/asrcallback"
TOKEN_PATH = b"/oifde/rest/api/gettoken"

TENCENT_2017 = (
    b"code=code&message=message&requestId=requestId&appid=appid&projectid=projectid"
    b"&cosAppid=cosAppid&audioKey=audioKey&audioBucket=audioBucket&audioUrl=audioUrl&text=text"
    b"&resultCosPath=resultCosPath&textUrl=textUrl&audioTime=audioTime"
)
"""As the oldest page prints it behind the URL: names in place of values."""

TENCENT_2019 = (
    b"code=0&message=success&requestId=4000048858&appid=12516&projectid=0"
    b"&audioUrl=http%3a%2f%2fexample.com%2fa.wav%3fb%3d1%26c%3d2"
    b"&text=%e6%88%91%e5%9c%a8%e9%a9%ac%e4%b8%8a%e4%b8%8a%e5%a4%9c%e7%8f%ad%0a&audioTime=8.42"
)

TENCENT_2020 = """{
  "code": 0, "message": "success", "requestId": 4000048858, "appid": 12516, "projectid": 0,
  "audioUrl": "http://example.com/a.wav", "text": "[0:1.640,0:4.600]  我在马上上夜班。\\n",
  "audioTime": 8.42
}""".encode()

TENCENT_CURRENT = (
    b"code=0&requestId=4000048858&appid=12516&projectid=0&text=%5B0%3A1.640%2C0%3A4.600%5D++"
    b"%E6%88%91%E5%9C%A8%E9%A9%AC%E4%B8%8A%E4%B8%8A%E5%A4%9C%E7%8F%AD%E3%80%82%0A"
    b"%5B0%3A5.420%2C0%3A7.820%5D++%E6%98%8E%E5%A4%A9%E6%97%A9%E4%B8%8A%E8%AF%B4%E5%93%88"
    b"%E3%80%82%0A&audioTime=8.420000&message=&resultDetail="
)

TENCENT_DETAIL = (
    '[{"FinalSentence":"腾讯云语音识别欢迎您。","SliceSentence":"腾讯云 语音识别 欢迎 您",'
    '"StartMs":20,"EndMs":2380,"SpeechSpeed":5.9,"WordsNum":4,"EmotionalEnergy":0,"SpeakerId":0,'
    '"SilenceTime":0,"EmotionType":["happy"],"Words":['
    '{"OffsetStartMs":120,"OffsetEndMs":780,"Word":"腾讯云"},'
    '{"OffsetStartMs":780,"OffsetEndMs":1530,"Word":"语音识别"},'
    '{"OffsetStartMs":1530,"OffsetEndMs":1860,"Word":"欢迎"},'
    '{"OffsetStartMs":1860,"OffsetEndMs":2250,"Word":"您"}]}]'
)

TENCENT_DETAILED = TENCENT_CURRENT + quote(TENCENT_DETAIL).encode()

HUAWEI_EXAMPLE = b"""{
\t"body": {
\t\t"state": {
\t\t\t"code": 0,
\t\t\t"success": true
        },
\t\t"body": {
\t\t\t"aid": "FJKkMeepk8l",
\t\t\t"lattices": [{
\t\t\t\t"begin": 4360,
\t\t\t\t"end": 5970,
\t\t\t\t"lid": 0,
\t\t\t\t"onebest": "Hello, is the call connected?",
\t\t\t\t"spk": 0
            }]
        }
    }
}"""


def head(
    path: bytes = b"/",
    query: bytes = b"",
    headers: Mapping[str, str] | None = None,
    address: str = "127.0.0.1",
) -> Head:
    """Return the head of a request."""
    return Head(path, query, headers or {}, address)


def callback(body: bytes, path: bytes = b"/", query: bytes = b"") -> Callback:
    """Return a whole request."""
    return Callback(head(path, query), body, RECEIVED_AT)
