"""Disks that are full, read-only or gone: no false success, and an end without anybody's help."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.conftest import NoteFigure
from tests.daemon.causes import (
    covered,
    crowded,
    filled,
    moved_to_another_disk,
    read_only_at_last,
    renamed,
    replaced_by_link,
    unmounted,
)
from tests.daemon.clients import TENCENT_PATH, Damage, Ledger, body_of, find_damage, senders
from tests.daemon.process import Daemon, results
from tests.daemon.serving import eventually, is_ready, more, serving
from tests.durability import requirements
from tests.durability.faults import small_ext4, small_tmpfs
from tests.durability.requirements import require

RECOVERY_S = 1.0
"""How long after its cause trouble may last."""
SENDERS = 8


def complaints(daemon: Daemon) -> list[str]:
    """Return what an operator sees who looks for warnings and errors."""
    return [line for line in daemon.log.splitlines() if " INFO " not in line[:40]]


def reason_of(daemon: Daemon) -> str:
    """Return what keeps the daemon from being ready."""
    reply = daemon.get("/readyz")
    assert reply.status == 503
    return reply.body.decode()


def staged(root: Path) -> list[str]:
    """Return the staged files that are left below a root, without the mark of the tree."""
    names = [each.name for each in (root / ".staging").iterdir()]
    return [name for name in names if not name.startswith("tree-")]


def outlive(daemon: Daemon, ledger: Ledger, cause: AbstractContextManager[object]) -> str:
    """Have trouble under load while the cause lasts, and return what the daemon said of it.

    Afterwards it is ready and acknowledges again within a second.
    """
    with senders(daemon.port, ledger, SENDERS):
        eventually(more(ledger.acknowledged, 5 * SENDERS), "load")
        with cause:
            eventually(more(ledger.refused, 5 * SENDERS), "results are refused")
            reason = reason_of(daemon)
        again = more(ledger.acknowledged, SENDERS)
        over_s = time.monotonic()
        eventually(again, "results are acknowledged again", RECOVERY_S)
        left_s = RECOVERY_S - (time.monotonic() - over_s)
        eventually(lambda: is_ready(daemon), "ready again", left_s)
    return reason


@pytest.fixture
def disk() -> Iterator[Path]:
    """Return the mount point of an ext4 that is far from full by what a test stores."""
    require(requirements.root, requirements.loop_devices, requirements.ext4)
    with small_ext4(128, inodes=10_000) as mountpoint:
        yield mountpoint


def check(folder: Path, root: Path, cause: AbstractContextManager[object], **limits: str) -> str:
    """Have trouble with a daemon under load, check its tree, and return what it said of it.

    It says it once, and once that it is over.
    """
    ledger = Ledger()
    with serving(folder, output={"root": str(root)}, limits=limits) as daemon:
        outlive(daemon, ledger, cause)
        assert daemon.stop() == 0
    assert find_damage(root, ledger) == Damage()
    assert "request refused" not in daemon.log
    met, over = complaints(daemon)
    assert re.search(r"storage recovered; \d+ results were refused", over)
    return met


@pytest.mark.long
def test_disk_with_less_than_its_reserve(tmp_path: Path, disk: Path) -> None:
    """Below `limits.free_space` nothing is stored."""
    cause = filled(disk, 1_200_000)
    said = check(tmp_path, disk / "root", cause, free_space="1MiB")
    assert "less than limits.free_space is left" in said


def test_full_disk(tmp_path: Path, disk: Path) -> None:
    """The same where the disk is filled to the last block."""
    check(tmp_path, disk / "root", filled(disk, 200_000), free_space="1B")
    assert staged(disk / "root") == []


@pytest.mark.long
def test_disk_with_few_inodes(tmp_path: Path, disk: Path) -> None:
    """A reserve of inodes is kept too."""
    said = check(tmp_path, disk / "root", crowded(disk, 100), free_space="1MiB")
    assert "fewer than 64 inodes are left" in said


@pytest.mark.long
def test_disk_without_inodes(tmp_path: Path, disk: Path) -> None:
    """The same where the disk itself says no."""
    said = check(tmp_path, disk / "root", crowded(disk, 20), free_space="1B")
    assert "No space left on device" in said
    assert staged(disk / "root") == []


def test_read_only_disk(tmp_path: Path, disk: Path) -> None:
    """A disk that becomes read-only, as a kernel makes it on errors."""
    said = check(tmp_path, disk / "root", read_only_at_last(disk))
    assert "Read-only file system" in said


@pytest.mark.long
def test_root_that_is_renamed(tmp_path: Path) -> None:
    """A root that is not there is not made anew."""
    said = check(tmp_path, tmp_path / "root", renamed(tmp_path / "root"))
    assert "No such file or directory" in said


@pytest.mark.long
def test_root_that_is_another_folder(tmp_path: Path) -> None:
    """A link to elsewhere in the place of the root."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    said = check(tmp_path, tmp_path / "root", replaced_by_link(tmp_path / "root", elsewhere))
    assert "not the directory that it was at start" in said


@pytest.mark.long
def test_root_under_another_disk(tmp_path: Path, disk: Path) -> None:
    """A file system that is mounted over the root."""
    said = check(tmp_path, disk / "root", covered(disk / "root"))
    assert "not the directory that it was at start" in said


def test_disk_that_is_unmounted(tmp_path: Path, disk: Path) -> None:
    """A root that is a mount point: what is beneath is not filled in its stead."""
    said = check(tmp_path, disk, unmounted(disk))
    assert "not the directory that it was at start" in said


@pytest.mark.long
def test_disk_that_is_unmounted_above_the_root(tmp_path: Path, disk: Path) -> None:
    """The same with the root in a folder of the disk, which is not made anew."""
    said = check(tmp_path, disk / "root", unmounted(disk))
    assert "No such file or directory" in said


@pytest.mark.long
def test_disk_that_comes_back_with_another_number(tmp_path: Path, disk: Path) -> None:
    """A tree that is on another device when it is back, as after a new network mount."""
    with small_tmpfs(50_000) as other:
        said = check(tmp_path, disk, moved_to_another_disk(disk, other))
    assert "not the directory that it was at start" in said


@pytest.mark.long
def test_state_on_the_full_disk(tmp_path: Path, disk: Path) -> None:
    """The index has no room either: that is said once, and nothing fails for it."""
    ledger = Ledger()
    with serving(disk, limits={"free_space": "1B"}) as daemon:
        outlive(daemon, ledger, filled(disk, 200_000))
        assert daemon.stop() == 0
    assert find_damage(disk / "root", ledger) == Damage()
    about_index = [line for line in complaints(daemon) if "the index" in line]
    assert len(about_index) <= 2
    assert len(complaints(daemon)) - len(about_index) == 2


def test_sender_that_tries_again(tmp_path: Path, disk: Path) -> None:
    """Results that met the last free block come again later, and are there once."""
    bodies = [body_of(f"{number}", "x" * 5000) for number in range(8)]
    with serving(tmp_path, output={"root": str(disk / "root")}, limits={"free_space": "1B"}) as one:
        assert one.post(TENCENT_PATH, body_of("first", "x")).status == 200
        with filled(disk, 4096):
            assert post_at_once(one, bodies) == {503}
        assert post_at_once(one, bodies) == {200}
        assert post_at_once(one, bodies) == {200}
        assert "results are being refused: No space left on device" in one.log
    names = {Path(name).name for name in results(disk / "root")}
    wanted = ["first", *map(str, range(8))]
    assert names == {f"{stem}.{kind}" for stem in wanted for kind in ("json", "txt")}


@pytest.mark.long
def test_idle_daemon_notices(tmp_path: Path, disk: Path) -> None:
    """Trouble and its end show within a second, although nobody sends anything."""
    with serving(tmp_path, output={"root": str(disk / "root")}) as daemon:
        for cause in (filled(disk, 4096), unmounted(disk)):
            with cause:
                eventually(lambda: not is_ready(daemon), "not ready", RECOVERY_S)
            eventually(lambda: is_ready(daemon), "ready again", RECOVERY_S)
        assert len(complaints(daemon)) == 4


@pytest.mark.long
def test_disk_that_comes_and_goes(tmp_path: Path, note_figure: NoteFigure) -> None:
    """Trouble of five kinds, five times, with one daemon under load."""
    require(requirements.root, requirements.loop_devices, requirements.ext4)
    ledger = Ledger()
    with small_ext4(512) as disk:
        root = disk / "root"
        causes = (
            lambda: filled(disk, 200_000),
            lambda: renamed(root),
            lambda: replaced_by_link(root, tmp_path),
            lambda: covered(root),
            lambda: unmounted(disk),
        )
        with serving(tmp_path, output={"root": str(root)}, limits={"free_space": "1B"}) as daemon:
            for cause in causes * 5:
                outlive(daemon, ledger, cause())
            assert daemon.stop() == 0
        assert find_damage(root, ledger) == Damage()
    assert len(complaints(daemon)) == 2 * 5 * len(causes)
    note_figure("results were acknowledged", len(ledger.acknowledged))
    note_figure("results were refused", len(ledger.refused))


@pytest.mark.long
def test_root_that_flickers(tmp_path: Path, note_figure: NoteFigure) -> None:
    """A root that is away for moments, within batches too, is never taken for another."""
    require(requirements.root, requirements.loop_devices, requirements.ext4)
    ledger = Ledger()
    with (
        small_ext4(512) as disk,
        serving(tmp_path, output={"root": str(disk / "root")}) as daemon,
        senders(daemon.port, ledger, SENDERS),
    ):
        root = disk / "root"
        for number in range(300):
            eventually(more(ledger.acknowledged, 1), "results are acknowledged between")
            elsewhere = tmp_path / f"{number}"
            elsewhere.mkdir()
            refused = more(ledger.refused, 1)
            with replaced_by_link(root, elsewhere):
                if number % 3:
                    eventually(refused, "results are refused")
        assert daemon.stop() == 0
        assert find_damage(root, ledger) == Damage()
    strays = [path for path in tmp_path.glob("[0-9]*/**/*.json") if ".staging" not in path.parts]
    note_figure("results were acknowledged", len(ledger.acknowledged))
    note_figure("results were refused", len(ledger.refused))
    note_figure("of them stand elsewhere", len(strays))


def post_at_once(daemon: Daemon, bodies: list[bytes]) -> set[int]:
    """Post over a connection each, and return the statuses."""
    with ThreadPoolExecutor(len(bodies)) as pool:
        replies = pool.map(lambda body: daemon.post(TENCENT_PATH, body), bodies)
        return {reply.status for reply in replies}
