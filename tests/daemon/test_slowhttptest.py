"""Debian's slowhttptest: the service is available throughout, by its own probe and to others.

It knows the right key, probes from the address that it attacks from, and opens more connections
than the daemon takes from one address, and in all.
"""

import csv
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import NoteFigure
from tests.daemon.clients import TENCENT_PATH
from tests.daemon.crowd import GoodClient, many_descriptors
from tests.daemon.process import Daemon
from tests.daemon.serving import serving
from tests.durability import requirements
from tests.durability.requirements import require

KEY = "0123456789abcdef"
CONNECTIONS = 1200
LASTS_S = 20
GOOD = "127.0.0.3"
SLOW_HEADERS = ("-H",)
SLOW_BODY = ("-B",)
SLOW_READ = ("-X", "-k", "10", "-w", "1", "-y", "64", "-z", "1", "-n", "1")
RANGE = ("-R", "-a", "5", "-b", "3000")
MOST_MS = 1000
"""Far from the daemon's own, and from what its vendors wait: the machines of CI are slow."""


@contextmanager
def attacked(daemon: Daemon, folder: Path, mode: tuple[str, ...]) -> Iterator[None]:
    """Attack a daemon in one way; the block runs meanwhile."""
    url = f"http://127.0.0.1:{daemon.port}{TENCENT_PATH}?key={KEY}"
    load = ("-c", f"{CONNECTIONS}", "-r", "400", "-i", "2", "-l", f"{LASTS_S}", "-p", "3")
    report = ("-g", "-o", f"{folder}/report", "-v", "0")
    command = ["slowhttptest", *mode, *load, *report, "-u", url]
    with many_descriptors(), subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
            assert process.wait(LASTS_S) == 0
        finally:
            process.kill()


def probed(folder: Path) -> list[bool]:
    """Return what the probe found in each second."""
    with (folder / "report.csv").open(newline="") as file:
        return [row["Service Available"] != "0" for row in csv.DictReader(file)]


@pytest.mark.long
@pytest.mark.parametrize("mode", [SLOW_HEADERS, SLOW_BODY, SLOW_READ, RANGE])
def test_service_is_available(
    tmp_path: Path, mode: tuple[str, ...], note_figure: NoteFigure
) -> None:
    """Each second has an answer for the probe, and a good client posts as ever."""
    require(requirements.slowhttptest)
    with serving(tmp_path, providers={"tencent": {"key": KEY}}) as daemon:
        good = GoodClient(daemon.port, GOOD, f"?key={KEY}")
        idle_ms = good.post_for(3.0)
        with attacked(daemon, tmp_path, mode):
            loaded_ms = good.post_for(LASTS_S - 2.0)
        note_figure("ms is the good client's p99, before", idle_ms)
        note_figure("ms is the good client's p99, meanwhile", loaded_ms)
        answers = probed(tmp_path)
        assert len(answers) >= 3  # it ends when the daemon has closed on all of them
        assert all(answers)
        assert good.refused == []
        assert loaded_ms < idle_ms + MOST_MS
        assert "Traceback" not in daemon.log
