"""`asr-daemon list` shows what arrived."""

import json
import resource
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from asr_daemon.clock import Clock
from asr_daemon.index.index import Entry, Index
from tests.commands.conftest import Run
from tests.conftest import NoteFigure

ROWS = 1_000_000
TREE = "0123456789abcdef"
DAY_S = 86_400.0
DECADE = "3650d"
DECADE_S = 3650 * DAY_S
COMMITTED_AT = 1_795_264_496.789


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a daemon that has stored a few results and is down."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(
        f"output: {{root: {tmp_path}/root}}\nstate: {tmp_path}/state\nhistory: {DECADE}\n"
    )
    index = Index(tmp_path / "state", Clock(lambda: COMMITTED_AT))
    with closing(index):
        index.open(TREE)
        entries = [
            Entry("1", "tencent", "41", "sha256:0a", "tencent/41.json", "succeeded"),
            Entry("2", "huawei", None, "sha256:0b", "huawei/no-id~7.json", "succeeded"),
            Entry("3", "tencent", "43", "sha256:0c", "failed/tencent/43.json", "failed"),
            Entry("4", "tencent", None, "sha256:0d", "rejected/tencent/5.json", "rejected"),
        ]
        index.record(entries, DAY_S)
    return file


def test_newest_first(config: Path, run: Run, tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert run("list", "-c", config) == (
        0,
        (
            f"2026-11-21T12:34:56Z  tencent  failed     {root}/failed/tencent/43.json\n"
            f"2026-11-21T12:34:56Z  huawei   succeeded  {root}/huawei/no-id~7.json\n"
            f"2026-11-21T12:34:56Z  tencent  succeeded  {root}/tencent/41.json\n"
        ),
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--limit", "1"], ["43"]),
        (["--provider", "huawei"], [None]),
        (["--status", "succeeded"], [None, "41"]),
        (["--status", "rejected"], [None]),
        (["--since", "2026-11-21T12:34:56Z"], ["43", None, "41"]),
        (["--since", "2026-11-21T12:34:57+00:00"], []),
        (["--since", "3650d"], ["43", None, "41"]),
    ],
)
def test_filters(arguments: list[str], ids: list[str | None], config: Path, run: Run) -> None:
    lines = run("list", "--json", "-c", config, *arguments).out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids


def test_json(config: Path, run: Run, tmp_path: Path) -> None:
    assert json.loads(run("list", "--json", "--limit", 1, "-c", config).out) == {
        "path": f"{tmp_path}/root/failed/tencent/43.json",
        "provider": "tencent",
        "id": "43",
        "status": "failed",
        "digest": "sha256:0c",
        "committed_at": "2026-11-21T12:34:56.789Z",
    }


def test_nothing_older_than_the_history(config: Path, run: Run, tmp_path: Path) -> None:
    """The index may have it still, for the sake of duplicates."""
    root = tmp_path / "root"
    with closing(Index(tmp_path / "state")) as index:
        index.open(TREE)
        index.record([Entry("5", "tencent", "45", "sha256:0e", "45.json", "succeeded")], DECADE_S)
    config.write_text(config.read_text().replace(DECADE, "1h"))
    for since in ("30m", "3650d"):
        out = run("list", "--since", since, "-c", config).out
        assert [line.split()[-1] for line in out.splitlines()] == [f"{root}/45.json"]


def test_no_index(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"state: {tmp_path}/state\n")
    sentence = f"the index {tmp_path}/state/index.sqlite cannot be read: No such file or directory"
    assert run("list", "-c", file) == (1, "", f"asr-daemon: {sentence}\n")


def test_secrets_are_not_needed(config: Path, run: Run) -> None:
    """Who may read results may not be who may read secrets."""
    with config.open("a") as file:
        file.write("providers: {tencent: {key: !file /nowhere/tencent.key}}\n")
    assert run("list", "-c", config).status == 0


def test_mistake_in_the_setting_that_counts(config: Path, run: Run) -> None:
    config.write_text("state: [1]\n")
    outcome = run("list", "-c", config)
    assert outcome.status == 78
    assert outcome.err.startswith(f"{config}:1: state: ")


@pytest.mark.parametrize("moment", ["yesterday", "1", "2026-13-01"])
def test_time_that_is_none(moment: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("list", "--since", moment)
    assert caught.value.code == 2
    assert "argument --since: invalid duration" in capsys.readouterr().err


def test_reader_that_leaves_early(config: Path) -> None:
    """Nothing is reported when `head` has what it wants."""
    shell = f"{sys.executable} -m asr_daemon list -c {config} | true"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.long
def test_newest_page_of_a_million_comes_at_once(tmp_path: Path, note_figure: NoteFigure) -> None:
    """Within 0.3 s, with the start of the program."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"output: {{root: {tmp_path}/root}}\nstate: {tmp_path}/state\n")
    digest = "sha256:" + "ab" * 32
    with closing(Index(tmp_path / "state")) as index:
        index.open(TREE)
        for first in range(0, ROWS, 10_000):
            entries = [
                Entry(
                    f"{number:064}",
                    "tencent",
                    str(number),
                    digest,
                    f"t/2026/11/21/{number}.json",
                    "succeeded",
                )
                for number in range(first, first + 10_000)
            ]
            index.record(entries, DAY_S)
    for arguments in ((), ("--json",), ("--provider", "tencent"), ("--since", "3650d")):
        command = [sys.executable, "-m", "asr_daemon", "list", "-c", str(file), *arguments]
        shortest_s = min(time_of_page(command) for _ in range(5))
        note_figure(f"milliseconds of list {' '.join(arguments)}", round(shortest_s * 1000))
        assert shortest_s < 0.3, arguments


def time_of_page(command: list[str]) -> float:
    """Run `list`, which prints a page; return its CPU seconds, as the machine may be busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(done.stdout.splitlines()) == 50
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
