"""Requests that hold another one: whoever reads their length differently finds two."""

from collections.abc import Iterator

from msgspec import Struct

_LINE = b"POST /callbacks/tencent HTTP/1.1\r\nHost: x\r\n"
_HIDDEN_LINE = b"POST /oifde/rest/sysapi/asrcallback HTTP/1.1\r\nHost: x\r\n"
_HIDDEN_BODY = b"""{"body": {"state": {"code": "0"}, "body": {"aid": "%s", "lattices": []}}}"""


class Trick(Struct, frozen=True):
    """One request for Tencent's path, with one for Huawei's in its body."""

    name: str
    request: bytes
    outer: str
    """The id of the result that the one request brings, if it is taken."""
    hidden: str
    """The id of the one that nobody may ever see."""


def tricks() -> Iterator[Trick]:
    """Return every trick, each with ids of its own."""
    for number, (name, template, way) in enumerate(_TRICKS):
        outer, hidden = f"outer{number}", f"hidden{number}"
        body, length = way(_form(outer), _hidden(hidden))
        head, line = template.encode("latin1").partition(b"|")[::2]
        head = head.replace(b"{n}", b"%d" % length)
        if line:
            size, _, rest = body.partition(b"\r\n")
            body = line.replace(b"{s}", size) + rest
        yield Trick(name, _LINE + head + b"\r\n\r\n" + body, outer, hidden)


def _form(id_: str) -> bytes:
    return b"code=0&text=hello&requestId=" + id_.encode() + b"&"


def _hidden(id_: str) -> bytes:
    body = _HIDDEN_BODY % id_.encode()
    return _HIDDEN_LINE + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


Body = tuple[bytes, int]
"""A body, and the number that stands for `{n}`."""


def _first(form: bytes, hidden: bytes) -> Body:
    """Hide it from who counts: who takes the length for 0 or for none finds it at once."""
    body = hidden + b"&" + form
    return body, len(body)


def _behind(form: bytes, hidden: bytes) -> Body:
    """Hide it from who counts: who reads chunks finds it behind the last one."""
    body = _chunk(form) + b"0\r\n\r\n" + hidden
    return body, len(body)


def _inside(form: bytes, hidden: bytes) -> Body:
    """Hide it from who reads chunks: who counts finds it behind a part of the first one.

    So does who takes that chunk for the last one, with the form for its trailer.
    """
    shown = form + b"\r\n\r\n"
    body = _chunk(shown + hidden) + b"0\r\n\r\n"
    return body, body.index(hidden)


_CHUNKED = "Transfer-Encoding: chunked"
_BOTH = "Content-Length: {n}\r\nTransfer-Encoding: "

_ONE_OR_THE_OTHER = (
    ("length and chunks", _BOTH + "chunked"),
    ("chunks and length", _CHUNKED + "\r\nContent-Length: {n}"),
    ("tab before chunked", _BOTH + "\tchunked"),
    ("vertical tab before chunked", _BOTH + "\x0bchunked"),
    ("xchunked", _BOTH + "xchunked"),
    ("quoted chunked", _BOTH + '"chunked"'),
    ("chunked and identity", _BOTH + "chunked, identity"),
    ("identity and chunked", _BOTH + "identity, chunked"),
    ("chunked twice", _BOTH + "chunked\r\n" + _CHUNKED),
    ("chunked and gzip", _BOTH + "chunked\r\nTransfer-Encoding: gzip"),
    ("chunked and a comma", _BOTH + "chunked,"),
    ("chunked and a parameter", _BOTH + "chunked;q=1"),
    ("chunked and a no-break space", _BOTH + "chunked\xa0"),
    ("NUL in value", _BOTH + "chunked\x00"),
    ("folded value", _BOTH + "\r\n chunked"),
    ("space before colon", "Content-Length: {n}\r\nTransfer-Encoding : chunked"),
    ("tab before colon", "Content-Length: {n}\r\nTransfer-Encoding\t: chunked"),
    ("NUL in name", "Content-Length: {n}\r\nTransfer-Encoding\x00: chunked"),
    ("folded first line", f" {_CHUNKED}\r\nContent-Length: {{n}}"),
    ("folded into another", f"X: a\r\n {_CHUNKED}\r\nContent-Length: {{n}}"),
    ("behind bare LF", f"X: a\n{_CHUNKED}\r\nContent-Length: {{n}}"),
    ("behind bare CR", f"X: a\r{_CHUNKED}\r\nContent-Length: {{n}}"),
    ("behind CR CR LF", f"X: a\r\r\n{_CHUNKED}\r\nContent-Length: {{n}}"),
)

_LENGTHS = (
    ("lengths that differ", "Content-Length: {n}\r\nContent-Length: 0"),
    ("lengths that differ the other way", "Content-Length: 0\r\nContent-Length: {n}"),
    ("lengths that agree", "Content-Length: {n}\r\nContent-Length: {n}"),
    ("list of lengths", "Content-Length: {n}, {n}"),
    ("list of other lengths", "Content-Length: {n},0"),
    ("plus", "Content-Length: +{n}"),
    ("minus", "Content-Length: -{n}"),
    ("hexadecimal", "Content-Length: 0x{n}"),
    ("underscore", "Content-Length: {n}_0"),
    ("space in number", "Content-Length: {n} 0"),
    ("fraction", "Content-Length: {n}.0"),
    ("superscript", "Content-Length: {n}\xb2"),
    ("nothing", "Content-Length: "),
    ("overflow", "Content-Length: 18446744073709551616"),
    ("space before colon of length", "Content-Length : {n}\r\nContent-Length: 0"),
    ("length behind bare LF", "X: a\nContent-Length: {n}"),
    ("length behind bare CR", "Content-Length: {n}\r\nX: a\rContent-Length: 0"),
    ("folded length", "Content-Length:\r\n {n}"),
)

_CHUNK_LINES = (
    ("chunk size 0x", "0x{s}\r\n"),
    ("chunk size with plus", "+{s}\r\n"),
    ("chunk size with minus", "-{s}\r\n"),
    ("chunk size with underscore", "0_{s}\r\n"),
    ("blank chunk size", "\r\n"),
    ("chunk size of 65 bits", "10000000000000000\r\n"),
    ("chunk size of 65 bits and more", "100000000000000{s}\r\n"),
    ("chunk size with LF in extension", "{s};a\nb\r\n"),
    ("chunk size with CR in extension", "{s};a\rb\r\n"),
    ("chunk size with NUL", "{s}\x00\r\n"),
    ("chunk line that ends with LF", "{s}\n"),
    ("chunk line that ends with CR", "{s}\r"),
)

_TRICKS = (
    *((f"{name}, behind", head, _behind) for name, head in _ONE_OR_THE_OTHER),
    *((f"{name}, inside", head, _inside) for name, head in _ONE_OR_THE_OTHER),
    *((name, head, _first) for name, head in _LENGTHS),
    *((name, f"{_CHUNKED}|{line}", _inside) for name, line in _CHUNK_LINES),
)
