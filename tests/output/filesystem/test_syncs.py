"""One sync for all: only where it is known to be as good as one of each file."""

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_daemon.store import syncfs
from asr_daemon.store.syncfs import sync_file_system, tells_every_error


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    """Return a file that is open for writing."""
    opened = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    yield opened
    os.close(opened)


class Libc:
    """A C library whose file systems are all of one kind, and fail as told."""

    def __init__(self, kind: int, error: int = 0) -> None:
        """Begin with nothing synced."""
        self.synced: list[int] = []
        self._kind = kind
        self._error = error

    def fstatfs(self, descriptor: int, status: ctypes.Array[ctypes.c_char]) -> int:
        """Tell the kind."""
        ctypes.memmove(status, ctypes.byref(ctypes.c_long(self._kind)), 8)
        return 0

    def syncfs(self, descriptor: int) -> int:
        """Note it."""
        self.synced.append(descriptor)
        ctypes.set_errno(self._error)
        return -1 if self._error else 0


@pytest.mark.parametrize(
    ("kind", "synced"),
    [(0xEF53, [7]), (0x58465342, [7]), (0x65735546, []), (0x794C7630, []), (0x01021994, [])],
    ids=["ext4", "XFS", "FUSE", "overlay", "tmpfs"],
)
def test_kinds_that_are_trusted(
    monkeypatch: pytest.MonkeyPatch, kind: int, synced: list[int]
) -> None:
    """On any other file system nothing is done, and the caller is told so."""
    libc = Libc(kind)
    monkeypatch.setattr(syncfs, "_libc", libc)
    assert sync_file_system(7) is bool(synced)
    assert libc.synced == synced


def test_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says is raised."""
    monkeypatch.setattr(syncfs, "_libc", Libc(0xEF53, errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        sync_file_system(7)


def test_real_calls(descriptor: int) -> None:
    """The C library has them, and takes what it is given."""
    assert sync_file_system(descriptor) in (True, False)


@pytest.mark.parametrize(
    ("release", "told"),
    [("5.10.0-33-amd64", False), ("5.17.0", True), ("6.1.0-18-amd64", True), ("weird", False)],
)
def test_kernels(release: str, told: bool) -> None:
    """Before 5.17 an error of the journal may go unnoticed."""
    assert tells_every_error(release) is told
