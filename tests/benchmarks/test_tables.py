"""Findings in Markdown."""

import pytest

from benchmarks.bars import Bar
from benchmarks.comparison import Spread
from benchmarks.findings import Grown, Sized, Soaked, Stalled, Stretch
from benchmarks.tables import comparison, must_reach, number, report, span, table
from tests.benchmarks.samples import compared, findings, one_round


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3278.6, "3279"), (99.5, "99.5"), (9.5, "9.50"), (-0.5, "-0.50"), (0, "0.00")],
)
def test_number(value: float, shown: str) -> None:
    """About three digits."""
    assert number(value) == shown


def test_span() -> None:
    """One value stands alone."""
    assert span(Spread(2, 1, 3)) == "2.00 (1.00 - 3.00)"
    assert span(Spread(2, 2, 2)) == "2.00"


def test_table() -> None:
    """Columns are as wide as what stands in them."""
    assert table(["a", "bcd"], [["12", "3"]]) == "| a  | bcd |\n| -- | --- |\n| 12 | 3   |"


def test_comparison() -> None:
    """Each contender, with its ratios to bare Tornado; at one connection the disk as well."""
    shown = comparison(compared("huawei", 1, one_round(700, 4.0)))
    assert shown.startswith(
        "### Huawei, one connection\n\nMedian (least - most) of 1 rounds of 5 s."
    )
    cells = [line.replace(" ", "").strip("|").split("|") for line in shown.splitlines()]
    assert ["asr-daemon", "700", "0.70", "8.00", "16.0", "0.60", "1.50", "40"] in cells
    assert ["bareTornado", "1000", "1", "8.00", "16.0", "0.40", "1", "40"] in cells
    assert shown.endswith(
        "The disk alone: 4.00 ms. p50 of that: asr-daemon 2.00; FastAPI, fsync 2.00."
    )


def test_must_reach() -> None:
    """Floor, aim, what was found, and what that means."""
    shown = must_reach(
        [Bar("RSS idle", 60, 45, Spread(50, 50, 50), "MB"), Bar("x", 0.6, 0.75, None)]
    )
    cells = [line.replace(" ", "") for line in shown.splitlines()]
    assert "|RSSidle|60MB|45MB|50.0|floor|" in cells
    assert "|x|0.6|0.75||notmeasured|" in cells


def test_report_has_every_part() -> None:
    """What was measured is in it, with the machine."""
    measured = findings(compared("tencent", 32, one_round(700)))
    measured.sized = [Sized("huawei", 50_000_000, "s", Spread(1, 1, 1), 1, 400)]
    measured.grown = [Grown("an empty tree", Spread(1, 1, 1), Spread(1, 1, 1))]
    measured.stalled = Stalled(50, Spread(1, 1, 1), Spread(1, 1, 1), Spread(1, 1, 1))
    measured.soaked = Soaked(40, [Stretch(1_000_000, 900, 5, 41)])
    shown = report(measured)
    assert shown.startswith("A Processor, 2 cores, 25 GB; Linux 6.1.0; Python 3.11.2; disk: ")
    assert [line[4:] for line in shown.splitlines() if line.startswith("###")] == [
        "Tencent, 32 connections",
        "Sizes, one body after another",
        "Trees, Huawei, 32 connections",
        "Small requests beside a body of 50 MB",
        "Memory",
        "Must reach",
    ]
