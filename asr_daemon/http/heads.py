"""What the head of a request says, where it can be read in one way only.

A head is matched as a whole against one grammar (RFC 9112, strictly: CRLF ends every line, nothing
is folded, no space stands before a colon), so that no proxy in front can have read another request.
"""

import re
import sys

from msgspec import Struct

from asr_daemon.errors import MalformedRequest

MOST_FIELDS = 256
"""Header lines of one request; proxies that are chained send some twenty."""

LONGEST_NAME_BYTES = 256
"""Of a header; known ones have at most some 40."""

MOST_PARAMETERS = 1000
"""Of a URL; who has no credentials could have a hundred thousand of them taken apart."""

_NAME = r"[!#-'*+.^_`|~0-9A-Za-z-]"
_LONG_NAME = rf"{_NAME}{{1,{LONGEST_NAME_BYTES}}}"
_VALUE = r"[^\x00-\x08\x0a-\x1f\x7f]*+"
_FIELDS = re.compile(rf"({_LONG_NAME}):[ \t]*+({_VALUE})\r\n")
_START = re.compile(rf"({_NAME}++) ([^\x00-\x20\x7f]++) HTTP/(1\.[0-9])\r\n")
_REST = re.compile(rf"(?:{_LONG_NAME}:{_VALUE}\r\n)*\r\n")

_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+;=:%\[\]-]*")

_LONGEST_LENGTH = 18
"""Digits of a Content-Length that is worth reading as a number."""


class RequestHead(Struct, frozen=True):
    """The head of one request."""

    method: str
    path: str
    """Still percent-encoded, and as Latin-1."""
    query: str
    """What stands behind the `?`; empty where there is none."""
    headers: dict[str, str]
    """By name in lower case, as Latin-1; lines of one name are joined with commas."""
    length: int | None
    """Of the body, in bytes; `None` where it comes in chunks."""
    persistent: bool
    """The sender may send another request on the same connection."""
    version: str
    waits_for_go_ahead: bool
    """The sender sends the body when it is told to, or has waited for long enough."""


def read_head(raw: bytes | bytearray) -> RequestHead:
    """Return what a head says, of which `raw` is all, with the blank line at its end.

    Raises:
        MalformedRequest: it is not HTTP/1, or could be read in another way.
    """
    text = raw.decode("latin-1")
    start = _START.match(text)
    if start is not None and text.count("\r\n", start.end()) > MOST_FIELDS + 1:
        raise MalformedRequest(f"the request has more than {MOST_FIELDS} header lines")
    if start is None or _REST.fullmatch(text, start.end()) is None:
        raise MalformedRequest("this is not a request of HTTP")
    method, target, version = start.groups()
    if target.count("&") >= MOST_PARAMETERS:
        raise MalformedRequest(f"the URL has more than {MOST_PARAMETERS} parameters")
    headers = _read_fields(_FIELDS.findall(text, start.end()))
    _check_host(headers, version)
    path, query = _split_target(target)
    length = _read_length(headers, version)
    return RequestHead(
        method=method,
        path=path,
        query=query,
        headers=headers,
        length=length,
        persistent=_is_persistent(headers, version),
        version=version,
        waits_for_go_ahead=_is_expectant(headers) and length != 0 and version != "1.0",
    )


def _read_fields(fields: list[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, padded in fields:
        key, value = name.lower(), padded.rstrip(" \t")
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers


def _split_target(target: str) -> tuple[str, str]:
    """Return path and query of a request target, which may be a whole URL (RFC 9112, 3.2.2)."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        _, _, behind_scheme = path.partition("://")
        _, slash, rest = behind_scheme.partition("/")
        path = slash + rest
    return path, query


def _check_host(headers: dict[str, str], version: str) -> None:
    """Look at the host that is asked for, which nothing here depends on (RFC 9112, 3.2)."""
    host = headers.get("host", "" if version == "1.0" else None)
    if host is None or not _HOST.fullmatch(host):
        raise MalformedRequest("the Host header is missing, or is not one host")


def _read_length(headers: dict[str, str], version: str) -> int | None:
    """Return the length of the body, `None` if it comes in chunks (RFC 9112, 6.1 and 6.3).

    A proxy may not see chunks in another version than 1.1, and any coding but chunks may end
    anywhere.
    """
    announced = headers.get("content-length")
    if "transfer-encoding" in headers:
        if announced is not None:
            raise MalformedRequest("Content-Length and Transfer-Encoding exclude each other")
        if headers["transfer-encoding"].lower() != "chunked" or version != "1.1":
            raise MalformedRequest("Transfer-Encoding may only be chunked, and not in this version")
        return None
    if announced is None:
        return 0
    if not (announced.isascii() and announced.isdigit()):
        raise MalformedRequest("Content-Length is not one number")
    return int(announced) if len(announced) <= _LONGEST_LENGTH else sys.maxsize


def _is_persistent(headers: dict[str, str], version: str) -> bool:
    options = headers.get("connection")
    if options is None:
        return version != "1.0"
    listed = {option.strip() for option in options.lower().split(",")}
    return "close" not in listed and (version != "1.0" or "keep-alive" in listed)


def _is_expectant(headers: dict[str, str]) -> bool:
    """Say whether a go-ahead is asked for, which HTTP/1.0 does not know (RFC 9110, 10.1.1)."""
    expected = headers.get("expect")
    if expected is not None and expected.lower() != "100-continue":
        raise MalformedRequest("Expect may only be 100-continue")
    return expected is not None
