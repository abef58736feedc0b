"""Figures as a Markdown table."""

import pytest

from benchmarks.table import Row, ratios, table


def test_a_row_shows_median_and_spread() -> None:
    """One round has no spread."""
    rows = [("throughput", Row("p99 at 32", [16.04, 12.0, 1234.5], "ms"))]
    assert table(rows) == (
        "| scenario | figure | median | least - most |\n"
        "|---|---|---|---|\n"
        "| throughput | p99 at 32 | 16 ms | 12 - 1,234 |"
    )


@pytest.mark.parametrize(
    ("value", "shown"), [(0.41234, "0.412"), (40.25, "40.2"), (0, "0"), (2839.2, "2,839")]
)
def test_numbers_have_about_three_digits(value: float, shown: str) -> None:
    """Whole numbers stay whole."""
    assert table([("", Row("", [value]))]).endswith(f"|  |  | {shown} |  |")


def test_ratios_are_taken_within_each_round() -> None:
    """Not between the medians."""
    assert ratios([600, 400], [1000, 800]) == [0.6, 0.5]
