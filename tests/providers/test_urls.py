"""URLs are understood as they were meant, however they were put together."""

import pytest

from asr_daemon.providers.urls import rest_of_path, split_fields, split_url, unescape_ampersands


@pytest.mark.parametrize(
    ("path", "base", "rest"),
    [
        (b"/a/b", "/a/b", b""),
        (b"/a/b/", "/a/b", b""),
        (b"/a/b/c/d%2F", "/a/b", b"c/d%2F"),
        (b"/a/b//c", "/a/b", b"c"),
        (b"//a///b//c//d", "/a/b", b"c//d"),
        (b"/a/b%3Fc", "/a/b", b"%3Fc"),
        (b"/a/b%3fc", "/a/b/", b"%3fc"),
        (b"/a.b", "/a.b", b""),
        (b"/axb", "/a.b", None),
        (b"/a/bc", "/a/b", None),
        (b"/a/b%2Fc", "/a/b", None),
        (b"/a", "/a/b", None),
        (b"a/b", "/a/b", None),
        (b"", "/a/b", None),
        (b"/a", "/", b"a"),
        (b"/", "/", b""),
        (b"//", "/", b""),
        (b"/a/b\n", "/a/b", None),
    ],
)
def test_rest_of_path(path: bytes, base: str, rest: bytes | None) -> None:
    """What stands behind a path begins at a slash, of which there may be too many."""
    assert rest_of_path(path, base) == rest


@pytest.mark.parametrize(
    ("path", "query", "url"),
    [
        (b"/a", b"b=1", (b"", b"b=1")),
        (b"/a/b", b"", (b"b", b"")),
        (b"/a%3Fb=1", b"", (b"", b"b=1&")),
        (b"/a/%3fb=1&c=2", b"d=3", (b"", b"b=1&c=2&d=3")),
        (b"/a/b/%3Fc=%3Fd", b"", (b"b", b"c=%3Fd&")),
        (b"/a%3Fb%3D1%26c%3D2", b"d=3", (b"", b"b=1&c=2&d=3")),
        (b"/a/b=1%3Fc=2", b"", (b"b=1%3Fc=2", b"")),
        (b"/b%3Fc=1", b"d=3", (None, b"d=3")),
    ],
)
def test_split_url(path: bytes, query: bytes, url: tuple[bytes | None, bytes]) -> None:
    """An encoded question mark begins a query, unless it is in the value of a pair."""
    assert split_url(path, query, "/a") == url


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        (b"a=1&b=2", [b"a=1", b"b=2"]),
        (b"a=1&amp;b=2&amp;amp;c=3", [b"a=1", b"b=2", b"c=3"]),
        (b"?a=1&?b=2&%3Fc=3&??d=4", [b"a=1", b"b=2", b"c=3", b"d=4"]),
        (b"a=%26amp;b?c", [b"a=%26amp;b?c"]),
        (b"&&", [b"", b"", b""]),
    ],
)
def test_split_fields(query: bytes, fields: list[bytes]) -> None:
    """Separators are what they were before a console or a document escaped them."""
    assert list(split_fields(query)) == fields


def test_unescape_ampersands() -> None:
    """Only what stands between pairs is unescaped."""
    assert unescape_ampersands(b"a=1&amp;b=%26amp;") == b"a=1&b=%26amp;"
