"""What has to be reached, and whether it is."""

import pytest

from benchmarks.bars import Bar, bars
from benchmarks.comparison import Spread
from benchmarks.findings import Findings, Grown, Soaked, Stalled, Stretch
from tests.benchmarks.samples import compared, findings, one_round


def found(measured: Findings) -> dict[str, float]:
    """Return what was measured, by the beginning of its name."""
    return {each.what: each.found.median for each in bars(measured) if each.found is not None}


@pytest.mark.parametrize(
    ("floor", "aim", "value", "verdict"),
    [
        (0.6, 0.75, 0.8, "aim"),
        (0.6, 0.75, 0.75, "aim"),
        (0.6, 0.75, 0.6, "floor"),
        (0.6, 0.75, 0.59, "missed"),
        (1.5, 1.2, 1.1, "aim"),
        (1.5, 1.2, 1.3, "floor"),
        (1.5, 1.2, 1.6, "missed"),
    ],
)
def test_verdict(floor: float, aim: float, value: float, verdict: str) -> None:
    """More is better where the aim is above the floor, less where it is below."""
    assert Bar("", floor, aim, Spread(value, value, value)).verdict == verdict


def test_nothing_is_measured() -> None:
    """A figure that a run left out is not called missed."""
    assert {each.verdict for each in bars(findings())} == {"not measured"}


def test_comparison() -> None:
    """Each ratio is taken from the case that it is about."""
    measured = findings(
        compared("huawei", 1, one_round(100, 4.0)),
        compared("huawei", 32, one_round(700)),
        compared("huawei", 256, one_round(900)),
        compared("tencent", 32, one_round(1)),
    )
    assert found(measured) == pytest.approx(
        {
            "requests/s at 32 connections, of bare Tornado's": 0.7,
            "requests/s at 256 connections, of bare Tornado's": 0.9,
            "CPU per request, of bare Tornado's": 1.5,
            "requests/s, of FastAPI's with fsync": 1.75,
            "CPU per request, of FastAPI's with fsync": 0.375,
            "p50 at one connection, of the disk's own time": 2.0,
            "p99 at 32 connections, of bare Tornado's": 1.0,
        }
    )


def test_growth() -> None:
    """Each tree has its own line."""
    measured = findings()
    measured.grown = [
        Grown("an empty tree", Spread(9, 9, 9), Spread(1, 1, 1)),
        Grown("100,000 results in the folder", Spread(8, 8, 8), Spread(0.9, 0.9, 0.9)),
    ]
    assert found(measured) == {
        "requests/s with 100,000 results in the folder, of an empty tree's": 0.9
    }


@pytest.mark.parametrize(
    ("callbacks", "growth"),
    [(1_000_100, {"RSS growth after 1,000,000 callbacks": 2.0}), (1000, {})],
)
def test_memory(callbacks: int, growth: dict[str, float]) -> None:
    """Growth counts from the idle daemon, and only if there were enough callbacks."""
    measured = findings()
    measured.soaked = Soaked(40.0, [Stretch(500, 9, 9, 41.0), Stretch(callbacks, 9, 9, 42.0)])
    assert found(measured) == {"RSS idle": 40.0, **growth}


def test_stall() -> None:
    """What small requests wait longer than without a large one."""
    measured = findings()
    measured.stalled = Stalled(50, Spread(10, 9, 11), Spread(25, 20, 30), Spread(90, 90, 90))
    assert found(measured) == {"small requests' p99 above idle beside 50 MB": 15}
