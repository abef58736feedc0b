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

        What is there is counted at the first call, and again, at most once a minute, while the
        room is used up: somebody may have made room. That it is used up is logged once.
        """
        if self._used_bytes is None or self._is_stale():
            self._count()
        fits = (self._used_bytes or 0) + size_bytes <= self._limit_bytes
        if fits:
            self._used_bytes = (self._used_bytes or 0) + size_bytes
        elif not self._full:
            _log.warning(
                "limits.rejected is used up: bodies that are not understood are not kept until "
                "there is room in %s",
                self._folder,
            )
        self._full = not fits
        return fits

    def _is_stale(self) -> bool:
        return self._full and time.monotonic() - self._counted_at_s >= _COUNT_AGAIN_S

    def _count(self) -> None:
        self._used_bytes = _size_below(self._folder)
        self._counted_at_s = time.monotonic()


def _size_below(folder: Path) -> int:
    """Return the bytes of the files below a folder; what vanishes meanwhile does not count."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(directory, name)).st_size
            except FileNotFoundError:
                continue
    return total
