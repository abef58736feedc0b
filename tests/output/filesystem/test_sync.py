"""One sync for all: only where it is known to be as good as one of each file."""

import ctypes
import errno
import os
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from asr_daemon.output.filesystem import sync
from asr_daemon.output.filesystem.sync import CALM_S, FileSystemSync, reports_every_error


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
    monkeypatch.setattr(sync, "_libc", libc)
    monkeypatch.setattr(os, "dup", lambda number: number)
    monkeypatch.setattr(os, "close", lambda number: None)
    assert FileSystemSync().sync(7) is bool(synced)
    assert libc.synced == synced


def test_error(monkeypatch: pytest.MonkeyPatch, descriptor: int) -> None:
    """What the system reports is raised."""
    monkeypatch.setattr(sync, "_libc", Libc(0xEF53, errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        FileSystemSync().sync(descriptor)


def test_real_calls(monkeypatch: pytest.MonkeyPatch, descriptor: int) -> None:
    """The C library has them, and takes what it is given; nothing is left open."""
    monkeypatch.setattr(sync, "SLOW_S", 60.0)
    before = os.listdir("/proc/self/fd")
    assert FileSystemSync().sync(descriptor) in (True, False)
    assert os.listdir("/proc/self/fd") == before


class Threads:
    """Runs nothing: a test says when each sync has ended."""

    def __init__(self) -> None:
        """Begin with nothing to run."""
        self.begun: list[Future[None]] = []

    def submit(self, work: object, descriptor: int) -> Future[None]:
        """Note it."""
        os.close(descriptor)
        self.begun.append(Future())
        return self.begun[-1]


def test_sync_that_waits_for_another_programs_data(
    monkeypatch: pytest.MonkeyPatch, descriptor: int
) -> None:
    """It is not waited for; none is begun before it has ended, and for a while afterwards."""
    now, threads = [100.0], Threads()
    monkeypatch.setattr(sync, "ThreadPoolExecutor", lambda *args, **names: threads)
    monkeypatch.setattr(sync, "_libc", Libc(0xEF53))
    monkeypatch.setattr(sync, "SLOW_S", 0.01)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    file_system = FileSystemSync()
    assert not file_system.sync(descriptor)
    now[0] += 60.0
    assert not file_system.sync(descriptor)
    threads.begun[0].set_result(None)
    assert not file_system.sync(descriptor)
    now[0] += CALM_S - 1
    assert not file_system.sync(descriptor)
    assert len(threads.begun) == 1
    now[0] += 1
    assert not file_system.sync(descriptor)
    assert len(threads.begun) == 2


@pytest.mark.parametrize(
    ("release", "reported"),
    [("5.10.0-33-amd64", False), ("5.17.0", True), ("6.1.0-18-amd64", True), ("weird", False)],
)
def test_kernels(release: str, reported: bool) -> None:
    """Before 5.17 an error of the journal may go unnoticed."""
    assert reports_every_error(release) is reported
