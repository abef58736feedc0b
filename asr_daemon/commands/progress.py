"""Show on standard error how far a command is: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 40
_BAR_S = 0.1
_LINE_S = 5.0
_CLEAR = "\r\033[K"


class Progress:
    """How many of a known number of things are done."""

    def __init__(
        self,
        stream: TextIO,
        total: int,
        unit: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._total = total
        self._unit = unit
        self._clock = clock
        self._is_terminal = stream.isatty()
        self._interval_s = _BAR_S if self._is_terminal else _LINE_S
        self._done = 0
        self._shown_s = clock()

    def advance(self) -> None:
        """Count one more."""
        self._done += 1
        now_s = self._clock()
        if now_s - self._shown_s >= self._interval_s:
            self._shown_s = now_s
            self._show()

    def report(self, line: str) -> None:
        """Print a line that stays."""
        self.clear()
        print(line, file=self._stream, flush=True)

    def clear(self) -> None:
        """Remove the bar."""
        if self._is_terminal:
            print(_CLEAR, end="", file=self._stream, flush=True)

    def _show(self) -> None:
        count = f"{self._done} of {self._total} {self._unit}"
        if not self._is_terminal:
            print(count, file=self._stream, flush=True)
            return
        bar = _bar(self._done, self._total)
        print(f"{_CLEAR}{bar} {count}", end="", file=self._stream, flush=True)


def show_progress(done: int, total: int) -> None:
    """Draw the bar over the last one on a terminal; a single step needs none."""
    if total == 1 or not sys.stderr.isatty():
        return
    end = "\n" if done == total else ""
    print(f"\r{_bar(done, total)} {done}/{total}", end=end, file=sys.stderr, flush=True)


def _bar(done: int, total: int) -> str:
    filled = _WIDTH * done // total
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}]"
