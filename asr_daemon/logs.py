"""The log: one line an event, as text for people or JSON for machines.

An event's facts come as `extra={"fields": {...}}`. A line stays one line and holds no
control character, whatever a sender put into the facts.
"""

import asyncio
import json
import logging
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

_BARE = re.compile(r'[^ "=]+')

_NOTICE = 5
_PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
"""Of syslog(3), by level."""


def configure(
    level: str, style: str, stream: TextIO = sys.stderr, *, journal: bool = False
) -> None:
    """Send every record of `level` and above to `stream`, as `text` or `json`.

    With `journal`, each line begins with its priority (sd-daemon(3)), which journald takes off, and
    text has no time, which it adds.
    """
    handler = LineHandler(stream)
    handler.setFormatter(_formatter(style, journal=journal))
    root = logging.getLogger()
    for before in root.handlers:
        before.flush()
    # In one step: another thread may be logging.
    root.handlers = [handler]
    root.setLevel(level.upper())
    # No line shows them, and finding them out takes longer than writing the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # see "Optimization" in the manual of logging
    # Its lines about malformed requests quote them, and with them tokens and keys.
    logging.getLogger("tornado").setLevel(logging.WARNING)
    # Junk sent to a TLS port would write a line a connection.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    # It logs its selector.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # It calls an error what happens whenever a folder is no longer watched.
    logging.getLogger("watchdog").setLevel(logging.CRITICAL)


class LineHandler(logging.Handler):
    """Writes lines to a stream; those of one turn of the event loop in one piece.

    A warning or worse is written at once, with all lines before it.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record, now or at the end of this turn of the loop."""
        self._records.append(record)
        loop = asyncio._get_running_loop()  # which raises nothing where there is none
        if loop is None or record.levelno >= logging.WARNING:
            self.flush()
        elif len(self._records) == 1:
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write the lines that are due."""
        self.acquire()
        try:
            records, self._records = self._records, []
            # An error here could not be logged either, and callbacks are served on.
            with suppress(OSError, ValueError):
                if lines := [line for record in records for line in self._lines_of(record)]:
                    self._stream.write("\n".join([*lines, ""]))
                    self._stream.flush()
        finally:
            self.release()

    def _lines_of(self, record: logging.LogRecord) -> list[str]:
        try:
            return [self.format(record)]
        except Exception:  # noqa: BLE001 - as logging has it: no line is worth a callback
            self.handleError(record)
            return []


class TextFormatter(logging.Formatter):
    """`LEVEL message name=value ...`; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = "".join(f" {name}={_value(value)}" for name, value in _fields(record).items())
        line = f"{record.levelname:<7} {_printable(record.getMessage())}{fields}"
        if record.exc_info:
            traceback = self.formatException(record.exc_info)
            line += "".join(f"\n    {_printable(line)}" for line in traceback.splitlines())
        return line


class TimedFormatter(TextFormatter):
    """The same after the time, in UTC: for a terminal, a file, or another program."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return f"{_time(record)} {super().format(record)}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        event: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event)


class JournalFormatter(logging.Formatter):
    """What another formatter makes, each line with the priority of its record before it."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        prefix = f"<{_PRIORITIES.get(record.levelno, _NOTICE)}>"
        return "\n".join(prefix + line for line in self._inner.format(record).split("\n"))


def _formatter(style: str, *, journal: bool) -> logging.Formatter:
    if style == "json":
        return JournalFormatter(JsonFormatter()) if journal else JsonFormatter()
    return JournalFormatter(TextFormatter()) if journal else TimedFormatter()


def _time(record: logging.LogRecord) -> str:
    return _iso(int(record.created * 1000))


# Lines of the same millisecond are formatted together.
@lru_cache(maxsize=1)
def _iso(moment_ms: int) -> str:
    seconds, milliseconds = divmod(moment_ms, 1000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
    return moment.isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields


def _value(value: object) -> str:
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    return text if _BARE.fullmatch(text) and text.isprintable() else json.dumps(text)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
