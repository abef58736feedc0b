"""Directories are made, get their mode, and are synced for the names in them."""

import os
import shutil
from pathlib import Path

import pytest
from msgspec import structs

from asr_daemon.errors import CannotStore
from asr_daemon.output.base import Stored
from asr_daemon.output.filesystem.output import FilesystemOutput
from asr_daemon.output.filesystem.staging import Modes
from tests.output.filesystem.conftest import SETTINGS, MakeOutput, failing_for, result


def test_open_makes_the_root_durable(
    make_output: MakeOutput, system_calls: list[str], tmp_path: Path
) -> None:
    """The root's own name, and the staging folder in it, are synced at start."""
    make_output()
    [mark] = (tmp_path / "root/.staging").iterdir()
    assert [call.replace(mark.name, "tree-x") for call in system_calls] == [
        "mkdir root",
        "fsync .",
        "fsync .",
        "mkdir root/.staging",
        "create root/.staging/tree-x",
        "fsync root/.staging",
        "fsync root",
    ]


def test_known_folder_is_synced_alone(make_output: MakeOutput, system_calls: list[str]) -> None:
    """A later result in a folder that is durable syncs only that folder, once a batch."""
    output = make_output()
    output.store([result("41")])
    system_calls.clear()
    output.store([result("42"), result("43", "d2")])
    assert [call for call in system_calls if call.startswith("fsync root/tencent")] == [
        "fsync root/tencent/2026/11/21"
    ]


def test_folder_of_an_earlier_run_is_not_trusted(
    make_output: MakeOutput, system_calls: list[str]
) -> None:
    """A folder that another process made may not be durable: its parents are synced again."""
    first = make_output()
    first.store([result("41")])
    first.close()
    output = make_output()
    system_calls.clear()
    output.store([result("42")])
    assert "fsync root" in system_calls
    assert "fsync root/tencent/2026/11" in system_calls


def test_second_folder_of_an_earlier_run_is_not_trusted(
    make_output: MakeOutput, system_calls: list[str]
) -> None:
    """Each folder counts by itself."""
    first = make_output()
    first.store([result("41", day="21"), result("41", day="22")])
    first.close()
    output = make_output()
    output.store([result("42", day="21")])
    system_calls.clear()
    output.store([result("42", day="22")])
    assert "fsync root/tencent/2026/11" in system_calls


def test_folder_in_the_place_of_another_is_not_trusted(
    make_output: MakeOutput, system_calls: list[str], tmp_path: Path
) -> None:
    """Somebody moved the folder away and put another one there."""
    output = make_output()
    output.store([result("41")])
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.rename(folder.with_name("moved"))
    folder.mkdir()
    system_calls.clear()
    output.store([result("42")])
    assert "fsync root/tencent/2026/11" in system_calls


def test_folder_that_was_made_anew_is_not_trusted(
    make_output: MakeOutput,
    system_calls: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A folder that was removed and made again is another one, even with the inode of the first."""
    monkeypatch.setattr("asr_daemon.output.filesystem.directories._identity", lambda path: (1, 1))
    output = make_output()
    output.store([result("41")])
    folder = tmp_path / "root/tencent/2026/11/21"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    system_calls.clear()
    output.store([result("42")])
    assert "fsync root/tencent/2026/11" in system_calls


def test_folder_whose_parent_could_not_be_synced_is_not_trusted(
    make_output: MakeOutput,
    system_calls: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next result in it has the parents synced once more."""
    output = make_output()
    (tmp_path / "root/tencent/2026/11").mkdir(parents=True)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing_for(tmp_path / "root/tencent/2026/11"))
        assert isinstance(output.store([result("41")])[0], CannotStore)
    system_calls.clear()
    assert isinstance(output.store([result("42")])[0], Stored)
    assert "fsync root/tencent/2026/11" in system_calls


def test_directory_that_cannot_be_synced(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result whose name may not be durable is refused."""
    output = make_output()
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    monkeypatch.setattr(os, "fsync", failing_for(folder))
    assert isinstance(output.store([result()])[0], CannotStore)


def test_folder_that_is_removed_before_the_link_is_made_again(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that tidies up may remove a folder that is still empty."""
    output, link = make_output(), os.link
    removals = iter([tmp_path / "root/tencent/2026/11/21"])

    def remove_and_link(source: str, target: str, dst_dir_fd: int) -> None:
        for folder in removals:
            folder.rmdir()
        link(source, target, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "link", remove_and_link)
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]


def test_folder_that_a_reader_removed_is_made_again(
    make_output: MakeOutput, tmp_path: Path
) -> None:
    """Readers may remove folders; the next result makes them again."""
    output = make_output()
    output.store([result("1")])
    folder = tmp_path / "root/tencent/2026/11/21"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert output.store([result("2")]) == [Stored("tencent/2026/11/21/2.json", False)]


def test_reader_that_is_quicker_than_the_sync(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that takes a result and its folder as soon as it appears does not get it twice."""
    output = make_output()
    link = os.link

    def link_and_take(source: str, target: str, dst_dir_fd: int) -> None:
        link(source, target, dst_dir_fd=dst_dir_fd)
        if target.endswith(".json"):
            shutil.rmtree(os.path.dirname(target))

    monkeypatch.setattr(os, "link", link_and_take)
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]


def test_modes(make_output: MakeOutput, tmp_path: Path) -> None:
    """Files and folders have the configured modes."""
    make_output().store([result()])
    folder = tmp_path / "root/tencent"
    assert folder.stat().st_mode & 0o777 == 0o750
    assert (folder / "2026/11/21/42.json").stat().st_mode & 0o777 == 0o640


def test_modes_that_change_hold_for_the_next_batch(
    output: FilesystemOutput, tmp_path: Path
) -> None:
    """What is there keeps its own."""
    output.store([result("1")])
    output.apply(structs.replace(SETTINGS, modes=Modes(0o600, 0o700)))
    output.store([result("2", day="22")])
    folder = tmp_path / "root/tencent/2026/11"
    names = ("21", "21/1.json", "22", "22/2.json")
    modes = [(folder / name).stat().st_mode & 0o777 for name in names]
    assert modes == [0o750, 0o640, 0o700, 0o600]
