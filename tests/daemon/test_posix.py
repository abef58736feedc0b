"""What was acknowledged is there on a disk that keeps what POSIX promises and nothing else."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.conftest import NoteFigure
from tests.daemon.clients import ANSWER_TIMEOUT_S, Ledger, resend, senders, stands_once
from tests.daemon.process import running
from tests.durability import requirements
from tests.durability.posix_disk import PosixDisk, posix_disk
from tests.durability.requirements import require

OUTPUT = 'layout: "{provider}/{appid}/{id}"'


@pytest.fixture
def disk() -> Iterator[PosixDisk]:
    """Return an empty disk."""
    require(requirements.root, requirements.fuse)
    with posix_disk() as disk:
        yield disk


def lost(disk: PosixDisk, ledger: Ledger) -> list[str]:
    """Return what was acknowledged and would not be there, whole and once, after a power cut."""
    tree = disk.durable_tree()
    return [id_ for id_ in ledger.acknowledged if not stands_once(tree, id_, ledger.sent[id_])]


def serve(
    folder: Path, disk: PosixDisk, acknowledged: int, clients: int, output: str = OUTPUT
) -> tuple[Ledger, list[str]]:
    """Serve until so many results are acknowledged, and look for each as soon as it is.

    Returns:
        The ledger, and what was not durable when it was acknowledged.
    """
    ledger, too_early, enough = Ledger(), list[str](), Event()

    def look(id_: str) -> None:
        if not stands_once(disk.durable_tree(), id_, ledger.sent[id_]):
            too_early.append(id_)
        if len(ledger.acknowledged) >= acknowledged:
            enough.set()

    with (
        running(folder, root=disk.mountpoint / "root", output=output) as daemon,
        senders(daemon.port, ledger, clients, look),
    ):
        assert enough.wait(ANSWER_TIMEOUT_S)
    return ledger, too_early


@pytest.mark.parametrize("clients", [1, 4])
def test_results_are_durable_when_they_are_acknowledged(
    disk: PosixDisk, tmp_path: Path, clients: int, note_figure: NoteFigure
) -> None:
    """Text, JSON and all folders above them, most of which are new; and they stay so."""
    ledger, too_early = serve(tmp_path, disk, 100, clients)
    assert too_early == []
    assert lost(disk, ledger) == []
    note_figure("results acknowledged", len(ledger.acknowledged))


def test_missing_syncs_would_be_found(disk: PosixDisk, tmp_path: Path) -> None:
    """Without durability nothing at all is kept."""
    ledger, too_early = serve(tmp_path, disk, 8, 1, f"{OUTPUT}, durability: none")
    assert set(too_early) == ledger.acknowledged
    assert disk.durable_tree() == {}


def test_what_was_left_unsynced_is_synced_before_it_counts(disk: PosixDisk, tmp_path: Path) -> None:
    """The next process trusts neither the files nor the folders that it finds."""
    ledger, _ = serve(tmp_path, disk, 8, 1, f"{OUTPUT}, durability: none")
    shutil.rmtree(tmp_path / "state")
    with running(tmp_path, root=disk.mountpoint / "root", output=OUTPUT) as daemon:
        for id_ in sorted(ledger.sent):
            again = Ledger(sent=dict(ledger.sent))
            resend(daemon.port, [id_], again, clients=1)
            assert again.acknowledged == {id_}
            assert lost(disk, again) == []
