"""Huawei's routes, tokens, transcripts and answers."""

from ipaddress import ip_network
from typing import Any

import msgspec
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
from asr_daemon.providers.base import Answer, Callback, Head
from asr_daemon.providers.huawei.provider import Huawei
from asr_daemon.providers.huawei.settings import HuaweiClientSettings, HuaweiSettings
from asr_daemon.providers.huawei.token_interface import TokenInterface
from asr_daemon.secret import Secret
from asr_daemon.transcript import Segment, VendorError
from tests.providers.callbacks import (
    HUAWEI_EXAMPLE,
    HUAWEI_PATH,
    RECEIVED_AT,
    TOKEN_PATH,
    callback,
    head,
)

NOW_S = 1_800_000_000.25
SYSTEM = "ODFS_SYS_OPENAPI"
SETTINGS = HuaweiSettings(
    clients=(
        HuaweiClientSettings(app_key=SYSTEM, app_secrets=(Secret("old"), Secret("new"))),
        HuaweiClientSettings(app_key="OTHER", app_secrets=(Secret("another"),)),
    )
)
OPEN = Huawei(HuaweiSettings())


def at(now_s: float, settings: HuaweiSettings = SETTINGS) -> Huawei:
    """Return the callback interface at a time."""
    return Huawei(settings, clock=lambda: now_s)


def tokens(settings: HuaweiSettings = SETTINGS) -> TokenInterface:
    """Return the token interface at `NOW_S`."""
    return TokenInterface(settings, clock=lambda: NOW_S)


def credentials(app_key: object, app_secret: object) -> bytes:
    """Return the body of a request for a token."""
    return msgspec.json.encode({"appKey": app_key, "appSecret": app_secret})


def answer(body: bytes, settings: HuaweiSettings = SETTINGS) -> tuple[int, dict[str, Any]]:
    """Return status and content of the answer to a request for a token."""
    interface = tokens(settings)
    try:
        issued = interface.issue(body)
    except CallbackError as error:
        issued = interface.refuse(error)
    return issued.status, msgspec.json.decode(issued.body)


def token(app_key: str, app_secret: str) -> str:
    """Get a token."""
    content = answer(credentials(app_key, app_secret))[1]
    return str(content["authToken"])


def test_documented_example() -> None:
    """The documented body gives its sentence, with times in milliseconds."""
    transcript = OPEN.parse(callback(HUAWEI_EXAMPLE, query=b"job=4%2B2&x=1&x=2&key=k"))
    assert (transcript.id, transcript.name) == ("FJKkMeepk8l", "FJKkMeepk8l")
    assert transcript.segments == (Segment("Hello, is the call connected?", 4360, 5970, "0"),)
    assert (transcript.provider, transcript.status) == ("huawei", "succeeded")
    assert transcript.received_at == RECEIVED_AT
    assert transcript.query == {"job": "4+2", "x": ["1", "2"], "key": "k"}
    assert transcript.payload == msgspec.json.decode(HUAWEI_EXAMPLE)


def in_chinese(text: bytes) -> bytes:
    """Return the documented body with another text."""
    return HUAWEI_EXAMPLE.replace(b"Hello, is the call connected?", text)


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json; charset=GBK", "utf-8"),
        ("application/json; charset=UTF-8", "gb18030"),
        ("application/json", "gbk"),
    ],
)
def test_text_encoding(content_type: str, encoding: str) -> None:
    """A body in GBK is read where its header or the configuration says so."""
    huawei = Huawei(HuaweiSettings(text_encoding=encoding))
    received = callback(in_chinese("我在马上上夜班".encode("gbk")), query=b"job=%D2%B9%B0%E0")
    request = Head(b"/", received.head.query, {"content-type": content_type}, "127.0.0.1")
    transcript = huawei.parse(Callback(request, received.body, RECEIVED_AT))
    assert [segment.text for segment in transcript.segments] == ["我在马上上夜班"]
    assert huawei.query(request) == {"job": "夜班" if encoding != "utf-8" else "ҹ\\xb0\\xe0"}


@pytest.mark.parametrize(
    ("text", "read"),
    [("我在马上".encode()[:-1], "我在马\\xe4\\xb8"), (b"caf\xe9", "caf\\xe9")],
)
def test_cut_character(text: bytes, read: str) -> None:
    """A character that is cut costs no more than itself, whatever the fallback is."""
    huawei = Huawei(HuaweiSettings(text_encoding="gb18030"))
    assert huawei.parse(callback(in_chinese(text))).segments[0].text == read


def test_unknown_encoding() -> None:
    """A body that no configured encoding explains is kept for the one that does."""
    with pytest.raises(NotUnderstood, match="text_encoding"):
        OPEN.parse(callback(in_chinese("我在马上上夜班".encode("gbk"))))


def test_failed_task() -> None:
    """A task that failed is a result."""
    body = b'{"body":{"state":{"code":"7","success":false},"body":{"aid":"a","lattices":null}}}'
    transcript = OPEN.parse(callback(body))
    assert (transcript.id, transcript.error) == ("a", VendorError("7", ""))


def test_retry_is_a_duplicate() -> None:
    """A retry that is spelled differently has the same digest, another result has not."""
    again = b"\xef\xbb\xbf" + msgspec.json.encode(msgspec.json.decode(HUAWEI_EXAMPLE))
    other = HUAWEI_EXAMPLE.replace(b"5970", b"5971")
    digests = [OPEN.parse(callback(body)).digest for body in (HUAWEI_EXAMPLE, again, other)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"aid=1", b"\xff", HUAWEI_EXAMPLE[:-1], HUAWEI_EXAMPLE + b"x"]
)
def test_not_understood(body: bytes) -> None:
    """What is not the documented JSON is no result."""
    with pytest.raises(NotUnderstood):
        OPEN.parse(callback(body))


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (HUAWEI_PATH, b"job=1&amp;x=2"),
        (HUAWEI_PATH + b"%3Fjob=1&amp;x=2", b""),
        (HUAWEI_PATH + b"/%3fjob=1", b"?x=2"),
        (b"//oifde//rest/sysapi/asrcallback/", b"job=1&x=2"),
    ],
)
def test_built_urls(path: bytes, query: bytes) -> None:
    """The path and the parameters are found in whatever was made of the URL."""
    OPEN.admit(head(path, query))
    assert OPEN.query(head(path, query)) == {"job": "1", "x": "2"}


@pytest.mark.parametrize("path", [HUAWEI_PATH, HUAWEI_PATH + b"/"])
def test_open(path: bytes) -> None:
    """Without clients every request to the path is admitted."""
    OPEN.admit(head(path))


@pytest.mark.parametrize("path", [b"/", HUAWEI_PATH + b"/x", HUAWEI_PATH + b"x", TOKEN_PATH])
def test_unknown_path(path: bytes) -> None:
    """Nothing is served beside or below the path."""
    with pytest.raises(NotFound):
        OPEN.admit(head(path))


def test_address() -> None:
    """Both interfaces refuse an address that is not allowed."""
    settings = HuaweiSettings(allow=(ip_network("10.0.0.0/8"),))
    Huawei(settings).admit(head(HUAWEI_PATH, address="10.1.2.3"))
    with pytest.raises(Unauthorized):
        Huawei(settings).admit(head(HUAWEI_PATH, address="192.0.2.1"))
    with pytest.raises(Unauthorized):
        tokens(settings).admit(head(TOKEN_PATH, address="192.0.2.1"))


@pytest.mark.parametrize("app_secret", ["old", "new"])
def test_token(app_secret: str) -> None:
    """A token that was got with any secret in use admits until its lifetime is over."""
    headers = {"username": SYSTEM, "token": token(SYSTEM, app_secret)}
    at(NOW_S + 3599.9).admit(head(HUAWEI_PATH, headers=headers))
    with pytest.raises(TokenExpired):
        at(NOW_S + 3600).admit(head(HUAWEI_PATH, headers=headers))


def test_user_name_beyond_ascii() -> None:
    """A userName in UTF-8, which a header brings as Latin-1, is the app key that was agreed on."""
    client = HuaweiClientSettings(app_key="系统", app_secrets=(Secret("new"),))
    settings = HuaweiSettings(clients=(client,))
    issued = answer(credentials("系统", "new"), settings)[1]["authToken"]
    headers = {"username": "系统".encode().decode("latin-1"), "token": issued}
    at(NOW_S, settings).admit(head(HUAWEI_PATH, headers=headers))


def test_token_ends_with_its_secret() -> None:
    """A token is not good any more when the secret that it was got with is taken away."""
    client = HuaweiClientSettings(app_key=SYSTEM, app_secrets=(Secret("new"),))
    later = at(NOW_S, HuaweiSettings(clients=(client,)))
    later.admit(head(HUAWEI_PATH, headers={"username": SYSTEM, "token": token(SYSTEM, "new")}))
    with pytest.raises(Unauthorized):
        later.admit(head(HUAWEI_PATH, headers={"username": SYSTEM, "token": token(SYSTEM, "old")}))


@pytest.mark.parametrize("headers", [{}, {"username": SYSTEM}, {"username": SYSTEM, "token": " "}])
def test_no_token(headers: dict[str, str]) -> None:
    """A sender without a token is told to get one."""
    with pytest.raises(TokenExpired):
        at(NOW_S).admit(head(HUAWEI_PATH, headers=headers))


@pytest.mark.parametrize(
    ("user_name", "owner"),
    [("OTHER", SYSTEM), ("", SYSTEM), ("unknown", SYSTEM), (SYSTEM, "OTHER")],
)
@pytest.mark.parametrize("now_s", [NOW_S, NOW_S + 7200])
def test_token_of_another(user_name: str, owner: str, now_s: float) -> None:
    """A token is good for the user name that it was issued for, and no other."""
    issued = token(owner, "new" if owner == SYSTEM else "another")
    with pytest.raises(Unauthorized) as refused:
        at(now_s).admit(head(HUAWEI_PATH, headers={"username": user_name, "token": issued}))
    assert refused.type is WrongCredentials


def test_forged_token() -> None:
    """What only looks like a token is refused."""
    with pytest.raises(Unauthorized) as refused:
        at(NOW_S).admit(head(HUAWEI_PATH, headers={"username": SYSTEM, "token": "x" * 96}))
    assert refused.type is WrongCredentials


def test_two_entries_of_one_client() -> None:
    """Secrets that are configured in two entries of one app key are all in use."""
    entries = tuple(
        HuaweiClientSettings(app_key="a", app_secrets=(Secret(secret),)) for secret in ("1", "2")
    )
    statuses = [
        answer(credentials("a", secret), HuaweiSettings(clients=entries))[0] for secret in "123"
    ]
    assert statuses == [200, 200, 401]


def test_issued() -> None:
    """A token is issued in the words of the vendor."""
    status, content = answer(credentials(SYSTEM, "new"))
    issued = content.pop("authToken")
    assert (status, content) == (200, {"errorCode": 0, "errorMsg": "", "expireTime": 3600})
    assert issued.isascii()


def test_lifetime() -> None:
    """The answer says how long a token lives, and so long it does."""
    settings = HuaweiSettings(clients=SETTINGS.clients, token_lifetime_s=90.0)
    content = answer(credentials(SYSTEM, "new"), settings)[1]
    headers = {"username": SYSTEM, "token": content["authToken"]}
    assert content["expireTime"] == 90
    at(NOW_S + 89.9).admit(head(HUAWEI_PATH, headers=headers))
    with pytest.raises(TokenExpired):
        at(NOW_S + 90).admit(head(HUAWEI_PATH, headers=headers))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (credentials("unknown", "new"), 401, 200800001),
        (credentials("", ""), 401, 200800001),
        (credentials(SYSTEM, "another"), 401, 200800002),
        (credentials(SYSTEM, ""), 401, 200800002),
        (b"", 400, 10000002),
        (b"[]", 400, 10000002),
        (b"{}", 400, 10000002),
        (credentials(SYSTEM, None), 400, 10000002),
        (credentials(1, "new"), 400, 10000002),
        (b"appKey=a&appSecret=b", 400, 10000002),
        (b"[" * 100_000, 400, 10000002),
    ],
)
def test_not_issued(body: bytes, status: int, code: int) -> None:
    """A wrong key, a wrong secret and an unreadable body are told apart, and get no token."""
    refused_status, content = answer(body)
    assert (refused_status, content.pop("errorCode")) == (status, code)
    assert list(content) == ["errorMsg"]


def test_issued_to_anyone_when_open() -> None:
    """Without clients any sender gets what it asks for first."""
    status, content = answer(credentials("anyone", ""), HuaweiSettings())
    assert (status, content["errorCode"]) == (200, 0)


def test_open_tokens_are_worth_nothing_later() -> None:
    """A token that anyone could get does not admit once clients are configured."""
    content = answer(credentials(SYSTEM, "guess"), HuaweiSettings())[1]
    headers = {"username": SYSTEM, "token": content["authToken"]}
    with pytest.raises(Unauthorized):
        at(NOW_S).admit(head(HUAWEI_PATH, headers=headers))


def test_token_path() -> None:
    """The token interface serves its path only."""
    tokens().admit(head(TOKEN_PATH))
    tokens().admit(head(b"/" + TOKEN_PATH + b"/"))
    with pytest.raises(NotFound):
        tokens().admit(head(TOKEN_PATH + b"/x"))


def test_success_answer() -> None:
    """Success is answered with the bytes that the vendor documents."""
    assert OPEN.acknowledge() == Answer(200, b'{"retCode":"0","retMsg":"success"}')


CHALLENGE = (("WWW-Authenticate", 'Token realm="asrcallback"'),)
TOKEN_CHALLENGE = (("WWW-Authenticate", 'AppKey realm="gettoken"'),)
ALLOW = (("Allow", "POST"),)

REFUSALS = [
    (NotUnderstood("why"), 400, 10000002),
    (BodyTooLarge("why"), 400, 10000002),
    (UnsupportedBody("why"), 400, 10000002),
    (CallbackError("why"), 400, 10000002),
    (TokenExpired("why"), 401, 900001),
    (Unauthorized("why"), 401, 900002),
    (NotFound("why"), 404, 10000002),
    (MethodNotAllowed("why"), 405, 10000002),
    (CannotStore("why"), 500, 10000001),
    (ShuttingDown("why"), 500, 10000001),
]


@pytest.mark.parametrize(("error", "status", "code"), REFUSALS)
def test_refusals(error: CallbackError, status: int, code: int) -> None:
    """Each refusal has a documented status and a code in a string, and says why."""
    headers = {401: CHALLENGE, 405: ALLOW}.get(status, ())
    body = b'{"retCode":"%d","retMsg":"why"}' % code
    assert OPEN.refuse(error) == Answer(status, body, headers)


@pytest.mark.parametrize(("error", "status", "code"), REFUSALS)
def test_token_refusals(error: CallbackError, status: int, code: int) -> None:
    """The token interface refuses with the same codes, as numbers."""
    headers = {401: TOKEN_CHALLENGE, 405: ALLOW}.get(status, ())
    body = b'{"errorCode":%d,"errorMsg":"why"}' % code
    assert tokens().refuse(error) == Answer(status, body, headers)
