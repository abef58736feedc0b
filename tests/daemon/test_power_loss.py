"""What was acknowledged is there after a power cut, on the file systems that people have."""

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from random import Random
from threading import Event

import pytest

from tests.conftest import NoteFigure
from tests.daemon.clients import ANSWER_TIMEOUT_S, Damage, Ledger, find_damage, resend, senders
from tests.daemon.serving import serving
from tests.durability import lacking, requirements
from tests.durability.block_disk import Filesystem, RecordingDisk, State, recording_disk
from tests.durability.requirements import require

OUTPUT = {"layout": "{provider}/{appid}/{id}"}
LACKS = ["unnamed", "link", "link,rename-flags"]
"""What file systems that lack something need other ways for, to name a file (see `lacking`)."""


@pytest.fixture(params=["ext4", "xfs"])
def filesystem(request: pytest.FixtureRequest) -> Filesystem:
    """Return each file system for which the machine has all that is needed."""
    filesystem: Filesystem = request.param
    made = {"ext4": requirements.ext4, "xfs": requirements.xfs}[filesystem]
    require(requirements.root, requirements.fuse, requirements.loop_devices, made)
    return filesystem


def serve(
    disk: RecordingDisk,
    acknowledged: int,
    clients: int,
    output: Mapping[str, str] = OUTPUT,
    lacks: str = "",
) -> Ledger:
    """Serve with root and state on the disk until so many acknowledgements are marked."""
    wrapper = [sys.executable, lacking.__file__, lacks] if lacks else []
    ledger, enough = Ledger(), Event()

    def mark(id_: str) -> None:
        disk.mark(id_.encode())
        if len(ledger.acknowledged) >= acknowledged:
            enough.set()

    with (
        serving(disk.mountpoint, wrapper=wrapper, output=output) as daemon,
        senders(daemon.port, ledger, clients, mark),
    ):
        assert enough.wait(ANSWER_TIMEOUT_S)
    return ledger


def damage_in(state: State, ledger: Ledger) -> Damage:
    """Compare what a power cut leaves with what was acknowledged by then."""
    marked = {mark.decode() for mark in state.marks}
    with state.mounted() as disk:
        return find_damage(disk / "root", Ledger(sent=ledger.sent, acknowledged=marked))


def all_damage(states: Iterable[State], ledger: Ledger) -> list[Damage]:
    """Return what there is in each of the states."""
    return [damage_in(state, ledger) for state in states]


def go_on(state: State, ledger: Ledger) -> None:
    """Start the daemon on what is left, and send everything again."""
    again = Ledger(sent=dict(ledger.sent))
    with state.mounted() as disk:
        with serving(disk, output=OUTPUT) as daemon:
            resend(daemon.port, ledger.sent, again)
        assert again.acknowledged == ledger.sent.keys()
        assert find_damage(disk / "root", again) == Damage()


def test_nothing_is_lost_in_some_states(filesystem: Filesystem, chance: Random) -> None:
    """Ten states or a few more of a short life; in the last one of all the daemon goes on."""
    with recording_disk(filesystem) as disk:
        ledger, seed = serve(disk, acknowledged=18, clients=2), chance.getrandbits(32)
        # How many there are depends on how the results fell into batches.
        count = sum(1 for _ in disk.states(seed=seed))
        found = all_damage(islice(disk.states(seed=seed), 0, None, count // 10), ledger)
        *_, last = disk.states()
        go_on(last, ledger)
    assert len(found) >= 10
    assert found == [Damage()] * len(found)


@pytest.mark.parametrize("lacks", LACKS)
def test_nothing_is_lost_with_other_ways_to_name_a_file(
    filesystem: Filesystem, lacks: str, chance: Random
) -> None:
    """A temporary name, and renames in place of links; what is left over goes at the next start."""
    with recording_disk(filesystem) as disk:
        ledger, seed = serve(disk, 18, clients=2, lacks=lacks), chance.getrandbits(32)
        count = sum(1 for _ in disk.states(seed=seed))
        found = all_damage(islice(disk.states(seed=seed), 0, None, count // 10), ledger)
        *_, last = disk.states()
        go_on(last, ledger)
    assert len(found) >= 10
    assert found == [Damage()] * len(found)


def test_missing_syncs_would_be_found(filesystem: Filesystem) -> None:
    """Without durability at least the first acknowledged result is lost."""
    with recording_disk(filesystem) as disk:
        ledger = serve(disk, 8, clients=2, output={**OUTPUT, "durability": "none"})
        first = next(disk.states(subsets=0))
        assert len(damage_in(first, ledger).missing) == 1


@pytest.mark.long
@pytest.mark.parametrize("clients", [1, 4])
def test_nothing_is_lost_in_any_state(
    filesystem: Filesystem, clients: int, chance: Random, note_figure: NoteFigure
) -> None:
    """At each acknowledgement, and between any two flushes with some of what was not flushed."""
    with recording_disk(filesystem) as disk:
        ledger = serve(disk, acknowledged=50, clients=clients)
        found = all_damage(disk.states(seed=chance.getrandbits(32)), ledger)
    note_figure("states", len(found))
    assert len(found) >= 100
    assert found == [Damage()] * len(found)


@pytest.mark.long
@pytest.mark.parametrize("lacks", LACKS)
def test_nothing_is_lost_in_any_state_with_other_ways(
    filesystem: Filesystem, lacks: str, chance: Random, note_figure: NoteFigure
) -> None:
    """The same where a file has a temporary name, or is moved to its final one."""
    with recording_disk(filesystem) as disk:
        ledger = serve(disk, acknowledged=25, clients=4, lacks=lacks)
        found = all_damage(disk.states(seed=chance.getrandbits(32)), ledger)
    note_figure("states", len(found))
    assert len(found) >= 50
    assert found == [Damage()] * len(found)


@pytest.mark.long
def test_daemon_goes_on_after_a_power_cut(filesystem: Filesystem, chance: Random) -> None:
    """Whatever is sent again is there once, wherever the power went."""
    with recording_disk(filesystem) as disk:
        ledger = serve(disk, acknowledged=20, clients=4)
        for state in islice(disk.states(seed=chance.getrandbits(32)), 0, None, 12):
            go_on(state, ledger)
