"""Log lines: telling, one line an event, and harmless in a terminal."""

import json
import logging
import sys
from io import StringIO
from threading import Thread

import pytest

from asr_daemon.logs import JournalFormatter, JsonFormatter, TextFormatter, configure


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


def test_journal() -> None:
    """Each line of a record has its priority before it, those of a traceback too."""
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    made.levelno, made.levelname = logging.ERROR, "ERROR"
    lines = JournalFormatter(TextFormatter()).format(made).split("\n")
    assert lines[0] == "<3>ERROR   failed"
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)


@pytest.mark.parametrize(
    ("level", "prefix"),
    [
        (logging.DEBUG, "<7>"),
        (logging.INFO, "<6>"),
        (logging.WARNING, "<4>"),
        (logging.ERROR, "<3>"),
        (logging.CRITICAL, "<2>"),
        (25, "<5>"),
    ],
)
def test_priorities(level: int, prefix: str) -> None:
    """The priority is that of syslog; a level that has none is a notice."""
    made = record("x")
    made.levelno = level
    assert JournalFormatter(JsonFormatter()).format(made).startswith(prefix + "{")


def test_another_format_while_others_speak() -> None:
    """No line is lost, and none is of no format, while the log is configured anew."""
    stream = StringIO()
    configured = logging.getLogger().handlers, logging.getLogger().level
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    configure("info", "text", stream)

    def speak() -> None:
        for number in range(20_000):
            logging.getLogger("x").warning("line %d", number)

    speaker = Thread(target=speak)
    speaker.start()
    while speaker.is_alive():
        configure("info", "text", stream)
    sys.setswitchinterval(interval_s)
    logging.getLogger().handlers, logging.getLogger().level = configured
    lines = stream.getvalue().splitlines()
    assert lines == [f"WARNING line {number}" for number in range(20_000)]
