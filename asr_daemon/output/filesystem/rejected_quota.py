"""The quota of rejected bodies: `rejected/` below the root holds no more than that."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

COUNT_AGAIN_S = 60.0
"""How often a full folder is counted again: somebody may have made room."""

SLICE = 100
"""Files that are looked at in one go, which takes less than a millisecond."""

PAUSE_S = 0.005
"""Between two slices: callbacks do not wait for a count."""

_log = logging.getLogger(__name__)


class Quota:
    """The bytes below a folder, counted as bodies come.

    `take` and `give_back` are called on the committer's thread, which never waits for a count.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` need not be there; nothing is counted yet."""
        self._folder = folder
        self._used_bytes = 0
        self._lock = Lock()
        self._counting: Thread | None = None
        self._counted_at_s = 0.0
        self._is_full = False

    @property
    def used_bytes(self) -> int:
        """What was counted so far; on any thread."""
        return self._used_bytes

    def start_count(self) -> Thread:
        """Count what is there, on a thread of its own; until it is known only what comes counts."""
        self._counted_at_s = time.monotonic()
        self._counting = Thread(target=self._count, name="rejected", daemon=True)
        self._counting.start()
        return self._counting

    def take(self, size_bytes: int, limit_bytes: int) -> bool:
        """Return whether a body of this size fits, and count it if so; log once that one does not.

        When it does not, the folder is counted again, at most once a minute.
        """
        with self._lock:
            fits = self._used_bytes + size_bytes <= limit_bytes
            if fits:
                self._used_bytes += size_bytes
        if not fits:
            self._note_full()
        self._is_full = not fits
        return fits

    def give_back(self, size_bytes: int) -> None:
        """Count a body no more that was taken and is not there."""
        with self._lock:
            self._used_bytes -= size_bytes

    def _note_full(self) -> None:
        if not self._is_full:
            _log.warning(
                "limits.rejected is used up: bodies are not kept until there is room in %s",
                self._folder,
            )
        is_counting = self._counting is not None and self._counting.is_alive()
        if not is_counting and time.monotonic() - self._counted_at_s >= COUNT_AGAIN_S:
            self.start_count()

    def _count(self) -> None:
        with self._lock:
            before = self._used_bytes
        try:
            counted = sum(_sizes_below(self._folder))
        except Exception:  # noqa: BLE001 - a thread ends in silence otherwise
            _log.exception("rejected bodies not counted in %s", self._folder)
            return
        with self._lock:
            # What came meanwhile may be counted twice, until the next count.
            self._used_bytes += counted - before


def _sizes_below(folder: str | Path) -> Iterator[int]:
    """Yield the sizes of the files below a folder as far as they can be read, with pauses.

    A folder is read as it is walked: a list of hundreds of thousands of names would take memory,
    and callbacks would wait for it.
    """
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for seen, entry in enumerate(entries, 1):
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    yield from _sizes_below(entry.path)
                else:
                    yield entry.stat(follow_symlinks=False).st_size
            if seen % SLICE == 0:
                time.sleep(PAUSE_S)
