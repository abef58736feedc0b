"""Make single files that replace nothing and are complete under their names; syncs nothing."""

import errno
import os
from contextlib import suppress
from secrets import token_hex

_OPEN_FILES = "/proc/self/fd"
_UNNAMED = os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC
_NAMED = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_WITHOUT_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT)
_WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def write_new(path: str, content: bytes, mode: int) -> None:
    """Write a file that is not there yet.

    Raises:
        FileExistsError: something of this name is there; it stays as it is.
        OSError: the file cannot be written; nothing is left of it.
    """
    folder, name = os.path.split(path)
    directory = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _write_unnamed(directory, name, content, mode):
            _write_named(directory, name, content, mode)
    finally:
        os.close(directory)


def make_directories(path: str, mode: int) -> None:
    """Make a directory and its parents where they are missing. Raise `OSError` if that fails."""
    if path and not os.path.isdir(path):
        make_directories(os.path.dirname(path), mode)
        with suppress(FileExistsError):
            os.mkdir(path, mode)


def _write_unnamed(directory: int, name: str, content: bytes, mode: int) -> bool:
    """Write a file that has no name before its last; return whether the system can do it."""
    try:
        descriptor = os.open(".", _UNNAMED, 0o600, dir_fd=directory)
    except OSError as error:
        if error.errno not in _WITHOUT_UNNAMED:
            raise
        return False
    try:
        _fill(descriptor, content, mode)
        # With a descriptor of a directory Python follows the link that stands for an open file.
        os.link(f"{_OPEN_FILES}/{descriptor}", name, dst_dir_fd=directory)
    except FileNotFoundError:
        # There is no /proc, or this process may not link what is open.
        return False
    finally:
        os.close(descriptor)
    return True


def _write_named(directory: int, name: str, content: bytes, mode: int) -> None:
    temporary = f".{token_hex(8)}.tmp"
    descriptor = os.open(temporary, _NAMED, 0o600, dir_fd=directory)
    try:
        try:
            _fill(descriptor, content, mode)
        finally:
            os.close(descriptor)
        _place(directory, temporary, name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)


def _place(directory: int, temporary: str, name: str) -> None:
    try:
        os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError as error:
        if error.errno not in _WITHOUT_LINKS:
            raise
        # Such file systems (FAT) have no call in Python that moves without replacing.
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=directory, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from error
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def _fill(descriptor: int, content: bytes, mode: int) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    # Whatever the umask.
    os.fchmod(descriptor, mode)
