"""No answer leaves before what it promises has been synced, as the system calls show."""

import shutil
from pathlib import Path

import pytest

from tests.daemon.clients import TENCENT_PATH
from tests.daemon.process import Daemon, running
from tests.durability import requirements
from tests.durability.faults import small_ext4
from tests.durability.posix_disk import posix_disk
from tests.durability.requirements import require
from tests.durability.syscall_order import check_order, traced
from tests.durability.trace_lines import calls
from tests.durability.weaker_operations import Lack

OUTPUT = 'layout: "{provider}/{appid}/{id}"'
LINKED_BY_A_GROUP = 5


def group(number: int) -> list[bytes]:
    """Return a result, the same again, another under its name, and a task that failed.

    Every third group begins new folders.
    """
    appid = number // 3
    result = f"code=0&requestId={number}&appid={appid}&text=one".encode()
    other = f"code=0&requestId={number}&appid={appid}&text=two".encode()
    failed = f"code=10001&requestId={number}&appid={appid}&message=no".encode()
    return [result, result, other, failed]


def trace_of(daemon: Daemon, groups: int) -> list[str]:
    """Return the trace of so many groups, one request at a time."""
    with traced(daemon.process.pid) as trace:
        for body in (body for number in range(groups) for body in group(number)):
            assert daemon.post(TENCENT_PATH, body).status == 200
    return trace


def links(trace: list[str]) -> int:
    """Count the files that were linked."""
    return sum(call.succeeded and call.name.startswith("link") for call in calls(trace))


def test_answers_wait_for_their_syncs(tmp_path: Path) -> None:
    """New results, duplicates, names that are taken, failed tasks, folders old and new: 200."""
    require(requirements.strace)
    with running(tmp_path, output=OUTPUT) as daemon:
        trace = trace_of(daemon, 24)
    assert check_order(trace, str(tmp_path / "root")) == []
    assert links(trace) == LINKED_BY_A_GROUP * 24


@pytest.mark.parametrize("lacks", [(), ("link",), ("link", "rename-flags")], ids="+".join)
def test_file_systems_that_lack_something(tmp_path: Path, lacks: tuple[Lack, ...]) -> None:
    """The order is the same where files are renamed."""
    require(requirements.strace, requirements.root, requirements.fuse)
    with posix_disk(*lacks) as disk:
        root = disk.mountpoint / "root"
        with running(tmp_path, root=root, output=OUTPUT) as daemon:
            trace = trace_of(daemon, 10)
        assert check_order(trace, str(root)) == []
    named = "rename" if lacks else "link"
    assert sum(call.succeeded and call.name.startswith(named) for call in calls(trace)) == 50


def test_large_files(tmp_path: Path) -> None:
    """Files that another thread writes before their result is committed: 2 of them."""
    require(requirements.strace)
    with running(tmp_path, output=OUTPUT) as daemon, traced(daemon.process.pid) as trace:
        body = b"code=0&requestId=1&text=" + b"x" * 2_000_000
        assert daemon.post(TENCENT_PATH, body).status == 200
    assert check_order(trace, str(tmp_path / "root")) == []
    assert links(trace) == 2


def test_folder_in_place_of_one_that_a_reader_removed_is_new() -> None:
    """Also where it gets the inode of that, as it does on a small ext4."""
    require(requirements.strace, requirements.root, requirements.loop_devices, requirements.ext4)
    with small_ext4(8) as disk, running(disk, output=OUTPUT) as daemon:
        folder = disk / "root" / "tencent" / "0"
        assert daemon.post(TENCENT_PATH, group(0)[0]).status == 200
        shutil.rmtree(folder)
        trace = trace_of(daemon, 2)
        assert check_order(trace, str(disk / "root")) == []


def test_missing_syncs_would_be_found(tmp_path: Path) -> None:
    """Without durability every file is linked before it is synced."""
    require(requirements.strace)
    with running(tmp_path, output=f"{OUTPUT}, durability: none") as daemon:
        trace = trace_of(daemon, 1)
    early = [
        each.path
        for each in check_order(trace, str(tmp_path / "root"))
        if each.problem == "is linked before it is synced"
    ]
    assert len(early) == LINKED_BY_A_GROUP
