"""Results are found in a tree, newest first, as far back as is asked for."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from asr_daemon.index.index import Entry
from asr_daemon.output.filesystem.tree_scan import TreeScan
from tests.daemon.serving import eventually


def read_entry(file: BinaryIO, path: str) -> Entry | None:
    """Take what a file holds for the id of its result, if it holds anything."""
    id_ = file.read().decode()
    return Entry(id_, "tencent", id_, "d", path, "succeeded") if id_ else None


@pytest.fixture
def finder(tmp_path: Path) -> Iterator[TreeScan]:
    """Return what finds results below `tmp_path`."""
    finder = TreeScan(str(tmp_path), read_entry)
    yield finder
    finder.stop()


def put(folder: Path, name: str, time_s: int, content: str = "x") -> None:
    """Make a file of a time, in a folder of that time."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (time_s, time_s))
    os.utime(path.parent, (time_s, time_s))


def found(finder: TreeScan, since_s: float, *, oldest_first: bool = False) -> list[str]:
    """Return the paths that are found, in their order."""
    paths: list[str] = []
    finder.start(since_s, oldest_first=oldest_first)

    def is_over() -> bool:
        paths.extend(entry.path for entry, _ in finder.take(2))
        return not finder.is_running

    eventually(is_over, "all is found")
    return paths


def test_markers_are_found_newest_first(finder: TreeScan, tmp_path: Path) -> None:
    """Also of failed tasks; texts, staged files and what is not ours are left out."""
    put(tmp_path, "day/1/1.json", 1000)
    put(tmp_path, "day/1/1.txt", 1001)
    put(tmp_path, "day/2/2.json", 2000)
    put(tmp_path, "day/2/3.json", 3000)
    put(tmp_path, "failed/4.json", 4000)
    put(tmp_path, ".staging/5.json", 5000)
    put(tmp_path, "day/6.json", 6000, "")
    paths = ["failed/4.json", "day/2/3.json", "day/2/2.json", "day/1/1.json"]
    assert found(finder, 0) == paths
    assert found(finder, 0, oldest_first=True) == paths[::-1]


def test_old_results_are_not_looked_for(finder: TreeScan, tmp_path: Path) -> None:
    """Neither in folders that nothing was added to since, nor among newer ones."""
    put(tmp_path, "1/1.json", 1000)
    put(tmp_path, "2/2.json", 2000)
    put(tmp_path, "2/3.json", 3000)
    assert found(finder, 2500) == ["2/3.json"]


def test_links_are_followed_once(finder: TreeScan, tmp_path: Path) -> None:
    """A folder may be elsewhere; one that leads back does not go on for ever."""
    put(tmp_path, "1/1.json", 1000)
    (tmp_path / "1/back").symlink_to(tmp_path)
    assert found(finder, 0) == ["1/1.json"]


def test_tree_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is found."""
    assert found(TreeScan(str(tmp_path / "missing"), read_entry), 0) == []
