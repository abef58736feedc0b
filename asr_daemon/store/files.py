"""The tree of results: the only system calls on them, and all that makes them durable.

A batch goes through four steps, each for every result before the next begins: write aside, sync
the files, link them under their final names, sync the directories. A result counts as stored only
after the fourth. Nothing under a final name is ever replaced. Everything here runs on one thread;
readers may move or delete what is linked at any time, and nobody else adds files.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from asr_daemon.store.aside import Aside, Content
from asr_daemon.store.result import Outcome, Result, Stored, refusal_of
from asr_daemon.store.staging import Staged, Staging, check_writable
from asr_daemon.store.syncfs import SyncOfAll

ALONE: AbstractContextManager[None] = nullcontext()
"""Entered around what waits for the disk where nobody else has a turn meanwhile."""

_MOST_DURABLE_DIRECTORIES = 4096
_MOST_FINGERPRINTS = 16 * 1024
_PROBE = "linked.probe"

_MANY_FILES = 6
"""From so many on, one sync of the whole file system takes less than one of each file."""

_Identity = tuple[int, int]


class _Entered(NamedTuple):
    """A folder as it was when the batch first came to it."""

    path: str
    identity: _Identity
    unsynced: frozenset[str]
    """What has to be synced for a name in it to be durable: itself, and perhaps its parents."""


@dataclass(slots=True)
class _Attempt:
    """How far one result of a batch has come; directories are absolute."""

    result: Result
    staged: list[Staged] = field(default_factory=list)
    own: list[int] = field(default_factory=list)
    """Open files that the batch itself has written."""
    apart: list[int] = field(default_factory=list)
    """Open files that another thread has written before."""
    entered: _Entered | None = None
    stored: Stored | None = None
    error: OSError | None = None


class Modes(Struct, frozen=True):
    """Permissions, as `chmod` has them."""

    file: int
    directory: int


class Rules(Struct, frozen=True):
    """What tells results apart, where their names do not."""

    read_fingerprint: Callable[[bytes], str | None]
    """Returns the fingerprint that a marker's content carries, `None` if it is nothing of ours."""
    is_taken: Callable[[str], bool]
    """Says whether a marker had this path, relative to the root, that may be gone by now."""


class ResultTree:
    """Results below one root, committed in batches."""

    def __init__(self, root: Path, modes: Modes, *, durable: bool, rules: Rules) -> None:
        """Name the tree; `open` touches it.

        Args:
            root: the directory of the tree; made if it is missing.
            modes: of files and new directories, as far as the umask lets them.
            durable: sync before a result counts as stored; otherwise the page cache is enough.
            rules: what tells results apart.
        """
        self._root = os.path.abspath(root)
        self._staging = Staging(self._root, modes.file, modes.directory)
        self._at_once = SyncOfAll()
        self._directory_mode = modes.directory
        self._durable = durable
        self._rules = rules
        self._root_identity: _Identity | None = None
        self._durable_directories: dict[str, _Identity] = {}
        self._fingerprints: dict[str, str] = {}
        self._entered: dict[str, _Entered] = {}
        self._linked: set[str] = set()
        self._last_failed: str | None = None

    @property
    def id(self) -> str:
        """What tells this tree, and how it is written, from any other; known after `open`."""
        return self._staging.tree_id if self._durable else f"{self._staging.tree_id}-unsynced"

    def open(self, *, tidy: bool = True) -> None:
        """Make the root and a staging folder, durably; emptied, unless it is in use (`tidy`).

        Raises:
            OSError: the root cannot be made, read or written, or another daemon has it.
        """
        for directory in _missing(self._root):
            os.mkdir(directory, self._directory_mode)
            self._sync(os.path.dirname(directory))
        # The root may have been made by a process that was killed before it was synced; where its
        # parent may not be read, it was not.
        with suppress(PermissionError):
            self._sync(os.path.dirname(self._root))
        self._root_identity = _identity(self._root)
        self._staging.open(tidy=tidy)
        self._sync(self._staging.path)
        self._sync(self._root)

    def is_at(self, root: Path) -> bool:
        """Say whether this is the tree of a root."""
        return os.path.realpath(root) == os.path.realpath(self._root)

    def close(self) -> None:
        """Let another process have the tree."""
        self._staging.close()

    def check(self) -> None:
        """Find out whether `open` would succeed, and change nothing.

        Raises:
            OSError: it would not.
        """
        check_writable(self._root)
        self._staging.check()

    def check_root(self) -> None:
        """Raise `OSError` unless the root is the one that was opened.

        A file system that went away and came back may have another device number.
        """
        identity = _identity(self._root)
        if identity == self._root_identity:
            return
        if not self._staging.is_marked():
            raise OSError(errno.ESTALE, "not the directory that it was at start", self._root)
        self._root_identity = identity

    def probe(self) -> None:
        """Raise `OSError` unless a small file can be written, synced and linked now.

        This is done in the staging folder; where the last result failed, permissions are looked at.
        """
        self._enter_root()
        staged = self._staging.create(".probe")
        linked = os.path.join(self._staging.path, _PROBE)
        try:
            _write_all(staged.descriptor, b"probe")
            if self._durable:
                os.fsync(staged.descriptor)
            self._staging.link(staged, linked)
            os.unlink(linked)
            self._sync(self._staging.path)
        finally:
            self._staging.discard(staged)
        if self._last_failed is not None:
            check_writable(self._last_failed)

    def write_aside(self, suffix: str, pieces: Iterable[bytes]) -> Aside:
        """Write a large file for a result that is committed later; on any thread.

        Raises:
            OSError: it cannot be written or synced.
        """
        aside = Aside(self._staging, suffix)
        aside.write(pieces, durable=self._durable)
        return aside

    def commit(
        self, batch: Sequence[Result], waiting: AbstractContextManager[None] = ALONE
    ) -> list[Outcome]:
        """Make each result of `batch` durable, and say of each, in order, what became of it.

        One that fails does not hold up the others. A duplicate (same name, same fingerprint) counts
        as stored when the one that was there is known to be on stable storage. `waiting` is entered
        around what waits for the disk.
        """
        attempts = [_Attempt(result) for result in batch]
        self._entered.clear()
        self._linked.clear()
        try:
            self._enter_root()
            _each(attempts, self._stage)
            with waiting:
                self._sync_files(attempts)
            _each(attempts, self._link)
            with waiting:
                self._sync_directories(attempts)
            self.check_root()
        except OSError as error:
            for attempt in attempts:
                attempt.error = error
        finally:
            for attempt in attempts:
                self._discard(attempt)
        self._note_failure(attempts)
        return [_outcome(attempt) for attempt in attempts]

    def _enter_root(self) -> None:
        self.check_root()
        self._staging.ensure()

    def _note_failure(self, attempts: Sequence[_Attempt]) -> None:
        """Remember where a result failed, for `probe`."""
        failed = [each.result.directory for each in attempts if each.error is not None]
        self._last_failed = os.path.join(self._root, failed[0]) if failed else None

    def _stage(self, attempt: _Attempt) -> None:
        for suffix, content in attempt.result.files:
            if isinstance(content, Aside):
                staged = content.again()
                attempt.apart.append(staged.descriptor)
                attempt.staged.append(staged)
            else:
                staged = self._staging.create(suffix)
                attempt.own.append(staged.descriptor)
                attempt.staged.append(staged)
                _write_all(staged.descriptor, content)

    def _sync_files(self, attempts: Sequence[_Attempt]) -> None:
        """Sync what was written aside: many files at once, or a few one by one."""
        if not self._durable:
            return
        # What another thread wrote may be on another file system by now, after a reload.
        _each(attempts, _sync_apart)
        descriptors = [descriptor for attempt in attempts for descriptor in attempt.own]
        try:
            done = len(descriptors) >= _MANY_FILES and self._at_once.sync(descriptors[0])
        except OSError:
            _each(attempts, self._sync_anew)
            return
        if not done:
            for descriptor in descriptors:
                _begin_writing(descriptor)
            _each(attempts, self._sync_staged)

    def _sync_staged(self, attempt: _Attempt) -> None:
        try:
            self._sync_descriptors(attempt)
        except OSError:
            self._sync_anew(attempt)

    def _sync_anew(self, attempt: _Attempt) -> None:
        """Write a result aside once more, after a sync that failed.

        A page that could not be written may be marked clean, so that a second sync of the same file
        would succeed without the data: only a file written anew can be trusted.
        """
        self._discard(attempt)
        self._stage(attempt)
        self._sync_descriptors(attempt)

    def _sync_descriptors(self, attempt: _Attempt) -> None:
        for descriptor in attempt.own:
            os.fsync(descriptor)

    def _discard(self, attempt: _Attempt) -> None:
        """Close and forget what was written aside; what is linked by now stays."""
        for staged in attempt.staged:
            self._staging.discard(staged)
        for each in (attempt.staged, attempt.own, attempt.apart):
            each.clear()

    def _link(self, attempt: _Attempt) -> None:
        try:
            self._place(attempt)
        except FileNotFoundError:
            # A reader that tidies up may remove a folder that is still empty: once more.
            self._entered.clear()
            self._place(attempt)

    def _place(self, attempt: _Attempt) -> None:
        result = attempt.result
        directory = self._enter(attempt)
        for stem in _stems(result.stem):
            paths = [f"{directory}/{stem}{suffix}" for suffix, _ in result.files]
            if self._is_foreign(paths[-1], result.fingerprint):
                continue
            marker = self._relative(paths[-1])
            fingerprint = self._fingerprint_at(paths[-1])
            duplicate = fingerprint == result.fingerprint
            free = fingerprint is None and not self._was_there(marker)
            if (duplicate or free) and self._link_missing(attempt, paths, duplicate=duplicate):
                attempt.stored = Stored(marker, duplicate)
                self._linked.add(marker)
                return

    def _was_there(self, marker: str) -> bool:
        """Say whether a name is that of a result which a reader has taken away."""
        return marker in self._linked or self._rules.is_taken(marker)

    def _is_foreign(self, marker: str, fingerprint: str) -> bool:
        """Say whether a name is known to be that of other content, without looking at the disk.

        What a file holds never changes, and a name stays taken when the file is moved away. With
        thousands of results of one name, each would otherwise read all that came before it.
        """
        return self._fingerprints.get(marker, fingerprint) != fingerprint

    def _relative(self, path: str) -> str:
        return path[len(self._root) :].lstrip("/")

    def _enter(self, attempt: _Attempt) -> str:
        """Return the folder of a result; note what has to be synced for its name to be durable."""
        directory = attempt.result.directory
        entered = self._entered.get(directory)
        if entered is None:
            path = os.path.join(self._root, directory).rstrip("/")
            entered = self._entered[directory] = self._make(path)
        attempt.entered = entered
        return entered.path

    def _make(self, directory: str) -> _Entered:
        """Make a folder if it is missing.

        A folder that was there before this process may have been made by one that was killed
        before the sync, so its parents are synced the first time it is seen.
        """
        # A root that went away meanwhile is not made anew: its mount point would be filled instead.
        for missing in _missing(directory, self._root):
            os.mkdir(missing, self._directory_mode)
            # A reader may have removed one whose inode the new one has got.
            self._durable_directories.pop(missing, None)
        identity = _identity(directory)
        unsynced = [directory]
        if self._durable_directories.get(directory) != identity:
            unsynced += _parents(directory, self._root)
        return _Entered(directory, identity, frozenset(unsynced))

    def _fingerprint_at(self, marker: str) -> str | None:
        """Return the fingerprint of the marker at a path, `None` if nothing is there."""
        # Mostly nothing is, and this finds out in a fraction of the time that `open` takes.
        if not os.access(marker, os.F_OK):
            return None
        try:
            with open(marker, "rb") as file:
                fingerprint = self._rules.read_fingerprint(file.read()) or "none"
        except FileNotFoundError:
            return None
        except (IsADirectoryError, PermissionError):
            return "none"
        if len(self._fingerprints) >= _MOST_FINGERPRINTS:
            self._fingerprints.clear()
        self._fingerprints[marker] = fingerprint
        return fingerprint

    def _link_missing(self, attempt: _Attempt, paths: Sequence[str], *, duplicate: bool) -> bool:
        """Link what is not there; return `False` if a name turns out to be somebody else's.

        Of a new result all but the marker may be there with just the right content: so does a
        commit end that was cut off before its marker was linked.
        """
        contents = [content for _, content in attempt.result.files]
        # Nothing is linked beside a name that is taken; the first one tells when it is linked.
        if not duplicate and not all(map(_may_hold, paths[1:-1], contents[1:-1])):
            return False
        for staged, path, content in zip(attempt.staged, paths, contents, strict=True):
            try:
                self._staging.link(staged, path)
            except FileExistsError:
                if not duplicate and not _may_hold(path, content):
                    return False
                # Whoever wrote it may have been killed before it was synced.
                self._sync(path)
        return True

    def _sync_directories(self, attempts: Sequence[_Attempt]) -> None:
        """Sync each directory once; a failure is one of every result that needs the directory."""
        failures: dict[str, OSError] = {}
        taken: set[str] = set()
        entered = {each.entered for each in attempts if each.entered is not None}
        for directory in sorted({path for each in entered for path in each.unsynced}):
            try:
                self._sync(directory)
            except FileNotFoundError:
                # A reader was quicker: it has taken the folder away, with all that was in it. That
                # the root is still there is checked afterwards.
                taken.add(directory)
            except OSError as error:
                failures[directory] = error
        if len(self._durable_directories) > _MOST_DURABLE_DIRECTORIES:
            self._durable_directories.clear()
        errors = {each: _failure(each, failures) for each in entered}
        distrusted = taken | {each.path for each in entered if errors[each] is not None}
        self._durable_directories.update(
            (each.path, each.identity) for each in entered if each.path not in distrusted
        )
        for attempt in attempts:
            if attempt.entered is not None and errors[attempt.entered] is not None:
                attempt.error = errors[attempt.entered]

    def _sync(self, path: str) -> None:
        if not self._durable:
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _each(attempts: Iterable[_Attempt], step: Callable[[_Attempt], None]) -> None:
    """Take every result that has not failed one step further."""
    for attempt in attempts:
        if attempt.error is None:
            try:
                step(attempt)
            except OSError as error:
                attempt.error = error


def _failure(entered: _Entered, failures: Mapping[str, OSError]) -> OSError | None:
    """Return why a name in a folder may not be durable, `None` if it is."""
    failed = entered.unsynced & failures.keys()
    return failures[min(failed)] if failed else None


def _outcome(attempt: _Attempt) -> Outcome:
    if attempt.error is not None or attempt.stored is None:
        return refusal_of(attempt.error or OSError(errno.EIO, os.strerror(errno.EIO)))
    return attempt.stored


def _sync_apart(attempt: _Attempt) -> None:
    """Sync large files once more; one that fails cannot be written anew, its pieces are gone."""
    for descriptor in attempt.apart:
        os.fsync(descriptor)


def _write_all(descriptor: int, content: bytes | bytearray) -> None:
    """Write everything, however little the system takes at a time."""
    written = os.write(descriptor, content)
    while written < len(content):
        written += os.write(descriptor, memoryview(content)[written:])


def _begin_writing(descriptor: int) -> None:
    """Have the system start to write a file to the disk; to be followed by a sync.

    When all files of a batch are under way before the first is synced, the file system can put
    them into one transaction of its journal, where it would make one for each.
    """
    with suppress(OSError):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _stems(stem: str) -> Iterator[str]:
    """Yield the names that results of one stem may have: as it is, then `~2`, `~3` and so on."""
    yield stem
    for number in count(2):
        yield f"{stem}~{number}"


def _may_hold(path: str, content: Content) -> bool:
    """Say whether a file has this content, or is not there yet."""
    try:
        if isinstance(content, Aside):
            return content.is_at(path)
        with open(path, "rb") as file:
            return file.read(len(content) + 1) == content
    except FileNotFoundError:
        return True
    except (IsADirectoryError, PermissionError):
        return False


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
