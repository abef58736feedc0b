"""File systems that cannot do what most can: each works, or is refused at start with the reason."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.daemon.clients import (
    TENCENT_PATH,
    Damage,
    Ledger,
    body_of,
    find_damage,
    resend,
    senders,
    stands_once,
)
from tests.daemon.process import Daemon, results
from tests.daemon.serving import FLAT, eventually, is_ready, serving
from tests.daemon.test_places import check
from tests.daemon.watchers import inotifywait
from tests.durability import requirements
from tests.durability.mounts import mounted, run, work_directory
from tests.durability.posix_disk import PosixDisk, posix_disk
from tests.durability.requirements import Requirement, require
from tests.durability.weaker_operations import Lack

NO_LINK: tuple[Lack, ...] = ("link",)
FAT: tuple[Lack, ...] = ("link", "modes", "fat")
NO_RENAME: tuple[Lack, ...] = ("link", "rename-flags")
SAID: dict[tuple[Lack, ...], list[str]] = {
    (): ["has no files without a name"],
    NO_LINK: ["has no files without a name", "has no hard links"],
    NO_RENAME: [
        "has no files without a name",
        "has no hard links",
        "does not rename without replacing",
    ],
    ("directory-sync",): ["has no files without a name", "syncs no directories"],
    ("modes",): ["has no files without a name", "keeps no modes"],
    FAT: ["has no files without a name", "has no hard links", "keeps no modes"],
    ("inodes",): ["has no files without a name"],
    ("inode-numbers",): ["has no files without a name"],
    ("room",): ["has no files without a name"],
}
"""What the log says of a disk that lacks something."""


def post(daemon: Daemon, id_: str, length: int = 1) -> int:
    """Post a result."""
    return daemon.post(TENCENT_PATH, body_of(id_, "x" * length)).status


def weaknesses(daemon: Daemon) -> list[str]:
    """Return what the log says of the file system."""
    return [line for line in daemon.lines if "WARNING" in line and "(fuse" in line]


@pytest.fixture
def make_disk() -> Callable[..., AbstractContextManager[PosixDisk]]:
    """Return a maker of disks that lack something."""
    require(requirements.root, requirements.fuse)
    return posix_disk


MakeDisk = Callable[..., AbstractContextManager[PosixDisk]]


@pytest.mark.parametrize("lacks", SAID, ids=lambda lacks: "+".join(lacks) or "O_TMPFILE")
def test_disk_that_lacks_something(
    make_disk: MakeDisk, tmp_path: Path, lacks: tuple[Lack, ...]
) -> None:
    """Results are durable when they are acknowledged; what is weaker is logged once."""
    ledger, too_early = Ledger(), list[str]()
    with make_disk(*lacks) as disk:
        root = disk.mountpoint / "root"

        def look(id_: str) -> None:
            if not stands_once(disk.durable_tree(), id_, ledger.sent[id_]):
                too_early.append(id_)

        with serving(tmp_path, output={**FLAT, "root": str(root)}) as daemon:
            with senders(daemon.port, ledger, 4, look):
                eventually(lambda: len(ledger.acknowledged) >= 50, "load")
            assert post(daemon, "large", 5_000_000) == 200
            ledger.note("large", "x" * 5_000_000, 200)
            resend(daemon.port, ["0-0"], ledger, clients=1)
            said = weaknesses(daemon)
            checked = check(tmp_path)
            assert checked.returncode == 0
            assert is_ready(daemon)
        assert too_early == []
        assert find_damage(root, ledger) == Damage()
        names = [path.name for path in (root / ".staging").iterdir()]
        assert [name for name in names if not name.startswith("tree-")] == []
    warnings = [line for line in checked.stdout.splitlines() if line.endswith(" (warning)")]
    assert len(said) == len(warnings) == len(SAID[lacks])
    for warning, line in zip(warnings, said, strict=True):
        assert warning.removesuffix(" (warning)").partition(": output.root: ")[2] in line
    for line, sentence in zip(said, SAID[lacks], strict=True):
        assert sentence in line


@pytest.mark.parametrize("lacks", [NO_LINK, NO_RENAME], ids="+".join)
def test_events_without_links(make_disk: MakeDisk, tmp_path: Path, lacks: tuple[Lack, ...]) -> None:
    """Each file is seen once, when it is moved to its name, the text before the JSON."""
    require(requirements.inotifywait)
    with make_disk(*lacks) as disk:
        root = disk.mountpoint / "root"
        with serving(tmp_path, output={**FLAT, "root": str(root)}) as daemon:
            options = ("--format", "%e %f")
            events = "create,close_write,moved_to"
            with inotifywait(root / "tencent", events, *options) as seen:
                assert post(daemon, "1") == 200
                assert post(daemon, "1") == 200
                assert post(daemon, "2", 1_000_000) == 200
                eventually(lambda: len(seen.lines) >= 4, "four events")
            assert seen.lines == [f"MOVED_TO {n}.{kind}" for n in "12" for kind in ("txt", "json")]


@pytest.mark.parametrize("lacks", [(), NO_LINK, NO_RENAME], ids="+".join)
def test_nothing_is_replaced(make_disk: MakeDisk, tmp_path: Path, lacks: tuple[Lack, ...]) -> None:
    """Whatever names are given with."""
    with make_disk(*lacks) as disk:
        root = disk.mountpoint / "root"
        with serving(tmp_path, output={**FLAT, "root": str(root)}) as daemon:
            (root / "tencent/1.txt").write_bytes(b"somebody else's")
            assert post(daemon, "1") == 200
            assert daemon.post(TENCENT_PATH, body_of("1", "other")).status == 200
        assert {name: len(data) for name, data in results(root).items() if "txt" in name} == {
            "tencent/1.txt": 15,
            "tencent/1~2.txt": 2,
            "tencent/1~3.txt": 6,
        }


def test_directory_that_is_full(make_disk: MakeDisk, tmp_path: Path) -> None:
    """What belongs there is refused, and everything else is stored."""
    output = {"layout": "{provider}/{appid}/{id}"}
    with make_disk("room") as disk:
        output["root"] = str(disk.mountpoint / "root")
        with serving(tmp_path, output=output) as daemon:
            for id_, status in [("1-a", 200), ("2-full", 503), ("3-a", 200), ("2-full", 503)]:
                assert post(daemon, id_) == status
        found = [name for name in results(disk.mountpoint / "root") if name.endswith(".json")]
        assert sorted(found) == ["tencent/a/1-a.json", "tencent/a/3-a.json"]


@contextmanager
def image(make: list[str], mount: list[str], size_mib: int) -> Iterator[Path]:
    """Yield the mount point of an image file that a command makes, and one mounts."""
    with work_directory() as work:
        file = work / "image"
        with file.open("wb") as made:
            made.truncate(size_mib << 20)
        run(*make, str(file))
        with mounted(file, work / "disk", *mount) as disk:
            yield disk


@contextmanager
def fat() -> Iterator[Path]:
    """Yield the mount point of a FAT, which few kernels without modules have a driver for."""
    with work_directory() as work:
        with (work / "image").open("wb") as made:
            made.truncate(256 << 20)
        run("mkfs.vfat", str(work / "image"))
        (work / "disk").mkdir()
        # mount(8) cannot pass on the option by which it agrees to write.
        run("fusefat", "-o", "rw+", str(work / "image"), str(work / "disk"), "-s")
        yield work / "disk"


@contextmanager
def overlay() -> Iterator[Path]:
    """Yield the mount point of an overlay on a tmpfs."""
    with work_directory() as work:
        for name in ("lower", "upper", "work"):
            (work / name).mkdir()
        options = f"lowerdir={work}/lower,upperdir={work}/upper,workdir={work}/work"
        with mounted("overlay", work / "disk", "-t", "overlay", "-o", options) as disk:
            yield disk


REAL: dict[str, tuple[list[Requirement], Callable[[], AbstractContextManager[Path]]]] = {
    "exfat-fuse": (
        [requirements.fuse, requirements.loop_devices, requirements.exfat],
        lambda: image(["mkfs.exfat"], ["-t", "exfat-fuse", "-o", "loop"], 256),
    ),
    "ntfs-3g": (
        [requirements.fuse, requirements.loop_devices, requirements.ntfs],
        lambda: image(["mkfs.ntfs", "-q", "-F"], ["-t", "ntfs-3g", "-o", "loop"], 256),
    ),
    "vfat": (
        [requirements.fuse, requirements.vfat],
        fat,
    ),
    "btrfs": (
        [requirements.loop_devices, requirements.btrfs],
        lambda: image(["mkfs.btrfs", "-q"], ["-o", "loop"], 256),
    ),
    "overlay": ([requirements.overlay], overlay),
}


LARGE = {"vfat": 200_000}
"""What is held in memory: fusefat reads something else through a descriptor than was written."""


@pytest.mark.parametrize("name", REAL)
def test_real_file_system(tmp_path: Path, name: str) -> None:
    """Results are stored once, small and large, and found by the next process."""
    needed, make = REAL[name]
    require(requirements.root, *needed)
    ledger = Ledger()
    with make() as disk:
        for is_again in (False, True):
            with serving(tmp_path, output={**FLAT, "root": str(disk / "root")}) as daemon:
                with senders(daemon.port, ledger, 4):
                    eventually(lambda: len(ledger.acknowledged) >= 50, "load")
                id_, length = f"large-{len(ledger.sent)}", LARGE.get(name, 5_000_000)
                assert post(daemon, id_, length) == 200
                ledger.note(id_, "x" * length, 200)
                resend(daemon.port, ["0-0"], ledger, clients=1)
                if is_again:
                    assert check(tmp_path).returncode == 0
        assert find_damage(disk / "root", ledger) == Damage()


@contextmanager
def stand_in() -> Iterator[Path]:
    """Yield the mount point of a FAT that is none."""
    with posix_disk(*FAT) as disk:
        yield disk.mountpoint


ONE_CASE = {
    "exfat-fuse": REAL["exfat-fuse"],
    "vfat": REAL["vfat"],
    "stand-in": ([requirements.fuse], stand_in),
}


@pytest.mark.parametrize("name", ONE_CASE)
def test_names_that_differ_in_case_alone(tmp_path: Path, name: str) -> None:
    """Where they are one name both results are kept."""
    needed, make = ONE_CASE[name]
    require(requirements.root, *needed)
    with make() as disk:
        with serving(tmp_path, output={**FLAT, "root": str(disk / "root")}) as daemon:
            assert [post(daemon, id_) for id_ in ("Ab", "aB", "Ab", "aB")] == [200] * 4
        found = [name for name in results(disk / "root") if name.endswith(".json")]
        assert sorted(found) == ["tencent/Ab.json", "tencent/aB~2.json"]
