"""What is checked of servers, and what Linux says of processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.servers import Failed, Server, cpu_s, descendants, fresh_disk, memory_mb


def test_acknowledged_but_not_stored_fails(tmp_path: Path) -> None:
    """Rejected bodies are not results."""
    for name in ("tencent/2026/a.json", "tencent/2026/a.txt", "rejected/tencent/b.json"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    server = Server(tmp_path, 8787, os.getpid(), 0.0)
    server.acknowledged = 1
    server.check()
    server.acknowledged = 2
    with pytest.raises(Failed, match="2 acknowledged, 1 stored"):
        server.check()


def test_fresh_folder_is_empty_and_removed(tmp_path: Path) -> None:
    """Nothing of one scenario is left to the next."""
    with fresh_disk(tmp_path) as disk:
        assert list(disk.iterdir()) == []
        (disk / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_this_process_has_used_something() -> None:
    """The files of proc(5) are where they are looked for."""
    assert cpu_s(os.getpid()) > 0
    assert 0 < memory_mb(os.getpid(), "VmRSS") <= memory_mb(os.getpid(), "VmHWM")


def test_children_of_children_are_descendants() -> None:
    """A child that has ended is none, and uses nothing."""
    script = "import subprocess; subprocess.run(['sh', '-c', 'echo; read line; true'])"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(descendants(process.pid)) == 1
        assert process.pid in descendants(os.getpid())
        assert len(descendants(os.getpid())) >= 2
        process.communicate(b"\n")
    assert descendants(process.pid) == []
    assert memory_mb(process.pid, "VmHWM") == 0
