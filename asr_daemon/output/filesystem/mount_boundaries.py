"""Where one directory ends and another begins: mounts, quotas, and what new files inherit.

A file can only be linked or moved within one mount and one project quota, and takes group and
default ACL of the directory that it is made in.
"""

import fcntl
import os
import stat
import struct
from contextlib import suppress

from msgspec import Struct

_GET_ATTRIBUTES = 0x801C581F
"""`FS_IOC_FSGETXATTR`, which fills a `struct fsxattr`."""

_ATTRIBUTES = struct.Struct("5I8x")
_INHERITS_PROJECT = 0x200
_DEFAULT_ACL = "system.posix_acl_default"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Boundaries(Struct, frozen=True):
    """What bounds a directory: a file may get a name in another one of equal boundaries."""

    device: int
    mount: int
    """Two bind mounts of one file system have one device, and nothing can be linked across."""
    project: int
    group: int | None
    """Whose group new files have; `None` for that of the process."""
    acl: bytes
    """The default ACL as the kernel stores it."""


def boundaries_of(directory: str) -> Boundaries:
    """Return the boundaries of a directory. Raise `OSError` if it cannot be opened."""
    descriptor = os.open(directory, _DIRECTORY)
    try:
        status = os.fstat(descriptor)
        return Boundaries(
            device=status.st_dev,
            mount=_mount_of(descriptor),
            project=_project_of(descriptor),
            group=status.st_gid if status.st_mode & stat.S_ISGID else None,
            acl=_default_acl_of(descriptor),
        )
    finally:
        os.close(descriptor)


def outermost(directory: str, root: str) -> str:
    """Return the outermost directory from `root` to `directory` of the same boundaries."""
    boundaries = boundaries_of(directory)
    while directory != root:
        parent = os.path.dirname(directory)
        if boundaries_of(parent) != boundaries:
            break
        directory = parent
    return directory


def kind_of(directory: str) -> str:
    """Return the kind of a file system as the system names it, such as `ext4`."""
    with suppress(OSError):
        descriptor = os.open(directory, _DIRECTORY)
        try:
            mount = str(_mount_of(descriptor))
        finally:
            os.close(descriptor)
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.split(" ", 1)[0] == mount:
                    return line.partition(" - ")[2].split(" ", 1)[0]
    return "unknown file system"


def _mount_of(descriptor: int) -> int:
    """Return the number of the mount that an open file is of, 0 without `/proc`."""
    # An error that is of the moment must not look like another mount.
    with (
        suppress(FileNotFoundError),
        open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file,
    ):
        for line in file:
            if line.startswith("mnt_id:"):
                return int(line.removeprefix("mnt_id:"))
    return 0


def _project_of(descriptor: int) -> int:
    """Return the number of the project whose quota counts, 0 where there are none."""
    with suppress(OSError):
        answer = fcntl.ioctl(descriptor, _GET_ATTRIBUTES, bytes(_ATTRIBUTES.size))
        flags, _, _, project, _ = _ATTRIBUTES.unpack(answer)
        return int(project) if flags & _INHERITS_PROJECT else 0
    return 0


def _default_acl_of(descriptor: int) -> bytes:
    with suppress(OSError):
        return os.getxattr(descriptor, _DEFAULT_ACL)
    return b""
