"""Tencent's routes, key, transcripts and answers."""

from ipaddress import ip_network

import pytest

from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    CannotStore,
    MethodNotAllowed,
    NotFound,
    NotUnderstood,
    ShuttingDown,
    TokenExpired,
    Unauthorized,
    UnsupportedBody,
    WrongCredentials,
)
from asr_daemon.providers.base import Answer, Callback
from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.secret import Secret
from asr_daemon.transcript import Segment, Transcript, VendorError
from tests.providers.callbacks import (
    RECEIVED_AT,
    TENCENT_2017,
    TENCENT_2019,
    TENCENT_2020,
    TENCENT_CURRENT,
    TENCENT_DETAILED,
    TENCENT_PATH,
    callback,
    head,
)

OPEN = Tencent(TencentSettings())
KEYED = Tencent(TencentSettings(keys=(Secret("0ld-key_0"), Secret("new.key~1"))))


def parse(body: bytes, rest: bytes = b"", query: bytes = b"") -> Transcript:
    """Parse with the default settings; `rest` stands behind the path."""
    return OPEN.parse(callback(body, TENCENT_PATH + rest, query))


@pytest.mark.parametrize(
    ("rest", "query"),
    [
        (b"/new.key~1", b""),
        (b"/0ld-key_0/", b""),
        (b"/%6eew.key%7E1", b""),
        (b"/new.key~1/code=0&audioUrl=http://example.com/a", b""),
        (b"/new.key~1//code=0", b""),
        (b"", b"key=new.key~1"),
        (b"/", b"job=1&KEY=0ld-key_0"),
        (b"/code=0&text=a/b", b"key=%6Eew.key~1"),
        (b"/new.key~1", b"key=0ld-key_0"),
        (b"", b"key=new.key~1&key=0ld-key_0"),
    ],
)
def test_admitted_with_key(rest: bytes, query: bytes) -> None:
    """A key is taken from the query, or from the first element behind the path."""
    KEYED.admit(head(TENCENT_PATH + rest, query))


@pytest.mark.parametrize(
    ("rest", "query"),
    [
        (b"", b""),
        (b"/", b"key="),
        (b"", b"key=wrong"),
        (b"", b"apikey=new.key~1"),
        (b"", b"key=new.key~1+"),
        (b"/new.key~", b""),
        (b"/%256eew.key~1", b""),
        (b"/wrong/code=0", b""),
        (b"/wrong/new.key~1", b""),
        (b"/code=0&key=new.key~1", b""),
        (b"/unknown", b"key=wrong"),
        (b"/new.key~1", b"key=wrong"),
        (b"", b"key=wrong&key=new.key~1"),
        (b"", b"key=new.key~1&Key="),
        (b"", b"key=new.key~1?key=wrong"),
        (b"", b"key=new.key~1?%6bey=wrong"),
        (b"", b"key=new.key~1/key=new.key~1?key=wrong"),
        (b"", b"key=new.key~1?job=1?key=wrong"),
        (b"", b"job=1?key=wrong&key=new.key~1"),
        (b"/new.key~1", b"job=1%3Fkey=wrong"),
        (b"/new.key~1%3Fkey=wrong", b""),
        (b"/wrong&code=0", b""),
        (b"%3Fcode=0&key=wrong", b"key=new.key~1"),
    ],
)
def test_refused_without_key(rest: bytes, query: bytes) -> None:
    """Without a right key in its place, or with a wrong one beside it, everything is a guess."""
    with pytest.raises(WrongCredentials):
        KEYED.admit(head(TENCENT_PATH + rest, query))


BUILT_URLS = [
    (TENCENT_PATH, b"key=new.key~1?code=0&requestId=7"),
    (TENCENT_PATH, b"key=new.key~1?code=0&amp;requestId=7"),
    (TENCENT_PATH, b"key=new.key~1%3Fcode=0&requestId=7"),
    (TENCENT_PATH, b"key=new.key~1%3Fcode%3D0%26requestId%3D7"),
    (TENCENT_PATH, b"key=new.key~1/code=0&requestId=7"),
    (TENCENT_PATH, b"key=new.key~1/?code=0&requestId=7"),
    (TENCENT_PATH, b"?key=new.key~1&code=0&requestId=7"),
    (TENCENT_PATH, b"key=new.key~1&?code=0&requestId=7"),
    (TENCENT_PATH, b"job=42?code=0&requestId=7&key=new.key~1"),
    (TENCENT_PATH, b"job=42&amp;key=new.key~1&amp;code=0&amp;requestId=7"),
    (TENCENT_PATH + b"/", b"key=new.key~1?code=0&requestId=7"),
    (b"//callbacks///tencent//", b"key=new.key~1&code=0&requestId=7"),
    (TENCENT_PATH + b"%3Fkey=new.key~1&code=0&requestId=7", b""),
    (TENCENT_PATH + b"%3fkey=new.key~1", b"code=0&requestId=7"),
    (TENCENT_PATH + b"%3Fkey%3Dnew.key~1%26job%3D42", b"code=0&requestId=7"),
    (TENCENT_PATH + b"/new.key~1", b"?code=0&requestId=7"),
    (TENCENT_PATH + b"/new.key~1&code=0&requestId=7", b""),
    (TENCENT_PATH + b"/new.key~1/&code=0&amp;requestId=7", b""),
    (TENCENT_PATH + b"/new.key~1%3Fcode=0&requestId=7", b""),
    (TENCENT_PATH + b"//new.key~1//code=0&requestId=7", b""),
]


@pytest.mark.parametrize(("path", "query"), BUILT_URLS)
def test_built_urls(path: bytes, query: bytes) -> None:
    """A right key is found in whatever was made of the URL, and the vendor's fields are, too."""
    received = callback(b"", path, query)
    KEYED.admit(received.head)
    transcript = KEYED.parse(received)
    assert transcript.payload == {"code": "0", "requestId": "7"}
    assert transcript.query == ({"job": "42"} if b"job" in path + query else {})
    assert "new.key" not in str(KEYED.query(received.head))


@pytest.mark.parametrize(("path", "query"), BUILT_URLS)
def test_wrong_key_in_built_urls(path: bytes, query: bytes) -> None:
    """A wrong key is refused in each of them, and so is a second one that is wrong."""
    for wrong in (b"new.key~", b"new.key~12", b"xnew.key~1", b"", b"wrong"):
        forged = head(path.replace(b"new.key~1", wrong), query.replace(b"new.key~1", wrong))
        with pytest.raises(WrongCredentials):
            KEYED.admit(forged)
    for second in (b"&key=wrong", b"&?key=wrong", b"&%3Fkey=wrong", b"&amp;%6bey=wrong"):
        with pytest.raises(WrongCredentials):
            KEYED.admit(head(path, query + second))


@pytest.mark.parametrize("rest", [b"", b"/", b"/code=0&x=a/b/c", b"/projecteid=1"])
def test_open_paths(rest: bytes) -> None:
    """Without keys, the path itself and pairs behind it are served."""
    OPEN.admit(head(TENCENT_PATH + rest, b"key=whatever"))


@pytest.mark.parametrize("rest", [b"/unknown", b"/unknown/code=0", b"/x=1", b"/code", b"s"])
def test_unknown_paths(rest: bytes) -> None:
    """Without keys, an element that is not pairs of the vendor is not served."""
    with pytest.raises(NotFound):
        OPEN.admit(head(TENCENT_PATH + rest))


@pytest.mark.parametrize(
    ("rest", "query"),
    [
        (b"/new.key~1/unknown", b""),
        (b"/new.key~1/new.key~1", b""),
        (b"/unknown", b"key=new.key~1"),
        (b"s/new.key~1", b""),
    ],
)
def test_unknown_paths_with_key(rest: bytes, query: bytes) -> None:
    """One who has the key is told that there is nothing."""
    with pytest.raises(NotFound):
        KEYED.admit(head(TENCENT_PATH + rest, query))


def test_root_path() -> None:
    """The path `/` serves the same forms."""
    tencent = Tencent(TencentSettings(path="/", keys=(Secret("new.key~1"),)))
    tencent.admit(head(b"/", b"key=new.key~1"))
    tencent.admit(head(b"/new.key~1/code=0"))
    with pytest.raises(WrongCredentials):
        tencent.admit(head(b"/code=0"))
    assert tencent.parse(callback(b"", b"/new.key~1/code=0&requestId=7")).id == "7"


def test_address() -> None:
    """An address that is not allowed is refused, with the key or not."""
    tencent = Tencent(TencentSettings(allow=(ip_network("10.0.0.0/8"),)))
    tencent.admit(head(TENCENT_PATH, address="10.1.2.3"))
    with pytest.raises(Unauthorized):
        tencent.admit(head(TENCENT_PATH, address="192.0.2.1"))


def test_current_generation() -> None:
    """The documented form body gives its sentences with their times."""
    transcript = parse(TENCENT_CURRENT)
    assert (transcript.id, transcript.name, transcript.appid) == ("4000048858",) * 2 + ("12516",)
    assert transcript.segments == (
        Segment("我在马上上夜班。", 1640, 4600),
        Segment("明天早上说哈。", 5420, 7820),
    )
    assert (transcript.status, transcript.duration_ms) == ("succeeded", 8420)
    assert (transcript.audio_url, transcript.audio_key, transcript.language) == (None, None, None)
    assert (transcript.provider, transcript.received_at) == ("tencent", RECEIVED_AT)
    assert transcript.payload == {
        "code": "0",
        "requestId": "4000048858",
        "appid": "12516",
        "projectid": "0",
        "text": "[0:1.640,0:4.600]  我在马上上夜班。\n[0:5.420,0:7.820]  明天早上说哈。\n",
        "audioTime": "8.420000",
        "message": "",
        "resultDetail": "",
    }


def test_current_generation_with_detail() -> None:
    """The documented detail in the documented body is what was said."""
    (segment,) = parse(TENCENT_DETAILED).segments
    assert (segment.text, segment.start_ms, segment.speaker) == ("腾讯云语音识别欢迎您。", 20, "0")
    assert [word.start_ms for word in segment.words] == [140, 800, 1550, 1880]


def test_2020_generation() -> None:
    """A JSON body is the same result; its values stay what they were."""
    transcript = parse(TENCENT_2020)
    assert transcript.segments == (Segment("我在马上上夜班。", 1640, 4600),)
    assert (transcript.id, transcript.appid, transcript.duration_ms) == (
        "4000048858",
        "12516",
        8420,
    )
    assert transcript.payload["requestId"] == 4000048858


def test_2019_generation() -> None:
    """Lower-case escapes and sentences without times are a result."""
    transcript = parse(TENCENT_2019)
    assert transcript.segments == (Segment("我在马上上夜班"),)
    assert transcript.audio_url == "http://example.com/a.wav?b=1&c=2"


@pytest.mark.parametrize(
    ("body", "rest", "query"),
    [(TENCENT_2017, b"", b""), (b"", b"/" + TENCENT_2017, b""), (b"", b"", TENCENT_2017)],
)
def test_2017_generation(body: bytes, rest: bytes, query: bytes) -> None:
    """The pairs of the oldest page are found in the body, in the path and in the query."""
    transcript = parse(body, rest, query)
    assert (transcript.id, transcript.audio_key) == ("requestId", "audioKey")
    assert transcript.error == VendorError("code", "message")
    assert (transcript.query, len(transcript.payload)) == ({}, 13)


def test_path_behind_key() -> None:
    """Pairs behind a key are found, with a URL among them that nobody encoded."""
    path = TENCENT_PATH + b"/new.key~1/code=0&audioUrl=https://example.com/a?b&text=a+b"
    transcript = KEYED.parse(callback(b"", path, b"job=1"))
    url = "https://example.com/a?b"
    assert transcript.payload == {"code": "0", "audioUrl": url, "text": "a b"}
    assert transcript.segments == (Segment("a b"),)
    assert transcript.query == {"job": "1"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"key=s&job=42", {"job": "42"}),
        (b"KEY=s&Key=t&%6bey=u", {}),
        (b"job=1&job=2&x=%E5%A4%9C+", {"job": ["1", "2"], "x": "夜 "}),
        (b"code=7&requestId=8", {"code": "7", "requestId": "8"}),
    ],
)
def test_query(query: bytes, expected: dict[str, str | list[str]]) -> None:
    """The parameters of the URL are data, but for the key."""
    assert parse(b"code=0", query=query).query == expected
    assert OPEN.query(head(TENCENT_PATH, query)) == expected


def test_fields_in_query() -> None:
    """Fields in the query are the vendor's; other parameters are not."""
    transcript = parse(b"", query=b"key=s&job=42&code=0&requestId=7")
    assert transcript.payload == {"code": "0", "requestId": "7"}
    assert transcript.query == {"job": "42"}


@pytest.mark.parametrize(
    ("body", "request_id"),
    [
        (b"requestId=+18446744073709551615", "18446744073709551615"),
        (b'{"requestId": 18446744073709551615}', "18446744073709551615"),
        (b'{"requestId": 4000048858.0}', "4000048858"),
        (b'{"RequestID": "7"}', "7"),
        (b"code=0", None),
        (b"requestId=", None),
        (b'{"requestId": true}', None),
        (b'{"requestId": [7]}', None),
    ],
)
def test_id(body: bytes, request_id: str | None) -> None:
    """The id is the request's, in digits."""
    transcript = parse(body)
    assert (transcript.id, transcript.name) == (request_id, request_id)


@pytest.mark.parametrize(
    ("name_by", "name"),
    [
        ("request_id", "7"),
        ("audio_key", "k/1"),
        ("query:job", "42"),
        ("query:JOB", None),
        ("query:empty", None),
        ("query:key", None),
        ("query:appid", "9"),
    ],
)
def test_name_by(name_by: str, name: str | None) -> None:
    """A result is named by what is configured, and never by anything else."""
    tencent = Tencent(TencentSettings(name_by=name_by))
    query = b"job=42&job=43&empty=&key=s&appid=9"
    transcript = tencent.parse(callback(b"code=0&requestId=7&audioKey=k/1", query=query))
    assert (transcript.id, transcript.name) == ("7", name)


def test_name_by_missing_audio_key() -> None:
    """A result that lacks what names it has no name."""
    tencent = Tencent(TencentSettings(name_by="audio_key"))
    assert tencent.parse(callback(b"code=0&requestId=7&audioKey=")).name is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"code=0", None),
        (b"code=+0", None),
        (b"code=00", None),
        (b"code=", None),
        (b"text=a", None),
        (b'{"code": 0}', None),
        (b'{"code": null, "text": "a"}', None),
        (b"code=10001&message=recognition+failed", VendorError("10001", "recognition failed")),
        (b'{"code": 10002, "message": null}', VendorError("10002", "")),
        (b"code=-1", VendorError("-1", "")),
        (b"code=ok", VendorError("ok", "")),
        (b'{"code": false}', VendorError("false", "")),
        (b'{"code": [0]}', VendorError("[0]", "")),
    ],
)
def test_outcome(body: bytes, error: VendorError | None) -> None:
    """Zero is success, and anything else is the vendor's failure."""
    assert parse(body).error == error


def test_failure_has_no_segments() -> None:
    """Whatever `text` holds on failure, it is no transcript; it stays in the payload."""
    transcript = parse(b"code=10001&requestId=7&text=a&audioTime=1")
    assert (transcript.status, transcript.segments) == ("failed", ())
    assert transcript.payload["text"] == "a"


@pytest.mark.parametrize("body", [b"code=0&appid=12516", b'{"code": 0, "AppId": 12516}'])
def test_allowed_appid(body: bytes) -> None:
    """An appid that is configured is let in, whatever its JSON type."""
    assert Tencent(TencentSettings(appids=("1", "12516"))).parse(callback(body)).appid == "12516"


@pytest.mark.parametrize("body", [b"code=0", b"code=0&appid=125", b"code=0&appid=2&appid=12516"])
def test_refused_appid(body: bytes) -> None:
    """Another appid, or none, is refused where appids are configured."""
    with pytest.raises(Unauthorized):
        Tencent(TencentSettings(appids=("12516",))).parse(callback(body))


@pytest.mark.parametrize("time", ["-1", "", "nan", "inf", "1e400", "360001", "long"])
def test_absurd_duration(time: str) -> None:
    """What is no sensible number of seconds is no duration."""
    assert parse(f"code=0&audioTime={time}".encode()).duration_ms is None


def test_text_encoding() -> None:
    """Text in the configured encoding is read, in the body and in the URL."""
    tencent = Tencent(TencentSettings(text_encoding="gb18030"))
    transcript = tencent.parse(callback(b"text=%D2%B9%B0%E0", query=b"job=%B0%E0"))
    assert transcript.segments == (Segment("夜班"),)
    assert transcript.query == {"job": "班"}


def test_declared_encoding() -> None:
    """Text in the encoding that the header declares is read, too."""
    headers = {"content-type": "application/x-www-form-urlencoded; charset=GBK"}
    received = Callback(head(headers=headers), b"text=%D2%B9%B0%E0", RECEIVED_AT)
    assert OPEN.parse(received).segments == (Segment("夜班"),)


@pytest.mark.parametrize(
    "body",
    [
        b"text=%E6%88%91%E5%9C%A8%E5%A4%9C%E7%8F&code=0",
        '{"code": 0, "text": "我在夜'.encode() + b'\xe7\x8f"}',
    ],
)
def test_cut_character(body: bytes) -> None:
    """A character that is cut costs no more than itself, whatever the fallback is."""
    tencent = Tencent(TencentSettings(text_encoding="gb18030"))
    assert tencent.parse(callback(body)).segments == (Segment("我在夜\\xe7\\x8f"),)


def test_retry_is_a_duplicate() -> None:
    """A retry that is spelled differently has the same digest, another result has not."""
    first = parse(b"code=0&requestId=7&text=%E5%A4%9C+a", query=b"try=1")
    again = parse(b"text=%e5%a4%9c%20a&requestId=7&code=0", query=b"try=2")
    other = parse(b"text=%E5%A4%9C+b&requestId=7&code=0")
    assert first.digest == again.digest != other.digest


def test_success_answer() -> None:
    """Success is answered with the bytes that the vendor documents."""
    assert OPEN.acknowledge() == Answer(200, b'{"code":0,"message":"success"}')


CHALLENGE = (("WWW-Authenticate", 'Key realm="callback URL"'),)


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (NotUnderstood("why"), 400, ()),
        (CallbackError("why"), 400, ()),
        (Unauthorized("why"), 401, CHALLENGE),
        (WrongCredentials("why"), 401, CHALLENGE),
        (TokenExpired("why"), 401, CHALLENGE),
        (NotFound("why"), 404, ()),
        (MethodNotAllowed("why"), 405, (("Allow", "POST"),)),
        (BodyTooLarge("why"), 413, ()),
        (UnsupportedBody("why"), 415, ()),
        (CannotStore("why"), 503, (("Retry-After", "30"),)),
        (ShuttingDown("why"), 503, (("Retry-After", "30"),)),
    ],
)
def test_refusals(error: CallbackError, status: int, headers: tuple[tuple[str, str], ...]) -> None:
    """Each refusal has its status, which is its code, and says why."""
    body = b'{"code":%d,"message":"why"}' % status
    assert OPEN.refuse(error) == Answer(status, body, headers)
