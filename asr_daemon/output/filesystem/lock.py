"""Lock a staging folder for one daemon, and recognise what an earlier one has left in it."""

import errno
import fcntl
import hashlib
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_TEMPORARY = re.compile(r"\.([0-9a-f]{8})\.[0-9a-f]{8}-\d+~")
"""A temporary name: host, process, number. Programs that watch pass over such names."""

_ABANDONED_S = 3600.0
"""Files of a daemon on another host are left over when they were not written to for so long."""


def temporary_prefix() -> str:
    """Return what this process' temporary names begin with; a number and `~` follow."""
    return f".{_host()}.{token_hex(4)}-"


def lock_directory(path: str) -> int:
    """Lock a directory while the descriptor that is returned is open.

    Raises:
        OSError: another process has locked it, or the file system takes no locks.
    """
    descriptor = os.open(path, _DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_locked(path):
            # Another process has put a new one in its place meanwhile.
            raise BlockingIOError
    except BlockingIOError as error:
        os.close(descriptor)
        raise OSError(errno.EBUSY, "another asr-daemon writes there", path) from error
    except OSError as error:
        os.close(descriptor)
        reason = f"the file system takes no locks (flock: {error.strerror})"
        raise OSError(error.errno, reason, path) from error
    return descriptor


def _is_locked(path: str) -> bool:
    descriptor = os.open(path, _DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_left(name: str, folder: int) -> bool:
    """Return whether a staged file is a leftover.

    A lock may hold on one host only: another's files are left alone while they may be in use.
    """
    temporary = _TEMPORARY.fullmatch(name)
    if temporary is None or temporary[1] == _host():
        return True
    try:
        modified_s = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return False
    return time.time() - modified_s > _ABANDONED_S


def _host() -> str:
    """Return 8 hex digits that identify this host."""
    machine = ""
    with suppress(OSError):
        machine = Path("/etc/machine-id").read_text(encoding="ascii")
    return hashlib.sha256(f"{machine}{os.uname().nodename}".encode()).hexdigest()[:8]
