"""The recipes of docs/pipelines.md, run as they stand there: each result is processed."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tests.daemon import timezones
from tests.daemon.clients import Ledger, senders
from tests.daemon.process import Daemon
from tests.daemon.serving import FLAT, eventually, serving
from tests.daemon.watchers import is_whole
from tests.durability import requirements
from tests.durability.requirements import require

DOCUMENT = Path(__file__).parents[2] / "docs/pipelines.md"
LONG_S = 60.0


class Bed:
    """A folder with a program `process` that writes down what it is called with.

    It keeps what a JSON file and its text hold at this moment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self._log = folder / "processed"
        self._log.touch()
        self.program = folder / "process"
        self._kept = folder / "kept"
        self._kept.mkdir()
        self.program.write_text(
            "#!/bin/sh\n"
            f'cp "$1" "${{1%.json}}.txt" {self._kept} 2>/dev/null\n'
            f'echo "$1" >>{self._log}\n'
        )
        self.program.chmod(0o755)

    def recipe(self, heading: str, number: int = 0) -> str:
        """Return a block of the document, with the paths of this bed."""
        section = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
        block = re.findall(r"```\w*\n(.*?)```", section, re.DOTALL)[number]
        for path, here in (
            ("/srv/transcripts", self.root),
            ("/usr/local/bin/process", self.program),
            ("/var/lib/process", self.folder),
            ("/srv/elsewhere", self.folder / "elsewhere"),
        ):
            block = block.replace(path, str(here))
        return str(block)

    def processed(self) -> list[str]:
        """Return the names of the JSON files that were processed, in order."""
        paths = self._log.read_text(encoding="utf-8").split()
        return [Path(path).name for path in paths if path.endswith(".json")]

    def incomplete(self, names: set[str]) -> list[str]:
        """Return which of these were not whole, with their text, when they were processed."""
        return [name for name in names if not is_whole(self._kept / name)]

    def wait_for(self, names: set[str]) -> None:
        """Wait until all these were processed."""
        eventually(lambda: names <= set(self.processed()), "all are processed", LONG_S)


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """Return a bed."""
    return Bed(tmp_path)


@contextmanager
def background(
    bed: Bed, command: Sequence[str], ready: str = "", environ: dict[str, str] | None = None
) -> Iterator[None]:
    """Run a program, and let it end with the block; wait until it has processed `ready`.json."""
    with subprocess.Popen(
        command, start_new_session=True, env={**os.environ, **(environ or {})}
    ) as process:
        try:
            if ready:
                eventually(lambda: _is_awake(bed, ready), "the program watches", LONG_S)
            yield
        finally:
            os.killpg(process.pid, 15)


def _is_awake(bed: Bed, ready: str) -> bool:
    """Touch a file, and say whether that was seen."""
    marker = bed.root / "tencent" / f"{ready}.json"
    marker.write_text("")
    return f"{ready}.json" in bed.processed()


def load(daemon: Daemon, count: int = 100) -> set[str]:
    """Store so many results at least, and return the names of their JSON files."""
    ledger = Ledger()
    with senders(daemon.port, ledger, 4):
        eventually(lambda: len(ledger.acknowledged) >= count, "load")
    return {f"{id_}.json" for id_ in ledger.acknowledged}


def check_watcher(bed: Bed, command: Sequence[str], environ: dict[str, str] | None = None) -> None:
    """Have a program watch a daemon's root: each result is processed, once."""
    with (
        serving(bed.folder, output=FLAT) as daemon,
        background(bed, command, "awake", environ),
    ):
        names = load(daemon)
        bed.wait_for(names)
        processed = [name for name in bed.processed() if name != "awake.json"]
        assert sorted(processed) == sorted(names)
        assert bed.incomplete(names) == []


def test_inotifywait(bed: Bed) -> None:
    """A shell script."""
    require(requirements.inotifywait)
    check_watcher(bed, ["/bin/sh", "-c", bed.recipe("inotifywait")])


def test_watchdog(bed: Bed) -> None:
    """A Python program."""
    check_watcher(bed, [sys.executable, "-c", bed.recipe("watchdog")])


@pytest.mark.long
@pytest.mark.parametrize("version", ["3", "4"])
def test_chokidar(bed: Bed, version: str) -> None:
    """A Node.js program."""
    require(requirements.npm)
    install = ["npm", "install", "--silent", "--no-fund", "--prefix", str(bed.folder)]
    subprocess.run([*install, f"chokidar@{version}"], check=True)
    environ = {"NODE_PATH": str(bed.folder / "node_modules")}
    check_watcher(bed, ["node", "-e", bed.recipe("chokidar")], environ)


def incrond(bed: Bed) -> list[str]:
    """Return the command that runs the recipe's table."""
    tables = bed.folder / "tables"
    tables.mkdir()
    (tables / "results").write_text(bed.recipe("incron"))
    (bed.folder / "spool").mkdir()
    config = bed.folder / "incron.conf"
    config.write_text(
        f"system_table_dir = {tables}\nuser_table_dir = {bed.folder}/spool\n"
        f"lockfile_dir = {bed.folder}\nlockfile_name = incrond\n"
    )
    return ["incrond", "--foreground", f"--config={config}"]


def test_incron(bed: Bed) -> None:
    """A line of a table."""
    require(requirements.root, requirements.incron)
    check_watcher(bed, incrond(bed))


@pytest.mark.long
def test_incron_over_a_change_of_hour(bed: Bed) -> None:
    """Results of both hours are processed whole, each once."""
    require(requirements.root, requirements.incron)
    start = datetime(2026, 11, 21, 12, 59, 56)  # noqa: DTZ001 - of any zone
    environ = timezones.zone_where_it_is(bed.folder, start)
    output = {**FLAT, "timezone": timezones.NAME}
    with (
        serving(bed.folder, environ, output=output) as daemon,
        background(bed, incrond(bed), "awake"),
    ):
        ends_s = time.monotonic() + 6
        ledger = Ledger()
        with senders(daemon.port, ledger, 4):
            eventually(lambda: time.monotonic() > ends_s, "the next hour")
            eventually(lambda: len(ledger.acknowledged) >= 1000, "1,000 results")
        names = {f"{id_}.json" for id_ in ledger.acknowledged}
        bed.wait_for(names)
        assert sorted(name for name in bed.processed() if name != "awake.json") == sorted(names)
        assert bed.incomplete(names) == []


def test_rsync(bed: Bed) -> None:
    """Under load: nothing is lost, and every JSON arrives after its text."""
    require(requirements.rsync)
    there = bed.folder / "elsewhere"
    script = ["/bin/sh", "-e", "-c", bed.recipe("rsync")]
    with serving(bed.folder, output=FLAT) as daemon:
        ledger = Ledger()
        with senders(daemon.port, ledger, 4):
            for count in (50, 100, 150):
                eventually(lambda: len(ledger.acknowledged) >= count, "load")  # noqa: B023
                subprocess.run(script, check=True, timeout=LONG_S)
                for json in there.rglob("*.json"):
                    assert json.with_suffix(".txt").exists()
        subprocess.run(script, check=True, timeout=LONG_S)
    assert {path.stem for path in there.rglob("*.json")} == ledger.acknowledged
    assert not ledger.refused
    assert list(bed.root.rglob("*.json")) == []


@pytest.mark.parametrize("lacks", [(), ("link",)], ids=["O_TMPFILE", "link"])
def test_rsync_that_takes_staged_files(tmp_path: Path, lacks: tuple[str, ...]) -> None:
    """Whoever forgets to leave `.staging` out refuses no result."""
    require(requirements.rsync, requirements.root, requirements.fuse)
    from tests.durability.posix_disk import posix_disk  # noqa: PLC0415

    with posix_disk(*lacks) as disk:  # type: ignore[arg-type]
        root = disk.mountpoint / "root"
        take = ["rsync", "-a", "--remove-source-files", f"{root}/", str(tmp_path / "elsewhere")]
        ledger = Ledger()
        with serving(tmp_path, output={**FLAT, "root": str(root)}) as daemon:
            with senders(daemon.port, ledger, 4):
                for count in (20, 40, 60):
                    eventually(lambda: len(ledger.acknowledged) >= count, "load")  # noqa: B023
                    subprocess.run(take, check=False, stderr=subprocess.DEVNULL)
            refused = len(ledger.refused)
        assert refused == 0


def test_cron(bed: Bed) -> None:
    """Run again and again under load, it finds every result."""
    script = ["/bin/sh", "-e", "-c", bed.recipe("cron")]
    with serving(bed.folder, output=FLAT) as daemon:
        ledger = Ledger()
        with senders(daemon.port, ledger, 1):
            for count in (20, 40, 60):
                eventually(lambda: len(ledger.acknowledged) >= count, "load")  # noqa: B023
                subprocess.run(script, check=True, timeout=LONG_S)
        subprocess.run(script, check=True, timeout=LONG_S)
    names = {f"{id_}.json" for id_ in ledger.acknowledged}
    assert set(bed.processed()) == names
    assert bed.incomplete(names) == []


def test_path_unit(bed: Bed) -> None:
    """The units are right; that they work is tested where systemd runs."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze (Debian: systemd)")
    for number, name in enumerate(("process.path", "process.service")):
        (bed.folder / name).write_text(bed.recipe("systemd path unit", number))
    command = ["systemd-analyze", "verify", str(bed.folder / "process.path")]
    verified = subprocess.run(command, check=False, capture_output=True, text=True)
    assert verified.stderr == ""


def test_every_recipe_is_tried() -> None:
    """A recipe without a test is none."""
    headings = re.findall(r"^## (.*)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    tried = ["inotifywait", "watchdog", "chokidar", "incron", "systemd path unit", "rsync", "cron"]
    assert headings == ["What to rely on", "Which to choose", *tried, "Log shippers"]
