"""The examples of consumers work as they stand."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.daemon.clients import TENCENT_PATH, body_of
from tests.daemon.process import results
from tests.daemon.serving import FLAT, serving
from tests.durability.requirements import require
from tests.systemd.requirements import systemd_analyze

EXAMPLES = Path(__file__).parents[2] / "scripts/examples"
FAILED = b"code=10001&requestId=failed&message=no"


def collect(folder: Path) -> list[str]:
    """Run the collector, and return the names of what it has moved."""
    command = [EXAMPLES / "collect/collect", folder / "root", folder / "collected"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return sorted(done.stdout.splitlines())


def test_collect_moves_each_result(tmp_path: Path) -> None:
    with serving(tmp_path, output=FLAT) as daemon:
        for number in range(5):
            assert daemon.post(TENCENT_PATH, body_of(f"{number}", "x")).status == 200
        assert daemon.post(TENCENT_PATH, FAILED).status == 200
        assert daemon.post(TENCENT_PATH, b"nonsense").status == 400
        assert collect(tmp_path) == [f"tencent/{number}.json" for number in range(5)]
        assert daemon.post(TENCENT_PATH, body_of("5", "x")).status == 200
        assert collect(tmp_path) == ["tencent/5.json"]
        assert collect(tmp_path) == []
    assert sorted(results(tmp_path / "collected")) == sorted(
        f"tencent/{number}.{suffix}" for number in range(6) for suffix in ("json", "txt")
    )
    assert {name.split("/")[0] for name in results(tmp_path / "root")} == {"failed", "rejected"}


def test_collect_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    (tmp_path / "root/a b").mkdir(parents=True)
    (tmp_path / "root/a b/c'd.json").write_text("{}")
    (tmp_path / "collected/a b").mkdir(parents=True)
    (tmp_path / "collected/a b/c'd.txt").write_text("text\n")
    assert collect(tmp_path) == ["a b/c'd.json"]
    assert sorted(results(tmp_path / "collected")) == ["a b/c'd.json", "a b/c'd.txt"]


def test_collect_units_verified(tmp_path: Path) -> None:
    require(systemd_analyze)
    for unit in ("asr-collect.path", "asr-collect.service"):
        shutil.copy(EXAMPLES / "collect" / unit, tmp_path)
    service = tmp_path / "asr-collect.service"
    service.write_text(service.read_text().replace("/usr/local/bin/asr-collect ", "/bin/true "))
    command = [
        "systemd-analyze",
        "verify",
        "--man=no",
        str(service),
        str(service.with_suffix(".path")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_archive_keeps_each_result_once(tmp_path: Path) -> None:
    with serving(tmp_path, output=FLAT) as daemon:
        for number in range(5):
            assert daemon.post(TENCENT_PATH, body_of(f"{number}", f"text {number}")).status == 200
        assert daemon.post(TENCENT_PATH, b"code=0&text=without+an+id").status == 200
        (tmp_path / "root/tencent/4.json").rename(tmp_path / "4.json")
    database = tmp_path / "archive.sqlite"
    config = tmp_path / "asr-daemon.yaml"
    follow = [sys.executable, "-m", "asr_daemon", "follow", "--once", "-c", str(config), "--exec"]
    for _ in range(2):
        command = [*follow, str(EXAMPLES / "archive.py"), str(database), "{}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert done.stderr == f"{tmp_path}/root/tencent/4.json is no longer there\n"
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT id, status, text FROM results ORDER BY rowid").fetchall()
    assert rows == [
        *((f"{number}", "succeeded", f"text {number}") for number in range(4)),
        ("", "succeeded", "without an id"),
    ]
