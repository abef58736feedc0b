"""Log lines: telling, one line an event, and harmless in a terminal."""

import asyncio
import json
import logging
import sys
from io import StringIO
from threading import Thread

import pytest

from asr_daemon.logs import (
    JournalFormatter,
    JsonFormatter,
    LineHandler,
    TextFormatter,
    TimedFormatter,
    configure,
)


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


def test_time() -> None:
    """Outside the journal a line begins with the time, in UTC."""
    line = TimedFormatter().format(record("stopped"))
    assert line == "2026-11-21T12:34:56.789+00:00 INFO    stopped"


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


class Stream(StringIO):
    """Notes what is written in one piece."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        """Note a piece."""
        self.pieces.append(text)
        return len(text)


def said(*levels: int) -> list[str]:
    """Return the pieces that are written of what is said in one turn of a loop."""
    stream = Stream()
    handler = LineHandler(stream)

    async def run() -> None:
        for number, level in enumerate(levels):
            handler.handle(logging.LogRecord("x", level, "", 0, str(number), None, None))
        await asyncio.sleep(0)

    asyncio.run(run())
    return stream.pieces


def test_what_is_said_in_one_turn_is_one_piece() -> None:
    """Lines of many callbacks take one system call."""
    assert said(logging.INFO, logging.INFO, logging.INFO) == ["0\n1\n2\n"]


def test_warnings_do_not_wait() -> None:
    """A warning is written at once, behind what was said before it."""
    assert said(logging.INFO, logging.WARNING, logging.INFO) == ["0\n1\n", "2\n"]


def test_lines_outside_a_loop_do_not_wait() -> None:
    """What another thread says is written at once."""
    stream = Stream()
    LineHandler(stream).handle(logging.LogRecord("x", logging.INFO, "", 0, "said", None, None))
    assert stream.pieces == ["said\n"]


class Broken(StringIO):
    """A pipe that nobody reads any more."""

    def write(self, text: str) -> int:
        """Fail."""
        raise BrokenPipeError


def test_a_log_that_cannot_be_written() -> None:
    """Where no line can be written nothing fails: callbacks are served on."""
    record_of = logging.LogRecord("x", logging.WARNING, "", 0, "said", None, None)
    assert LineHandler(Broken()).handle(record_of)


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
    lines = [line.partition(" ")[2] for line in stream.getvalue().splitlines()]
    assert lines == [f"WARNING line {number}" for number in range(20_000)]


def test_lines_before_another_format_come_first() -> None:
    stream = StringIO()

    async def log() -> None:
        configure("info", "text", stream)
        logging.getLogger("x").info("before")
        configure("info", "text", stream)
        logging.getLogger("x").info("after")

    root = logging.getLogger()
    configured = root.handlers, root.level
    asyncio.run(log())
    root.handlers, root.level = configured
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["before", "after"]
