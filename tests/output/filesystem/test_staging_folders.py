"""Which staging folder serves which directory."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_daemon.output.filesystem.staging import STAGING, Modes, Staging
from asr_daemon.output.filesystem.staging_folders import StagingFolders

Identity = tuple[int, int]


def identity(path: Path) -> Identity:
    """Return what tells a directory from others."""
    status = path.stat()
    return status.st_dev, status.st_ino


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root with a directory `plain`, and one that gives its group to files: `group`."""
    root = tmp_path / "root"
    for name in ("plain", "group"):
        (root / name).mkdir(parents=True)
    (root / "group").chmod(0o2755)
    return root


@pytest.fixture
def staging(root: Path) -> Iterator[Staging]:
    """Return the staging folder of the root."""
    staging = Staging(str(root), Modes(0o640, 0o750), durable=False)
    staging.open()
    yield staging
    staging.close()


@pytest.fixture
def folders(staging: Staging) -> Iterator[StagingFolders]:
    """Return the staging folders below the root."""
    folders = StagingFolders(staging)
    yield folders
    folders.close()


def test_directory_like_the_root_has_the_roots(
    folders: StagingFolders, staging: Staging, root: Path
) -> None:
    assert folders.of(str(root / "plain"), identity(root / "plain")) is staging
    assert not (root / "plain" / STAGING).exists()


def test_directory_with_a_group_of_its_own_has_its_own(folders: StagingFolders, root: Path) -> None:
    """Files get the group of the folder that they are made in."""
    own = folders.of(str(root / "group"), identity(root / "group"))
    assert own.path == str(root / "group" / STAGING)
    assert folders.of(str(root / "group"), identity(root / "group")) is own


def test_folder_of_another_root_is_not_kept(
    folders: StagingFolders, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was there for a moment must not be looked for ever after."""
    path, before = str(root / "group"), identity(root / "group")
    away, real = root.with_name("away"), Staging.open

    def open_meanwhile(own: Staging) -> None:
        root.rename(away)
        (root / "group").mkdir(parents=True)
        real(own)

    with monkeypatch.context() as patched:
        patched.setattr(Staging, "open", open_meanwhile)
        with pytest.raises(OSError, match="not the directory that it was at start"):
            folders.of(path, before)
    root.rename(root.with_name("other"))
    away.rename(root)
    folders.check(path)
    assert folders.of(path, before).path == os.path.join(path, STAGING)
