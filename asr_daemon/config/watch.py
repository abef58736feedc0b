"""Notices that files have changed, however they are edited.

Editors write in place or rename over, package tools write aside, volumes swap a link somewhere on
the way. So the folders are watched: of each file, of each link on the way to it, and of what is at
its end. An event is only a reason to look; what counts is what the files hold. What no event tells
of (network file systems, a folder that is swapped as a whole) is found by looking now and then.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from msgspec import Struct
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

LOOK_S = 0.25
"""How often the files are looked at without an event."""

BURST_S = 0.05
"""How long to wait after an event before looking."""

QUIET_S = 0.1
"""How long files must stay as they are to count as written."""

MOST_QUIET_S = 0.5
"""How long to wait for that."""

LARGEST_CONTENT_BYTES = 1024 * 1024
"""As much of a file as is compared; more than any configuration, secret or certificate has."""

_TELLING: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
]
"""What an edit ends with. Not each write: a log or the index in the same folder has thousands."""

_MOST_LINKS = 40

_log = logging.getLogger(__name__)

Contents = tuple[tuple[Path, bytes | str], ...]


class Watch:
    """Waits for changes of some files; used on the event loop."""

    def __init__(self) -> None:
        """Begin without any; `aim` names them."""
        self._files: frozenset[Path] = frozenset()
        self._seen: Contents = ()
        self._touched = asyncio.Event()
        self._asked = False
        self._folders = _FolderWatch(asyncio.get_running_loop(), self._touched.set)

    async def aim(self, files: frozenset[Path]) -> None:
        """Watch these files from now on; what they hold now is not a change."""
        self._files = files
        self._seen = await asyncio.to_thread(self._look)

    def ask(self) -> None:
        """Let `changed` return even if nothing has changed."""
        self._asked = True
        self._touched.set()

    async def changed(self) -> None:
        """Return when a file has changed since `aim`, and stays as it is; or when asked."""
        while not self._asked:
            if await asyncio.to_thread(self._look) != self._seen:
                # An editor may have cut a file short, only to write the same again.
                if await self._settled() != self._seen:
                    break
                continue
            with suppress(TimeoutError):
                # `wait_for` of Python 3.11 loses a cancellation that comes together with an event.
                async with asyncio.timeout(LOOK_S):
                    await self._touched.wait()
                # Events come in bursts, and in busy folders without end.
                await asyncio.sleep(BURST_S)
            self._touched.clear()
        self._asked = False

    def close(self) -> None:
        """Watch no more."""
        self._folders.close()

    async def _settled(self) -> Contents:
        """Return what the files hold once they stay as they are, or at the end of patience."""
        now = await asyncio.to_thread(self._look)
        for _ in range(round(MOST_QUIET_S / QUIET_S)):
            before = now
            await asyncio.sleep(QUIET_S)
            now = await asyncio.to_thread(self._look)
            if now == before:
                break
        return now

    def _look(self) -> Contents:
        self._folders.aim({folder for file in self._files for folder in folders_of(file)})
        return tuple((file, _content(file)) for file in sorted(self._files))


class _Watched(Struct, frozen=True):
    """A folder under watch; another one in its place has another identity."""

    identity: tuple[int, int]
    watch: ObservedWatch


class _FolderWatch(FileSystemEventHandler):
    """Calls back on an event loop for whatever happens in some folders."""

    def __init__(self, loop: asyncio.AbstractEventLoop, touched: Callable[[], object]) -> None:
        self._loop = loop
        self._touched = touched
        self._observer = _start_observer()
        self._watched: dict[Path, _Watched] = {}

    def aim(self, folders: set[Path]) -> None:
        """Watch these folders; what cannot be watched (no such folder, too many) is not."""
        if self._observer is None:
            return
        for folder, watched in tuple(self._watched.items()):
            if folder not in folders or _identity(folder) != watched.identity:
                self._observer.unschedule(self._watched.pop(folder).watch)
        for folder in folders - self._watched.keys():
            identity = _identity(folder)
            if identity is not None:
                with suppress(OSError):
                    watch = self._observer.schedule(
                        self, str(folder), recursive=False, event_filter=_TELLING
                    )
                    self._watched[folder] = _Watched(identity, watch)

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Pass an event on, from watchdog's thread."""
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            self._loop.call_soon_threadsafe(self._touched)


def _start_observer() -> BaseObserver | None:
    """Return what tells of events; `None` where the system has no more of it to give."""
    try:
        observer = Observer()
        observer.start()
    except OSError as error:
        _log.warning(
            "changes of the configuration are found by looking only: %s",
            error.strerror or type(error).__name__,
        )
        return None
    return observer


def is_other_than_file(path: Path) -> bool:
    """Say whether there is a pipe, a device or the like, of which reading may wait for ever."""
    return os.path.exists(path) and not os.path.isfile(path)


def folders_of(file: Path) -> set[Path]:
    """Return the folders in which something changes when a file is replaced in any way."""
    folders = set()
    path = Path(os.path.abspath(file))
    for _ in range(_MOST_LINKS):
        folders.add(path.parent)
        link, target = next(_links_on(path), (None, ""))
        if link is None:
            break
        folders.add(link.parent)
        path = Path(os.path.abspath(link.parent / target / path.relative_to(link)))
    return folders


def _links_on(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield each link on the way to a file, from above, and what is in it."""
    for each in (*reversed(path.parents), path):
        # What is no link, is gone, or may not be looked at, leads nowhere else.
        with suppress(OSError):
            yield each, os.readlink(each)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _content(file: Path) -> bytes | str:
    """Return a digest of a regular file, or what it is instead; never waits for a pipe."""
    try:
        if not S_ISREG(file.stat().st_mode):
            return "no regular file"
        with file.open("rb") as opened:
            return hashlib.sha256(opened.read(LARGEST_CONTENT_BYTES)).digest()
    except OSError as error:
        return error.strerror or type(error).__name__
