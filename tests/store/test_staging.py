"""The staging folder: empty, marked, locked, and never a way out of the root."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_daemon.store.staging import Staging


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


def test_names_differ(staging: Staging) -> None:
    """No two files of a process have the same name aside."""
    staging.open()
    created = [staging.create(".txt") for _ in range(3)]
    for _, descriptor in created:
        os.close(descriptor)
    assert len({path for path, _ in created}) == 3


def test_a_second_daemon_is_kept_out(staging: Staging, tmp_path: Path) -> None:
    """Of two daemons with one root the second does not start."""
    staging.open()
    with pytest.raises(OSError, match="another asr-daemon writes there"):
        Staging(str(tmp_path), 0o640, 0o750).open()
