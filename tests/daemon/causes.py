"""What goes wrong with the disk below a running daemon, and then is over."""

import ctypes
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from asr_daemon.output.committer import MOST_FILES
from tests.daemon.serving import eventually
from tests.durability.faults import read_only
from tests.durability.mounts import run

FILES_OF_A_BATCH = MOST_FILES

_LAST_BIT_BYTES = 1 << 20
_STEP_BYTES = 1 << 16


@contextmanager
def filled(disk: Path, left_bytes: int) -> Iterator[None]:
    """Leave no more room than that on a disk while the block runs, whoever else fills it."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file, _until_it_is_full():
        while (rest := _free(disk)[0] - left_bytes) > 0:
            # The last bit in small steps: one that fails takes all that is left.
            step = max(rest - _LAST_BIT_BYTES, min(rest, _STEP_BYTES))
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), step)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def crowded(disk: Path, left_inodes: int) -> Iterator[None]:
    """Leave no more inodes than that on a disk while the block runs, whoever else takes them."""
    ballast = disk / "ballast"
    ballast.mkdir()
    with _until_it_is_full():
        for number in range(_free(disk)[1]):
            if _free(disk)[1] > left_inodes:
                (ballast / f"{number}").touch()
    try:
        yield
    finally:
        shutil.rmtree(ballast)


@contextmanager
def read_only_at_last(disk: Path) -> Iterator[None]:
    """Make a disk read-only as soon as there is a moment at which no file is being written."""
    with ExitStack() as stack:
        made: list[None] = []

        def try_it() -> list[None]:
            with suppress(subprocess.CalledProcessError):
                made.append(stack.enter_context(read_only(disk)))
            return made

        eventually(try_it, "the disk is read-only")
        yield


@contextmanager
def renamed(root: Path) -> Iterator[Path]:
    """Have a root under another name while the block runs."""
    away = root.rename(root.with_name("away"))
    try:
        yield away
    finally:
        away.rename(root)


@contextmanager
def replaced_by_link(root: Path, elsewhere: Path) -> Iterator[None]:
    """Have a link to elsewhere in the place of the root while the block runs, and never nothing."""
    away = root.with_name("away")
    away.symlink_to(elsewhere)
    _exchange(root, away)
    try:
        yield
    finally:
        _exchange(root, away)
        away.unlink()


def _exchange(one: Path, other: Path) -> None:
    """Exchange two names at once (renameat2(2))."""
    names = os.fsencode(one), os.fsencode(other)
    if ctypes.CDLL(None, use_errno=True).renameat2(-100, names[0], -100, names[1], 2) != 0:
        raise OSError(ctypes.get_errno(), "cannot exchange", str(one), None, str(other))


@contextmanager
def covered(root: Path) -> Iterator[None]:
    """Have another file system over the root while the block runs; it is not filled."""
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "another", str(root))
    try:
        yield
        _check_strays(root)
    finally:
        run("umount", str(root))


@contextmanager
def unmounted(disk: Path) -> Iterator[None]:
    """Have a disk unmounted while the block runs; its mount point is not filled."""
    try:
        with _without(disk):
            yield
    finally:
        run("mount", "-o", "loop", str(disk.with_name("image")), str(disk))


@contextmanager
def moved_to_another_disk(disk: Path, other: Path) -> Iterator[None]:
    """Have a disk unmounted while the block runs, and then another one with all that was on it."""
    aside = disk.with_name("aside")
    aside.mkdir()
    run("mount", "--bind", str(disk), str(aside))
    try:
        with _without(disk):
            yield
    finally:
        run("cp", "--archive", f"{aside}/.", str(other))
        run("mount", "--bind", str(other), str(disk))
        run("umount", str(aside))


@contextmanager
def _without(disk: Path) -> Iterator[None]:
    run("umount", "--lazy", str(disk))
    try:
        yield
        _check_strays(disk)
    finally:
        for stray in disk.iterdir():
            shutil.rmtree(stray)


def _check_strays(folder: Path) -> None:
    """Allow for the batch that was under way when the root changed, which is refused."""
    strays = [path for path in folder.rglob("*") if path.is_file()]
    assert len(strays) <= FILES_OF_A_BATCH


def _free(disk: Path) -> tuple[int, int]:
    """Return the bytes and inodes that are left on a disk."""
    room = os.statvfs(disk)
    return room.f_bavail * room.f_frsize, room.f_favail


@contextmanager
def _until_it_is_full() -> Iterator[None]:
    """Go on after the block if the disk got full in it."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
