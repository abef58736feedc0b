"""The output that is a directory tree: each result once, and only what there is room for."""

import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from asr_daemon.errors import CannotStore, NoRoomForRejected
from asr_daemon.index.index import Entry, Index
from asr_daemon.output.base import Outcome, Result, Stored, reason_of, refusal_of
from asr_daemon.output.filesystem.duplicates import Deduplicated
from asr_daemon.output.filesystem.names import (
    UNNAMEABLE,
    BatchNames,
    Names,
    Plan,
    ReadFingerprint,
    plainly_named,
)
from asr_daemon.output.filesystem.rejected_quota import Quota
from asr_daemon.output.filesystem.space import Room, Space
from asr_daemon.output.filesystem.spool import SpooledBody
from asr_daemon.output.filesystem.staging import Modes, StagedFile, Staging
from asr_daemon.output.filesystem.tree import Tree
from asr_daemon.output.filesystem.tree_scan import Found, ReadEntry, TreeScan, no_entry
from asr_daemon.output.filesystem.upcoming_directories import (
    Expected,
    UpcomingDirectories,
    none_expected,
)

REJECTED = "rejected"
"""The status, and the first folder below the root, of rejected bodies."""

FOUND_A_BATCH = 50
FOUND_WHILE_IDLE = 1000
"""How many results that were found in the tree are indexed in one go: it takes 1 ms, or 20."""

_log = logging.getLogger(__name__)


class Settings(Struct, frozen=True):
    """What may change while the output is open."""

    modes: Modes
    duplicate_window_s: float
    free_space_bytes: int
    """What is left free on the disk."""
    rejected_bytes: int
    """Room for rejected bodies."""
    history_s: float = 30 * 86400.0
    """How long results are remembered at least, and looked for by an index that is new."""
    expected: Expected = none_expected
    """The directories of the results of a moment, which are made ahead."""


class MarkerReaders(Struct, frozen=True):
    """What reads markers, which the output has only bytes of."""

    fingerprint: ReadFingerprint
    entry: ReadEntry = no_entry


class FilesystemOutput:
    """Stores results below one root. `store` and `check_health` are the committer's thread's."""

    def __init__(
        self,
        root: Path,
        index: Index,
        reading: MarkerReaders,
        settings: Settings,
        *,
        durable: bool,
    ) -> None:
        """Name the root; `open` touches it.

        Args:
            root: the directory of the tree; made if it is missing.
            index: what is remembered of results.
            reading: reads the markers of results that are there.
            settings: until others are applied.
            durable: sync before a result counts as stored; otherwise the page cache is enough.
        """
        path = os.path.abspath(root)
        self._settings = settings
        self._index = index
        self.clock = index.clock
        self._staging = Staging(path, settings.modes, durable=durable, now_s=self.clock.now_s)
        self._tree = Tree(path, self._staging)
        self._names = Names(path, reading.fingerprint)
        self._finder = TreeScan(path, reading.entry)
        self._unrecorded: list[Found] = []
        self._finds_older = False
        self._root = path
        self._space = Space(root)
        self._quota = Quota(root / REJECTED)
        self._upcoming = UpcomingDirectories(self._tree.prepare, self.clock.now)
        self._directory_mode = settings.modes.directory
        self.apply(settings)

    def open(self) -> None:
        """Take the tree, and begin to remember for it.

        Raises:
            OSError: the root cannot be used.
        """
        try:
            self._tree.open()
        except OSError:
            self._tree.close()
            raise
        if self._staging.was_tried:
            self._space.note_files_made()
        self._index.open(self._tree.id)
        self.clock.know(self._index.newest_s())
        self.clock.warn()
        self._quota.start_count()
        self._upcoming.make(self._settings.expected, at_once=True)

    def close(self) -> None:
        """Let another process have the tree."""
        self._finder.stop()
        self._index.close()
        self._tree.close()

    def check(self) -> list[str]:
        """Return what does not work, a sentence each, if `open` would succeed; change nothing.

        Raises:
            OSError: it would not.
        """
        return self._tree.check(self._settings.expected(self.clock.now()))

    def apply(self, settings: Settings) -> None:
        """Use other settings from the next batch on; on any thread."""
        self._settings = settings
        self._tree.apply(settings.modes, settings.free_space_bytes)

    @property
    def free_bytes(self) -> int | None:
        """What was left on the fullest disk at the last check; `None` if that is not known."""
        rooms = self._rooms()
        return min(room.free_bytes for room in rooms) if rooms else None

    @property
    def free_inodes(self) -> int | None:
        """As many were left there at the last check; `None` if not known, or not counted."""
        counted = [room.free_inodes for room in self._rooms() if room.free_inodes is not None]
        return min(counted, default=None)

    @property
    def index_backlog(self) -> int:
        """How many stored results wait until the index can be written."""
        return self._index.backlog

    @property
    def rejected_bytes(self) -> int:
        """What rejected bodies take of `limits.rejected`."""
        return self._quota.used_bytes

    def store(self, batch: Sequence[Result]) -> list[Outcome]:
        """Make each result durable; return for each, in order, what became of it.

        The same result (of one identity) is written once, whether it comes again in the same batch
        or within the window, and is acknowledged only when it is durable: it is indexed after the
        syncs, and a second one in a batch shares the fate of the first.
        """
        settings = self._settings
        self._make_upcoming(settings)
        identities = {result.identity for result in batch}
        known = self._index.find(identities, settings.duplicate_window_s)
        deduplicated = Deduplicated(batch, known, self._is_there)
        new = deduplicated.new
        stored = self._store_new(new, settings) if new else []
        self._fill(FOUND_A_BATCH)
        return deduplicated.outcomes(stored)

    def check_health(self, *, thoroughly: bool) -> str | None:
        """Return why results cannot be stored now, `None` if they can.

        Thoroughly, a small file is written and synced for that; otherwise it is only looked.
        """
        try:
            self._space.check(self._settings.free_space_bytes)
            if thoroughly:
                self._tree.probe()
            else:
                self._tree.check_root()
                self._make_upcoming(self._settings)
                self._fill(FOUND_WHILE_IDLE)
        except OSError as error:
            return reason_of(error)
        return None

    def check_provider(self, provider: str) -> str | None:
        """Return why results cannot be stored where the provider's last one was refused."""
        try:
            self._tree.probe_failed(provider)
        except OSError as error:
            return reason_of(error)
        return None

    def stage(self) -> StagedFile:
        """Return an empty file that a result may hold later; on any thread.

        Raises:
            CannotStore: there is no room for it, or it cannot be made.
        """
        try:
            self._space.check(self._settings.free_space_bytes)
            return self._tree.stage()
        except OSError as error:
            raise refusal_of(error) from error

    async def open_spool(self) -> SpooledBody:
        """Return an empty body that is spooled while it arrives.

        Raises:
            CannotStore: there is no room for it, or it cannot be made.
        """
        return await SpooledBody.open(self.stage, self._staging.executor)

    def _rooms(self) -> list[Room]:
        """Return what was left on each disk; nothing if that is not known of the root's."""
        return [] if self._space.room is None else [self._space.room, *self._tree.rooms]

    def _make_upcoming(self, settings: Settings) -> None:
        """Make the next directories; those that wait for results get a mode that is new."""
        if settings.modes.directory != self._directory_mode:
            for directory in self._upcoming.made:
                self._tree.change_mode(directory, self._directory_mode)
            self._directory_mode = settings.modes.directory
        self._upcoming.make(settings.expected)

    def _store_new(self, results: Sequence[Result], settings: Settings) -> list[Outcome]:
        try:
            self._space.check(settings.free_space_bytes)
        except OSError as error:
            return [refusal_of(error)] * len(results)
        taken: dict[str, int] = {}
        outcomes: dict[str, Outcome] = {}
        for result in results:
            if result.status == REJECTED:
                try:
                    taken[result.identity] = self._take_room(result, settings)
                except CannotStore as refusal:
                    outcomes[result.identity] = refusal
        wanted = [result for result in results if result.identity not in outcomes]
        written = self._write(wanted, settings)
        outcomes.update(zip((result.identity for result in wanted), written, strict=True))
        for identity, size_bytes in taken.items():
            if not _is_new(outcomes[identity]):
                self._quota.give_back(size_bytes)
        return [outcomes[result.identity] for result in results]

    def _take_room(self, result: Result, settings: Settings) -> int:
        """Count a rejected body, and return its size. Raise `CannotStore` if it has no room."""
        try:
            size_bytes = result.size_bytes
        except OSError as error:
            raise refusal_of(error) from error
        if not self._quota.take(size_bytes, settings.rejected_bytes):
            raise NoRoomForRejected("there is no room left for rejected bodies (limits.rejected)")
        return size_bytes

    def _write(self, results: Sequence[Result], settings: Settings) -> list[Outcome]:
        """Name the results, write them, and index what was stored."""
        window_s = settings.duplicate_window_s
        since_s = self.clock.now_s() - window_s
        taken = partial(self._index.taken, window_s=window_s)
        names = BatchNames(self._names, results, since_s, taken)
        ends = self._write_named(results, names)
        unnameable = [number for number, end in enumerate(ends) if _is_unnameable(end)]
        if unnameable:
            plain = [plainly_named(results[number]) for number in unnameable]
            for number, end in zip(unnameable, self._write_named(plain, names), strict=True):
                ends[number] = end
                if isinstance(end, Plan):
                    _log.warning("name not possible on the file system, stored as %s", end.marker)
        stored = [plan for plan in ends if isinstance(plan, Plan)]
        # Those that are indexed already are not new.
        found = {plan.marker for plan in stored if plan.is_duplicate}
        known = self._index.confirm(found) if found else set()
        entries = [_entry(plan) for plan in stored if plan.marker not in known]
        self._index.record(entries, max(window_s, settings.history_s))
        return [_outcome(end) for end in ends]

    def _write_named(self, results: Sequence[Result], names: BatchNames) -> list[Plan | OSError]:
        plans: list[Plan | OSError] = [_planned(names, result) for result in results]
        writable = [plan for plan in plans if isinstance(plan, Plan)]
        written = iter(self._tree.write(writable, names.plan_again))
        return [next(written) if isinstance(plan, Plan) else plan for plan in plans]

    def _is_there(self, path: str) -> bool:
        return os.path.lexists(os.path.join(self._root, path))

    def _fill(self, most: int) -> None:
        """Index results in the tree that the index does not know; nothing waits for that."""
        if not self._finder.is_running and not self._unrecorded:
            self._find_missing()
            return
        self._unrecorded = self._unrecorded or self._finder.take(most)
        if self._index.record_found(self._unrecorded, older=self._finds_older):
            self._unrecorded = []
            if not self._finder.is_running and not self._find_missing():
                self._index.note_filled()

    def _find_missing(self) -> bool:
        """Begin to look for what the index does not know; say whether there is anything."""
        missing_since_s = self._index.take_missing()
        if missing_since_s is None:
            return False
        self._finds_older = missing_since_s <= 0
        since_s = max(missing_since_s, self.clock.now_s() - self._settings.history_s)
        self._finder.start(since_s, oldest_first=not self._finds_older)
        return True


def _planned(names: BatchNames, result: Result) -> Plan | OSError:
    try:
        return names.plan(result)
    except OSError as error:
        return error


def _is_unnameable(end: Plan | OSError) -> bool:
    return isinstance(end, OSError) and end.errno in UNNAMEABLE


def _outcome(end: Plan | OSError) -> Outcome:
    if isinstance(end, OSError):
        return refusal_of(end)
    return Stored(end.marker, end.is_duplicate)


def _is_new(outcome: Outcome) -> bool:
    return isinstance(outcome, Stored) and not outcome.duplicate


def _entry(plan: Plan) -> Entry:
    result = plan.result
    return Entry(
        result.identity,
        result.provider,
        result.id,
        result.digest,
        plan.marker,
        result.status,
        result.follow_up,
    )
