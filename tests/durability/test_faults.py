"""The faults happen, and only where they are meant to."""

import errno
import os
from pathlib import Path

import pytest

from tests.durability import requirements
from tests.durability.faults import injected, killed, read_only, small_ext4, small_tmpfs
from tests.durability.requirements import require
from tests.durability.toy_server import toy_server


def fill(directory: Path, size_bytes: int) -> int:
    """Write files of this size until one fails for lack of space; return how many went in."""
    for number in range(10_000):
        try:
            (directory / f"{number}").write_bytes(bytes(size_bytes))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return number
    raise AssertionError("it never gets full")


def test_call_of_a_running_process_fails(tmp_path: Path) -> None:
    """The third fsync of a commit fails: the sender is told, and is served again afterwards."""
    require(requirements.strace)
    with toy_server(tmp_path) as server:
        with injected(server.pid, "fsync", "EIO", when="3"):
            assert server.commit("alpha") == "HTTP/1.1 503 Service Unavailable"
            assert server.commit("beta") == "HTTP/1.1 200 OK"
        assert server.commit("gamma") == "HTTP/1.1 200 OK"


def test_running_process_is_killed_in_the_middle(tmp_path: Path) -> None:
    """Before the link it has written its file aside and nothing else."""
    require(requirements.strace)
    with toy_server(tmp_path) as server, killed(server.pid, "/^link", when=1):
        assert server.commit("alpha") == ""
    assert (tmp_path / ".staging" / "alpha").exists()
    assert not (tmp_path / "a" / "alpha").exists()


def test_strace_that_cannot_attach_is_an_error() -> None:
    """A test does not go on without its fault."""
    require(requirements.strace)
    with pytest.raises(RuntimeError, match="could not attach"), injected(1 << 30, "fsync", "EIO"):
        pass


def test_small_ext4_runs_out_of_space() -> None:
    """Its size is what fits, more or less."""
    require(requirements.root, requirements.loop_devices, requirements.ext4)
    with small_ext4(2) as disk:
        assert 12 <= fill(disk, 100_000) < 21


def test_small_ext4_runs_out_of_inodes() -> None:
    """With space left."""
    require(requirements.root, requirements.loop_devices, requirements.ext4)
    with small_ext4(8, inodes=32) as disk:
        assert fill(disk, 1) < 32
        assert os.statvfs(disk).f_bavail > 1000


def test_small_tmpfs_runs_out_of_space_and_inodes() -> None:
    """Both limits hold."""
    require(requirements.root)
    with small_tmpfs(64) as disk:
        assert fill(disk, 4096) == 16
    with small_tmpfs(64, inodes=4) as disk:
        assert fill(disk, 1) == 3


def test_read_only_disk_refuses_and_comes_back() -> None:
    """As after an error of the disk, and after its repair."""
    require(requirements.root)
    with small_tmpfs(64) as disk:
        with read_only(disk), pytest.raises(OSError, match="Read-only"):
            (disk / "file").touch()
        (disk / "file").touch()
