"""Storage that does not answer: refusals when a sender's time is up, and nothing worse."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from asr_daemon.output.committer import PATIENCE_S
from tests.conftest import NoteFigure
from tests.daemon.clients import (
    TENCENT_PATH,
    Damage,
    Ledger,
    body_of,
    find_damage,
    resend,
    senders,
)
from tests.daemon.manager import Manager
from tests.daemon.process import Daemon
from tests.daemon.serving import FLAT, eventually, is_ready, more, serving
from tests.durability import requirements
from tests.durability.faults import frozen, small_ext4
from tests.durability.requirements import require
from tests.durability.strace import attached

WATCHDOG_S = 1.0
RECOVERY_S = 1.0
EARLY_S = 0.1
"""How much earlier than its patience a refusal may seem to come."""
LATE_S = 1.5
"""How much later an answer may come where the machine is busy."""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Return a service manager whose socket is in a folder."""
    made = Manager(f"{tmp_path}/notify")
    yield made
    made.close()


@pytest.fixture
def disk() -> Iterator[Path]:
    """Return the mount point of an ext4 with a journal."""
    require(requirements.root, requirements.loop_devices, requirements.ext4)
    with small_ext4(128, journal=True) as mountpoint:
        yield mountpoint


def watched(manager: Manager) -> dict[str, str]:
    """Return the environment of a daemon whose watchdog is impatient."""
    return {**manager.environ, "WATCHDOG_USEC": f"{WATCHDOG_S * 1e6:.0f}"}


@contextmanager
def alive(manager: Manager) -> Iterator[None]:
    """Check that the watchdog never waits for long while the block runs."""
    over, gaps_s = Event(), list[float]()

    def listen() -> None:
        last_s, pings = time.monotonic(), manager.listen().count("WATCHDOG=1")
        # The kernel holds few messages, so they are read as they come.
        while not over.wait(0.02):
            now_s, now = time.monotonic(), manager.listen().count("WATCHDOG=1")
            gaps_s.append(now_s - last_s)
            if now > pings:
                last_s, pings = now_s, now

    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(listen)
        try:
            yield
        finally:
            over.set()
            listening.result()
    assert max(gaps_s) < WATCHDOG_S


@contextmanager
def hanging(daemon: Daemon, call: str, delay_s: float) -> Iterator[None]:
    """Have the next such call of each thread take so long while the block runs."""
    fault = f"inject={call}:delay_enter={delay_s * 1e6:.0f}:when=1"
    with attached(daemon.process.pid, "-o", "/dev/null", "-e", f"trace={call}", "-e", fault):
        yield


def timed_post(daemon: Daemon, id_: str) -> tuple[int, float]:
    """Post a result; return the status, and how many seconds it took."""
    began_s = time.monotonic()
    status = daemon.post(TENCENT_PATH, body_of(id_, "x")).status
    return status, time.monotonic() - began_s


@pytest.mark.parametrize("hangs_s", [2.0, pytest.param(20.0, marks=pytest.mark.long)])
def test_sync_that_waits_for_another_programs_data(
    tmp_path: Path, disk: Path, hangs_s: float, manager: Manager
) -> None:
    """Files are synced one by one meanwhile: nobody is refused."""
    require(requirements.strace)
    ledger = Ledger()
    with serving(tmp_path, watched(manager), output={"root": f"{disk}/root"}) as daemon:
        with senders(daemon.port, ledger):
            eventually(more(ledger.acknowledged, 50), "load")
            with hanging(daemon, "syncfs", hangs_s), alive(manager):
                began_s = time.monotonic()
                while time.monotonic() - began_s < hangs_s + 1.0:
                    eventually(more(ledger.acknowledged, 20), "results are stored", PATIENCE_S)
                    assert is_ready(daemon)
        assert daemon.stop() == 0
    assert ledger.refused == set()
    assert find_damage(disk / "root", ledger) == Damage()


@pytest.mark.long
def test_sync_of_a_file_that_hangs(tmp_path: Path, manager: Manager) -> None:
    """Each sender is refused when its own time is up; who comes later is stored when it answers."""
    require(requirements.strace)
    with (
        serving(tmp_path, watched(manager), output=FLAT) as daemon,
        ThreadPoolExecutor(3) as pool,
        hanging(daemon, "fsync", PATIENCE_S + 3.0),
        alive(manager),
    ):
        first = pool.submit(timed_post, daemon, "first")
        eventually(lambda: not is_ready(daemon), "not ready")
        reason = daemon.get("/readyz").body.decode()
        later = pool.submit(timed_post, daemon, "later")
        status, took_s = first.result()
        assert (status, PATIENCE_S - EARLY_S < took_s < PATIENCE_S + LATE_S) == (503, True)
        status, took_s = later.result()
        assert (status, took_s < PATIENCE_S) == (200, True)
        eventually(lambda: is_ready(daemon), "ready again", RECOVERY_S)
        assert re.search(r"storage has not answered for \d+ s", reason)
        assert timed_post(daemon, "first")[0] == 200
    assert len(list((tmp_path / "root" / "tencent").iterdir())) == 4


@pytest.mark.long
@pytest.mark.parametrize("frozen_s", [8.0, 60.0])
def test_frozen_file_system(
    tmp_path: Path, disk: Path, frozen_s: float, manager: Manager, note_figure: NoteFigure
) -> None:
    """It costs refusals, no restart and no result."""
    ledger = Ledger()
    root = disk / "root"
    with serving(tmp_path, watched(manager), output={"root": str(root)}) as daemon:
        with senders(daemon.port, ledger):
            eventually(more(ledger.acknowledged, 50), "load")
            with alive(manager):
                with frozen(disk):
                    time.sleep(frozen_s)
                    assert "storage has not answered for" in daemon.get("/readyz").body.decode()
                over_s = time.monotonic()
                eventually(lambda: is_ready(daemon), "ready again", RECOVERY_S)
                note_figure("ms until it was ready again", round((time.monotonic() - over_s) * 1e3))
                eventually(more(ledger.acknowledged, 50), "results are stored again")
        resend(daemon.port, sorted(ledger.refused), ledger)
        assert daemon.stop() == 0
    assert find_damage(root, ledger) == Damage()
    assert ledger.acknowledged == ledger.sent.keys()
    assert len(re.findall(r"results are being refused", daemon.log)) == 1
    assert len(re.findall(r"storage recovered; \d+ results were refused", daemon.log)) == 1
    note_figure("results were refused", len(ledger.refused))
