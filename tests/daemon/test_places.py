"""Directories below the root that are elsewhere, or have owners of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from asr_daemon.providers.huawei.samples import huawei_callback
from tests.daemon.clients import TENCENT_PATH, Damage, Ledger, body_of, find_damage, senders
from tests.daemon.process import Daemon, results
from tests.daemon.serving import FLAT, eventually, is_ready, metric, serving
from tests.daemon.watchers import inotifywait
from tests.durability import requirements
from tests.durability.mounts import mounted, run, work_directory
from tests.durability.requirements import require

GROUP = 4711
PROJECT = "42"

Elsewhere = Callable[[Path, Path], AbstractContextManager[object]]
"""Takes a folder for what it needs and the directory that it makes, `<root>/tencent`."""


@contextmanager
def tmpfs(work: Path, directory: Path) -> Iterator[None]:
    """Have another file system there."""
    with mounted("tmpfs", directory, "-t", "tmpfs", "-o", "mode=0755"):
        yield


@contextmanager
def bound(work: Path, directory: Path) -> Iterator[None]:
    """Have another directory of the same file system there."""
    source = directory.parent.parent / "bound"
    source.mkdir()
    with mounted(source, directory, "--bind"):
        yield


@contextmanager
def bound_on_itself(work: Path, directory: Path) -> Iterator[None]:
    """Have a directory on itself: another mount, with the same numbers."""
    directory.mkdir()
    run("mount", "--bind", str(directory), str(directory))
    try:
        yield
    finally:
        run("umount", str(directory))


@contextmanager
def linked(work: Path, directory: Path) -> Iterator[None]:
    """Have a link to a directory on another file system there."""
    (work / "results").mkdir()
    directory.symlink_to(work / "results")
    yield


@contextmanager
def plain(work: Path, directory: Path) -> Iterator[None]:
    """Have nothing special there."""
    directory.mkdir()
    yield


@pytest.fixture
def work() -> Iterator[Path]:
    """Return a folder on a file system of its own."""
    require(requirements.root)
    with work_directory() as work:
        yield work


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a daemon in `tmp_path`."""
    root = tmp_path / "root"
    root.mkdir()
    return root


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `asr-daemon check`."""
    command = [sys.executable, "-m", "asr_daemon", "check", "-c", str(folder / "asr-daemon.yaml")]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)


def post(daemon: Daemon, id_: str, length: int = 1) -> int:
    """Post a result."""
    return daemon.post(TENCENT_PATH, body_of(id_, "x" * length)).status


@pytest.mark.parametrize("elsewhere", [tmpfs, bound, bound_on_itself, linked, plain])
def test_directory_that_is_elsewhere(
    tmp_path: Path, work: Path, root: Path, elsewhere: Elsewhere
) -> None:
    """Results are stored there, small and large, and after a restart; `check` agrees."""
    ledger = Ledger()
    with elsewhere(work, root / "tencent"):
        for is_again in (False, True):
            with serving(tmp_path, output=FLAT) as daemon:
                with senders(daemon.port, ledger):
                    eventually(lambda: len(ledger.acknowledged) >= 50, "load")
                for length in (300_000, 5_000_000):
                    id_ = f"large-{length}-{len(ledger.sent)}"
                    assert post(daemon, id_, length) == 200
                    ledger.note(id_, "x" * length, 200)
                if is_again:
                    assert check(tmp_path).returncode == 0
        assert find_damage(root / "tencent", ledger) == Damage()


def test_events_where_a_directory_is_elsewhere(tmp_path: Path, work: Path, root: Path) -> None:
    """They are the same as anywhere, and nothing else is seen beside the results."""
    require(requirements.inotifywait)
    with tmpfs(work, root / "tencent"), serving(tmp_path, output=FLAT) as daemon:
        options = ("--format", "%e %f")
        with inotifywait(root / "tencent", "create,close_write,moved_to", *options) as seen:
            assert post(daemon, "1") == 200
            eventually(lambda: len(seen.lines) == 4, "four events")
        assert seen.lines == [
            "CREATE 1.txt",
            "CREATE 1.json",
            "CLOSE_WRITE,CLOSE 1.txt",
            "CLOSE_WRITE,CLOSE 1.json",
        ]


def test_mount_that_goes_away_is_not_filled_below(tmp_path: Path, work: Path, root: Path) -> None:
    """Its results are refused until it is back; those of the other provider are stored."""
    huawei = {"huawei": {"allow": ["127.0.0.1/32"]}}
    with serving(tmp_path, output=FLAT, providers=huawei) as daemon:
        assert post(daemon, "0") == 200
    other = root / "tencent" / "other"
    layout = {"layout": "{provider}/{appid}/{id}"}
    with serving(tmp_path, output=layout) as daemon:
        with tmpfs(work, other):
            assert daemon.post(TENCENT_PATH, b"code=0&appid=other&requestId=1&text=x").status == 200
        other.mkdir()
        assert daemon.post(TENCENT_PATH, b"code=0&appid=other&requestId=2&text=x").status == 503
        assert daemon.post(TENCENT_PATH, b"code=0&appid=more&requestId=3&text=x").status == 200
        assert list(other.iterdir()) == []


def test_mount_under_a_running_daemon(tmp_path: Path, work: Path, root: Path) -> None:
    """A directory that is mounted on meanwhile takes results, too."""
    with serving(tmp_path, output=FLAT) as daemon:
        assert post(daemon, "1") == 200
        run("mount", "--bind", str(root / "tencent"), str(root / "tencent"))
        try:
            assert post(daemon, "2") == 200
        finally:
            run("umount", "--lazy", str(root / "tencent"))


def owners(root: Path) -> set[int]:
    """Return the groups of all results."""
    return {(root / name).stat().st_gid for name in results(root)}


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("where", ["tencent", "."])
def test_set_group_id(tmp_path: Path, work: Path, root: Path, where: str, when: str) -> None:
    """Files take the group of their folder, whoever the daemon is."""
    if when == "meanwhile":
        with serving(tmp_path, output=FLAT) as daemon:
            assert daemon.stop() == 0
    (root / "tencent").mkdir(exist_ok=True)
    for folder in {root / where, root / "tencent"}:
        os.chown(folder, -1, GROUP)
        folder.chmod(0o2755)
    with serving(tmp_path) as daemon:
        assert post(daemon, "1") == 200
        assert post(daemon, "2", 5_000_000) == 200
    assert owners(root) == {GROUP}
    assert len(results(root)) == 4


def test_group_that_the_daemon_is_not_in(tmp_path: Path, work: Path, root: Path) -> None:
    """The file system gives it, not the daemon, which needs no right to."""
    for folder in (tmp_path, root):
        os.chown(folder, 1234, 1234)
    (root / "tencent").mkdir()
    os.chown(root / "tencent", 1234, GROUP)
    (root / "tencent").chmod(0o2750)
    for above in tmp_path.parents:
        if above.stat().st_mode & 0o5 != 0o5 and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o005)
    as_user = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"]
    output = {"directory_mode": "0770"}
    with serving(tmp_path, wrapper=as_user, output=output) as daemon:
        assert post(daemon, "1") == 200
    assert owners(root) == {GROUP}


def acl_of(path: Path) -> list[str]:
    """Return the entries of an access control list that name somebody, and the mask."""
    listed = subprocess.run(
        ["getfacl", "--omit-header", "--numeric", str(path)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [line.split("\t")[0] for line in listed.split() if line.startswith(("group:", "mask"))]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_default_acl(tmp_path: Path, work: Path, root: Path, when: str) -> None:
    """Files take it from their folder, as far as their mode lets them."""
    require(requirements.setfacl)
    with serving(tmp_path, output=FLAT) if when == "meanwhile" else nullcontext():
        (root / "tencent").mkdir(exist_ok=True)
    run("setfacl", "-m", f"d:g:{GROUP}:rwX", str(root / "tencent"))
    with serving(tmp_path) as daemon:
        assert post(daemon, "1") == 200
    [json] = root.rglob("1.json")
    assert f"group:{GROUP}:rwx" in acl_of(json)
    assert "mask::r--" in acl_of(json)
    assert json.stat().st_mode & 0o777 == 0o640


@contextmanager
def new_xfs(work: Path) -> Iterator[Path]:
    """Yield an xfs, which knows projects, also where the kernel counts no quotas."""
    require(requirements.loop_devices, requirements.xfs)
    image = work / "image"
    with image.open("wb") as file:
        file.truncate(512 << 20)
    run("mkfs.xfs", "-q", str(image))
    with mounted(image, work / "disk", "-o", "loop") as disk:
        yield disk


def test_project_quota(tmp_path: Path, work: Path) -> None:
    """A folder with a quota of its own takes results, each counted there."""
    with new_xfs(work) as disk:
        (disk / "root/tencent").mkdir(parents=True)
        project = ["-c", f"chproj {PROJECT}", "-c", "chattr +P"]
        run("xfs_io", *project, str(disk / "root/tencent"))
        with serving(tmp_path, output={"root": str(disk / "root")}) as daemon:
            assert post(daemon, "1") == 200
            assert post(daemon, "2", 5_000_000) == 200
            assert check(tmp_path).returncode == 0
        for result in (disk / "root").rglob("*.json"):
            command = ["xfs_io", "-r", "-c", "lsproj", str(result)]
            shown = subprocess.run(command, check=True, capture_output=True, text=True)
            assert shown.stdout == f"projid = {PROJECT}\n"


HUAWEI_PATH = "/oifde/rest/sysapi/asrcallback"


def post_to_other(daemon: Daemon, number: int) -> int:
    """Post a result of the other provider."""
    return daemon.post(HUAWEI_PATH, huawei_callback(number)).status


@contextmanager
def quota(work: Path, root: Path, size_mib: int) -> Iterator[None]:
    """Have a btrfs at the root, and let the folder of one provider take so much and no more."""
    require(requirements.loop_devices, requirements.btrfs)
    image = work / "image"
    with image.open("wb") as file:
        file.truncate(256 << 20)
    run("mkfs.btrfs", "-q", str(image))
    root.rmdir()
    with mounted(image, root, "-o", "loop"):
        run("btrfs", "-q", "quota", "enable", str(root))
        run("btrfs", "-q", "subvolume", "create", str(root / "tencent"))
        run("btrfs", "-q", "qgroup", "limit", f"{size_mib}M", str(root / "tencent"))
        try:
            yield
        finally:
            root.mkdir(exist_ok=True)


def test_quota_that_is_used_up(tmp_path: Path, work: Path, root: Path) -> None:
    """What it has no room for is refused, what was acknowledged stays; the other is not hurt."""
    ledger = Ledger()
    with quota(work, root, 24), serving(tmp_path, output=FLAT) as daemon:
        with senders(daemon.port, ledger, 4):
            eventually(lambda: len(ledger.acknowledged) >= 100, "load")
        assert post_to_other(daemon, 1) == 200
        (root / "tencent/others").write_bytes(b"x" * (18 << 20))
        statuses = [post(daemon, f"large-{n}", 2_000_000) for n in range(5)]
        assert statuses[-1] == 503
        assert post_to_other(daemon, 2) == 200
        ready = daemon.get("/readyz")
        assert ready.status == 200
        assert b"results of tencent are being refused: Disk quota exceeded" in ready.body
        refused = metric(daemon, "asr_daemon_callbacks_total", "provider", "outcome")
        assert refused["tencent", "failed"] == statuses.count(503)
        assert refused["huawei", "committed"] == 2
        assert "results are being refused: Disk quota exceeded" in daemon.log
        (root / "tencent/others").unlink()
        eventually(lambda: post(daemon, "large-4", 2_000_000) == 200, "room")
        eventually(lambda: b"refused" not in daemon.get("/readyz").body, "recovered")
        large = {n for n, status in enumerate(statuses) if status == 200} | {4}
        for number in large:
            ledger.note(f"large-{number}", "x" * 2_000_000, 200)
        assert find_damage(root / "tencent", ledger) == Damage()


def test_free_space_elsewhere(tmp_path: Path, work: Path, root: Path) -> None:
    """A disk below the root keeps its reserve, too; the others go on."""
    small = mounted("tmpfs", root / "tencent", "-t", "tmpfs", "-o", "size=8m")
    limits = {"free_space": "16MiB"}
    with (
        small,
        serving(tmp_path, output=FLAT, limits=limits) as daemon,
    ):
        assert post_to_other(daemon, 1) == 200
        assert post(daemon, "2") == 503
        assert is_ready(daemon)
        reason = f"refused: less than limits.free_space is left: {root}/tencent"
        assert f"results of tencent are being {reason}" in daemon.get("/readyz").body.decode()
        assert metric(daemon, "asr_daemon_free_bytes")[()] <= 8 << 20


def test_directory_that_waits_for_results_gets_a_new_mode(
    tmp_path: Path, work: Path, root: Path
) -> None:
    """One that was made before the edit and is still empty; not one that holds results."""
    (root / "huawei").mkdir(0o700)
    with serving(tmp_path, output=FLAT) as daemon:
        assert (root / "tencent").stat().st_mode & 0o777 == 0o750
        output = {**FLAT, "root": str(root), "directory_mode": "0770"}
        config = tmp_path / "asr-daemon.yaml"
        settings = json.loads(config.read_text())
        config.write_text(json.dumps({**settings, "output": output}))
        eventually(lambda: (root / "tencent").stat().st_mode & 0o777 == 0o770, "mode")
        assert (root / "huawei").stat().st_mode & 0o777 == 0o700
        assert post(daemon, "1") == 200


def test_leftovers_elsewhere_are_removed(tmp_path: Path, work: Path, root: Path) -> None:
    """The staging folder of a directory on another mount is emptied at start, too."""
    with tmpfs(work, root / "tencent"):
        (root / "tencent/.staging").mkdir()
        (root / "tencent/.staging/left").write_bytes(b"half")
        with serving(tmp_path, output=FLAT):
            names = os.listdir(root / "tencent/.staging")
        assert [name for name in names if not name.startswith("tree-")] == []


def test_directory_that_cannot_be_written_to(tmp_path: Path, work: Path, root: Path) -> None:
    """`check` finds what a commit would."""
    require(requirements.loop_devices)
    with tmpfs(work, root / "tencent"):
        run("mount", "-o", "remount,ro", str(root / "tencent"))
        with serving(tmp_path, output=FLAT) as daemon:
            assert post(daemon, "1") == 503
            found = check(tmp_path)
            assert "results cannot be stored in tencent: Read-only file system" in daemon.log
        assert found.returncode == 78
        assert "output.root: cannot be used: Read-only file system" in found.stdout + found.stderr
