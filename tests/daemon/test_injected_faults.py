"""A commit that fails, or is cut off, at any one call: refused, or whole; sent again, there once.

The disk is the one that keeps what was synced and nothing else, so that what was acknowledged
without its sync is not there.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest

from asr_daemon.output.committer import LOOK_S
from tests.conftest import NoteFigure
from tests.daemon.clients import (
    ANSWER_TIMEOUT_S,
    TENCENT_PATH,
    Ledger,
    body_of,
    resend,
    senders,
    stands_once,
)
from tests.daemon.indexed import is_filled
from tests.daemon.process import Daemon, results, running
from tests.daemon.serving import eventually
from tests.durability import requirements
from tests.durability.faults import injected, killed
from tests.durability.posix_disk import PosixDisk, posix_disk
from tests.durability.requirements import require
from tests.durability.strace import attached
from tests.durability.syscall_order import traced
from tests.durability.trace_lines import Call, calls, descriptors, named_paths
from tests.durability.weaker_operations import Lack

TEXT = "hello"
MOST_TRIES = 10

# The calls of a commit: for two files that are staged, synced, linked and announced, and for the
# folder, or the folder and the two above it. A new folder is opened to see where it belongs.
KNOWN_FOLDER = {"fsync": 3, "write": 2, "link": 2, "open": 5, "mkdir": 0}
NEW_FOLDER = {"fsync": 5, "write": 2, "link": 2, "open": 11, "mkdir": 1}

FAILING_ONCE = {
    "fsync": [200, 200, 503, 503, 503],
    "write": [503, 503],
    "link": [503, 503],
    "open": [*[503] * 9, 200, 200],
    "mkdir": [503],
}
"""What is answered in a new folder: a file that could not be synced is staged again.

Whoever watches misses a file that could not be opened to be announced; its result is stored.
"""

FAILING_ONCE_IN_KNOWN_FOLDER = {**FAILING_ONCE, "open": [503, 503, 503, 200, 200]}

Numbered = tuple[str, int]
"""A call, and which one of that name it is in a commit."""

KILLED_EVERYDAY = [("fsync", 1), ("link", 2), ("fsync", 3)]
"""With files that are not synced, not all linked, and linked in folders that are not synced."""

RENAMED_EVERYDAY = [("fsync", 1), ("rename", 2), ("fsync", 3)]

KILLED = [
    *((call, number) for call, count in NEW_FOLDER.items() for number in range(1, count + 1)),
    # Between the last sync and the answer.
    *(("unlink", 1), ("unlink", 2), ("pwrite", 1), ("send", 1)),
]


# Nothing is announced then, which takes two calls of `open`, and no temporary name removed.
KILLED_WHILE_RENAMING = [
    (call.replace("link", "rename"), number)
    for call, number in KILLED
    if call != "unlink" and (call, number) not in {("open", 10), ("open", 11)}
]


@pytest.fixture
def lacks() -> tuple[Lack, ...]:
    """Return what the disk lacks: nothing."""
    return ()


@pytest.fixture
def disk(lacks: tuple[Lack, ...]) -> Iterator[PosixDisk]:
    """Return an empty disk."""
    require(requirements.root, requirements.fuse, requirements.strace)
    with posix_disk(*lacks) as disk:
        yield disk


def on(disk: PosixDisk, folder: Path) -> AbstractContextManager[Daemon]:
    """Run a daemon whose tree, and nothing else of it, is on the disk."""
    output = 'layout: "{provider}/{appid}/{id}"'
    return running(folder, root=disk.mountpoint / "root", output=output)


def post(daemon: Daemon, id_: str) -> int:
    """Post a result, in the folder that follows the hyphen of its id, and return the status."""
    return daemon.post(TENCENT_PATH, body_of(id_, TEXT)).status


def is_kept(disk: PosixDisk, id_: str) -> bool:
    """Say whether a power cut would leave the result, whole and once."""
    return stands_once(disk.durable_tree(), id_, TEXT)


class Bed(NamedTuple):
    """A daemon that has committed something, and its disk."""

    daemon: Daemon
    disk: PosixDisk

    def outcomes(
        self, counts: dict[str, int], error: str, id_: str, when: str = "{}"
    ) -> dict[str, list[int]]:
        """Return by call what is answered when the first one fails, the second, and so on.

        In `id_` the call, its number and that of the try are put in, in `when` the number.
        """
        return {
            call: [
                self.outcome(
                    partial(injected, self.daemon.process.pid, f"/^{call}", error, when.format(n)),
                    [id_.format(call, n, tried) for tried in range(MOST_TRIES)],
                )
                for n in range(1, count + 1)
            ]
            for call, count in counts.items()
        }

    def outcome(self, fault: Callable[[], AbstractContextManager[None]], ids: list[str]) -> int:
        """Post a result with a fault, and again without; return the status with the fault.

        If that was so slow that the daemon may have met the fault while it looked for trouble, it
        is done again with the next id.
        """
        for id_ in ids:
            began_s = time.monotonic()
            assert post(self.daemon, f"before.{id_}-known") == 200
            with fault():
                status = post(self.daemon, id_)
                took_s = time.monotonic() - began_s
            assert status != 200 or is_kept(self.disk, id_)
            assert post(self.daemon, id_) == 200
            assert is_kept(self.disk, id_)
            if took_s < LOOK_S:
                return status
        raise AssertionError(f"{ids[0]} was never tried in less than {LOOK_S} s")


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Run one daemon to which one folder is known; each test has ids and folders of its own."""
    require(requirements.root, requirements.fuse, requirements.strace)
    folder = tmp_path_factory.mktemp("bed")
    with posix_disk() as disk, on(disk, folder) as daemon:
        assert post(daemon, "1-known") == 200
        # Until then the tree is read on another thread.
        eventually(is_filled(folder, 1), "the index is filled")
        yield Bed(daemon, disk)


def is_of_commit(call: Call, disk: PosixDisk) -> bool:
    """Say whether a call is about what is on the disk."""
    about = call.arguments + call.returned
    return str(disk.mountpoint) in about or "/fdinfo/" in about


@pytest.mark.parametrize(("id_", "count"), [("2-known", KNOWN_FOLDER), ("2-new", NEW_FOLDER)])
def test_calls_of_a_commit(bed: Bed, id_: str, count: dict[str, int]) -> None:
    """These are all that can fail."""
    with traced(bed.daemon.process.pid) as trace:
        assert post(bed.daemon, id_) == 200
    on_disk = [call.name for call in calls(trace) if call.ended and is_of_commit(call, bed.disk)]
    assert {name: sum(each.startswith(name) for each in on_disk) for name in count} == count


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_one_call_fails(bed: Bed, error: str) -> None:
    """In a new folder: only a file that could not be synced is made good for."""
    assert bed.outcomes(NEW_FOLDER, error, f"{{0}}-{error}{{0}}{{1}}.{{2}}") == FAILING_ONCE


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_one_call_fails_in_a_known_folder(bed: Bed, error: str) -> None:
    """The same, as far as there is something to do."""
    expected = {
        call: FAILING_ONCE_IN_KNOWN_FOLDER[call][:count] for call, count in KNOWN_FOLDER.items()
    }
    assert bed.outcomes(KNOWN_FOLDER, error, f"{error}{{0}}{{1}}.{{2}}-known") == expected


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_calls_go_on_failing(bed: Bed, error: str) -> None:
    """From any one on: nothing is acknowledged until it is over."""
    expected = {call: [503] * count for call, count in NEW_FOLDER.items()}
    expected["open"][-2:] = [200, 200]
    assert bed.outcomes(NEW_FOLDER, error, f"{{0}}-more{error}{{0}}{{1}}.{{2}}", "{}+") == expected


def test_file_that_could_not_be_synced_is_not_used(bed: Bed, tmp_path: Path) -> None:
    """A second sync of the same file would succeed, and on a real disk without the data."""
    output = tmp_path / "trace"
    options = ["-yy", "-o", str(output), "-e", "trace=fsync,?link,linkat"]
    with attached(bed.daemon.process.pid, *options, "-e", "inject=fsync:error=EIO:when=1"):
        assert post(bed.daemon, "1-unsynced") == 200
    ended = [call for call in calls(output.read_text().splitlines()) if call.ended]
    (failed,) = (call for call in ended if not call.succeeded)
    ((_, unsynced),) = descriptors(failed.arguments)
    linked = [next(named_paths(call.arguments, None)) for call in ended if "link" in call.name]
    assert len(linked) == 2
    assert unsynced not in linked


@pytest.mark.parametrize(
    ("killing", "lacks"),
    [
        (KILLED_EVERYDAY, ()),
        (RENAMED_EVERYDAY, ("link",)),
        pytest.param(KILLED, (), marks=pytest.mark.long),
        pytest.param(KILLED_WHILE_RENAMING, ("link",), marks=pytest.mark.long),
        pytest.param(KILLED_WHILE_RENAMING, ("link", "rename-flags"), marks=pytest.mark.long),
    ],
    ids=["some", "some-renaming", "all", "all-renaming", "all-looking"],
)
def test_kill_before_any_call(disk: PosixDisk, tmp_path: Path, killing: list[Numbered]) -> None:
    """What the killed process left unsynced is synced before the retry is acknowledged."""
    for call, number in killing:
        id_ = f"{call}-{call}{number}"
        with on(disk, tmp_path) as daemon:
            assert post(daemon, f"{id_}-known") == 200
            with killed(daemon.process.pid, f"/^{call}", number), pytest.raises(ConnectionError):
                post(daemon, id_)
        left = results(disk.mountpoint / "root")
        assert stands_once(left, id_, TEXT) or f"tencent/{call}{number}/{id_}.json" not in left
        assert not [name for name in left if "~" in name or "/." in name]
        with on(disk, tmp_path) as daemon:
            assert post(daemon, id_) == 200
            assert is_kept(disk, id_)


@pytest.mark.long
def test_faults_under_load(disk: PosixDisk, tmp_path: Path, note_figure: NoteFigure) -> None:
    """Of a batch, what does not depend on the call that failed is acknowledged, and no more."""
    ledger, too_early, enough = Ledger(), list[str](), Event()

    def look(id_: str) -> None:
        if not stands_once(disk.durable_tree(), id_, ledger.sent[id_]):
            too_early.append(id_)
        if len(ledger.acknowledged) >= 100 and ledger.refused:
            enough.set()

    every = "/^(fsync|write|link|open|mkdir)"
    with on(disk, tmp_path) as daemon:
        fault = injected(daemon.process.pid, every, "EIO", "17+17")
        with fault, senders(daemon.port, ledger, on_acknowledged=look):
            assert enough.wait(ANSWER_TIMEOUT_S)
        resend(daemon.port, sorted(ledger.refused), ledger)
    tree = disk.durable_tree()
    assert too_early == []
    assert [id_ for id_, text in ledger.sent.items() if not stands_once(tree, id_, text)] == []
    note_figure("results refused, and then acknowledged", len(ledger.refused))
