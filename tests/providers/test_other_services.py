"""A body of another service is named, and told where it would be taken."""

import pytest

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.base import Provider
from asr_daemon.providers.huawei.provider import Huawei
from asr_daemon.providers.huawei.settings import HuaweiSettings
from asr_daemon.providers.registry import OTHER_SERVICES
from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.settings import TencentSettings
from tests.providers.callbacks import (
    HUAWEI_EXAMPLE,
    TENCENT_2017,
    TENCENT_2019,
    TENCENT_2020,
    TENCENT_DETAILED,
    callback,
)

TENCENT = Tencent(TencentSettings(), OTHER_SERVICES)
HUAWEI = Huawei(HuaweiSettings(), OTHER_SERVICES)

REAL_TIME = (
    b'{"code":0,"message":"success","voice_id":"v","message_id":"v_11_0","result":{"slice_type":2,'
    b'"index":0,"start_time":0,"end_time":1240,"voice_text_str":"hello","word_size":0}}'
)
REAL_TIME_FAILURE = b'{"code":4008,"message":"client timed out","voice_id":"v"}'
STREAM = (
    b'{"TaskId":100000447,"Result":[{"VoiceId":"v","Text":"hello","StartTime":17140,'
    b'"EndTime":17940,"WordList":[]}]}'
)
FLASH = (
    b'{"request_id":"r","code":0,"message":"","audio_duration":2380,"flash_result":[{"text":"hello",'
    b'"channel_id":0,"sentence_list":[{"text":"hello","start_time":0,"end_time":2380}]}]}'
)
SENTENCE = b'{"Response":{"RequestId":"r","Result":"hello","AudioDuration":2380,"WordSize":0}}'
TASK_STATUS = b'{"Response":{"RequestId":"r","Data":{"TaskId":1,"Status":2,"Result":"hello"}}}'
INFINITE = (
    b"<Response><EventName>TaskFinish</EventName><JobsDetail><State>Success</State>"
    b"<Tag>SpeechRecognition</Tag></JobsDetail></Response>"
)
SIS_RECORDING = (
    b'{"job_id":"j","status":"FINISHED","audio_duration":2380,"segments":[{"start_time":0,'
    b'"end_time":2380,"result":{"text":"hello"}}]}'
)
SIS_FAILURE = b'{"job_id":"j","status":"ERROR"}'
SIS_REAL_TIME = b'{"resp_type":"RESULT","trace_id":"t","segments":[{"result":{"text":"hello"}}]}'
SIS_FLASH = b'{"trace_id":"t","audio_duration":2380,"flash_result":[]}'
SIS_SENTENCE = b'{"trace_id":"t","result":{"text":"hello","score":0.9}}'
IFLYTEK = (
    b'{"code":"000000","descInfo":"success","content":{"orderInfo":{"orderId":"o","status":4},'
    b'"orderResult":"{\\"lattice\\":[]}"}}'
)
IFLYTEK_ORDER = b'{"lattice":[{"json_1best":"{}"}],"lattice2":[]}'
IFLYTEK_NOTICE = b"orderId=o&status=1&resultType=transfer"
TOKEN_REQUEST = b'{"appKey":"ODFS_SYS_OPENAPI","appSecret":"hello"}'


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (REAL_TIME, "a result of Tencent real-time recognition"),
        (REAL_TIME_FAILURE, "a result of Tencent real-time recognition"),
        (STREAM, "a result of Tencent stream recognition"),
        (FLASH, "a result of Tencent flash recognition"),
        (SENTENCE, "a result of Tencent sentence recognition"),
        (TASK_STATUS, "an answer of a Tencent Cloud API"),
        (INFINITE, "a callback of Tencent Cloud Infinite"),
        (SIS_RECORDING, "a result of Huawei SIS recording recognition"),
        (SIS_FAILURE, "a result of Huawei SIS recording recognition"),
        (SIS_REAL_TIME, "a result of Huawei SIS real-time recognition"),
        (SIS_FLASH, "a result of Huawei SIS flash recognition"),
        (SIS_SENTENCE, "a result of Huawei SIS sentence recognition"),
        (IFLYTEK, "a result of iFLYTEK recording recognition"),
        (IFLYTEK_ORDER, "a result of iFLYTEK recording recognition"),
        (IFLYTEK_NOTICE, "a notice of iFLYTEK recording recognition"),
    ],
)
@pytest.mark.parametrize("provider", [TENCENT, HUAWEI], ids=["tencent", "huawei"])
def test_services_that_nobody_takes(provider: Provider, body: bytes, what: str) -> None:
    """A body of another service is refused by name at any path, and not taken for silence."""
    with pytest.raises(NotUnderstood) as refused:
        provider.parse(callback(b" \n" + body))
    assert str(refused.value) == f"this looks like {what}, which no provider takes"


@pytest.mark.parametrize("body", [HUAWEI_EXAMPLE, b'{"Body":{"Body":{}}}'])
def test_huawei_at_tencent(body: bytes) -> None:
    """Tencent's path names Huawei's results, and who takes them."""
    with pytest.raises(NotUnderstood) as refused:
        TENCENT.parse(callback(body))
    assert str(refused.value) == (
        "this looks like a result of Huawei offline conversion, "
        "which the provider huawei takes at its path"
    )


@pytest.mark.parametrize("body", [TENCENT_2017, TENCENT_2019, TENCENT_2020, TENCENT_DETAILED])
def test_tencent_at_huawei(body: bytes) -> None:
    """Huawei's path names Tencent's results, and who takes them."""
    with pytest.raises(NotUnderstood) as refused:
        HUAWEI.parse(callback(body))
    assert str(refused.value) == (
        "this looks like a result of Tencent recording recognition, "
        "which the provider tencent takes at its path"
    )


@pytest.mark.parametrize("provider", [TENCENT, HUAWEI], ids=["tencent", "huawei"])
def test_token_request_at_a_callback_path(provider: Provider) -> None:
    """A request for a token is told where tokens are."""
    with pytest.raises(NotUnderstood) as refused:
        provider.parse(callback(TOKEN_REQUEST))
    assert str(refused.value) == (
        "this looks like a request for a token, which the provider huawei takes at its token_path"
    )


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"{", b"<", b"kumquat", b"\xff\xfe", b'{"voice": 1}', b"code=0"]
)
@pytest.mark.parametrize("provider", ["tencent", "huawei"])
def test_unknown(provider: str, body: bytes) -> None:
    """What is known by no name is not guessed at."""
    assert OTHER_SERVICES.describe(body, provider) is None


def test_own_results() -> None:
    """A provider's own results, whatever is wrong with them, are not named as another's."""
    assert OTHER_SERVICES.describe(b"code=0&requestId=1&voice_id=v", "tencent") is None
    with pytest.raises(NotUnderstood, match="aid"):
        HUAWEI.parse(callback(b'{"body":{"body":{}},"voice_id":"v"}'))


def test_results_with_more_names() -> None:
    """A result that has an id or a text is one, whatever other names it has."""
    assert TENCENT.parse(callback(b"code=0&requestId=1&voice_id=v")).id == "1"
    assert TENCENT.parse(callback(b'{"text":"a","flash_result":[],"request_id":"r"}')).segments
