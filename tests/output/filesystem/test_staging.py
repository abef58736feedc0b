"""The staging folder: empty, marked, locked, and never a way out of the root."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asr_daemon.store.staging import Staging

OPEN = os.open


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    """Return the staging folder of `tmp_path`, not yet open."""
    made = Staging(str(tmp_path), 0o640, 0o750)
    yield made
    made.close()


def test_leftovers_are_removed(staging: Staging, tmp_path: Path) -> None:
    """Files of a killed process go; a folder that somebody put there is not in the way."""
    (tmp_path / ".staging/@eaDir").mkdir(parents=True)
    (tmp_path / ".staging/7.json").write_bytes(b"half")
    staging.check()
    staging.open()
    assert sorted(os.listdir(tmp_path / ".staging")) == ["@eaDir", f"tree-{staging.tree_id}"]


def test_a_link_is_not_followed(staging: Staging, tmp_path: Path) -> None:
    """A staging folder that leads elsewhere is refused, and nothing there is removed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_bytes(b"x")
    (tmp_path / ".staging").symlink_to(elsewhere)
    for attempt in (staging.check, staging.open):
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            attempt()
    assert (elsewhere / "precious").exists()


def test_the_mark_stays(staging: Staging, tmp_path: Path) -> None:
    """A tree keeps its id over restarts, and a new one has another."""
    staging.open()
    first = staging.tree_id
    staging.close()
    again = Staging(str(tmp_path), 0o640, 0o750)
    again.open()
    assert again.tree_id == first
    again.close()
    shutil.rmtree(tmp_path / ".staging")
    anew = Staging(str(tmp_path), 0o640, 0o750)
    anew.open()
    assert anew.tree_id != first
    anew.close()


def test_tidied_away(staging: Staging, tmp_path: Path) -> None:
    """The folder can be made anew, but not its mark: what is there now may be another root."""
    staging.open()
    staging.ensure()
    assert staging.is_marked()
    shutil.rmtree(tmp_path / ".staging")
    staging.ensure()
    assert (tmp_path / ".staging").is_dir()
    assert not staging.is_marked()


def refusing_unnamed(path: str, flags: int, mode: int = 0o777) -> int:
    """Be `os.open` on a file system that knows no files without a name."""
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path)
    return OPEN(path, flags, mode)


@pytest.mark.parametrize("opening", [OPEN, refusing_unnamed])
def test_files_are_linked(
    staging: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opening: Callable[..., int]
) -> None:
    """With a name in the folder or without, no two are the same and none is left there."""
    staging.open()
    monkeypatch.setattr(os, "open", opening)
    for number in range(3):
        staged = staging.create(".txt")
        os.write(staged.descriptor, b"%d" % number)
        staging.link(staged, str(tmp_path / f"{number}.txt"))
        staging.discard(staged)
    assert [(tmp_path / f"{number}.txt").read_bytes() for number in range(3)] == [b"0", b"1", b"2"]
    assert os.listdir(tmp_path / ".staging") == [f"tree-{staging.tree_id}"]


def test_a_name_that_is_taken_is_left_alone(staging: Staging, tmp_path: Path) -> None:
    """Nothing is ever replaced."""
    staging.open()
    (tmp_path / "1.txt").write_bytes(b"first")
    staged = staging.create(".txt")
    with pytest.raises(FileExistsError):
        staging.link(staged, str(tmp_path / "1.txt"))
    staging.discard(staged)
    assert (tmp_path / "1.txt").read_bytes() == b"first"


def test_a_second_daemon_is_kept_out(staging: Staging, tmp_path: Path) -> None:
    """Of two daemons with one root the second does not start."""
    staging.open()
    with pytest.raises(OSError, match="another asr-daemon writes there"):
        Staging(str(tmp_path), 0o640, 0o750).open()
