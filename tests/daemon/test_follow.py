"""`follow --exec` delivers each result at least once and in order, whatever is killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest

from tests.conftest import NoteFigure
from tests.daemon.clients import Ledger, send
from tests.daemon.process import Daemon
from tests.free_port import free_port

LONGEST_LIFE_S = 2.0
PATIENCE_S = 120.0
OK = 200
SCRIPT = 'echo "$ASR_DAEMON_ID" >>taken'


@contextmanager
def killed_again_and_again(start: "Start", chance: Random, kills: list[float]) -> Iterator[None]:
    """Run something that is killed at random and started again, until the block ends."""
    stop = Event()

    def run() -> None:
        while not stop.is_set():
            process = start()
            stop.wait(chance.uniform(0.1, LONGEST_LIFE_S))
            process.kill()
            process.wait()
            kills.append(time.monotonic())

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Start:
    """Starts a program in a folder."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        """Take the folder and the arguments of asr-daemon."""
        self._folder = folder
        self._command = [sys.executable, "-m", "asr_daemon", *map(str, arguments)]

    def __call__(self) -> "subprocess.Popen[bytes]":
        """Start it."""
        return subprocess.Popen(self._command, cwd=self._folder, stderr=subprocess.DEVNULL)


def deliver(port: int, number: int) -> None:
    """Send a result until it is acknowledged, as a queue in front of a daemon would."""
    ledger = Ledger()
    ends_s = time.monotonic() + PATIENCE_S
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    while send(connection, str(number), f"text-{number}", ledger) != OK:
        assert time.monotonic() < ends_s
        time.sleep(0.02)
    connection.close()


def lines_of(file: Path) -> list[str]:
    """Return the lines of a file that may not be there yet."""
    with suppress(FileNotFoundError):
        return file.read_text().splitlines()
    return []


def follow_all(folder: Path, results: int, chance: Random) -> tuple[int, int, int]:
    """Send results, kill both sides at random, remove the index once; return some figures."""
    port, admin_port = free_port(), free_port()
    config = folder / "asr-daemon.yaml"
    config.write_text(
        f"listen: [{{port: {port}}}]\nadmin: {{port: {admin_port}}}\n"
        f"output: {{root: {folder}/root}}\nstate: {folder}/state\n"
        "limits: {free_space: 1MiB}\n"
    )
    serve = Start(folder, "serve", "-c", config)
    cursor = ("--cursor-file", folder / "cursor")
    follow = Start(folder, "follow", "-c", config, *cursor, "--exec", "sh", "-c", SCRIPT)
    taken = folder / "taken"
    loses_index_at = chance.randrange(results // 4, results // 2)
    daemon_kills: list[float] = []
    follower_kills: list[float] = []
    with (
        killed_again_and_again(serve, chance, daemon_kills),
        killed_again_and_again(follow, chance, follower_kills),
    ):
        for number in range(results):
            deliver(port, number)
            if number == loses_index_at:
                for file in (folder / "state").glob("index.sqlite*"):
                    file.unlink()
    # What is left comes while the daemon is down.
    once = ("--once", "--exec", "sh", "-c", SCRIPT)
    done = Start(folder, "follow", "-c", config, *cursor, *once)()
    assert done.wait(600) == 0
    assert list(dict.fromkeys(lines_of(taken))) == [str(number) for number in range(results)]
    return len(daemon_kills), len(follower_kills), len(lines_of(taken)) - results


def test_each_result_is_taken_in_order(tmp_path: Path, chance: Random) -> None:
    follow_all(tmp_path, 200, chance)


@pytest.mark.long
def test_ten_thousand_results_are_taken_in_order(
    tmp_path: Path, chance: Random, note_figure: NoteFigure
) -> None:
    daemon_kills, follower_kills, again = follow_all(tmp_path, 10_000, chance)
    note_figure("kills of the daemon", daemon_kills)
    note_figure("kills of the follower", follower_kills)
    note_figure("results that came again", again)


def test_daemon_is_not_disturbed_by_a_follower(tmp_path: Path) -> None:
    """It stops and starts while somebody reads its index."""
    config = tmp_path / "asr-daemon.yaml"
    config.write_text(
        "listen: [{port: 0}]\nadmin: {port: 0}\n"
        f"output: {{root: {tmp_path}/root}}\nstate: {tmp_path}/state\n"
        "limits: {free_space: 1MiB}\n"
    )
    follower = subprocess.Popen(
        [sys.executable, "-m", "asr_daemon", "follow", "-c", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert follower.stdout is not None
    for number in range(3):
        daemon = Daemon(config)
        daemon.wait_until_ready()
        deliver(daemon.port, number)
        assert Path(follower.stdout.readline().strip()).stem == str(number)
        assert daemon.stop() == 0
        assert "index" not in daemon.log
    follower.send_signal(signal.SIGTERM)
    assert follower.wait(30) == 0
    follower.stdout.close()
