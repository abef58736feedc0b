"""A recording disk: a real file system, and every state in which a power cut could leave it.

The file system lies on a loop device, and that on a FUSE file which logs each block that is
written, each flush, and each mark of the test. A test lets the daemon work on the disk, marks each
acknowledgement when its client has it, and then looks at the states: in each of them, everything
that was marked before has to be there, whole.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Literal

from tests.durability.block_log import Write, crash_points, pick_blocks, unpack
from tests.durability.block_operations import DISK, MARKS
from tests.durability.mounts import fuse_mounted, mounted, run, work_directory

Filesystem = Literal["ext4", "xfs"]

# Commits of its own every five minutes only, and no help for writers that forget to sync.
_MOUNT_OPTIONS = {"ext4": "commit=300,noauto_da_alloc", "xfs": "nouuid"}

# Small, and complete from the start: nothing that goes on writing in the background. The check
# that --unsupported turns off is that of the size.
_MAKE = {
    "ext4": "mkfs.ext4 -q -F -b 4096 -J size=4 -m 0 -E lazy_itable_init=0,lazy_journal_init=0",
    "xfs": "mkfs.xfs -q --unsupported",
}


class State:
    """What a power cut leaves: the disk with some of what was written to it."""

    def __init__(self, marks: tuple[bytes, ...], image: "_Image", picked: Sequence[Write]) -> None:
        """Take what was flushed, and the blocks of the rest that happened to be kept."""
        self.marks = marks
        """What was marked before the power went, in order."""
        self._image = image
        self._version = image.version
        self._picked = picked

    def mounted(self) -> AbstractContextManager[Path]:
        """Mount a copy, as a machine does that comes up again, and yield where.

        The copy may be written to. Nothing is built before this is called, so states can be
        passed over at no cost, but one can only be had until the next is taken.

        Raises:
            RuntimeError: the next one has been taken.
            subprocess.CalledProcessError: the file system cannot be mounted.
        """
        if self._version != self._image.version:
            raise RuntimeError("a state is gone once the next one has been taken")
        return self._image.copy_mounted(self._picked)


class RecordingDisk:
    """A mounted file system whose every write is on record."""

    def __init__(self, mountpoint: Path, marks: Path, log: Path, before: "_Image") -> None:
        """Take the file for marks, the log, and the image as it was before the first record."""
        self.mountpoint = mountpoint
        """Where it is mounted."""
        self._marks = marks
        self._log = log
        self._before = before

    def mark(self, label: bytes) -> None:
        """Put a mark of at most 4096 bytes after all that has been written and flushed by now."""
        with self._marks.open("r+b", buffering=0) as marks:
            marks.write(label)

    def states(self, subsets: int = 1, seed: int = 0) -> Iterator[State]:
        """Yield the states in which a power cut could have left the disk up to now, in order.

        At each mark it is what had been flushed; right before each flush it is that and a random
        part of what had not been, `subsets` times, the same ones for the same `seed`. To be
        called, and gone through, while the disk is mounted.
        """
        chance = random.Random(seed)  # noqa: S311 - a choice that can be repeated, not a secret
        image = self._before.copy()
        for point in crash_points(unpack(self._log.read_bytes())):
            image.write(point.flushed)
            if point.at_mark:
                yield State(point.marks, image, ())
                continue
            for _ in range(subsets):
                yield State(point.marks, image, pick_blocks(point.pending, chance))


class _Image:
    """An image in a file, which is never mounted itself."""

    def __init__(self, path: Path, options: str) -> None:
        self.version = 0
        """Changes with what is in it."""
        self._path = path
        self._options = options
        self._numbers = count(1)

    def copy(self) -> "_Image":
        path = self._path.with_name(f"{self._path.name}-{next(self._numbers)}")
        # What is all zeros takes no room in the copy, and no time in a copy of that.
        run("cp", "--sparse=always", str(self._path), str(path))
        return _Image(path, self._options)

    def write(self, writes: Iterable[Write]) -> None:
        self.version += 1
        with self._path.open("r+b") as file:
            for offset, data in writes:
                file.seek(offset)
                file.write(data)

    @contextmanager
    def copy_mounted(self, writes: Iterable[Write]) -> Iterator[Path]:
        image = self.copy()
        image.write(writes)
        try:
            with image.mounted() as tree:
                yield tree
        finally:
            image._path.unlink()

    def mounted(self) -> AbstractContextManager[Path]:
        return mounted(self._path, self._path.with_suffix(".mounted"), "-o", self._options)


@contextmanager
def recording_disk(
    filesystem: Filesystem = "ext4", size_bytes: int = 32 << 20
) -> Iterator[RecordingDisk]:
    """Yield a new, empty disk; it goes away with everything on it, also if the test fails.

    Needs the requirements `root`, `fuse`, `loop_devices` and `ext4` or `xfs`.

    Args:
        filesystem: what is on it.
        size_bytes: its size, at least 16 MiB; it lies in memory as far as it is written to.
    """
    options = f"loop,{_MOUNT_OPTIONS[filesystem]}"
    with work_directory() as work:
        image, log = work / "image", work / "log"
        _make(image, filesystem, size_bytes)
        before = _Image(image, options).copy()
        with (
            fuse_mounted("block", work / "fuse", str(image), str(log)) as fuse,
            mounted(fuse / DISK, work / "disk", "-o", options) as disk,
        ):
            yield RecordingDisk(disk, fuse / MARKS, log, before)


def _make(image: Path, filesystem: Filesystem, size_bytes: int) -> None:
    with image.open("wb") as file:
        file.truncate(size_bytes)
    run(*_MAKE[filesystem].split(), str(image))
