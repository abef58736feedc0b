"""Alert rules and dashboard ask for what there is."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import NoteFigure
from tests.daemon.indexed import add_to_index
from tests.daemon.serving import serving
from tests.durability.requirements import require

MONITORING = Path(__file__).parents[2] / "docs/monitoring"
SERIES = re.compile(r"\b(?:asr_daemon|process|python)_\w+")
_SECONDS = 50
SUFFIXES = re.compile(r"_(?:bucket|sum|count)$")


def expressions() -> Iterator[str]:
    """Yield what Prometheus is asked by each rule and panel."""
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    dashboard: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield variable["query"]


def test_every_series_exists_and_is_described(tmp_path: Path) -> None:
    with serving(tmp_path) as daemon:
        exposition = daemon.get("/metrics").body.decode()
    families = list(text_string_to_metric_families(exposition))
    exposed = {family.name for family in families}
    counters = {family.name for family in families if family.type == "counter"}
    named = {f"{name}_total" if name in counters else name for name in exposed}
    asked = {name for expression in expressions() for name in SERIES.findall(expression)}
    assert {SUFFIXES.sub("", name) for name in asked} - named == set()
    assert len(asked) > 15
    described = set(re.findall(r"`(asr_daemon_\w+)`", (MONITORING / "README.md").read_text()))
    ours = {name for name in named if name.startswith("asr_daemon_")}
    known = {name for name in ours if not name.endswith("_created")}
    assert described - known == set()
    assert known - described <= {"asr_daemon_build_info"}


def test_scrapes_and_an_open_page_cost_little(tmp_path: Path, note_figure: NoteFigure) -> None:
    """One of each a second takes less than 2 % of a core, with 100,000 results in the index."""
    with serving(tmp_path) as daemon:
        daemon.stop()
    add_to_index(tmp_path / "state", 100_000)
    with serving(tmp_path) as daemon:
        for number in range(50):
            assert daemon.post("/callbacks/tencent", b"code=0&requestId=%d" % number).status == 200
        began_s = cpu_s(daemon.process.pid)
        for _ in range(_SECONDS):
            daemon.get("/metrics")
            daemon.get("/", {"Accept": "text/html"})
        each_s = (cpu_s(daemon.process.pid) - began_s) / _SECONDS
    note_figure("microseconds of CPU a second", round(each_s * 1e6))
    assert each_s < 0.02


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_panels_do_not_overlap() -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = [
        (place["x"] + right, place["y"] + down)
        for place in places
        for right in range(place["w"])
        for down in range(place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


@pytest.mark.long
def test_prometheus_takes_the_rules() -> None:
    require(lambda: None if which("promtool") else "promtool (Debian: prometheus)")
    command = ["promtool", "check", "rules", str(MONITORING / "alerts.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 rules found" in done.stdout
