"""Finds the results that are in a tree, for an index that does not know them."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import BinaryIO

from asr_daemon.index.index import Entry
from asr_daemon.output.filesystem.staging import STAGING

SLICE = 20
"""Documents that are read in one go, which takes about a millisecond."""

PAUSE_S = 0.005
"""Between two slices: callbacks do not wait for this."""

_MOST_WAITING = 5000
_LOOK_S = 0.5
_MARKER = ".json"

Found = tuple[Entry, float]
"""A result, and when it was committed, in Unix seconds."""

ReadEntry = Callable[[BinaryIO, str], Entry | None]
"""Takes a marker and its path relative to the root; returns its result, if it is one of ours."""

_log = logging.getLogger(__name__)


def no_entry(file: BinaryIO, path: str) -> Entry | None:
    """Find nothing."""
    return None


class TreeScan:
    """Looks for results on a thread of its own. `start` and `take` are one other thread's."""

    def __init__(self, root: str, read_entry: ReadEntry) -> None:
        """`root` is absolute."""
        self._root = root
        self._read_entry = read_entry
        self._found: Queue[Found | None] = Queue(_MOST_WAITING)
        self._stop = Event()
        self._thread: Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is more to take, or will be."""
        return self._thread is not None

    def start(self, since_s: float, *, oldest_first: bool) -> None:
        """Look for what was committed since then; the newest first unless it is to be sorted."""
        self._found = Queue(_MOST_WAITING)
        self._thread = Thread(
            target=self._run, args=(since_s, oldest_first), name="finder", daemon=True
        )
        self._thread.start()

    def take(self, most: int) -> list[Found]:
        """Return some of what was found; after the last, it is not running any more."""
        taken: list[Found] = []
        with suppress(Empty):
            while len(taken) < most:
                found = self._found.get_nowait()
                if found is None:
                    self._thread = None
                    break
                taken.append(found)
        return taken

    def stop(self) -> None:
        """Find no more."""
        self._stop.set()

    def _run(self, since_s: float, oldest_first: bool) -> None:
        try:
            found = self._look(since_s)
            for one in sorted(found, key=lambda one: one[1]) if oldest_first else found:
                self._put(one)
        except Exception:  # noqa: BLE001 - a thread ends in silence otherwise
            _log.exception("results not found again in %s", self._root)
        self._put(None)

    def _put(self, found: Found | None) -> None:
        while not self._stop.is_set():
            with suppress(Full):
                self._found.put(found, timeout=_LOOK_S)
                return

    def _look(self, since_s: float) -> Iterator[Found]:
        seen = 0
        directories = sorted(_directories(self._root, since_s), reverse=True)
        for _, directory in directories:
            for modified_s, path in sorted(_markers(directory, since_s), reverse=True):
                if self._stop.is_set():
                    return
                entry = self._read(path)
                if entry is not None:
                    yield entry, modified_s
                seen += 1
                if seen % SLICE == 0:
                    time.sleep(PAUSE_S)

    def _read(self, path: str) -> Entry | None:
        # A reader may take it away meanwhile.
        with suppress(OSError), open(path, "rb") as file:
            return self._read_entry(file, os.path.relpath(path, self._root))
        return None


def _directories(root: str, since_s: float) -> Iterator[tuple[float, str]]:
    """Yield the directories that something was added to since then, with the time of that.

    Those that are links are followed, each once.
    """
    left = [root]
    known: set[tuple[int, int]] = set()
    while left:
        directory = left.pop()
        try:
            status = os.stat(directory)
            entries = list(os.scandir(directory))
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in known:
            continue
        known.add((status.st_dev, status.st_ino))
        if status.st_mtime >= since_s:
            yield status.st_mtime, directory
        left += [entry.path for entry in entries if entry.name != STAGING and _is_directory(entry)]


def _markers(directory: str, since_s: float) -> Iterator[tuple[float, str]]:
    """Yield the markers in a directory that are not older, with their times."""
    with suppress(OSError):
        for entry in os.scandir(directory):
            if entry.name.endswith(_MARKER):
                with suppress(OSError):
                    modified_s = entry.stat().st_mtime
                    if modified_s >= since_s:
                        yield modified_s, entry.path


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
