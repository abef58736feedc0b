"""Answers, as they go over a connection."""

import time
from email.utils import formatdate
from functools import lru_cache
from http.client import responses

from asr_daemon.providers.base import Answer

GO_AHEAD = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Tells who asked before sending a body to send it (RFC 9110, 10.1.1)."""


def encode_answer(answer: Answer, connection: str | None, *, with_body: bool) -> bytes:
    """Return head and body of an answer, dated now; no server is named.

    Args:
        answer: what the vendor is told.
        connection: what is said of the connection, if anything: `close` or `keep-alive`.
        with_body: `False` for HEAD, which is told what the body would be.
    """
    head = _head(answer.status, answer.headers, len(answer.body), connection, int(time.time()))
    return head + answer.body if with_body else head


# A busy second has many of the same.
@lru_cache(maxsize=16)
def _head(
    status: int,
    headers: tuple[tuple[str, str], ...],
    body_bytes: int,
    connection: str | None,
    now_s: int,
) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if connection is not None:
        more += f"Connection: {connection}\r\n"
    return (
        f"HTTP/1.1 {status} {responses[status]}\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {body_bytes}\r\n"
        f"Date: {formatdate(now_s, usegmt=True)}\r\n"
        f"{more}\r\n"
    ).encode("ascii")
