"""The tree of results: what is written below the root, and all that makes it durable.

A batch goes through five steps, each for every result before the next begins: stage, sync the
files, give them their final names, sync the directories, announce the files to those who watch. A
result counts as stored only after the fourth. Nothing under a final name is ever replaced. Readers
may move or delete files at any time, and nobody else adds any.
"""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from asr_daemon.output.filesystem.directories import Directories, Directory
from asr_daemon.output.filesystem.names import UNNAMEABLE, Plan
from asr_daemon.output.filesystem.space import Room
from asr_daemon.output.filesystem.staging import (
    Modes,
    StagedFile,
    Staging,
    check_writable,
)
from asr_daemon.output.filesystem.staging_folders import StagingFolders
from asr_daemon.output.filesystem.sync import FileSystemSync, begin_writeback

_PROBE = ".probe~"

_MANY_FILES = 6
"""From so many on, one sync of the whole file system takes less than one of each file."""

_WORTH_ANOTHER_TRY = (errno.EEXIST, errno.ENOENT, errno.EXDEV)

PlanAgain = Callable[[Plan], Plan]
"""Returns another plan for a result whose name turned out to be taken, or its folder away."""


@dataclass(slots=True)
class _Attempt:
    """How far one result of a batch has come."""

    plan: Plan
    staged: list[StagedFile] = field(default_factory=list)
    """Of each file, in their order; held, and some of them made by others."""
    directory: Directory | None = None
    error: OSError | None = None

    @property
    def own(self) -> list[StagedFile]:
        """What the batch itself has staged, and can stage again."""
        pairs = zip(self.plan.result.files, self.staged, strict=True)
        return [staged for (_, content), staged in pairs if content is not staged]

    @property
    def staging(self) -> Staging:
        """Where its files are written; known once its directory was entered."""
        if self.directory is None:
            raise OSError(errno.ENOENT, "its directory was not entered")
        return self.directory.staging


class Tree:
    """Files below one root, written in batches. Used by one thread."""

    def __init__(self, root: str, staging: Staging) -> None:
        """Name the tree; `open` touches it.

        Args:
            root: the directory of the tree, absolute; made if it is missing.
            staging: its staging folder, which says whether there are syncs at all.
        """
        self._root = root
        self._staging = staging
        self._staging_folders = StagingFolders(staging)
        self._file_system = FileSystemSync()
        self._directories = Directories(root, staging, self._staging_folders)
        self._failed: dict[str, str] = {}

    @property
    def id(self) -> str:
        """Identifies this tree, and how it is written; known after `open`."""
        tree_id = self._staging.tree_id
        return tree_id if self._staging.is_durable else f"{tree_id}-unsynced"

    def open(self) -> None:
        """Make the root and an empty staging folder, durably.

        Raises:
            OSError: the root cannot be made, read or written, or another daemon has it.
        """
        self._directories.make_root()
        self._staging.open()

    def close(self) -> None:
        """Let another process have the tree."""
        self._staging_folders.close()
        self._staging.close()

    def apply(self, modes: Modes, free_space_bytes: int) -> None:
        """Make the next files and directories with other modes, and leave so much free.

        On any thread.
        """
        self._staging_folders.apply(modes)
        self._staging_folders.free_space_bytes = free_space_bytes

    @property
    def rooms(self) -> list[Room]:
        """What was left on other disks than the root's; on any thread."""
        return self._staging_folders.rooms

    def change_mode(self, directory: str, old_mode: int) -> None:
        """Do as `Directories.change_mode` does, for a directory relative to the root."""
        self._directories.change_mode(directory, old_mode)

    def check(self, directories: Iterable[str]) -> list[str]:
        """Return what does not work, if `open` would succeed, and results be stored in directories.

        Nothing that is made for that stays.

        Raises:
            OSError: it would not, or they could not.
        """
        check_writable(self._root)
        weaker = [*self._staging.check().weaker]
        for directory in directories:
            there = check_writable(os.path.join(self._root, directory))
            weaker += self._staging_folders.try_out(there)
        return list(dict.fromkeys(weaker))

    def prepare(self, directory: str) -> None:
        """Make a directory, relative to the root, before there are results for it.

        One for failed tasks is made only where some have failed before.

        Raises:
            OSError: it cannot be made, or results could not be stored there.
        """
        self.check_root()
        self._directories.make(self._directories.path_of(directory))
        failed = os.path.join(self._root, "failed")
        if directory and os.path.isdir(os.path.join(failed, directory.partition("/")[0])):
            self._directories.make(os.path.join(failed, directory))

    def check_root(self) -> None:
        """Raise `OSError` unless the root is the one that was opened; on any thread."""
        self._staging.check_folder()

    def stage(self) -> StagedFile:
        """Return a new empty file in the staging folder; on any thread. Raise `OSError` if not."""
        self.check_root()
        self._staging.ensure()
        return self._staging.create()

    def probe(self) -> None:
        """Raise `OSError` unless a small file can be written, synced and get a name now.

        This is done in the staging folder.
        """
        self.check_root()
        _probe(self._staging)

    def probe_failed(self, provider: str) -> None:
        """Do the same where the provider's last result failed."""
        if provider in self._failed:
            _probe(self._directories.staging_of(self._failed[provider]))

    def write(self, plans: Sequence[Plan], plan_again: PlanAgain) -> list[Plan | OSError]:
        """Make each result durable; return for each, in order, as what it was stored, or why not.

        One that fails does not hold up the others. Files that were found are made durable too.
        """
        attempts = [_Attempt(plan) for plan in plans]
        self._directories.begin_batch()
        try:
            self.check_root()
            self._staging.ensure()
            _each(attempts, self._enter)
            _each(attempts, _stage)
            self._sync_files(attempts)
            _each(attempts, partial(self._link, plan_again))
            self._sync_directories(attempts)
            self.check_root()
            _each(attempts, self._announce)
        except OSError as error:
            for attempt in attempts:
                attempt.error = error
        finally:
            for attempt in attempts:
                _release(attempt)
        for attempt in attempts:
            self._note_failed(attempt)
        return [attempt.error or attempt.plan for attempt in attempts]

    def _note_failed(self, attempt: _Attempt) -> None:
        provider = attempt.plan.result.provider
        if attempt.error is None:
            self._failed.pop(provider, None)
        elif _is_of_storage(attempt.error):
            self._failed[provider] = self._path_of(attempt.plan)

    def _path_of(self, plan: Plan) -> str:
        return self._directories.path_of(plan.result.directory)

    def _sync_files(self, attempts: Sequence[_Attempt]) -> None:
        """Sync what was staged, in one staging folder after another."""
        if not self._staging.is_durable:
            return
        _each(attempts, _sync_spooled)
        going = [attempt for attempt in attempts if attempt.error is None]
        going.sort(key=lambda attempt: attempt.staging.path)
        for _, together in groupby(going, lambda attempt: attempt.staging.path):
            self._sync_folder(list(together))

    def _sync_folder(self, attempts: Sequence[_Attempt]) -> None:
        """Sync what was staged in one folder: many files at once, or a few one by one."""
        files = [staged for attempt in attempts for staged in attempt.own]
        try:
            done = len(files) >= _MANY_FILES and self._file_system.sync(files[0].descriptor)
        except OSError:
            _each(attempts, _stage_and_sync_again)
            return
        if not done:
            for staged in files:
                begin_writeback(staged.descriptor)
            _each(attempts, _sync_or_stage_again)

    def _link(self, plan_again: PlanAgain, attempt: _Attempt) -> None:
        try:
            self._place(attempt)
        except OSError as error:
            if error.errno not in _WORTH_ANOTHER_TRY:
                raise
            # The name was taken meanwhile; a reader that tidies up has removed a folder that
            # was still empty; rsync has taken a staged file away; or something was mounted.
            self._directories.forget()
            attempt.plan = plan_again(attempt.plan)
            self._enter(attempt)
            _stage_and_sync_again(attempt, again=True)
            self._place(attempt)

    def _place(self, attempt: _Attempt) -> None:
        """Name what is missing; sync what is there: its writer may have been killed before."""
        for (suffix, path), staged in zip(self._paths(attempt), attempt.staged, strict=True):
            if suffix in attempt.plan.found:
                self._staging.sync(path)
            else:
                staged.place(path)

    def _announce(self, attempt: _Attempt) -> None:
        """Have watchers see each file as complete; also those that were found, of which nobody may.

        The process that wrote those may have been killed before it came to that.
        """
        if attempt.staging is not self._staging:
            attempt.staging.check_folder()
        for _, path in self._paths(attempt):
            attempt.staging.announce(path)

    def _paths(self, attempt: _Attempt) -> list[tuple[str, str]]:
        """Return suffix and path of each file."""
        result, stem = attempt.plan.result, attempt.plan.stem
        return [
            (suffix, os.path.join(self._root, result.path(stem, suffix)))
            for suffix, _ in result.files
        ]

    def _enter(self, attempt: _Attempt) -> None:
        attempt.directory = self._directories.enter(self._path_of(attempt.plan))

    def _sync_directories(self, attempts: Sequence[_Attempt]) -> None:
        """Sync each directory; a failure is one of every result that needs the directory."""
        entered = {attempt.directory for attempt in attempts if attempt.directory is not None}
        failures = self._directories.sync(entered)
        for attempt in attempts:
            if attempt.directory is not None and attempt.directory in failures:
                attempt.error = failures[attempt.directory]


def _is_of_storage(error: OSError) -> bool:
    """Return whether something failed that may be mended, and not just a name."""
    return error.errno not in UNNAMEABLE


def _probe(staging: Staging) -> None:
    """Write, sync and name a small file in a staging folder, and remove it."""
    staging.ensure()
    staged = staging.create()
    linked = os.path.join(staging.path, _PROBE)
    try:
        staged.write(b"probe")
        staged.sync()
        staged.place(linked)
        os.unlink(linked)
        staging.sync(staging.path)
    finally:
        staged.release()


def _each(attempts: Iterable[_Attempt], step: Callable[[_Attempt], None]) -> None:
    """Take every result that has not failed one step further."""
    for attempt in attempts:
        if attempt.error is None:
            try:
                step(attempt)
            except OSError as error:
                attempt.error = error


def _stage(attempt: _Attempt, *, again: bool = False) -> None:
    """Write each file, or take the one that others have written; `again`: write those again too."""
    for _, content in attempt.plan.result.files:
        if (
            isinstance(content, StagedFile)
            and not again
            and _is_placeable(content, attempt.staging)
        ):
            content.hold()
            attempt.staged.append(content)
        else:
            staged = attempt.staging.create()
            attempt.staged.append(staged)
            for piece in (content,) if isinstance(content, bytes | bytearray) else content.pieces():
                staged.write(piece)


def _is_placeable(content: StagedFile, staging: Staging) -> bool:
    """Return whether what others have written can get a name; to be renamed it would be closed."""
    return content.staging is staging and staging.capabilities.placing == "link"


def _release(attempt: _Attempt) -> None:
    """Close what was staged; what has its final name stays."""
    for staged in attempt.staged:
        staged.release()
    attempt.staged.clear()


def _sync_or_stage_again(attempt: _Attempt) -> None:
    try:
        _sync_own(attempt)
    except OSError:
        _stage_and_sync_again(attempt)


def _stage_and_sync_again(attempt: _Attempt, *, again: bool = False) -> None:
    """Stage a result once more, after a sync that failed.

    A page that could not be written may be marked clean, so that a second sync of the same file
    would succeed without the data: only a file written again can be trusted.
    """
    _release(attempt)
    _stage(attempt, again=again)
    _sync_own(attempt)


def _sync_own(attempt: _Attempt) -> None:
    for staged in attempt.own:
        staged.sync()


def _sync_spooled(attempt: _Attempt) -> None:
    """Sync what others have staged; what fails then cannot be staged again."""
    for (_, content), staged in zip(attempt.plan.result.files, attempt.staged, strict=True):
        if content is staged:
            staged.sync()
