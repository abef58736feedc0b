"""`asr-daemon follow` delivers each result and keeps its place."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from asr_daemon.index.index import FILE, Entry, Index

DAY_S = 86_400.0
TIMEOUT_S = 30.0
COMMAND = [sys.executable, "-m", "asr_daemon", "follow"]


class Machine:
    """An index that a daemon fills, and the program that follows it."""

    def __init__(self, folder: Path) -> None:
        """Begin with nothing."""
        self.folder = folder
        self.index = Index(folder / "state")
        self.index.open("0123456789abcdef")
        self.index.note_filled()
        self.cursor = folder / "cursor"
        self.config = folder / "asr-daemon.yaml"
        self.config.write_text(f"output: {{root: {folder}/root}}\nstate: {folder}/state\n")

    def commit(self, *ids: str) -> None:
        """Store results and index them."""
        for id_ in ids:
            file = self.folder / f"root/tencent/{id_}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(
                '{"provider": "tencent", "status": "succeeded", '
                f'"digest": "sha256:00", "id": "{id_}"}}'
            )
        entries = [
            Entry(id_, "tencent", id_, "sha256:00", f"tencent/{id_}.json", "succeeded")
            for id_ in ids
        ]
        self.index.record(entries, DAY_S)

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """Start the program with these arguments."""
        command = [*COMMAND, "-c", str(self.config), *map(str, arguments)]
        return subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder
        )

    def once(self, *arguments: object) -> tuple[int, str, str]:
        """Run the program to the newest result; return status, output and errors."""
        process = self.start("--once", *arguments)
        out, err = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, out, err

    def paths(self, *ids: str) -> str:
        """Return the lines of these results."""
        return "".join(f"{self.folder}/root/tencent/{id_}.json\n" for id_ in ids)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Return an index with what follows it."""
    machine = Machine(tmp_path)
    with closing(machine.index):
        yield machine


def test_paths_in_the_order_of_commits(machine: Machine) -> None:
    machine.commit("2", "1", "3")
    assert machine.once() == (0, machine.paths("2", "1", "3"), "")


def test_cursor_file(machine: Machine) -> None:
    machine.commit("1", "2")
    arguments = ("--cursor-file", machine.cursor)
    assert machine.once(*arguments) == (0, machine.paths("1", "2"), "")
    assert machine.once(*arguments) == (0, "", "")
    machine.commit("3")
    assert machine.once(*arguments) == (0, machine.paths("3"), "")
    assert sorted(path.name for path in machine.folder.iterdir()) == [
        "asr-daemon.yaml",
        "cursor",
        "root",
        "state",
    ]


def test_killed_before_the_first_result(machine: Machine) -> None:
    """It goes on from where it began, also if the index is lost meanwhile."""
    process = machine.start("--cursor-file", machine.cursor)
    ends_s = time.monotonic() + TIMEOUT_S
    while not machine.cursor.exists() and time.monotonic() < ends_s:
        time.sleep(0.01)
    assert machine.cursor.exists()
    process.kill()
    process.communicate(timeout=TIMEOUT_S)
    machine.commit("1")
    for file in machine.folder.glob(f"state/{FILE}*"):
        file.unlink()
    machine.commit("2")
    out = machine.once("--cursor-file", machine.cursor)[1]
    assert out == machine.paths("1", "2")


def test_json_has_the_cursor(machine: Machine) -> None:
    machine.commit("1", "2")
    _, out, _ = machine.once("--json")
    first, second = map(json.loads, out.splitlines())
    assert (first["id"], second["id"]) == ("1", "2")
    machine.cursor.write_text(first["cursor"])
    assert machine.once("--cursor-file", machine.cursor)[1] == machine.paths("2")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_live_until_a_signal(machine: Machine, number: signal.Signals) -> None:
    machine.commit("1")
    process = machine.start("--cursor-file", machine.cursor)
    assert process.stdout is not None
    assert process.stdout.readline() == machine.paths("1")
    machine.commit("2")
    assert process.stdout.readline() == machine.paths("2")
    process.send_signal(number)
    assert process.communicate(timeout=TIMEOUT_S) == ("", "")
    assert process.returncode == 0


def test_reader_that_leaves_ends_it(machine: Machine) -> None:
    """What it has not read is not behind the cursor."""
    machine.commit("1")
    process = machine.start("--cursor-file", machine.cursor)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    machine.commit("2")
    assert process.wait(TIMEOUT_S) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
    assert machine.once("--cursor-file", machine.cursor)[1] == machine.paths("2")


def test_index_that_comes_later(tmp_path: Path, machine: Machine) -> None:
    machine.index.close()
    (tmp_path / "state" / FILE).unlink()
    process = machine.start()
    assert process.stderr is not None
    assert process.stdout is not None
    assert "cannot be read: No such file or directory; waiting for it" in process.stderr.readline()
    machine.index.open("0123456789abcdef")
    machine.commit("1")
    assert process.stdout.readline() == machine.paths("1")
    process.terminate()
    process.communicate(timeout=TIMEOUT_S)


def test_once_without_an_index_fails(tmp_path: Path, machine: Machine) -> None:
    machine.index.close()
    (tmp_path / "state" / FILE).unlink()
    status, _, err = machine.once()
    assert status == 1
    assert err.startswith("asr-daemon: the index ")


def test_cursor_file_with_something_else(machine: Machine) -> None:
    """It never begins from now, or from the beginning, by mistake."""
    machine.cursor.write_text("42\n")
    status, out, err = machine.once("--cursor-file", machine.cursor)
    assert (status, out) == (1, "")
    assert err == f"asr-daemon: {machine.cursor} cannot be read: not a cursor of asr-daemon\n"


def test_cursor_that_cannot_be_kept_is_reported_before_anything_is_delivered(
    machine: Machine,
) -> None:
    machine.commit("1")
    file = machine.folder / "no/cursor"
    status, out, err = machine.once("--cursor-file", file)
    assert (status, out) == (1, "")
    assert err == f"asr-daemon: {file} cannot be written: No such file or directory\n"


def test_exec(machine: Machine) -> None:
    machine.commit("1", "2")
    script = 'echo "$ASR_DAEMON_ID $ASR_DAEMON_PROVIDER $ASR_DAEMON_STATUS $ASR_DAEMON_PATH $1"'
    root = machine.folder / "root/tencent"
    command = ("--exec", "sh", "-c", script, "sh", "of {}")
    assert machine.once("--cursor-file", machine.cursor, *command) == (
        0,
        (
            f"1 tencent succeeded {root}/1.json of {root}/1.json\n"
            f"2 tencent succeeded {root}/2.json of {root}/2.json\n"
        ),
        "",
    )
    assert machine.once("--cursor-file", machine.cursor) == (0, "", "")


def test_command_that_fails_is_run_again(machine: Machine) -> None:
    """The cursor waits for it, and so does the next result."""
    machine.commit("1", "2")
    script = 'echo "$ASR_DAEMON_ID"; [ -e tried ] || { touch tried; exit 3; }'
    process = machine.start("--exec", "sh", "-c", script)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(3)] == ["1\n", "1\n", "2\n"]
    process.terminate()
    _, err = process.communicate(timeout=TIMEOUT_S)
    path = machine.folder / "root/tencent/1.json"
    assert err == f"asr-daemon: {path}: sh failed with status 3; next try in 1 s\n"


def test_command_that_fails_ends_once(machine: Machine) -> None:
    machine.commit("1", "2")
    script = '[ "$ASR_DAEMON_ID" = 1 ] || kill -TERM $$'
    status, _, err = machine.once("--cursor-file", machine.cursor, "--exec", "sh", "-c", script)
    path = machine.folder / "root/tencent/2.json"
    assert (status, err) == (1, f"asr-daemon: {path}: sh was ended by SIGTERM\n")
    assert machine.once("--cursor-file", machine.cursor)[1] == machine.paths("2")


def test_command_that_is_not_there(machine: Machine) -> None:
    status, _, err = machine.once("--exec", "no-such-program")
    assert status == 1
    assert err == "asr-daemon: no-such-program is not there, or cannot be executed\n"


def test_signal_waits_for_the_command(machine: Machine) -> None:
    machine.commit("1", "2")
    script = "echo began; while [ ! -e go ]; do sleep 0.01; done"
    process = machine.start("--cursor-file", machine.cursor, "--exec", "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    os.kill(process.pid, signal.SIGTERM)
    # A moment in which it could end too early.
    time.sleep(0.1)
    assert process.poll() is None
    (machine.folder / "go").touch()
    assert process.communicate(timeout=TIMEOUT_S) == ("", "")
    assert process.returncode == 0
    assert machine.once("--cursor-file", machine.cursor)[1] == machine.paths("2")
