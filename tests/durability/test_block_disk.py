"""The recording disk finds a writer that forgets to sync its files."""

import pytest

from tests.durability import requirements
from tests.durability.block_disk import Filesystem, RecordingDisk, State, recording_disk
from tests.durability.requirements import require
from tests.durability.toy_writer import ToyWriter

NAMES = [b"alpha", b"beta", b"gamma", b"delta"]
DATA = b"transcript " * 1000


@pytest.fixture(params=["ext4", "xfs"])
def filesystem(request: pytest.FixtureRequest) -> Filesystem:
    """Return each file system for which the machine has all that is needed."""
    filesystem: Filesystem = request.param
    made = {"ext4": requirements.ext4, "xfs": requirements.xfs}[filesystem]
    require(requirements.root, requirements.fuse, requirements.loop_devices, made)
    return filesystem


def commit_all(disk: RecordingDisk, writer: ToyWriter) -> None:
    """Commit each of `NAMES` and mark it."""
    for name in NAMES:
        writer.commit(name.decode(), DATA)
        disk.mark(name)


def names(state: State) -> set[str]:
    """Return the names that are there in a state."""
    with state.mounted() as root:
        return {path.name for path in root.glob("?/*")}


def broken(state: State) -> list[str]:
    """Return the marked names of a state that are not whole, and others that are there in part."""
    with state.mounted() as root:
        whole = {path.name for path in root.glob("?/*") if path.read_bytes() == DATA}
        present = {path.name for path in root.glob("?/*")}
    marked = {name.decode() for name in state.marks}
    return sorted((present | marked) - whole)


def test_writer_that_syncs_loses_nothing(filesystem: Filesystem) -> None:
    """What was acknowledged is whole in each state, and nothing is there in part."""
    with recording_disk(filesystem) as disk:
        commit_all(disk, ToyWriter(disk.mountpoint))
        states = list(map(broken, disk.states()))
    assert len(states) > 2 * len(NAMES)
    assert not any(states)


def test_writer_that_does_not_sync_files_is_found(filesystem: Filesystem) -> None:
    """At its mark a file has its name and no data, and that stays so: nothing is written back."""
    with recording_disk(filesystem) as disk:
        commit_all(disk, ToyWriter(disk.mountpoint, without=["sync file"]))
        assert [len(broken(state)) for state in disk.states(subsets=0)] == [1, 2, 3, 4]


def test_writer_that_syncs_nothing_is_found(filesystem: Filesystem) -> None:
    """At each mark nothing at all is there."""
    with recording_disk(filesystem) as disk:
        commit_all(disk, ToyWriter(disk.mountpoint, without=["sync file", "sync directory"]))
        assert [len(broken(state)) for state in disk.states(subsets=0)] == [1, 2, 3, 4]


def test_mark_that_comes_before_its_sync_is_found(filesystem: Filesystem) -> None:
    """An acknowledgement that is sent first has its mark before the flush, in each run."""
    with recording_disk(filesystem) as disk:
        writer = ToyWriter(disk.mountpoint)
        for name in NAMES:
            disk.mark(name)
            writer.commit(name.decode(), DATA)
        found = [broken(state) for state in disk.states(subsets=0)]
    assert found == [["alpha"], ["beta"], ["gamma"], ["delta"]]


def test_state_can_be_written_to_and_another_one_taken(filesystem: Filesystem) -> None:
    """What is done to one state is not seen in the next, nor on the disk."""
    with recording_disk(filesystem) as disk:
        disk.mark(b"first")
        disk.mark(b"second")
        for state in disk.states():
            with state.mounted() as root:
                assert not (root / "left behind").exists()
                (root / "left behind").write_bytes(DATA)
        assert not (disk.mountpoint / "left behind").exists()


def test_states_can_be_had_again(filesystem: Filesystem) -> None:
    """The same seed picks the same blocks, whatever was done to the states before."""
    with recording_disk(filesystem) as disk:
        commit_all(disk, ToyWriter(disk.mountpoint))
        first, second = ([names(state) for state in disk.states(seed=3)] for _ in range(2))
    assert first == second


def test_state_is_gone_when_the_next_is_taken(filesystem: Filesystem) -> None:
    """It would be another one, so it is refused."""
    with recording_disk(filesystem) as disk:
        commit_all(disk, ToyWriter(disk.mountpoint))
        states = list(disk.states())
        with pytest.raises(RuntimeError, match="gone"):
            states[0].mounted()
