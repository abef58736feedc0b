"""Log lines: telling, one line an event, and harmless in a terminal."""

import json
import logging
import sys

import pytest

from asr_daemon.logs import JsonFormatter, TextFormatter


def record(message: str, **fields: object) -> logging.LogRecord:
    """Return a record with fields, as `extra` makes it."""
    made = logging.LogRecord("x", logging.INFO, "", 0, message, None, None)
    made.created = 1795264496.789
    made.fields = fields
    return made


def test_text() -> None:
    """Facts follow the message as name=value."""
    line = TextFormatter().format(record("callback acknowledged", provider="tencent", ms=1.5))
    assert line == "INFO    callback acknowledged provider=tencent ms=1.5"


def test_json() -> None:
    """A JSON line holds time, level, message and the facts."""
    assert json.loads(JsonFormatter().format(record("hello", id="通话"))) == {
        "time": "2026-11-21T12:34:56.789+00:00",
        "level": "info",
        "message": "hello",
        "id": "通话",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("4000048858", "4000048858"),
        ("通话", "通话"),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ("", '""'),
        ("\x1b[31mred", '"\\u001b[31mred"'),
        ("line\nforged", '"line\\nforged"'),
        ("\u202egnp.exe", '"\\u202egnp.exe"'),
        ("\u2028", '"\\u2028"'),
    ],
)
def test_hostile_values_are_quoted(value: str, shown: str) -> None:
    """Whatever a sender chose as id cannot forge a line or command a terminal."""
    assert TextFormatter().format(record("m", id=value)) == f"INFO    m id={shown}"


def test_hostile_message_is_escaped() -> None:
    """The same holds for what libraries put into their messages."""
    assert TextFormatter().format(record("bad\x1b[2J\nline")) == "INFO    bad\\u001b[2J\\nline"


def test_traceback_is_indented() -> None:
    """A traceback follows its line, and cannot be taken for one."""
    try:
        raise ValueError("\x1b[31m")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    first, *rest = TextFormatter().format(made).split("\n")
    assert first == "INFO    failed"
    assert all(line.startswith("    ") for line in rest)
    assert rest[-1] == "    ValueError: \\u001b[31m"
