"""The wall clock, also before it is set: some machines start in 1970 and learn the time later.

Retention that removes files of a month ago would delete at once what is stored by such a time.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is set shows less: this program is younger."""

_log = logging.getLogger(__name__)


class Clock:
    """The system's clock while that is set, else the last time that is known, and on from there.

    Used on any thread.
    """

    def __init__(
        self,
        system: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`system` returns Unix seconds, `monotonic` seconds that only ever go on."""
        self._system = system
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._known_s = EARLIEST.timestamp()
        # When this program was installed.
        with suppress(OSError):
            self.know(os.stat(__file__).st_mtime)

    def know(self, moment_s: float) -> None:
        """Take a time that was reached before this process began."""
        self._known_s = max(self._known_s, moment_s)

    def warn(self) -> None:
        """Log it if the system's clock is not set."""
        if not self._is_set:
            shown = datetime.fromtimestamp(self._system(), UTC)
            _log.warning(
                "the clock is not set (%s): results are stored as of %s", shown, self.now()
            )

    def now_s(self) -> float:
        """Return the time in Unix seconds."""
        if self._is_set:
            return self._system()
        return self._known_s + self._monotonic() - self._began_s

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.fromtimestamp(self.now_s(), UTC)

    @property
    def _is_set(self) -> bool:
        return self._system() >= EARLIEST.timestamp()
