"""Whoever waits for files sees each result once, whole, and its text before it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from watchdog.events import FileClosedEvent, FileSystemEventHandler
from watchdog.observers import Observer

from asr_daemon.output.filesystem.upcoming_directories import AHEAD
from tests.conftest import NoteFigure
from tests.daemon import timezones
from tests.daemon.clients import TENCENT_PATH, Ledger, body_of, find_damage, senders
from tests.daemon.process import Daemon, results
from tests.daemon.serving import FLAT, eventually, serving
from tests.daemon.watchers import Seen, inotifywait
from tests.durability import requirements
from tests.durability.requirements import require

AHEAD_S = int(AHEAD.total_seconds())


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
    assert seen.incomplete == []


@contextmanager
def recursive_inotifywait(directory: Path) -> Iterator[Seen]:
    """Watch as `inotifywait -m -r` does."""
    with inotifywait(directory, "close_write,moved_to", "-r", "--exclude", r"/\.staging") as seen:
        yield seen


class _Closed(FileSystemEventHandler):
    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def on_closed(self, event: FileClosedEvent) -> None:
        self._seen.add(str(event.src_path))


@contextmanager
def recursive_watchdog(directory: Path) -> Iterator[Seen]:
    """Watch as the Python package watchdog does."""
    seen, observer = Seen(), Observer()
    observer.schedule(_Closed(seen), str(directory), recursive=True)
    observer.start()
    try:
        yield seen
    finally:
        observer.stop()
        observer.join()


HOURS = {"layout": "{provider}/{hour}/{id}", "timezone": timezones.NAME}


@pytest.mark.parametrize("before_s", [4, pytest.param(AHEAD_S + 4, marks=pytest.mark.long)])
def test_change_of_hour(tmp_path: Path, before_s: int, note_figure: NoteFigure) -> None:
    """Recursive watchers see every result of the next hour: its folder is made before."""
    require(requirements.inotifywait)
    start = datetime(2026, 11, 21, 13) - timedelta(seconds=before_s)  # noqa: DTZ001 - of any zone
    environ = timezones.zone_where_it_is(tmp_path, start)
    earlier, later = tmp_path / "root/tencent/12", tmp_path / "root/tencent/13"
    ledger = Ledger()
    with (
        serving(tmp_path, environ, output=HOURS) as daemon,
        recursive_inotifywait(tmp_path / "root") as of_program,
        recursive_watchdog(tmp_path / "root") as of_package,
    ):
        assert later.exists() == (before_s < AHEAD_S)
        with senders(daemon.port, ledger, 2):
            eventually(lambda: sum(1 for _ in later.glob("*")) >= 200, "next hour", before_s + 20)
            eventually(lambda: len(ledger.acknowledged) >= 1000, "1,000 results")
        for seen in (of_program, of_package):
            seen.wait_for(len(ledger.acknowledged))
            seen.wait_for(len(ledger.acknowledged), ".txt")
    assert len(os.listdir(earlier)) >= 200
    found = sorted(f"{tmp_path}/root/{name}" for name in results(tmp_path / "root"))
    for seen in (of_program, of_package):
        assert sorted(seen.results() + seen.results(".txt")) == found
        at = {line: number for number, line in enumerate(seen.lines)}
        assert all(at[f"{line[:-5]}.txt"] < at[line] for line in seen.results())
        assert seen.incomplete == []
    note_figure("results seen once by each, after their texts", len(of_program.results()))
