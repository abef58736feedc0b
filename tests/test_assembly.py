"""What stands behind the committer, and how other settings take over from it."""

from pathlib import Path

import pytest
from msgspec import structs

from asr_daemon.assembly import Stores, make_stores
from asr_daemon.config.model import Config, LimitsSettings, OutputSettings
from asr_daemon.store.result import Stored
from tests.store.test_files import result


def make(folder: Path, root: str = "root", **output: object) -> Stores:
    """Return stores below a folder, not yet open."""
    settings = structs.replace(OutputSettings(root=folder / root), **output)
    limits = LimitsSettings(free_space_bytes=0)
    return make_stores(Config(output=settings, limits=limits, state=folder / "state"))


def test_same_tree(tmp_path: Path) -> None:
    """Other settings of a tree take it over, and what was committed is known."""
    before, after = make(tmp_path), make(tmp_path, file_mode=0o600)
    before.open()
    [first] = before.store.commit([result()])
    [again] = after.replace(before).commit([result()])
    after.close()
    assert (first, again) == (
        Stored("tencent/2026/11/21/42.json", False),
        Stored("tencent/2026/11/21/42.json", True),
    )


def test_large_file_under_way(tmp_path: Path) -> None:
    """What is being written aside is still there for the next settings of the tree."""
    before, after = make(tmp_path), make(tmp_path, file_mode=0o600)
    before.open()
    before.tree._staging._takes_unnamed = False
    aside = before.store.write_aside(".txt", [b"large"])
    usual = result()
    large = structs.replace(usual, files=((".txt", aside), usual.files[1]))
    outcome = after.replace(before).commit([large])
    after.close()
    assert outcome == [Stored("tencent/2026/11/21/42.json", False)]


def test_root_that_is_away(tmp_path: Path) -> None:
    """A folder in the place of the tree is not taken for it, and stays empty."""
    before, after = make(tmp_path), make(tmp_path, file_mode=0o600)
    before.open()
    (tmp_path / "root").rename(tmp_path / "away")
    (tmp_path / "root").mkdir()
    with pytest.raises(OSError, match="not the directory that it was at start"):
        after.replace(before)
    assert list((tmp_path / "root").iterdir()) == []
    assert not isinstance(before.store.commit([result()])[0], Stored)
    before.close()


def test_other_root_that_cannot_be_used(tmp_path: Path) -> None:
    """The tree before stays as it is, locked against others."""
    (tmp_path / "file").touch()
    before, after = make(tmp_path), make(tmp_path, "file")
    before.open()
    with pytest.raises(FileExistsError):
        after.replace(before)
    with pytest.raises(OSError, match="another asr-daemon writes there"):
        make(tmp_path).open()
    assert isinstance(before.store.commit([result()])[0], Stored)
    before.close()
