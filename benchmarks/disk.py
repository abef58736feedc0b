"""A disk for each comparison that no earlier one has left its marks on, and its own speed."""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

GIB = 1 << 30

_ZEROS = bytes(1 << 22)
_BYTES_PER_INODE = 4096
"""Results are small: mkfs's own estimate would run out of inodes before it ran out of room."""


class Disk:
    """Gives out fresh places: ext4 images on loop devices, or plain folders.

    On ext4, creating files soon after many were deleted can cost many times as much for minutes.
    An image that is formatted anew has no such past. Its file is written once, in whole, and kept:
    in a file with holes every sync would also wait for the file system below to find room.
    """

    def __init__(self, cache: Path, folder: Path | None) -> None:
        """Take where the image is kept, or a folder to work in instead of an image."""
        self._image = cache / "disk.img"
        self._mount_point = cache / "disk"
        self._folder = folder

    @property
    def kind(self) -> str:
        """What it is, for the report."""
        if self._on_image:
            return "ext4 with its defaults, formatted anew for each comparison, on a loop device"
        return "a fresh folder for each comparison"

    @contextmanager
    def fresh(self, size_bytes: int) -> Iterator[Path]:
        """Yield an empty place with at least so much room; it is gone after the block."""
        if not self._on_image:
            folder = Path(mkdtemp(prefix="asr-daemon-bench-", dir=self._folder))
            try:
                yield folder
            finally:
                shutil.rmtree(folder)
            return
        with self._alone():
            self._grow(size_bytes)
            self._format(size_bytes)
            with self._mounted():
                yield self._mount_point

    @property
    def _on_image(self) -> bool:
        return self._folder is None and os.geteuid() == 0 and shutil.which("losetup") is not None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a second run away, and clear away what a run left that was killed."""
        self._image.parent.mkdir(parents=True, exist_ok=True)
        with self._image.open("ab") as image:
            fcntl.flock(image, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._mount_point.is_mount():
                _run("umount", str(self._mount_point))
            for device in _output("losetup", "--associated", str(self._image)).splitlines():
                _run("losetup", "--detach", device.partition(":")[0])
            yield

    def _grow(self, size_bytes: int) -> None:
        with self._image.open("ab") as image:
            while image.tell() < size_bytes:
                image.write(_ZEROS)
            image.flush()
            os.fsync(image.fileno())

    def _format(self, size_bytes: int) -> None:
        options = "nodiscard,lazy_itable_init=0,lazy_journal_init=0"
        command = ["mkfs.ext4", "-q", "-F", "-i", str(_BYTES_PER_INODE), "-E", options]
        _run(*command, str(self._image), f"{size_bytes >> 10}k")

    @contextmanager
    def _mounted(self) -> Iterator[None]:
        self._mount_point.mkdir(exist_ok=True)
        command = ["losetup", "--find", "--show", "--direct-io=on", str(self._image)]
        name = _output(*command).strip()
        try:
            _run("mount", name, str(self._mount_point))
            try:
                yield
            finally:
                _run("umount", str(self._mount_point))
        finally:
            _run("losetup", "--detach", name)


class PairProbe:
    """The disk's own time for a result: what no program that keeps the promise can avoid.

    Two files are created, written and synced, linked under their names, and the directory is
    synced, in a loop that does nothing else. Removing the names aside is left out of the time.
    """

    def __init__(self, folder: Path, contents: Sequence[bytes]) -> None:
        """Take a folder of its own on the disk, and what the files hold."""
        self._aside = folder / "aside"
        self._final = folder / "final"
        self._aside.mkdir(parents=True)
        self._final.mkdir()
        self._contents = contents
        self._numbers = count()

    def p50_ms(self, duration_s: float) -> float:
        """Do it for so long, and return the median."""
        directory = os.open(self._final, os.O_RDONLY)
        taken_s = []
        end_s = time.perf_counter() + duration_s
        try:
            while time.perf_counter() < end_s:
                taken_s.append(self._pair(f"{next(self._numbers)}", directory))
        finally:
            os.close(directory)
        return sorted(taken_s)[len(taken_s) // 2] * 1000

    def _pair(self, name: str, directory: int) -> float:
        paths = [f"{self._aside}/{name}.{number}" for number in range(len(self._contents))]
        began_s = time.perf_counter()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptors = [os.open(path, flags, 0o640) for path in paths]
        for descriptor, content in zip(descriptors, self._contents, strict=True):
            os.write(descriptor, content)
        for descriptor in descriptors:
            os.fsync(descriptor)
        for number, path in enumerate(paths):
            os.link(path, f"{self._final}/{name}.{number}")
        os.fsync(directory)
        taken_s = time.perf_counter() - began_s
        for descriptor, path in zip(descriptors, paths, strict=True):
            os.close(descriptor)
            os.unlink(path)
        return taken_s


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
