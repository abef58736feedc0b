"""Trees that hold much already."""

from datetime import UTC, datetime
from pathlib import Path

from asr_daemon.index.index import Index
from benchmarks.growth import Tree, fill


def test_fill(tmp_path: Path) -> None:
    """Results stand in the folders of days, the last of which is today, and are remembered."""
    fill(tmp_path / "daemon", Tree("", days=2, results_a_day=3))
    root = tmp_path / "daemon" / "root"
    names = sorted(path.relative_to(root).as_posix() for path in root.glob("huawei/*/*/*/*"))
    assert len(names) == 12
    assert f"huawei/{datetime.now(UTC):%Y/%m/%d}/earlier-00000006.json" in names
    markers = [name for name in names if name.endswith(".json")]
    [mark] = (root / ".staging").glob("tree-*")
    index = Index(tmp_path / "daemon" / "state")
    index.open(mark.name.removeprefix("tree-"))
    assert index.taken(markers, 3600.0) == set(markers)
    index.close()
