"""Mounts go away, however the test that made them ends."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.durability import requirements
from tests.durability.block_disk import recording_disk
from tests.durability.mounts import work_directory
from tests.durability.requirements import require

_REPOSITORY = Path(__file__).parents[2]

_HOLD_A_DISK = """
import sys
from tests.durability.block_disk import recording_disk
with recording_disk() as disk:
    held = (disk.mountpoint / "held").open("w")
    print(disk.mountpoint, flush=True)
    sys.stdin.read()
"""


def mounts_below(directory: Path) -> list[str]:
    """Return the mount points at and below a directory."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return [mount for mount in (line.split()[1] for line in lines) if str(directory) in mount]


def test_work_directory_goes_with_what_is_in_it() -> None:
    """Also if the test is interrupted."""
    require(requirements.root)
    with ExitStack() as test:
        test.enter_context(pytest.raises(KeyboardInterrupt))
        work = test.enter_context(work_directory())
        (work / "file").touch()
        raise KeyboardInterrupt
    assert not work.exists()


def test_disk_goes_away_while_somebody_uses_it() -> None:
    """A process that was left behind keeps nothing mounted."""
    require(requirements.root, requirements.fuse, requirements.loop_devices, requirements.ext4)
    with recording_disk() as disk:
        held = (disk.mountpoint / "held").open("wb")
    with held:
        assert mounts_below(disk.mountpoint.parent) == []


def test_disk_goes_away_when_the_test_is_killed() -> None:
    """The standard output of a killed process ends when all is cleared away behind it."""
    require(requirements.root, requirements.fuse, requirements.loop_devices, requirements.ext4)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD_A_DISK],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        disk = Path(process.stdout.readline().decode().rstrip())
        assert str(disk) in mounts_below(disk.parent)
        process.kill()
        assert process.stdout.read() == b""
    assert mounts_below(disk.parent) == []
    assert not disk.parent.exists()
