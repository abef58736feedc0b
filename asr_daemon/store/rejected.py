"""Room for bodies that were not understood: `rejected/` below the root holds no more than that."""

import logging
import os
import time
from pathlib import Path

_COUNT_AGAIN_S = 60.0

_log = logging.getLogger(__name__)


class Quota:
    """Counts the bytes below a folder against a limit. Used by one thread."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        """Take the folder, which need not be there, and the limit; nothing is counted yet."""
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._used_bytes: int | None = None
        self._counted_at_s = 0.0
        self._full = False

    def take(self, size_bytes: int) -> bool:
        """Say whether a body of this size fits, and count it if so.

        What is there is counted at the first call, and again, at most once a minute, before a body
        is turned away: somebody may have made room. That there is none is logged once.
        """
        if self._used_bytes is None:
            self._used_bytes = self._count()
        if self._used_bytes + size_bytes > self._limit_bytes and self._is_stale():
            self._used_bytes = self._count()
        fits = self._used_bytes + size_bytes <= self._limit_bytes
        if fits:
            self._used_bytes += size_bytes
        elif not self._full:
            _log.warning(
                "limits.rejected is used up: bodies that are not understood are not kept until "
                "there is room in %s",
                self._folder,
            )
        self._full = not fits
        return fits

    def _is_stale(self) -> bool:
        return time.monotonic() - self._counted_at_s >= _COUNT_AGAIN_S

    def _count(self) -> int:
        self._counted_at_s = time.monotonic()
        return _size_below(self._folder)


def _size_below(folder: Path) -> int:
    """Return the bytes of the files below a folder, as far as they can be looked at."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(directory, name)).st_size
            except OSError:
                continue
    return total
