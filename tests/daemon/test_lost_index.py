"""The index is expendable: whatever becomes of it, results are acknowledged, once a folder."""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from asr_daemon.providers.base import Callback, Head
from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.renderers.document import JsonRenderer
from tests.conftest import NoteFigure
from tests.daemon.clients import TENCENT_PATH, Damage, Ledger, body_of, find_damage, senders
from tests.daemon.indexed import is_filled, rows
from tests.daemon.process import Daemon, results
from tests.daemon.serving import FLAT, eventually, more, serving
from tests.durability import requirements
from tests.durability.faults import read_only, small_tmpfs
from tests.durability.requirements import require

Harm = Callable[[Path], None]

SOON_S = 3.0
"""An answer that waits for a lock takes five seconds, where nobody says how long."""


def remove(state: Path) -> None:
    """Remove the database; what SQLite has beside it stays."""
    (state / "index.sqlite").unlink()


def remove_folder(state: Path) -> None:
    """Remove everything."""
    shutil.rmtree(state)


def overwrite(state: Path) -> None:
    """Put something else into the file that is there."""
    with (state / "index.sqlite").open("r+b") as file:
        file.write(b"this is no database" * 1000)


def empty(state: Path) -> None:
    """Cut the file that is there to nothing."""
    (state / "index.sqlite").open("wb").close()


def restore(state: Path) -> None:
    """Copy something else over all files, as a restored backup does."""
    for file in state.iterdir():
        file.write_bytes(b"an old state" * 1000)


def replace_by_folder(state: Path) -> None:
    """Have a folder where the database was."""
    (state / "index.sqlite").unlink()
    (state / "index.sqlite").mkdir()


def come_from_the_future(state: Path) -> None:
    """Have a database of a format that is not known yet."""
    with closing(sqlite3.connect(state / "index.sqlite", timeout=0)) as connection:
        connection.execute("PRAGMA user_version = 99")


HARMS = [remove, remove_folder, overwrite, empty, restore, replace_by_folder, come_from_the_future]


def post(daemon: Daemon, *numbers: int) -> None:
    """Have results acknowledged, each soon."""
    for number in numbers:
        began_s = time.monotonic()
        assert daemon.post(TENCENT_PATH, body_of(f"{number}", "x")).status == 200
        assert time.monotonic() - began_s < SOON_S


def stored(folder: Path) -> list[str]:
    """Return the names of the JSON files."""
    return sorted(Path(name).name for name in results(folder / "root") if name.endswith(".json"))


@pytest.mark.parametrize("harm", HARMS)
def test_index_that_is_harmed_meanwhile(tmp_path: Path, harm: Harm) -> None:
    """Results from before, and new ones, are acknowledged at each try and stored once."""
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1, 2)
        harm(tmp_path / "state")
        post(daemon, 1, 3, 3, 2)
        assert daemon.stop() == 0
    assert stored(tmp_path) == ["1.json", "2.json", "3.json"]


@pytest.mark.long
@pytest.mark.parametrize("harm", HARMS)
def test_index_that_is_harmed_between(tmp_path: Path, harm: Harm) -> None:
    """The same with a daemon that finds it harmed."""
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1, 2)
        assert daemon.stop() == 0
    harm(tmp_path / "state")
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1, 3, 3, 2)
    assert stored(tmp_path) == ["1.json", "2.json", "3.json"]


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the database for oneself while the block runs."""
    with closing(sqlite3.connect(state / "index.sqlite", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_index_that_is_locked(tmp_path: Path) -> None:
    """Nobody waits for the lock; what could not be written is known, and written afterwards."""
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1)
        with locked(tmp_path / "state"):
            post(daemon, 1, 2, 3, 3, 2)
        post(daemon, 4)
        assert daemon.stop() == 0
    for name in results(tmp_path / "root"):
        (tmp_path / "root" / name).unlink()
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1, 2, 3, 4)
    assert stored(tmp_path) == []


def test_lock_under_load(tmp_path: Path) -> None:
    """Locks come and go while results are stored; none is refused, lost or doubled."""
    ledger = Ledger()
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1)
        with senders(daemon.port, ledger):
            for _ in range(10):
                with locked(tmp_path / "state"):
                    eventually(more(ledger.acknowledged, 10), "results are acknowledged", SOON_S)
                eventually(more(ledger.acknowledged, 10), "results are acknowledged", SOON_S)
        with ThreadPoolExecutor(8) as pool:
            again = [body_of(id_, text) for id_, text in ledger.sent.items()]
            replies = pool.map(lambda body: daemon.post(TENCENT_PATH, body), again)
            assert {reply.status for reply in replies} == {200}
    ledger.note("1", "x", 200)
    assert ledger.acknowledged == ledger.sent.keys()
    assert find_damage(tmp_path / "root", ledger) == Damage()


def test_lock_that_outlives_the_daemon(tmp_path: Path) -> None:
    """What was stored under a lock and never written to the index is found in the tree."""
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1)
        with locked(tmp_path / "state"):
            post(daemon, 2)
            assert daemon.stop() == 0
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1, 2)
    assert stored(tmp_path) == ["1.json", "2.json"]


def test_state_that_cannot_be_made(tmp_path: Path) -> None:
    """Where the folder ought to be is a file."""
    (tmp_path / "state").touch()
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1, 2, 2, 1)
        assert daemon.log.count("cannot be used") == 1
    assert stored(tmp_path) == ["1.json", "2.json"]


def test_read_only_state(tmp_path: Path) -> None:
    """An index that was written before, and cannot be any more, is still of use."""
    require(requirements.root)
    with small_tmpfs(1000) as disk:
        with serving(tmp_path, output=FLAT, state=str(disk)) as daemon:
            post(daemon, 1)
            assert daemon.stop() == 0
        with read_only(disk), serving(tmp_path, output=FLAT, state=str(disk)) as daemon:
            post(daemon, 1, 2, 2, 1)
            assert daemon.log.count("cannot be used") == 1
    assert stored(tmp_path) == ["1.json", "2.json"]


def test_full_state(tmp_path: Path) -> None:
    """There is no room for the index."""
    require(requirements.root)
    with small_tmpfs(16) as disk, serving(tmp_path, output=FLAT, state=str(disk)) as daemon:
        post(daemon, *range(50), *range(50))
        assert daemon.log.count("cannot be used") == 1
    assert stored(tmp_path) == sorted(f"{number}.json" for number in range(50))


def test_index_that_was_lost_is_filled(tmp_path: Path) -> None:
    """From the tree; then it knows results also on another day, and after they are moved away."""
    with serving(tmp_path) as daemon:
        post(daemon, *range(30))
        before = rows(tmp_path, "SELECT identity, path, status FROM results ORDER BY path")
        assert daemon.stop() == 0
    shutil.rmtree(tmp_path / "state")
    with serving(tmp_path) as daemon:
        eventually(is_filled(tmp_path, 30), "the index is filled")
        assert rows(tmp_path, "SELECT identity, path, status FROM results ORDER BY path") == before
        for name in results(tmp_path / "root"):
            (tmp_path / "root" / name).unlink()
        post(daemon, *range(30))
    assert stored(tmp_path) == []


def test_root_that_was_another_one_for_a_while(tmp_path: Path) -> None:
    """It finds its own results again, also those that were moved away."""
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1)
        assert daemon.stop() == 0
    with serving(tmp_path, output={**FLAT, "root": str(tmp_path / "other")}) as daemon:
        post(daemon, 1)
        assert daemon.stop() == 0
    for name in results(tmp_path / "root"):
        (tmp_path / "root" / name).unlink()
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1)
    assert stored(tmp_path) == []
    assert [path.name for path in (tmp_path / "other").rglob("*.json")] == ["1.json"]


def test_results_that_a_killed_daemon_did_not_index(tmp_path: Path) -> None:
    """They are found at the next start, and announced when they come again."""
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 1)
        eventually(is_filled(tmp_path, 1), "the index is filled")
        with locked(tmp_path / "state"):
            post(daemon, 2)
            daemon.stop(signal.SIGKILL)
    with serving(tmp_path, output=FLAT):
        eventually(is_filled(tmp_path, 2), "the index is filled")
    assert rows(tmp_path, "SELECT id, is_found FROM results ORDER BY seq") == [("1", 0), ("2", 1)]
    with serving(tmp_path, output=FLAT) as daemon:
        post(daemon, 2)
        ids = rows(tmp_path, "SELECT id, is_found FROM results ORDER BY seq")
    assert ids == [("1", 0), ("2", 0)]


MANY = 100_000


def document(number: int) -> bytes:
    """Return the JSON of a result as `body_of` makes it."""
    transcript = Tencent(TencentSettings()).parse(
        Callback(
            Head(TENCENT_PATH.encode(), b"", {}, "127.0.0.1"),
            body_of(f"old-{number}", "x"),
            datetime.now(UTC),
        )
    )
    return JsonRenderer(keep_payload=False, indent=2).render(transcript)


@pytest.mark.long
def test_many_results_whose_index_was_lost(tmp_path: Path, note_figure: NoteFigure) -> None:
    """Under load callbacks go on as ever, duplicates are known meanwhile, and all rows come."""
    folder = tmp_path / "root/tencent"
    folder.mkdir(parents=True)
    for number in range(MANY):
        (folder / f"old-{number}.txt").write_bytes(b"x\n")
        (folder / f"old-{number}.json").write_bytes(document(number))
    # What is still to be written would be waited for by the first syncs.
    os.sync()
    ledger, waited_s = Ledger(), list[float]()
    with serving(tmp_path, output=FLAT) as daemon, senders(daemon.port, ledger, 4):
        began_s = time.monotonic()
        complete = "SELECT min(is_filled) FROM trees"
        while rows(tmp_path, complete) != [(1,)] and time.monotonic() - began_s < 300:
            sent_s = time.monotonic()
            assert daemon.post(TENCENT_PATH, body_of(f"old-{len(ledger.sent)}", "x")).status == 200
            waited_s.append(time.monotonic() - sent_s)
        took_s = time.monotonic() - began_s
    with serving(tmp_path, output=FLAT) as daemon:
        eventually(is_filled(tmp_path, MANY + len(ledger.acknowledged)), "all rows are there")
    assert len(list(folder.glob("old-*.json"))) == MANY
    assert not ledger.refused
    waited_s.sort()
    note_figure("ms at most for a duplicate meanwhile", round(waited_s[-1] * 1000))
    note_figure("ms for 99 of 100", round(waited_s[len(waited_s) * 99 // 100] * 1000))
    assert waited_s[-1] < SOON_S
    note_figure("results stored meanwhile", len(ledger.acknowledged))
    note_figure("s until the index was filled", round(took_s))
