"""What the head of a request says, where it can be read in one way only."""

import re
import sys

from tornado import httputil
from tornado.http1connection import is_transfer_encoding_chunked

_LONGEST_LENGTH = 18
"""Digits of a Content-Length that is worth reading as a number."""

_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+;=:%\[\]-]*")


def split_target(target: str) -> tuple[str, str]:
    """Return path and query of a request target, which may be a whole URL (RFC 9112, 3.2.2)."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        _, _, behind_scheme = path.partition("://")
        _, slash, rest = behind_scheme.partition("/")
        path = slash + rest
    return path, query


def check_host(start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders) -> None:
    """Look at the host that is asked for, which nothing here depends on (RFC 9112, 3.2).

    Raises:
        HTTPInputError: there is none, or several, or it is no host.
    """
    host = headers.get("Host", "" if start_line.version == "HTTP/1.0" else None)
    if host is None or not _HOST.fullmatch(host):
        raise httputil.HTTPInputError("the Host header is missing, or is not one host")


def content_length(
    start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders
) -> int | None:
    """Return the announced length of the body, `None` if there is none.

    Raises:
        HTTPInputError: it is not one plain number, or comes with chunks, or chunks come in a
            version that has none: where a request ends would be anybody's guess (RFC 9112, 6.1
            and 6.3), so Tornado answers 400 and closes.
    """
    if is_transfer_encoding_chunked(headers):
        if start_line.version != "HTTP/1.1":
            raise httputil.HTTPInputError("chunks outside HTTP/1.1")
        return None
    if "Content-Length" not in headers:
        return None
    announced = headers["Content-Length"]
    if not (announced.isascii() and announced.isdigit()):
        raise httputil.HTTPInputError("Content-Length is not one number")
    return int(announced) if len(announced) <= _LONGEST_LENGTH else sys.maxsize
