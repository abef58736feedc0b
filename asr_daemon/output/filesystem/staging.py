"""The folder below the root where files are written before they get their final names."""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from secrets import token_hex
from threading import Lock

from msgspec import Struct

STAGING = ".staging"

SYNC_BYTES = 8 * 1024 * 1024
"""A staged file that grows is synced each time: with more, small results' syncs wait for it."""

_MARK = "tree-"
_OPEN_FILES = "/proc/self/fd"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_UNNAMED = os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC
_NAMED = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE_BYTES = 256 * 1024
_THREADS = 4

_UNSUPPORTED = (errno.EOPNOTSUPP, errno.EISDIR)
"""What file systems and old kernels that do not know `O_TMPFILE` answer."""


class Modes(Struct, frozen=True):
    """Permissions, as `chmod` has them."""

    file: int
    directory: int


class StagedFile:
    """An open file in the staging folder that has no final name yet.

    Used on any thread, also on several: it is closed when it is discarded and nobody uses it. A
    child process may write to its descriptor.
    """

    def __init__(self, staging: "Staging", descriptor: int, name: str | None) -> None:
        """Take an open file, and the path of its temporary name if it has one."""
        self.descriptor = descriptor
        self.path = name or f"{_OPEN_FILES}/{descriptor}"
        """Leads to it while it is open."""
        self._staging = staging
        self._is_named = name is not None
        self._lock = Lock()
        self._uses = 1
        self._is_discarded = False
        self._is_distrusted = False
        self._unsynced_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Its size, whoever has written to it."""
        with self.used():
            return os.fstat(self.descriptor).st_size

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
        if not self._staging.is_durable:
            return
        with self.used():
            if self._is_distrusted:
                raise OSError(errno.EIO, "an earlier sync of this file failed")
            try:
                os.fsync(self.descriptor)
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
        """Yield the content from the start, wherever it is being written."""
        with self.used():
            at = 0
            while piece := os.pread(self.descriptor, _PIECE_BYTES, at):
                yield piece
                at += len(piece)

    def discard(self) -> None:
        """Close and remove it soon, on another thread: on a frozen disk that takes long."""
        with self._lock:
            is_first, self._is_discarded = not self._is_discarded, True
        if is_first:
            self._staging.executor.submit(self.release)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep it open for a block. Raise `OSError` if it is closed already."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def hold(self) -> None:
        """Keep it open until `release`, whoever discards it. Raise `OSError` if it is closed."""
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
        with suppress(OSError):
            os.close(self.descriptor)
        if self._is_named:
            with suppress(OSError):
                os.unlink(self.path)


class Staging:
    """`<root>/.staging`: emptied at start, locked against a second daemon, and marked.

    The mark is a file whose name tells this tree from any other, also after the file system went
    away and came back under another device number, or was replaced by a copy or an empty one.
    """

    def __init__(self, root: str, modes: Modes, *, durable: bool) -> None:
        """Name the folder; `open` touches it."""
        self.modes = modes
        """Of the next file or directory that is made."""
        self.path = os.path.join(root, STAGING)
        self.is_durable = durable
        self.executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="staging")
        """For what may hang with the disk, and nothing else is to hang with it."""
        self._token = token_hex(4)
        self._numbers = count()
        self._lock: int | None = None
        self._takes_unnamed = False
        self._mark = ""

    @property
    def tree_id(self) -> str:
        """What tells the tree from others; known after `open`."""
        return self._mark.removeprefix(_MARK)

    def open(self) -> None:
        """Make the folder, lock it, empty it, and find or make its mark; syncs nothing.

        Raises:
            OSError: it cannot be made, is a link, or another daemon has it.
        """
        with suppress(FileExistsError):
            self.make_directory(self.path)
        self._lock = os.open(self.path, _DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise OSError(errno.EBUSY, "another asr-daemon writes there", self.path) from error
        self._empty(self._lock)
        self._mark = self._mark or f"{_MARK}{token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(os.path.join(self.path, self._mark), flags, self.modes.file))
        self._takes_unnamed = os.path.isdir(_OPEN_FILES)

    def close(self) -> None:
        """Let another process have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def check(self) -> None:
        """Find out, without a change, whether `open` would succeed; raise `OSError` if not."""
        with suppress(FileNotFoundError):
            os.close(os.open(self.path, _DIRECTORY))
            check_writable(self.path)

    def is_marked(self) -> bool:
        """Whether the mark that `open` left is below the root now."""
        return os.path.lexists(os.path.join(self.path, self._mark))

    def ensure(self) -> None:
        """Make the folder again if somebody removed it; only for a root that is the right one.

        The mark is not made again: should the root be another one by now, it must not seem ours.
        """
        if not os.path.isdir(self.path):
            self.make_directory(self.path)

    def create(self) -> StagedFile:
        """Return a new empty file; on any thread.

        Where the file system can do it the file has no name until it is linked: that is one change
        of a directory less at each end, and nothing is left when the process is killed.
        """
        staged = self._open_unnamed() if self._takes_unnamed else None
        if staged is None:
            path = os.path.join(self.path, f"{self._token}-{next(self._numbers)}")
            staged = StagedFile(self, os.open(path, _NAMED, 0o600), path)
        try:
            # Whatever the umask.
            os.fchmod(staged.descriptor, self.modes.file)
        except OSError:
            staged.release()
            raise
        return staged

    def link(self, staged: StagedFile, path: str) -> None:
        """Give a file its final name, which must be free; `path` is absolute."""
        # With a descriptor of a directory, which an absolute path makes no use of, Python follows
        # the link that stands for an open file.
        os.link(staged.path, path, dst_dir_fd=self._lock)

    def make_directory(self, path: str) -> None:
        """Make a directory, here or among the results; an inherited set-group-ID bit stays."""
        os.mkdir(path, self.modes.directory)
        made = os.stat(path).st_mode
        if made & 0o777 != self.modes.directory:
            # Whatever the umask.
            os.chmod(path, self.modes.directory | made & stat.S_ISGID)

    def _open_unnamed(self) -> StagedFile | None:
        try:
            return StagedFile(self, os.open(self.path, _UNNAMED, 0o600), None)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            self._takes_unnamed = False
            return None

    def _empty(self, folder: int) -> None:
        """Find the mark of this tree, and remove what else an earlier process left."""
        for name in os.listdir(folder):
            if name.startswith(_MARK) and not self._mark:
                self._mark = name
            elif name != self._mark:
                # A folder is nothing of ours, and not in the way.
                with suppress(IsADirectoryError):
                    os.unlink(name, dir_fd=folder)


def check_writable(path: str) -> None:
    """Raise `OSError` unless the directory `path` can be written to, or could be made."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    if not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
