"""The directories of results: made where they are missing, and synced for the names in them."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from asr_daemon.output.filesystem.staging import Staging, check_writable
from asr_daemon.output.filesystem.staging_folders import StagingFolders

_MOST_DURABLE = 4096

_Identity = tuple[int, int]


class Directory(NamedTuple):
    """A directory as it was when the batch first came to it."""

    path: str
    identity: _Identity
    staging: Staging
    """Where files for it are written."""
    unsynced: frozenset[str]
    """What has to be synced for a name in it to be durable: itself, and perhaps its parents."""


class Directories:
    """The directories below one root. Used by one thread."""

    def __init__(self, root: str, staging: Staging, folders: StagingFolders) -> None:
        self._root = root
        self._staging = staging
        self._folders = folders
        self._durable: dict[str, _Identity] = {}
        self._entered: dict[str, Directory] = {}

    def make_root(self) -> None:
        """Make the root if it is missing, durably. Raise `OSError` if it cannot be made."""
        for directory in _missing(self._root):
            self._staging.make_directory(directory)
            self._staging.sync(os.path.dirname(directory))
        # The root may have been made by a process that was killed before it was synced; where its
        # parent may not be read, it was not.
        with suppress(PermissionError):
            self._staging.sync(os.path.dirname(self._root))

    def path_of(self, relative: str) -> str:
        """Return the path of a directory, given relative to the root."""
        return os.path.join(self._root, relative).rstrip("/")

    def begin_batch(self) -> None:
        """Look at each directory again."""
        self._entered.clear()

    def forget(self) -> None:
        """Look at each directory again, and which staging folder it has: something was mounted."""
        self._entered.clear()
        self._folders.forget()

    def enter(self, path: str) -> Directory:
        """Make a directory if it is missing; note what has to be synced for a name in it.

        Raises:
            OSError: it cannot be made, or has no room.
        """
        entered = self._entered.get(path)
        if entered is None:
            try:
                entered = self.make(path)
            except (FileExistsError, FileNotFoundError):
                # Somebody else makes or removes folders just now.
                entered = self.make(path)
            self._entered[path] = entered
        return entered

    def make(self, directory: str) -> Directory:
        """Make a directory if it is missing. Raise `OSError` as `enter` does.

        One that was there before this process may have been made by one that was killed before the
        sync, so its parents are synced the first time it is seen.
        """
        self._folders.check(directory)
        # A root that went away meanwhile is not made again: its mount point would be filled.
        for missing in _missing(directory, self._root):
            self._staging.make_directory(missing)
            # A reader may have removed one whose inode the new one has got.
            self._durable.pop(missing, None)
        identity = _identity(directory)
        unsynced = [directory]
        if self._durable.get(directory) != identity:
            unsynced += _parents(directory, self._root)
        staging = self._folders.of(directory, identity)
        self._folders.check_room(staging)
        return Directory(directory, identity, staging, frozenset(unsynced))

    def staging_of(self, path: str) -> Staging:
        """Return where files would be written for a directory, or its nearest parent that is there.

        Raises:
            OSError: they could not be written, or there is no room.
        """
        self._folders.check(path)
        directory = check_writable(path)
        staging = self._folders.of(directory, _identity(directory))
        self._folders.check_room(staging)
        return staging

    def sync(self, entered: Iterable[Directory]) -> Mapping[Directory, OSError]:
        """Sync each directory once; return those in which a name may not be durable, and why."""
        entered = frozenset(entered)
        failures: dict[str, OSError] = {}
        taken: set[str] = set()
        for path in sorted({path for directory in entered for path in directory.unsynced}):
            try:
                self._staging.sync(path)
            except FileNotFoundError:
                # A reader was quicker: it has taken the folder away, with all that was in it. That
                # the root is still there is checked afterwards.
                taken.add(path)
            except OSError as error:
                failures[path] = error
        failed = {
            directory: failures[min(directory.unsynced & failures.keys())]
            for directory in entered
            if directory.unsynced & failures.keys()
        }
        if len(self._durable) > _MOST_DURABLE:
            self._durable.clear()
        self._durable.update(
            (directory.path, directory.identity)
            for directory in entered - failed.keys()
            if directory.path not in taken
        )
        return failed

    def change_mode(self, directory: str, old_mode: int) -> None:
        """Give a directory that holds no results yet the mode that holds now; and its parents.

        One that has been given another mode meanwhile keeps it.
        """
        path, child = self.path_of(directory), ""
        with suppress(OSError):
            while path != self._root and set(os.listdir(path)) <= {child}:
                if os.stat(path).st_mode & 0o777 == old_mode:
                    self._staging.set_directory_mode(path)
                path, child = os.path.split(path)


def _identity(path: str) -> _Identity:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _missing(directory: str, top: str = "/") -> list[str]:
    """Return `directory` and its parents below `top` that are missing, the outermost first."""
    missing = []
    while directory != top and not os.path.isdir(directory):
        missing.append(directory)
        directory = os.path.dirname(directory)
    return missing[::-1]


def _parents(directory: str, root: str) -> list[str]:
    """Return the directories whose entries lead from `root` to `directory`."""
    parents = []
    while directory != root:
        directory = os.path.dirname(directory)
        parents.append(directory)
    return parents
