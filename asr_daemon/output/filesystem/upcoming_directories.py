"""Directories that are made before their first results, so that recursive watchers are there."""

import logging
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from asr_daemon.output.base import reason_of

LOOK_S = 1.0
"""How often the time is looked at."""

AHEAD = timedelta(minutes=2)
"""How long before its day or hour a directory is made."""

Expected = Callable[[datetime], Collection[str]]
"""Returns the directories, relative to the root, that results of a moment stand in."""

_log = logging.getLogger(__name__)


def none_expected(moment: datetime) -> Collection[str]:
    """Expect no directories."""
    return ()


class UpcomingDirectories:
    """Makes the directories of now and of soon. Used by one thread."""

    def __init__(self, make: Callable[[str], None], now: Callable[[], datetime]) -> None:
        """`make` makes a directory, relative to the root, and may raise `OSError`."""
        self._make = make
        self._now = now
        self.made: frozenset[str] = frozenset()
        """Relative to the root; there may be results in them."""
        self._look_at_s = 0.0

    def make(self, expected: Expected, *, at_once: bool = False) -> None:
        """Make what is missing, if it is time to look. What fails is logged, not raised."""
        if not at_once and time.monotonic() < self._look_at_s:
            return
        self._look_at_s = time.monotonic() + LOOK_S
        now = self._now()
        wanted = frozenset((*expected(now), *expected(now + AHEAD)))
        for directory in sorted(wanted - self.made):
            try:
                self._make(directory)
            except OSError as error:
                _log.warning("results cannot be stored in %s: %s", directory, reason_of(error))
        self.made = wanted
