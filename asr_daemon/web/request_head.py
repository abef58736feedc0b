"""The head of a request: it is read in one way only, and judged before the body is received.

Tornado has parsed it, strictly (RFC 9112). What it leaves to others is refused here, so that no
proxy in front can have read another request.
"""

import re
from sys import maxsize

from msgspec import Struct
from tornado.httputil import HTTPHeaders, RequestStartLine

from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    MalformedRequest,
    MethodNotAllowed,
    UnsupportedBody,
)
from asr_daemon.networks import find_client
from asr_daemon.providers.base import Head
from asr_daemon.web.interfaces import HEALTH_PATH, Endpoint, Routing
from asr_daemon.web.refusal_log import internal_error

MAX_PARAMETERS = 1000
"""Of a URL; a sender without credentials could have a hundred thousand of them parsed."""

_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+;=:%\[\]-]*")
_LENGTH = re.compile(r"[0-9]{1,18}")


class RequestHead(Struct, frozen=True):
    """The head of one request, as far as HTTP goes."""

    path: str
    """Percent-encoded, and as Latin-1."""
    query: str
    """What follows the `?`; empty if there is none."""
    length: int | None
    """Of the body, in bytes; `None` where it comes in chunks."""
    is_last: bool
    """No request follows on the same connection."""
    expects_continue: bool
    """The sender waits for `100 Continue` before it sends the body, but not forever."""


class JudgedHead(Struct, frozen=True):
    """Whether the body of a request is to be received."""

    endpoint: Endpoint
    """What serves the request, or refuses it."""
    head: Head
    """For the endpoint; without path and headers if they could not be read."""
    request: RequestHead | None
    """`None` if it could not be read: then the end of the request is not known."""
    most_bytes: int
    """The largest body."""
    error: CallbackError | None = None
    """Why the request is refused unread; `None` if it is admitted."""


def judge_head(
    line: RequestStartLine, headers: HTTPHeaders, address: str, routing: Routing
) -> JudgedHead:
    """Judge a request by its head: path, method, credentials, encoding and length of its body.

    Args:
        line: the method, target and version.
        headers: all of them.
        address: where it comes from.
        routing: what is served now.
    """
    intake = routing.intake
    try:
        request = read_head(line, headers)
    except MalformedRequest as malformed:
        unread = Head(b"", b"", {}, address)
        return JudgedHead(routing.find(""), unread, None, intake.body_bytes, malformed)
    is_health_check = request.path == HEALTH_PATH and line.method in ("GET", "HEAD")
    endpoint = routing.health if is_health_check else routing.find(request.path)
    client = find_client(address, headers, intake.trusted_proxies, intake.client_address_header)
    path, query = request.path.encode("latin-1"), request.query.encode("latin-1")
    head = Head(path, query, headers, client.address)
    most_bytes = min(intake.body_bytes, endpoint.anonymous_bytes or maxsize)
    error: CallbackError | None
    if line.method == "POST" or is_health_check:
        error = _admit(endpoint, head) or _check_body(headers, request.length, most_bytes)
    else:
        error = MethodNotAllowed("only POST is served here")
    if line.method == "POST":
        intake.refusal_log.note_client(client)
    return JudgedHead(endpoint, head, request, most_bytes, error)


def _admit(endpoint: Endpoint, head: Head) -> CallbackError | None:
    try:
        endpoint.admit(head)
    except CallbackError as error:
        return error
    except Exception:  # noqa: BLE001 - it is logged, and the sender is owed an answer
        return internal_error(endpoint.name)
    return None


def _check_body(
    headers: HTTPHeaders, length: int | None, most_bytes: int
) -> UnsupportedBody | BodyTooLarge | None:
    if headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        return UnsupportedBody("compressed bodies are not accepted")
    if headers.get("Content-Type", "").lower().startswith("multipart/"):
        return UnsupportedBody("multipart bodies are not accepted")
    if length is not None and length > most_bytes:
        return BodyTooLarge(f"the body is larger than {most_bytes} bytes")
    return None


def read_head(line: RequestStartLine, headers: HTTPHeaders) -> RequestHead:
    """Return the head of a request.

    Raises:
        MalformedRequest: it could be read in another way.
    """
    if line.path.count("&") >= MAX_PARAMETERS:
        raise MalformedRequest(f"the URL has more than {MAX_PARAMETERS} parameters")
    _check_host(headers, line.version)
    path, query = _split_target(line.path)
    length = _read_length(headers, line.version)
    expects_continue = _expects_continue(headers) and length != 0 and line.version != "HTTP/1.0"
    return RequestHead(path, query, length, _is_last(headers, line.version), expects_continue)


def _split_target(target: str) -> tuple[str, str]:
    """Return path and query of a request target, which may be a whole URL (RFC 9112, 3.2.2)."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        _, _, behind_scheme = path.partition("://")
        _, slash, rest = behind_scheme.partition("/")
        path = slash + rest
    return path, query


def _check_host(headers: HTTPHeaders, version: str) -> None:
    """Check the host, which nothing here depends on (RFC 9112, 3.2)."""
    host = headers.get("Host", "" if version == "HTTP/1.0" else None)
    if host is None or not _HOST.fullmatch(host):
        raise MalformedRequest("the Host header is missing, or is not one host")


def _read_length(headers: HTTPHeaders, version: str) -> int | None:
    """Return the length of the body, `None` if it comes in chunks (RFC 9112, 6.1 and 6.3).

    A proxy may not see chunks in another version than 1.1, and any coding but chunks may end
    anywhere.
    """
    announced = headers.get("Content-Length")
    if "Transfer-Encoding" in headers:
        if announced is not None:
            raise MalformedRequest("Content-Length and Transfer-Encoding exclude each other")
        if headers["Transfer-Encoding"].lower() != "chunked" or version != "HTTP/1.1":
            raise MalformedRequest("Transfer-Encoding may only be chunked, and not in this version")
        return None
    if announced is None:
        return 0
    if not _LENGTH.fullmatch(announced):
        raise MalformedRequest("Content-Length is not one number")
    return int(announced)


def _is_last(headers: HTTPHeaders, version: str) -> bool:
    listed = {option.strip() for option in headers.get("Connection", "").lower().split(",")}
    if version == "HTTP/1.1":
        return "close" in listed
    # Tornado keeps no other connection (`HTTP1Connection`).
    return not (version == "HTTP/1.0" and listed == {"keep-alive"} and "Content-Length" in headers)


def _expects_continue(headers: HTTPHeaders) -> bool:
    expected = headers.get("Expect")
    if expected is not None and expected.lower() != "100-continue":
        raise MalformedRequest("Expect may only be 100-continue")
    return expected is not None
