"""Answers as bytes."""

import time

import pytest

from asr_daemon.http.answers import encode_answer
from asr_daemon.providers.base import Answer

ANSWER = Answer(405, b'{"code":405}', (("Allow", "POST"),))


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the time of the example in RFC 9110, 5.6.7."""
    monkeypatch.setattr(time, "time", lambda: 784_111_777.9)


def test_all_of_an_answer() -> None:
    """An answer has a type, a length, a date and headers of its own, and names no server."""
    assert encode_answer(ANSWER, None, with_body=True) == (
        b"HTTP/1.1 405 Method Not Allowed\r\n"
        b"Content-Type: application/json; charset=utf-8\r\n"
        b"Content-Length: 12\r\n"
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        b"Allow: POST\r\n"
        b"\r\n"
        b'{"code":405}'
    )


@pytest.mark.parametrize("option", ["close", "keep-alive"])
def test_what_becomes_of_the_connection(option: str) -> None:
    """It is said what becomes of the connection where that has to be said."""
    answer = encode_answer(ANSWER, option, with_body=True)
    assert f"\r\nConnection: {option}\r\n\r\n{{".encode() in answer


def test_without_body() -> None:
    """An answer to HEAD has the length of the body, and not the body."""
    whole = encode_answer(ANSWER, None, with_body=True)
    assert encode_answer(ANSWER, None, with_body=False) == whole.removesuffix(ANSWER.body)


def test_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """The date is that of the second."""
    for now_s, date in ((0.0, b"Thu, 01 Jan 1970 00:00:00"), (1.5, b"Thu, 01 Jan 1970 00:00:01")):
        monkeypatch.setattr(time, "time", lambda now_s=now_s: now_s)
        assert b"\r\nDate: " + date + b" GMT\r\n" in encode_answer(ANSWER, None, with_body=True)
