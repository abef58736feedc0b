"""Single files that replace nothing."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr_daemon.commands.new_file import make_directories, write_new

Forbid = Callable[[str, int], None]


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Forbid:
    """Return what makes a call fail, as on a file system without it."""

    def forbid_it(call: str, error: int) -> None:
        real = getattr(os, call)

        def fail(path: str, *arguments: Any, **options: Any) -> Any:
            if call != "open" or arguments[0] & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(error, os.strerror(error), path)
            return real(path, *arguments, **options)

        monkeypatch.setattr(os, call, fail)

    return forbid_it


def without_nothing(_: Forbid) -> None:
    """Leave the file system as it is."""


def without_unnamed_files(forbid: Forbid) -> None:
    """Be a file system without `O_TMPFILE`."""
    forbid("open", errno.EOPNOTSUPP)


def without_links(forbid: Forbid) -> None:
    """Be a file system without that and hard links."""
    forbid("open", errno.EOPNOTSUPP)
    forbid("link", errno.EPERM)


each_file_system = pytest.mark.parametrize(
    "lack", [without_nothing, without_unnamed_files, without_links]
)


@each_file_system
def test_content_and_mode(lack: Callable[[Forbid], None], forbid: Forbid, tmp_path: Path) -> None:
    lack(forbid)
    write_new(str(tmp_path / "a"), b"content", 0o604)
    assert (tmp_path / "a").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o604
    assert os.listdir(tmp_path) == ["a"]


@each_file_system
def test_what_is_there_stays(
    lack: Callable[[Forbid], None], forbid: Forbid, tmp_path: Path
) -> None:
    (tmp_path / "a").symlink_to("nowhere")
    lack(forbid)
    with pytest.raises(FileExistsError):
        write_new(str(tmp_path / "a"), b"content", 0o600)
    assert os.listdir(tmp_path) == ["a"]
    assert not (tmp_path / "a").exists()


@each_file_system
def test_nothing_is_left_of_a_failure(
    lack: Callable[[Forbid], None], forbid: Forbid, tmp_path: Path
) -> None:
    lack(forbid)
    forbid("write", errno.ENOSPC)
    with pytest.raises(OSError, match="No space"):
        write_new(str(tmp_path / "a"), b"content", 0o600)
    assert os.listdir(tmp_path) == []


def test_directories_have_their_mode(tmp_path: Path) -> None:
    make_directories(str(tmp_path / "a/b"), 0o700)
    make_directories(str(tmp_path / "a/b"), 0o750)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")]
    assert modes == [0o700, 0o700]


def test_a_relative_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_new("a", b"content", 0o600)
    assert (tmp_path / "a").read_bytes() == b"content"
