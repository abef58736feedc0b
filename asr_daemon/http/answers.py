"""Answers, as they go over a connection."""

import time
from email.utils import formatdate
from functools import lru_cache
from http.client import responses

from asr_daemon.providers.base import Answer

GO_AHEAD = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Tells who asked before sending a body to send it (RFC 9110, 10.1.1)."""


def encode_answer(answer: Answer, connection: str | None, *, with_body: bool) -> bytes:
    """Return head and body of an answer; no server is named.

    Args:
        answer: what the vendor is told.
        connection: what is said of the connection, if anything: `close` or `keep-alive`.
        with_body: `False` for HEAD, which is told what the body would be.
    """
    more = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    if connection is not None:
        more += f"Connection: {connection}\r\n"
    head = (
        f"HTTP/1.1 {answer.status} {responses[answer.status]}\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        f"Date: {_date(int(time.time()))}\r\n"
        f"{more}\r\n"
    ).encode("ascii")
    return head + answer.body if with_body else head


@lru_cache(maxsize=1)
def _date(now_s: int) -> str:
    """Return the value of a Date header; a busy second has many of the same."""
    return formatdate(now_s, usegmt=True)
