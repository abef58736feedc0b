"""Notice that files have changed, however they are edited, but not while they are being written.

inotify's events decide: a file is complete when its writer has closed it or renamed it into place.
Package tools rename files, volumes swap a link on the way to one, others swap whole directories; so
directories are watched: that of each file, of each link on the way to it, of its target, and the
ones above these. Where no event comes (network file systems, inotify exhausted), a look now and
then is the net below: a file counts as written when it is as it was at the look before.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from watchdog import events
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

POLL_S = 5.0
"""How often files are looked at without an event."""

BURST_S = 0.05
"""Within which related events arrive, such as that of a write right after a close."""

_EVENTS: list[type[events.FileSystemEvent]] = [
    *(events.FileClosedEvent, events.FileModifiedEvent),
    *(events.FileCreatedEvent, events.FileMovedEvent, events.FileDeletedEvent),
    *(events.DirCreatedEvent, events.DirMovedEvent, events.DirDeletedEvent),
    *(events.FileAttribEvent, events.DirAttribEvent),
]
_MOST_LINKS = 40

_log = logging.getLogger(__name__)

Signature = tuple[int, int, int, int] | None
"""Inode, size, time of the last write and mode of a regular file; `None` for anything else."""


_Identity = tuple[int, int]


class Watcher:
    """Waits for changes of some files; used on the event loop."""

    def __init__(self, poll_s: float = POLL_S) -> None:
        self._poll_s = poll_s
        self._files: frozenset[Path] = frozenset()
        self._seen: dict[Path, Signature] = {}
        self._writing: dict[Path, int] = {}
        """Inodes of files that have been written and not been closed since."""
        self._woken = asyncio.Event()
        self._asked = False
        self._directories = _Directories(asyncio.get_running_loop(), self._note)

    async def aim(self, files: frozenset[Path]) -> bool:
        """Watch these files; return whether they are as they were when `changed` returned.

        To be called after they were read: where this returns false they may have been read in the
        middle of a write, and have to be read again. Waits while one is being written.
        """
        self._files = files
        await asyncio.sleep(BURST_S)
        now = await asyncio.to_thread(self._look)
        while self._is_written(now) and not self._asked:
            await self._event()
            now = await asyncio.to_thread(self._look)
        before, self._seen = self._seen, now
        return now == before

    def ask(self) -> None:
        """Let `changed` return even if nothing has changed."""
        self._asked = True
        self._woken.set()

    async def changed(self) -> None:
        """Return when a file has changed and all are complete, or when asked."""
        last = self._seen
        while not self._asked:
            noticed = await self._event()
            now = await asyncio.to_thread(self._look)
            if now != self._seen and not self._is_written(now) and (noticed or now == last):
                self._seen = now
                break
            last = now
        self._asked = False

    def close(self) -> None:
        """Stop watching."""
        self._directories.close()

    async def _event(self) -> bool:
        """Wait for an event; return whether one came before the next look is due."""
        try:
            async with asyncio.timeout(self._poll_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(BURST_S)
        self._woken.clear()
        return True

    def _look(self) -> dict[Path, Signature]:
        steps = {step for file in self._files for step in steps_to(file)}
        self._directories.aim(steps)
        return {step: _signature(step) for step in steps}

    def _is_written(self, now: dict[Path, Signature]) -> bool:
        """Say whether a writer is at work; on a file that was replaced since, it does not count."""
        inodes = {path: signature[0] for path, signature in now.items() if signature is not None}
        return any(inodes.get(path) == inode for path, inode in self._writing.items())

    def _note(self, event_type: str, path: Path, inode: int) -> None:
        if event_type == events.EVENT_TYPE_MODIFIED:
            self._writing[path] = inode
            return
        if event_type != events.EVENT_TYPE_ATTRIB:
            self._writing.pop(path, None)
        self._woken.set()


class _Directories(events.FileSystemEventHandler):
    """Reports to an event loop what happens to some paths."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, note: Callable[[str, Path, int], object]
    ) -> None:
        self._loop = loop
        self._note = note
        self._watched: dict[Path, tuple[_Identity, ObservedWatch]] = {}
        self._paths: frozenset[str] = frozenset()
        self._observer: BaseObserver | None = None
        try:
            self._observer = Observer()
            self._observer.start()
        except OSError as error:
            self._poll_only(error)

    def aim(self, steps: set[Path]) -> None:
        """Watch the directories of these paths; those that do not exist are found by looking."""
        parents = {step.parent for step in steps}
        self._paths = frozenset(map(str, steps | parents))
        # A directory that is replaced as a whole shows in the one above it.
        directories = parents | {parent.parent for parent in parents}
        if self._observer is None:
            return
        try:
            for directory, (identity, watch) in tuple(self._watched.items()):
                # Another directory may have taken its place.
                if directory not in directories or _identity(directory) != identity:
                    del self._watched[directory]
                    self._observer.unschedule(watch)
            for directory in directories - self._watched.keys():
                self._watch(self._observer, directory)
        except OSError as error:
            self.close()
            self._poll_only(error)

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()

    def on_any_event(self, event: events.FileSystemEvent) -> None:
        """Pass an event on, from watchdog's thread."""
        for path in {os.fsdecode(event.src_path), os.fsdecode(event.dest_path)} & self._paths:
            inode = (_identity(Path(path)) or (0, 0))[1]
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                self._loop.call_soon_threadsafe(self._note, event.event_type, Path(path), inode)

    def _watch(self, observer: BaseObserver, directory: Path) -> None:
        identity = _identity(directory)
        if identity is not None and os.access(directory, os.R_OK):
            with suppress(FileNotFoundError, NotADirectoryError):
                watch = observer.schedule(self, str(directory), event_filter=_EVENTS)
                self._watched[directory] = identity, watch

    def _poll_only(self, error: OSError) -> None:
        self._observer = None
        reason = error.strerror or type(error).__name__
        _log.warning("inotify unavailable, polling every %g s instead: %s", POLL_S, reason)


def is_other_than_file(path: Path) -> bool:
    """Say whether this is a pipe, a device or the like, whose reading may never end."""
    return os.path.exists(path) and not os.path.isfile(path)


def steps_to(file: Path) -> set[Path]:
    """Return the paths that decide what a file is.

    They are the file, links on the way to it and its target, and the directories of all of these.
    """
    path = Path(os.path.abspath(file))
    steps = {path}
    for _ in range(_MOST_LINKS):
        link, target = next(_links_on(path), (None, ""))
        if link is None:
            break
        path = Path(os.path.abspath(link.parent / target / path.relative_to(link)))
        steps |= {link, path}
    return steps | {step.parent for step in steps}


def _links_on(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield each link on the way to a file, from the root on, and where it leads."""
    for component in (*reversed(path.parents), path):
        # What is no link, does not exist, or cannot be accessed, leads nowhere else.
        with suppress(OSError):
            yield component, os.readlink(component)


def _identity(path: Path) -> _Identity | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _signature(file: Path) -> Signature:
    try:
        status = file.stat()
    except OSError:
        return None
    if not S_ISREG(status.st_mode):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode
