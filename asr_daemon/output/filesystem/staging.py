"""The folder below the root where files are written before they get their final names."""

import errno
import hashlib
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from secrets import token_hex
from threading import Lock

from msgspec import Struct

from asr_daemon.output.filesystem.capabilities import (
    NAMED,
    OPEN_FILES,
    UNNAMED,
    Capabilities,
    find_capabilities,
    is_trial,
    remove_trial,
    rename,
)
from asr_daemon.output.filesystem.lock import is_left, lock_directory, temporary_prefix
from asr_daemon.output.filesystem.mount_boundaries import boundaries_of
from asr_daemon.output.filesystem.sync import sync_directory, sync_file

STAGING = ".staging"

SYNC_BYTES = 8 * 1024 * 1024
"""A staged file that grows is synced each time: with more, small results' syncs wait for it."""

_MARK = "tree-"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ANNOUNCED = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE_BYTES = 256 * 1024
_THREADS = 4
_MODES_NOT_KEPT = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP)
_FOR_NOW = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)

_Identity = tuple[int, int]

_log = logging.getLogger(__name__)


class Modes(Struct, frozen=True):
    """Permissions, as `chmod` has them."""

    file: int
    directory: int


class StagedFile:
    """An open file in the staging folder that has no final name yet.

    Used on any thread, also on several: it is closed when it is discarded and no longer in use. A
    child process may write to its descriptor.
    """

    def __init__(self, staging: "Staging", descriptor: int, name: str | None) -> None:
        """`name` is the path of its temporary name, if it has one."""
        self.descriptor = descriptor
        self.path = name or f"{OPEN_FILES}/{descriptor}"
        """Leads to it while it is open."""
        self.staging = staging
        """The folder that it is in."""
        self._is_named = name is not None
        self._lock = Lock()
        self._uses = 1
        self._is_discarded = False
        self._is_distrusted = False
        self._is_closed = False
        self._unsynced_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Its size, also where a child process has written to it."""
        with self.used():
            return os.fstat(self.descriptor).st_size

    def fileno(self) -> int:
        """Return the descriptor."""
        return self.descriptor

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write at the end. Raise `OSError` if that fails."""
        with self.used():
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]
            self._unsynced_bytes += len(data)
            if self._unsynced_bytes >= SYNC_BYTES:
                self.sync()

    def sync(self) -> None:
        """Put everything on stable storage. Raise `OSError` if that fails, from then on always.

        A page that could not be written may be marked clean, so that a second sync would succeed
        without it: only another file can be trusted.
        """
        if not self.staging.is_durable:
            return
        with self.used():
            if self._is_distrusted:
                raise OSError(errno.EIO, "an earlier sync of this file failed")
            try:
                sync_file(self.descriptor)
            except OSError:
                self._is_distrusted = True
                raise
            self._unsynced_bytes = 0

    def read(self) -> bytes:
        """Return the whole content."""
        return b"".join(self.pieces())

    def digest(self) -> str:
        """Return the SHA-256 of the content in hex digits."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """Yield the content from the start, wherever it is being written.

        Raises:
            OSError: it cannot be read, or not all of it, as some file systems have it.
        """
        with self.used():
            at = 0
            while piece := os.pread(self.descriptor, _PIECE_BYTES, at):
                yield piece
                at += len(piece)
            if at < self.size_bytes:
                raise OSError(errno.EIO, "a staged file cannot be read to its end")

    def discard(self) -> None:
        """Close and remove it soon, on another thread: on a frozen disk that takes long."""
        with self._lock:
            is_first, self._is_discarded = not self._is_discarded, True
        if is_first:
            self.staging.executor.submit(self.release)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep it open for a block. Raise `OSError` if it is closed already."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def hold(self) -> None:
        """Keep it open until `release`, even if discarded. Raise `OSError` if it is closed."""
        with self._lock:
            if not self._uses:
                raise OSError(errno.EBADF, "the staged file was discarded")
            self._uses += 1

    def release(self) -> None:
        """End one use of it; the last one closes it, and removes its temporary name."""
        with self._lock:
            self._uses -= 1
            if self._uses:
                return
        # It was synced, or it is not going to be used; a leftover is removed at the next start.
        self.close()
        if self._is_named:
            with suppress(OSError):
                os.unlink(self.path)

    def close(self) -> None:
        """Close it and keep its temporary name; only for its only user."""
        if not self._is_closed:
            self._is_closed = True
            with suppress(OSError):
                os.close(self.descriptor)

    def place(self, path: str) -> None:
        """Give it its final name, which must be free, and the present time: pollers go by that.

        Raises:
            FileExistsError: the name is not free.
            OSError: it cannot have it.
        """
        placing = self.staging.capabilities.placing
        if not self._is_closed:
            # Finer than the kernel's own, which is the same for all that is named within a tick:
            # results are read from the tree in this order.
            now_s = self.staging.now_s()
            with suppress(OSError):
                os.utime(self.descriptor, (now_s, now_s))
        if placing == "link":
            self.staging.link(self.path, path)
            return
        # If it were closed afterwards, watchers would see that under its final name.
        self.close()
        rename(self.path, path, placing)
        self._is_named = False


class Staging:
    """`<folder>/.staging`: emptied at start, locked against a second daemon, and marked.

    The mark is a file whose name identifies this folder, also after the file system went
    away and came back under another device number, or was replaced by a copy or an empty one.
    """

    def __init__(
        self,
        folder: str,
        modes: Modes,
        *,
        durable: bool,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Name the folder that it is in, absolute; `open` touches it.

        Args:
            folder: where it is.
            modes: of files and directories.
            durable: sync before anything counts as stored.
            now_s: returns the time for a file that gets its name now.
        """
        self.modes = modes
        """Of the next file or directory that is made."""
        self.folder = folder
        self.path = os.path.join(folder, STAGING)
        self.is_durable = durable
        self.now_s = now_s
        self.executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="staging")
        """For what may hang with the disk, and nothing else is to hang with it."""
        self._prefix = temporary_prefix()
        self._numbers = count()
        self._lock: int | None = None
        self._capabilities: Capabilities | None = None
        self._mark = ""
        self._identity: _Identity | None = None

    @property
    def tree_id(self) -> str:
        """Identifies the tree; known after `open`."""
        return self._mark.removeprefix(_MARK)

    @property
    def was_tried(self) -> bool:
        """Whether files could be made here."""
        return self._capabilities is not None

    @property
    def capabilities(self) -> Capabilities:
        """What works here. Raise `OSError` if that cannot be found out, as on a full disk."""
        if self._capabilities is None:
            self._capabilities = find_capabilities(self.path)
            for sentence in self._capabilities.weaker:
                _log.warning("%s", sentence)
        return self._capabilities

    def open(self) -> None:
        """Make it, lock it, empty it, and find or make its mark, durably.

        Raises:
            OSError: it cannot be made, is a link, or another daemon has it.
        """
        with suppress(FileExistsError):
            self.make_directory(self.path)
        self._lock = lock_directory(self.path)
        try:
            self._empty(self._lock)
            self._mark = self._mark or f"{_MARK}{token_hex(8)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            os.close(os.open(os.path.join(self.path, self._mark), flags, self.modes.file))
            if _inherits_other(self.folder, self.path):
                self._renew()
            self._find_capabilities()
        except OSError:
            self.close()
            raise
        self.sync(self.path)
        self.sync(self.folder)
        self._identity = _identity(self.folder)

    def close(self) -> None:
        """Let another process have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def check(self) -> Capabilities:
        """Find out whether `open` would succeed, and what works; only a trial is made and removed.

        Raises:
            OSError: it would not.
        """
        if not os.path.lexists(self.path):
            return find_capabilities(check_writable(self.folder))
        os.close(os.open(self.path, _DIRECTORY))
        return find_capabilities(check_writable(self.path))

    def check_folder(self) -> None:
        """Raise `OSError` unless the folder is the one that `open` found; on any thread.

        A file system that went away and came back may have another device number.
        """
        identity = _identity(self.folder)
        if identity == self._identity:
            return
        if not os.path.lexists(os.path.join(self.path, self._mark)):
            raise OSError(errno.ESTALE, "not the directory that it was at start", self.folder)
        self._identity = identity

    def ensure(self) -> None:
        """Make it again if somebody removed it; only in a folder that is the right one.

        The mark is not made again: if the folder is another one, it must not look like ours.
        """
        if not os.path.isdir(self.path):
            self.make_directory(self.path)

    def create(self) -> StagedFile:
        """Return a new empty file; on any thread.

        Where the file system can do it the file has no name until it is linked: that is one change
        of a directory less at each end, and nothing is left when the process is killed.
        """
        if self.capabilities.takes_unnamed:
            staged = StagedFile(self, os.open(self.path, UNNAMED, 0o600), None)
        else:
            path = os.path.join(self.path, f"{self._prefix}{next(self._numbers)}~")
            staged = StagedFile(self, os.open(path, NAMED, 0o600), path)
        try:
            if self.capabilities.keeps_modes:
                # Whatever the umask.
                os.fchmod(staged.descriptor, self.modes.file)
        except OSError:
            staged.release()
            raise
        return staged

    def link(self, old: str, new: str) -> None:
        """Give a file here one more name, which must be free; both paths are absolute."""
        # With a descriptor of a directory, which an absolute path makes no use of, Python follows
        # the link that stands for an open file.
        os.link(old, new, dst_dir_fd=self._lock)

    def announce(self, path: str) -> None:
        """Have watchers see that a file is complete, as if a program had just closed it.

        A reader may have been quicker and taken it, or given it to somebody else.
        """
        if self.capabilities.placing == "link":
            with suppress(OSError):
                os.close(os.open(path, _ANNOUNCED))

    def make_directory(self, path: str) -> None:
        """Make a directory, here or among the results; an inherited set-group-ID bit stays."""
        os.mkdir(path, self.modes.directory)
        self.set_directory_mode(path)

    def set_directory_mode(self, path: str) -> None:
        """Give a directory its mode, as far as this process and the file system can."""
        made = os.stat(path)
        inherited = made.st_mode & stat.S_ISGID
        # To change the mode of a directory of a group that it is not in, a process loses the bit.
        if made.st_mode & 0o777 == self.modes.directory or (inherited and not _is_in(made.st_gid)):
            return
        # Whatever the umask. Some file systems keep no modes, and a service may be forbidden to
        # touch what has a set-group-ID bit; a directory of another mode serves as well.
        try:
            os.chmod(path, self.modes.directory | inherited)
        except OSError as error:
            if error.errno not in _MODES_NOT_KEPT:
                raise

    def sync(self, path: str) -> None:
        """Put a directory's entries, or a file, on stable storage. Raise `OSError` if that fails.

        A file system that syncs no directories is left to itself.
        """
        if not self.is_durable:
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            sync_directory(descriptor)
        finally:
            os.close(descriptor)

    def _find_capabilities(self) -> None:
        """Find out what works; a disk that is full or broken may be asked again later."""
        try:
            _ = self.capabilities
        except OSError as error:
            if error.errno not in _FOR_NOW:
                raise

    def _empty(self, folder: int) -> None:
        """Find the mark, and remove what else an earlier process left."""
        for name in os.listdir(folder):
            if name.startswith(_MARK) and not self._mark:
                self._mark = name
            elif is_trial(name):
                remove_trial(os.path.join(self.path, name))
            elif name != self._mark and is_left(name, folder):
                # A folder is nothing of ours, and not in the way.
                with suppress(IsADirectoryError):
                    os.unlink(name, dir_fd=folder)

    def _renew(self) -> None:
        """Make it again, so that it inherits what its folder has got since it was made."""
        new = f"{self.path}-{token_hex(4)}~"
        self.make_directory(new)
        os.rename(os.path.join(self.path, self._mark), os.path.join(new, self._mark))
        try:
            os.rename(new, self.path)
        except OSError:
            # Something of others is in it.
            os.rename(os.path.join(new, self._mark), os.path.join(self.path, self._mark))
            os.rmdir(new)
            _log.warning("files do not take group and ACL of %s: empty %s", self.folder, self.path)
            return
        self.close()
        self._lock = lock_directory(self.path)


def check_writable(path: str) -> str:
    """Return the directory `path`, or the nearest that is there if it is missing.

    Raises:
        OSError: it cannot be written to.
    """
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    if not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return path


def _inherits_other(folder: str, staging: str) -> bool:
    """Return whether new files get another group or ACL in the staging folder than next to it."""
    here, there = boundaries_of(folder), boundaries_of(staging)
    return (here.group, here.acl) != (there.group, there.acl)


def _is_in(group: int) -> bool:
    return os.geteuid() == 0 or group in {os.getegid(), *os.getgroups()}


def _identity(path: str) -> _Identity:
    status = os.stat(path)
    return status.st_dev, status.st_ino
