"""How files get their names on a file system: tried in a directory of it, with fallbacks.

The best way leaves nothing behind and replaces nothing: a file without a name (`O_TMPFILE`) that is
linked under its final one. What a file system refuses of that is done in the next best way.
"""

import ctypes
import errno
import os
from contextlib import suppress
from secrets import token_hex
from typing import Literal

from msgspec import Struct

from asr_daemon.output.filesystem.mount_boundaries import kind_of

OPEN_FILES = "/proc/self/fd"
NAMED = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
UNNAMED = os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC

Placing = Literal["link", "rename", "look"]
"""Link; rename without replacing; or look whether the name is free, and rename.

The last is safe as long as no other program makes files there; the lock keeps a second daemon out.
"""

_TRIAL = ".trial-"
_NO_REPLACE = 1
_FD_CWD = -100
_FOR_NOW = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOENT,
    errno.ENOMEM,
    errno.ENOSPC,
    errno.EROFS,
    errno.ESTALE,
}
"""What says nothing about the kind of a file system."""

_libc = ctypes.CDLL(None, use_errno=True)


class Capabilities(Struct, frozen=True):
    """What works in a directory."""

    takes_unnamed: bool = True
    placing: Placing = "link"
    keeps_modes: bool = True
    weaker: tuple[str, ...] = ()
    """What does not work, a sentence each."""


def find_capabilities(directory: str) -> Capabilities:
    """Try out, in a new directory below `directory` that is removed again, what works there.

    Raises:
        OSError: nothing works, or nothing does for now, as on a full disk.
    """
    trial = os.path.join(directory, f"{_TRIAL}{token_hex(4)}~")
    try:
        os.makedirs(os.path.join(trial, "final"), 0o700)
    except OSError as error:
        wrong = f"cannot make a directory ({error.strerror})"
        raise OSError(error.errno, wrong, directory) from error
    try:
        refused = _Refused(directory)
        takes_unnamed = _takes_unnamed(trial, refused)
        placing = _placing(trial, refused)
        keeps_modes = _keeps_modes(trial, refused)
        _try_directory_sync(trial, refused)
        return Capabilities(takes_unnamed, placing, keeps_modes, tuple(refused.sentences))
    finally:
        remove_trial(trial)


def is_trial(name: str) -> bool:
    """Return whether a directory of this name was left by a trial that was cut off."""
    return name.startswith(_TRIAL)


def remove_trial(trial: str) -> None:
    """Remove what a trial has made, as far as possible."""
    # `shutil.rmtree` gives up where inode numbers change.
    for folder in (os.path.join(trial, "final"), trial):
        with suppress(OSError):
            for name in os.listdir(folder):
                with suppress(OSError):
                    os.unlink(os.path.join(folder, name))
            os.rmdir(folder)


def rename(old: str, new: str, placing: Placing) -> None:
    """Move a file to a name that must be free.

    Raises:
        FileExistsError: it is not.
        OSError: it cannot be moved.
    """
    if placing == "rename":
        _rename_without_replacing(old, new)
    elif os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
    else:
        os.rename(old, new)


class _Refused:
    """Collects what a file system refuses."""

    def __init__(self, directory: str) -> None:
        self.sentences: list[str] = []
        self._where = f"{directory} ({kind_of(directory)})"

    def note(self, error: OSError, call: str, what: str, instead: str) -> None:
        """Note what is refused. Raise the error again if it is of the moment."""
        if error.errno in _FOR_NOW:
            raise error
        reason = os.strerror(error.errno or 0)
        self.sentences.append(f"{self._where} {what} ({call}: {reason}): {instead}")


def _takes_unnamed(trial: str, refused: _Refused) -> bool:
    if not os.path.isdir(OPEN_FILES):
        refused.sentences.append(f"{OPEN_FILES} is not there: temporary files have names")
        return False
    try:
        descriptor = os.open(trial, UNNAMED, 0o600)
        try:
            os.link(f"{OPEN_FILES}/{descriptor}", f"{trial}/final/unnamed", dst_dir_fd=descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        # A process that may not link a file that is open says that it is not there.
        if error.errno != errno.ENOENT:
            refused.note(error, "O_TMPFILE", "has no files without a name", "they get hidden ones")
        return False
    return True


def _placing(trial: str, refused: _Refused) -> Placing:
    try:
        os.link(_made(trial, "linked"), f"{trial}/final/linked")
    except OSError as error:
        refused.note(error, "link", "has no hard links", "watchers see files moved, not closed")
    else:
        return "link"
    try:
        _rename_without_replacing(_made(trial, "renamed"), f"{trial}/final/renamed")
    except OSError as error:
        instead = "whether a name is free is looked up first"
        refused.note(error, "renameat2", "does not rename without replacing", instead)
    else:
        return "rename"
    os.rename(_made(trial, "moved"), f"{trial}/final/moved")
    return "look"


def _keeps_modes(trial: str, refused: _Refused) -> bool:
    try:
        os.chmod(_made(trial, "mode"), 0o640)
    except OSError as error:
        refused.note(error, "chmod", "keeps no modes", "those of the mount hold")
        return False
    return True


def _try_directory_sync(trial: str, refused: _Refused) -> None:
    descriptor = os.open(f"{trial}/final", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        instead = "after a power failure a name may be missing"
        refused.note(error, "fsync", "syncs no directories", instead)
    finally:
        os.close(descriptor)


def _made(trial: str, name: str) -> str:
    """Return the path of a new file."""
    path = f"{trial}/{name}"
    os.close(os.open(path, NAMED, 0o600))
    return path


def _rename_without_replacing(old: str, new: str) -> None:
    if not hasattr(_libc, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), old)
    if _libc.renameat2(_FD_CWD, os.fsencode(old), _FD_CWD, os.fsencode(new), _NO_REPLACE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), old, None, new)
