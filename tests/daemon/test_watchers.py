"""Whoever waits for files sees each result once, whole, and its text before it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.clients import TENCENT_PATH, Ledger, body_of, find_damage, senders
from tests.daemon.process import Daemon, results
from tests.daemon.serving import FLAT, eventually, serving
from tests.daemon.watchers import Seen, inotifywait
from tests.durability import requirements
from tests.durability.requirements import require


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Run a daemon whose results stand in one folder."""
    require(requirements.inotifywait)
    with serving(tmp_path, output=FLAT) as daemon:
        yield daemon


def post(daemon: Daemon, *ids: str) -> None:
    """Have results acknowledged, one after the other."""
    for id_ in ids:
        assert daemon.post(TENCENT_PATH, body_of(id_, f"text-of-{id_}")).status == 200


def events(seen: Seen, folder: Path) -> list[str]:
    """Return what was seen as `EVENT name`, staging left out."""
    return [
        line.replace(f"{folder}/root/tencent/", "") for line in seen.lines if ".staging" not in line
    ]


def test_events_of_a_result(daemon: Daemon, tmp_path: Path) -> None:
    """As if a program had written each file and closed it, the text before the JSON."""
    options = ("-r", "--format", "%e %w%f")
    with inotifywait(tmp_path / "root", "create,close_write,moved_to,delete", *options) as seen:
        post(daemon, "1")
        seen.wait_for(2)
    assert events(seen, tmp_path) == [
        "CREATE 1.txt",
        "CREATE 1.json",
        "CLOSE_WRITE,CLOSE 1.txt",
        "CLOSE_WRITE,CLOSE 1.json",
    ]


def test_event_that_a_killed_daemon_did_not_send(tmp_path: Path) -> None:
    """It comes with the sender's next try; not again with any after that."""
    require(requirements.inotifywait)
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, "1")
    for file in (tmp_path / "state").iterdir():
        file.unlink()
    with (
        serving(tmp_path, output=FLAT) as daemon,
        inotifywait(tmp_path / "root/tencent", "close_write") as seen,
    ):
        post(daemon, "1", "1", "2")
        seen.wait_for(2)
    assert [Path(line).name for line in seen.lines] == ["1.txt", "1.json", "2.txt", "2.json"]


@pytest.mark.parametrize("event", ["close_write,moved_to", "create"])
def test_every_result_is_seen_once(daemon: Daemon, tmp_path: Path, event: str) -> None:
    """Under load, after its text, whole, and nothing else."""
    ledger = Ledger()
    with inotifywait(tmp_path / "root/tencent", event) as seen:
        with senders(daemon.port, ledger):
            eventually(lambda: len(ledger.acknowledged) >= 200, "load")
        seen.wait_for(len(ledger.acknowledged))
    assert find_damage(tmp_path / "root", ledger).missing == []
    assert sorted(seen.lines) == sorted(
        f"{tmp_path}/root/{name}" for name in results(tmp_path / "root")
    )
    at = {line: number for number, line in enumerate(seen.lines)}
    assert all(at[f"{line[:-5]}.txt"] < at[line] for line in seen.results())
