"""The staging folder: empty, marked, locked, and never a way out of the root."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from asr_daemon.output.filesystem.staging import Modes, StagedFile, Staging

OPEN = os.open
MODES = Modes(0o640, 0o750)


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    """Return the staging folder of `tmp_path`, not yet open."""
    made = Staging(str(tmp_path), MODES, durable=True)
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
    again = Staging(str(tmp_path), MODES, durable=True)
    again.open()
    assert again.tree_id == first
    again.close()
    shutil.rmtree(tmp_path / ".staging")
    anew = Staging(str(tmp_path), MODES, durable=True)
    anew.open()
    assert anew.tree_id != first
    anew.close()


def test_tidied_away(staging: Staging, tmp_path: Path) -> None:
    """The folder can be made anew, but not its mark: what is there now may be another root."""
    staging.open()
    shutil.rmtree(tmp_path / ".staging")
    staging.ensure()
    staging.check_folder()
    assert os.listdir(tmp_path / ".staging") == []


def refusing_unnamed(path: str, flags: int, mode: int = 0o777, dir_fd: int | None = None) -> int:
    """Be `os.open` on a file system that knows no files without a name."""
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path)
    return OPEN(path, flags, mode, dir_fd=dir_fd)


@pytest.mark.parametrize("opening", [OPEN, refusing_unnamed])
def test_files_are_linked(
    staging: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opening: Callable[..., int]
) -> None:
    """With a name in the folder or without, no two are the same and none is left there."""
    monkeypatch.setattr(os, "open", opening)
    staging.open()
    for number in range(3):
        staged = staging.create()
        staged.write(b"%d" % number)
        staged.place(str(tmp_path / f"{number}.txt"))
        staged.release()
    assert [(tmp_path / f"{number}.txt").read_bytes() for number in range(3)] == [b"0", b"1", b"2"]
    assert os.listdir(tmp_path / ".staging") == [f"tree-{staging.tree_id}"]


def test_a_name_that_is_taken_is_left_alone(staging: Staging, tmp_path: Path) -> None:
    """Nothing is ever replaced."""
    staging.open()
    (tmp_path / "1.txt").write_bytes(b"first")
    staged = staging.create()
    with pytest.raises(FileExistsError):
        staged.place(str(tmp_path / "1.txt"))
    staged.release()
    assert (tmp_path / "1.txt").read_bytes() == b"first"


def test_a_second_daemon_is_kept_out(staging: Staging, tmp_path: Path) -> None:
    """Of two daemons with one root the second does not start."""
    staging.open()
    with pytest.raises(OSError, match="another asr-daemon writes there"):
        Staging(str(tmp_path), MODES, durable=True).open()


@pytest.fixture
def staged(staging: Staging) -> StagedFile:
    """Return an empty file in an open staging folder."""
    staging.open()
    return staging.create()


def test_content_that_cannot_be_read_to_its_end_is_an_error(
    staged: StagedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems end before the size that they report."""
    staged.write(b"0123456789")
    monkeypatch.setattr(os, "pread", lambda descriptor, size, at: b"01234"[at:])
    with pytest.raises(OSError, match="cannot be read to its end"):
        staged.read()


def test_content_of_a_staged_file_is_read_from_the_start(staged: StagedFile) -> None:
    """However much of it has been written, by whomever."""
    staged.write(b"hello, ")
    os.write(staged.descriptor, b"world\n")
    assert (staged.size_bytes, staged.read()) == (13, b"hello, world\n")
    assert staged.digest() == sha256(b"hello, world\n").hexdigest()


def test_discarded_file_is_closed_and_gone(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be discarded twice; nothing can be done with it any more."""
    monkeypatch.setattr(os, "open", refusing_unnamed)
    staging.open()
    staged = staging.create()
    for _ in range(2):
        staged.discard()
    staging.executor.shutdown()
    assert os.listdir(staging.path) == [f"tree-{staging.tree_id}"]
    for action in (staged.read, staged.sync, lambda: staged.write(b"x")):
        with pytest.raises(OSError, match="was discarded"):
            action()


def test_file_that_is_used_stays_open_when_it_is_discarded(
    staging: Staging, staged: StagedFile
) -> None:
    """Its descriptor is not another file's before everybody is done with it."""
    with staged.used():
        staged.discard()
        staging.executor.shutdown()
        os.write(staged.descriptor, b"x")
        assert staged.read() == b"x"
    with pytest.raises(OSError, match="was discarded"):
        staged.read()


def test_file_whose_sync_failed_is_never_trusted_again(
    staged: StagedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that was not written may be marked clean: a second sync would succeed."""

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="Input/output error"):
            staged.sync()
    with pytest.raises(OSError, match="an earlier sync of this file failed"):
        staged.sync()


def test_file_that_grows_is_synced_meanwhile(
    staged: StagedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the syncs of small results would wait for all of it."""
    synced: list[int] = []
    monkeypatch.setattr("asr_daemon.output.filesystem.staging.SYNC_BYTES", 5)
    monkeypatch.setattr(os, "fsync", lambda each: synced.append(os.fstat(each).st_size))
    for piece in (b"hello", b", ", b"world\n"):
        staged.write(piece)
    assert synced == [5, 13]


def test_modes_do_not_depend_on_the_umask(staging: Staging, tmp_path: Path) -> None:
    """What is configured holds; a set-group-ID bit of the parent is inherited."""
    tmp_path.chmod(0o2755)
    before = os.umask(0o077)
    try:
        staging.open()
        staged = staging.create()
        staging.make_directory(f"{tmp_path}/day")
    finally:
        os.umask(before)
    assert os.fstat(staged.descriptor).st_mode & 0o7777 == 0o640
    assert (tmp_path / "day").stat().st_mode & 0o7777 == 0o2750
    staged.release()


def test_files_of_another_host_are_left_alone(staging: Staging, tmp_path: Path) -> None:
    """A lock may hold on one host only; what nobody has written to for an hour goes."""
    (tmp_path / ".staging").mkdir()
    for name in (".00000000.11111111-1~", ".00000000.11111111-2~"):
        (tmp_path / ".staging" / name).write_bytes(b"x")
    os.utime(tmp_path / ".staging/.00000000.11111111-2~", (1_700_000_000, 1_700_000_000))
    staging.open()
    assert sorted(os.listdir(tmp_path / ".staging")) == [
        ".00000000.11111111-1~",
        f"tree-{staging.tree_id}",
    ]


def test_own_temporary_names_are_removed(
    staging: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They begin with a dot and end in a tilde, which programs that watch pass over."""
    monkeypatch.setattr(os, "open", refusing_unnamed)
    staging.open()
    staging.create()
    [name] = [name for name in os.listdir(staging.path) if not name.startswith("tree-")]
    assert (name[0], name[-1]) == (".", "~")
    staging.close()
    again = Staging(str(tmp_path), MODES, durable=True)
    again.open()
    assert os.listdir(staging.path) == [f"tree-{again.tree_id}"]
    again.close()


def test_file_system_without_locks(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused with the reason: a second daemon would replace what the first one names."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(OSError, match=r"takes no locks \(flock: No locks available\)"):
        staging.open()


def test_full_disk_is_tried_again(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    """What works there is found out when there is room."""

    def full(path: str, mode: int = 0o777) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "makedirs", full)
        staging.open()
        with pytest.raises(OSError, match="No space left on device"):
            staging.create()
    staging.create().release()


def test_files_that_are_named_at_once_have_times_in_that_order(
    staging: Staging, tmp_path: Path
) -> None:
    staging.open()
    paths = [tmp_path / f"{number}" for number in range(20)]
    for path in paths:
        staged = staging.create()
        staged.place(str(path))
        staged.release()
    times = [path.stat().st_mtime_ns for path in paths]
    assert times == sorted(set(times))
