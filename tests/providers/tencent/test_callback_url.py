"""The key, parameters and appended fields are told apart in a callback URL."""

import pytest

from asr_daemon.providers.form import Pair
from asr_daemon.providers.tencent.callback_url import read_parameters, split_element


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        (b"", []),
        (b"key=k&job=4%2B2", [(b"key", b"k"), (b"job", b"4+2")]),
        (b"key=k?code=0&text=a", [(b"key", b"k"), (b"code", b"0"), (b"text", b"a")]),
        (b"key=k%3Fcode=0&text=a%3Fb", [(b"key", b"k"), (b"code", b"0"), (b"text", b"a?b")]),
        (b"key=k%3Fcode%3D0%26text%3Da%252B", [(b"key", b"k"), (b"code", b"0"), (b"text", b"a+")]),
        (b"key=k/code=0&text=a", [(b"key", b"k"), (b"code", b"0"), (b"text", b"a")]),
        (b"key=k/?code=0", [(b"key", b"k"), (b"code", b"0")]),
        (b"key=k?job=1?code=0", [(b"key", b"k"), (b"job", b"1"), (b"code", b"0")]),
        (b"key=k&job=1?code=0", [(b"key", b"k"), (b"job", b"1"), (b"code", b"0")]),
        (b"job=1%3fcode=0&key=k", [(b"job", b"1"), (b"code", b"0"), (b"key", b"k")]),
        (b"%6bEy=k&amp;job=1", [(b"kEy", b"k"), (b"job", b"1")]),
        (b"job=1&amp;key=k#x", [(b"job", b"1"), (b"key", b"k")]),
        (b"key=k/", [(b"key", b"k")]),
        (b"key=k?", [(b"key", b"k")]),
        (b"key=k/other", [(b"key", b"k")]),
        (b"key=k?key=l?key=m", [(b"key", b"k"), (b"key", b"l"), (b"key", b"m")]),
        (b"key", [(b"key", b"")]),
        # What is data stays data.
        (b"job=1?x=2", [(b"job", b"1?x=2")]),
        (b"job=a%3Fcode%3D1", [(b"job", b"a?code=1")]),
        (b"cb=http://a/?code=1", [(b"cb", b"http://a/?code=1")]),
        (b"cb=http%3A%2F%2Fa%3Fcode=1", [(b"cb", b"http://a?code=1")]),
        (b"code=0&text=a?code=1", [(b"code", b"0"), (b"text", b"a?code=1")]),
    ],
)
def test_parameters(query: bytes, parameters: list[Pair]) -> None:
    """A key ends where none can go on, a parameter where a vendor's field begins."""
    assert list(read_parameters(query)) == parameters


@pytest.mark.parametrize(
    ("rest", "split"),
    [
        (b"", (b"", b"")),
        (b"k", (b"k", b"")),
        (b"k/", (b"k", b"")),
        (b"k//code=0&text=a/b", (b"k", b"code=0&text=a/b")),
        (b"k&code=0", (b"k", b"code=0")),
        (b"k%3Fcode=0", (b"k", b"code=0")),
        (b"code=0&text=a", (b"code=0", b"text=a")),
    ],
)
def test_split_element(rest: bytes, split: tuple[bytes, bytes]) -> None:
    """The first element ends where no key can go on."""
    assert split_element(rest) == split
