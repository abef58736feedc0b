"""What every provider has to pass; a new one is added to `CASES`."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from asr_daemon import errors
from asr_daemon.errors import CallbackError, NotUnderstood
from asr_daemon.providers.base import Provider
from asr_daemon.providers.huawei.provider import Huawei
from asr_daemon.providers.huawei.settings import HuaweiSettings
from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.transcript import Segment
from tests.providers.callbacks import (
    HUAWEI_EXAMPLE,
    TENCENT_2019,
    TENCENT_2020,
    TENCENT_DETAILED,
    callback,
)


class Case(Struct, frozen=True, kw_only=True):
    """A provider, its documented example, and what is in it."""

    provider: Provider
    example: bytes
    id: str
    segment: Segment
    success: bytes
    shapes: tuple[Callable[[object, object], object], ...]
    """Bodies with two arbitrary values in places that the provider looks at."""
    other_examples: tuple[bytes, ...] = ()


def tencent_detail(value: object, other: object) -> object:
    """Return a body with a detail that may hold anything."""
    return {"code": 0, "text": other, "resultDetail": [{"FinalSentence": "a", "Words": value}]}


def tencent_fields(value: object, other: object) -> object:
    """Return a body with fields that may hold anything."""
    return {"code": value, "requestId": other, "resultDetail": value, "audioTime": other}


def huawei_lattice(value: object, other: object) -> object:
    """Return a body with lattices that may hold anything."""
    lattice = {"onebest": "a", "begin": value, "end": other, "lid": other, "spk": value}
    return {"body": {"state": {"code": "0"}, "body": {"aid": "a", "lattices": [lattice] * 2}}}


def huawei_engine_form(value: object, other: object) -> object:
    """Return a body whose lattice has a sentence that may hold anything."""
    ws = [{"wb": other, "we": value, "cw": [{"w": value, "wp": other}]}, {"cw": other}, value]
    best = {"st": {"bg": value, "rl": other, "rt": [{"ws": ws}, other]}}
    return {"body": {"body": {"aid": "a", "lattices": [{"json_1best": best}], "lattice2": other}}}


def huawei_fields(value: object, other: object) -> object:
    """Return a body with fields that may hold anything."""
    return {"body": {"state": {"code": other}, "body": {"aid": value, "lattices": other}}}


CASES = [
    Case(
        provider=Tencent(TencentSettings()),
        example=TENCENT_2020,
        id="4000048858",
        segment=Segment("我在马上上夜班。", 1640, 4600),
        success=b'{"code":0,"message":"success"}',
        shapes=(tencent_detail, tencent_fields),
        other_examples=(TENCENT_2019, TENCENT_DETAILED),
    ),
    Case(
        provider=Huawei(HuaweiSettings()),
        example=HUAWEI_EXAMPLE,
        id="FJKkMeepk8l",
        segment=Segment("Hello, is the call connected?", 4360, 5970, "0"),
        success=b'{"retCode":"0","retMsg":"success"}',
        shapes=(huawei_lattice, huawei_engine_form, huawei_fields),
    ),
]

every_provider = pytest.mark.parametrize("case", CASES, ids=[each.provider.name for each in CASES])

CALLBACK_ERRORS = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, CallbackError)
]

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def mutated(example: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of bodies that differ from `example` at up to three places."""
    places = st.integers(0, len(example))
    pieces = st.binary(max_size=8) | st.sampled_from([b"&", b"%", b'"', b"[", b"}", b"null", b"-1"])
    edits = st.lists(st.tuples(places, st.integers(0, 16), pieces), min_size=1, max_size=3)
    return edits.map(lambda chosen: _edit(example, chosen))


def _edit(example: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for place, removed, inserted in edits:
        example = example[:place] + inserted + example[place + removed :]
    return example


def check_sound(provider: Provider, body: bytes, query: bytes = b"") -> None:
    """Check that a body is refused on purpose, or gives what every renderer can write."""
    try:
        transcript = provider.parse(callback(body, query=query))
    except CallbackError:
        return
    assert msgspec.json.encode(transcript)


@every_provider
def test_documented_example(case: Case) -> None:
    """The vendor's own example is a result."""
    transcript = case.provider.parse(callback(case.example))
    assert (transcript.provider, transcript.id) == (case.provider.name, case.id)
    assert transcript.segments == (case.segment,)
    assert transcript.error is None


@every_provider
def test_success_answer(case: Case) -> None:
    """Success is answered to the byte."""
    answer = case.provider.acknowledge()
    assert (answer.status, answer.body) == (200, case.success)


@every_provider
@pytest.mark.parametrize("error", CALLBACK_ERRORS)
def test_every_refusal_is_answered(case: Case, error: type[CallbackError]) -> None:
    """Each class of error has an answer, which is never taken for a success."""
    answer = case.provider.refuse(error('it says "why"'))
    assert 400 <= answer.status <= 503
    success, refusal = msgspec.json.decode(case.success), msgspec.json.decode(answer.body)
    code, message = refusal.values()
    assert list(refusal) == list(success)
    assert type(code) is type(next(iter(success.values())))
    assert code not in success.values()
    assert message == 'it says "why"'
    assert ("WWW-Authenticate" in dict(answer.headers)) is (answer.status == 401)


@every_provider
@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\n",
        b"kumquat",
        b"\x00\xff",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"<kumquat/>",
        b"%",
        b"=" * 9,
    ],
)
def test_garbage(case: Case, garbage: bytes) -> None:
    """What is no result is refused as such."""
    with pytest.raises(NotUnderstood):
        case.provider.parse(callback(garbage))


@every_provider
@pytest.mark.parametrize(
    "body",
    [
        b"kumquat",
        b'{"kumquat": 1}',
        b'{"body": {"body": {"aid": "kumquat", "lattices": ["kumquat"]}}}',
        b'{"body": {"state": {"success": "kumquat"}, "body": {"aid": "kumquat"}}}',
        b'{"kumquat": "kumquat',
        b'"kumquat',
        b"kumquat=" + b"&kumquat" * 10_000,
    ],
)
def test_refusals_do_not_echo(case: Case, body: bytes) -> None:
    """The sentence of a refusal holds nothing of the body."""
    with pytest.raises(NotUnderstood) as refused:
        case.provider.parse(callback(body))
    assert "kumquat" not in str(refused.value)


@every_provider
def test_same_body_same_digest(case: Case) -> None:
    """A retry has the digest of the first try, whatever the URL says."""
    first = case.provider.parse(callback(case.example))
    again = case.provider.parse(callback(case.example, query=b"try=2"))
    assert first.digest == again.digest
    assert first.digest.startswith("sha256:")


@every_provider
@given(data=st.data())
def test_arbitrary_bytes(case: Case, data: st.DataObject) -> None:
    """No bytes do more harm than to be refused."""
    check_sound(case.provider, data.draw(st.binary()), data.draw(st.binary()))


@every_provider
@given(data=st.data())
def test_mutated_examples(case: Case, data: st.DataObject) -> None:
    """Nothing that is nearly a result does more harm than to be refused."""
    example = data.draw(st.sampled_from([case.example, *case.other_examples]))
    check_sound(case.provider, data.draw(mutated(example)))


@every_provider
@given(data=st.data())
def test_arbitrary_json(case: Case, data: st.DataObject) -> None:
    """No JSON, in whatever place, does more harm than to be refused."""
    shape = data.draw(st.sampled_from([lambda value, _: value, *case.shapes]))
    value = shape(data.draw(JSON_VALUES), data.draw(JSON_VALUES))
    check_sound(case.provider, msgspec.json.encode(value))
