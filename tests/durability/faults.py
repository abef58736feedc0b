"""What goes wrong under a daemon: system calls that fail, disks that are full or read-only."""

import fcntl
import os
import select
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.durability.mounts import mounted, run, work_directory
from tests.durability.strace import attached

_END_TIMEOUT_S = 10.0
_FREEZE, _THAW = 0xC0045877, 0xC0045878
"""FIFREEZE and FITHAW."""


def injected(pid: int, syscall: str, error: str, when: str = "1+") -> AbstractContextManager[None]:
    """Make system calls of a running process fail without being done, while the block runs.

    Needs the requirement `strace`, and no other strace on the process at the same time.

    Args:
        pid: of the process; all its threads are meant.
        syscall: its name, such as `fsync`; several with a comma between them, or `/REGEX`.
        error: the name of the error, such as `EIO` or `ENOSPC`.
        when: which ones, counted for each thread: `3` (the third), `3+` (from the third on),
            `1+2` (every other).

    Raises:
        RuntimeError: strace could not attach.
    """
    fault = f"{syscall}:error={error}:when={when}"
    return attached(pid, "-o", "/dev/null", "-e", f"trace={syscall}", "-e", f"inject={fault}")


@contextmanager
def killed(pid: int, syscall: str, when: int) -> Iterator[None]:
    """Kill a running process, as `kill -9` does, right before one of its system calls.

    The block has to make it come to that, and lasts until the process has ended. Needs the
    requirement `strace`, and no other strace on the process at the same time.

    Args:
        pid: of the process; all its threads are meant.
        syscall: the name of the call, or `/REGEX`.
        when: which one it is, counted for each thread from 1.

    Raises:
        RuntimeError: strace could not attach, or the process did not end.
    """
    fault = f"{syscall}:signal=KILL:when={when}"
    process = os.pidfd_open(pid)
    try:
        with attached(pid, "-o", "/dev/null", "-e", f"trace={syscall}", "-e", f"inject={fault}"):
            yield
            # A strace that is told to let go of a process that is just ending may hang.
            if not select.select([process], [], [], _END_TIMEOUT_S)[0]:
                raise RuntimeError(f"process {pid} was not killed")
    finally:
        os.close(process)


@contextmanager
def small_ext4(
    size_mib: int, inodes: int | None = None, *, journal: bool = False
) -> Iterator[Path]:
    """Yield the mount point of a new ext4 of that size, with room for about that many files.

    Without a journal, so that the size is what can be filled, unless one is asked for; and nothing
    is set aside for root.
    Needs the requirements `root`, `loop_devices` and `ext4`.
    """
    with work_directory() as work:
        image = work / "image"
        with image.open("wb") as file:
            file.truncate(size_mib << 20)
        count = ["-N", str(inodes)] if inodes is not None else []
        features = "has_journal" if journal else "^has_journal"
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", features, *count, str(image))
        with mounted(image, work / "disk", "-o", "loop") as disk:
            yield disk


@contextmanager
def small_tmpfs(size_kib: int, inodes: int = 0) -> Iterator[Path]:
    """Yield the mount point of a new tmpfs with that much room; 0 inodes are as many as fit.

    The mount point takes one inode. Needs the requirement `root`.
    """
    options = f"size={size_kib}k,nr_inodes={inodes},mode=0755"
    with (
        work_directory() as work,
        mounted("tmpfs", work / "disk", "-t", "tmpfs", "-o", options) as disk,
    ):
        yield disk


@contextmanager
def frozen(mountpoint: Path) -> Iterator[None]:
    """Have whatever writes to a mounted file system wait while the block runs, as `fsfreeze` does.

    Needs the requirement `root`.
    """
    descriptor = os.open(mountpoint, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, _FREEZE, 0)
        try:
            yield
        finally:
            fcntl.ioctl(descriptor, _THAW, 0)
    finally:
        os.close(descriptor)


@contextmanager
def read_only(mountpoint: Path) -> Iterator[None]:
    """Make a mounted file system read-only while the block runs, as a kernel does on errors.

    Raises:
        subprocess.CalledProcessError: a file on it is open for writing.
    """
    run("mount", "-o", "remount,ro", str(mountpoint))
    try:
        yield
    finally:
        run("mount", "-o", "remount,rw", str(mountpoint))
