"""Where it is written to, and how fast that is alone."""

from pathlib import Path

from benchmarks.disk import Disk, PairProbe


def test_fresh_folder(tmp_path: Path) -> None:
    """Without an image each comparison gets an empty folder, which is gone afterwards."""
    disk = Disk(tmp_path / "cache", tmp_path)
    with disk.fresh(1) as folder:
        assert list(folder.iterdir()) == []
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []
    assert disk.kind == "a fresh folder for each comparison"


def test_pair(tmp_path: Path) -> None:
    """A pair leaves its two files whole, and nothing aside."""
    probe = PairProbe(tmp_path / "probe", [b"text", b"document"])
    assert probe.p50_ms(0.001) > 0
    assert (tmp_path / "probe/final/0.0").read_bytes() == b"text"
    assert (tmp_path / "probe/final/0.1").read_bytes() == b"document"
    assert list((tmp_path / "probe/aside").iterdir()) == []
