"""The folder below the root where files are written before they get their names."""

import errno
import fcntl
import os
from contextlib import suppress
from itertools import count
from secrets import token_hex
from typing import NamedTuple

STAGING = ".staging"

_MARK = "tree-"
_OPEN_FILES = "/proc/self/fd"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_UNNAMED = os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC
_NAMED = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_UNSUPPORTED = (errno.EOPNOTSUPP, errno.EISDIR)
"""What is said to `O_TMPFILE` where it is not known: by file systems, and by old kernels."""


class Staged(NamedTuple):
    """One file that is written aside and still open."""

    path: str
    """Leads to it while it is open."""
    descriptor: int
    is_named: bool
    """It has a name in the folder, and would be left there."""


class Staging:
    """`<root>/.staging`: emptied at start, locked against a second daemon, and marked.

    The mark is a file whose name tells this tree from any other, also after the file system went
    away and came back under another device number, or was replaced by a copy or an empty one.
    """

    def __init__(self, root: str, file_mode: int, directory_mode: int) -> None:
        """Name the folder; `open` touches it."""
        self.path = os.path.join(root, STAGING)
        self._file_mode = file_mode
        self._directory_mode = directory_mode
        self._token = token_hex(4)
        self._numbers = count()
        self._lock: int | None = None
        self._takes_unnamed = False
        self._mark = ""

    @property
    def tree_id(self) -> str:
        """What tells the tree from others; known after `open`."""
        return self._mark.removeprefix(_MARK)

    def open(self, *, tidy: bool = True) -> None:
        """Make the folder, lock it, and find or make its mark; syncs nothing.

        It is emptied (`tidy`), unless this process has files there.

        Raises:
            OSError: it cannot be made, is a link, or another daemon has it.
        """
        with suppress(FileExistsError):
            os.mkdir(self.path, self._directory_mode)
        self._lock = os.open(self.path, _DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise OSError(errno.EBUSY, "another asr-daemon writes there", self.path) from error
        self._empty(self._lock, tidy=tidy)
        self._mark = self._mark or f"{_MARK}{token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(os.path.join(self.path, self._mark), flags, self._file_mode))
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
        """Say whether the mark that `open` left is below the root now."""
        return os.path.lexists(os.path.join(self.path, self._mark))

    def ensure(self) -> None:
        """Make the folder anew if somebody tidied it away; only for a root that is the right one.

        The mark is not made anew: should the root be another one by now, it must not seem ours.
        """
        if not os.path.isdir(self.path):
            os.mkdir(self.path, self._directory_mode)

    def create(self, suffix: str) -> Staged:
        """Return a new file, open for writing.

        Where the file system can do it the file has no name until it is linked: that is one change
        of a directory less at each end, and nothing is left when the process is killed.
        """
        if self._takes_unnamed:
            try:
                descriptor = os.open(self.path, _UNNAMED, self._file_mode)
                return Staged(f"{_OPEN_FILES}/{descriptor}", descriptor, is_named=False)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                self._takes_unnamed = False
        path = os.path.join(self.path, f"{self._token}-{next(self._numbers)}{suffix}")
        return Staged(path, os.open(path, _NAMED, self._file_mode), is_named=True)

    def duplicate(self, staged: Staged) -> Staged:
        """Return the same file once more, to be discarded on its own."""
        descriptor = os.dup(staged.descriptor)
        path = staged.path if staged.is_named else f"{_OPEN_FILES}/{descriptor}"
        return Staged(path, descriptor, staged.is_named)

    def link(self, staged: Staged, path: str) -> None:
        """Give a file its final name, which must be free; `path` is absolute."""
        # With a descriptor of a directory, which an absolute path makes no use of, Python follows
        # the link that stands for an open file.
        os.link(staged.path, path, dst_dir_fd=self._lock)

    def discard(self, staged: Staged) -> None:
        """Close a file and forget it; what is linked by now stays."""
        # It was synced, or it is not going to be used; a leftover is removed at the next start.
        try:  # noqa: SIM105 - takes nothing where nothing fails, for each file of each result
            os.close(staged.descriptor)
        except OSError:
            pass
        if staged.is_named:
            with suppress(OSError):
                os.unlink(staged.path)

    def _empty(self, folder: int, *, tidy: bool) -> None:
        """Find the mark of this tree, and remove what else an earlier process left."""
        for name in os.listdir(folder):
            if name.startswith(_MARK) and not self._mark:
                self._mark = name
            elif tidy and name != self._mark:
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
