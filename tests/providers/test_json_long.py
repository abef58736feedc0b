"""Long JSON is cut into runs, and is neither more nor less than what msgspec decodes."""

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asr_daemon.errors import NotUnderstood
from asr_daemon.long import Encoder, LongList, LongObject, LongText
from asr_daemon.providers.json_body import decode_json
from asr_daemon.providers.json_long import MOST_MEMBERS

STEP_BYTES = 12
"""No shorter than the longest escape of one character."""

VALUES = st.recursive(
    st.none() | st.integers(0, 99) | st.text('ab"\\\n你😀,]}[{: ', max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('a"\\,]'), inner),
)
PIECES = [*(bytes([sign]) for sign in b'[]{},:"\\ 1\xe4'), b"\\ud83d", b"\\ude00"]


@pytest.fixture(autouse=True, scope="module")
def short_steps() -> Iterator[None]:
    """Cut even short values."""
    patch = pytest.MonkeyPatch()
    for module in ("long", "providers.json_long", "providers.json_body"):
        patch.setattr(f"asr_daemon.{module}.STEP_BYTES", STEP_BYTES)
    yield
    patch.undo()


def encoded(value: object) -> bytes:
    """Return JSON of what may be long."""
    return b"".join(Encoder().pieces(value))


def whole(raw: bytes) -> bytes | None:
    """Return what msgspec makes of JSON in one call, `None` if it refuses it."""
    try:
        return msgspec.json.encode(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


@given(VALUES, st.sampled_from([0, 1]), st.booleans())
def test_same_value(value: object, indent: int, escaped: bool) -> None:
    """Wherever it is cut, it is the value that it is whole."""
    raw = msgspec.json.format(msgspec.json.encode(value), indent=indent)
    if escaped:
        raw = raw.decode().encode("ascii", "backslashreplace")
        assume(b"\\U" not in raw and b"\\x" not in raw)
    assert encoded(decode_json(raw)) == whole(raw)


@given(st.lists(st.sampled_from(PIECES), min_size=8, max_size=40), st.binary(max_size=3))
def test_same_refusal(pieces: list[bytes], odd: bytes) -> None:
    """What is broken is refused, and nothing else is."""
    raw = b'["' + b"a" * STEP_BYTES + b'",' + b"".join(pieces) + odd + b"]"
    expected = whole(raw)
    if expected is not None:
        assert encoded(decode_json(raw)) == expected
        return
    with pytest.raises(NotUnderstood):
        decode_json(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[1,1,1,1,1,1,1,1,1,]",
        b"[,1,1,1,1,1,1,1,1,1]",
        b"[1,1,1,1,1,1,,1,1,1]",
        b'["aaaaaaaaaaaaaaaaaaaaaaaa",]',
        b'["aaaaaaaaaaaaaaaaaaaaaaaa"}',
        b'["aaaaaaaaaaaaaaaaaaaaaaaa" 1]',
        b'{"aaaaaaaaaaaaaaaaaaaaaaaa"}',
        b'{"a":"aaaaaaaaaaaaaaaaaaaaaa","b"}',
        b'{"a":1,"a":2,"a":3,"a":4}]',
        b'"aaaaaaaaaaaaaaaaaaaaaaaaa',
        b'"aaaaaaaaaaaa\\',
        b'"aaaaaaaaaaaa\\ud83d"',
        b'"aaaaaaaaaaaaa\xe4\xbd"',
        b"[1,1,1,1,1,1,1,1,1,1",
        b"[" * 30 + b"]" * 30,
    ],
)
def test_broken(raw: bytes) -> None:
    """A mistake where it is cut is still one."""
    with pytest.raises(NotUnderstood):
        decode_json(raw)


def test_kinds() -> None:
    """Only what is long is kept in pieces, and names are there as ever."""
    value = decode_json(b'{"a":"bbbbbbbbbbbbbbbb","c":[1,2,3,4,5,6,7,8],"d":[1],"e":{}}')
    assert isinstance(value, LongObject)
    assert isinstance(value["a"], LongText)
    assert isinstance(value["c"], LongList)
    assert (value["a"].whole(), list(value["c"])) == ("b" * 16, [1, 2, 3, 4, 5, 6, 7, 8])
    assert (value["d"], value["e"]) == ([1], {})


def test_repeated_names() -> None:
    """Of equal names the last counts, in the place of the first."""
    raw = b'{"a":1,"b":"cccccccccccccccc","a":"dddddddddddddddd","b":2}'
    assert encoded(decode_json(raw)) == b'{"a":"dddddddddddddddd","b":2}'


def test_too_many_members() -> None:
    """An object that would eat memory is refused."""
    raw = b"{" + b",".join(b'"%d":0' % number for number in range(MOST_MEMBERS + 1)) + b"}"
    with pytest.raises(NotUnderstood, match="members"):
        decode_json(raw)
