"""Figures and ratios over rounds."""

from pathlib import Path

from benchmarks.comparison import Spread, figure, files_below, of_disk, ratio, spread
from benchmarks.contenders import DAEMON, TORNADO
from tests.benchmarks.samples import one_round

ROUNDS = [one_round(600), one_round(800), one_round(700)]


def test_spread() -> None:
    """Median, least and most."""
    assert spread([3.0, 1.0, 2.0, 9.0]) == Spread(2.5, 1.0, 9.0)


def test_figure() -> None:
    """One figure of one contender."""
    assert figure(ROUNDS, DAEMON, lambda each: each.requests_per_s) == Spread(700, 600, 800)


def test_ratio_is_taken_within_each_round() -> None:
    """What slows down a whole round does not change the ratio."""
    found = ratio(ROUNDS, DAEMON, TORNADO, lambda each: each.requests_per_s)
    assert found == Spread(0.7, 0.6, 0.8)


def test_ratio_to_the_disk() -> None:
    """The p50 of 8 ms, of what the disk alone took in the same round."""
    rounds = [one_round(1, 4.0), one_round(1, 2.0), one_round(1, 1.0)]
    assert of_disk(rounds, DAEMON) == Spread(4.0, 2.0, 8.0)


def test_staging_is_not_read(tmp_path: Path) -> None:
    """Only what readers see counts."""
    for name in ("2026/a.json", "2026/a.txt", ".staging/b.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [each.name for each in files_below(tmp_path, ".json")] == ["a.json"]
