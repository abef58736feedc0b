"""Figures as a Markdown table."""

from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct


class Row(Struct, frozen=True):
    """One figure, as it was in each round."""

    figure: str
    values: Sequence[float]
    unit: str = ""


def table(rows: Iterable[tuple[str, Row]]) -> str:
    """Return the rows with the names of their scenarios, medians and spreads."""
    head = "| scenario | figure | median | least - most |\n|---|---|---|---|"
    return "\n".join([head, *(_line(scenario, row) for scenario, row in rows)])


def ratios(ours: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return the ratio of each round: what slows down the whole machine cancels out."""
    return [one / other for one, other in zip(ours, others, strict=True)]


def _line(scenario: str, row: Row) -> str:
    middle = f"{_number(median(row.values))} {row.unit}".rstrip()
    spread = f"{_number(min(row.values))} - {_number(max(row.values))}"
    return f"| {scenario} | {row.figure} | {middle} | {spread if len(row.values) > 1 else ''} |"


def _number(value: float) -> str:
    """Return three digits, or as many as stand before the point."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits
