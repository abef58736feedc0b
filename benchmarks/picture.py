"""The comparison as a picture: bars beside the line that is bare Tornado."""

from collections.abc import Iterator, Sequence
from html import escape

from msgspec import Struct

from benchmarks.comparison import Figure, Spread, ratio
from benchmarks.contenders import DAEMON, FASTAPI, TORNADO
from benchmarks.findings import Findings

COLOURS = {DAEMON: "#1f6f8b", FASTAPI: "#d08c45"}

_WIDTH, _HEIGHT = 860, 330
_TOP, _BOTTOM, _PANEL, _LEFT = 70, 270, 400, 40
_BAR, _GAP = 34, 4
_HEADROOM = 1.15
_OPENING = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
    'font-family="sans-serif" font-size="13">'
)


class Group(Struct, frozen=True):
    """The bars of one number of connections."""

    label: str
    bars: dict[str, Spread]


def picture(findings: Findings) -> str:
    """Return the comparison with Huawei's bodies as SVG."""
    rates = _groups(findings, lambda each: each.requests_per_s)
    costs = _groups(findings, lambda each: each.cpu_s_per_1000)
    parts = [
        _OPENING,
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        *_legend(),
        *_panel(_LEFT, "requests/s, of bare Tornado's (more is better)", rates),
        *_panel(_LEFT + _PANEL + 20, "CPU per request, of bare Tornado's (less is better)", costs),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _groups(findings: Findings, of: Figure) -> list[Group]:
    huawei = [each for each in findings.compared if each.case.vendor == "huawei"]
    return [
        Group(
            f"{each.case.connections}",
            {name: ratio(each.rounds, name, TORNADO, of) for name in COLOURS},
        )
        for each in sorted(huawei, key=lambda each: each.case.connections)
    ]


def _legend() -> Iterator[str]:
    x = _LEFT
    for name, colour in COLOURS.items():
        yield f'<rect x="{x}" y="14" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 18, 25, name, "start")
        x += 150
    yield f'<line x1="{x}" y1="20" x2="{x + 14}" y2="20" stroke="#555" stroke-dasharray="4 3"/>'
    yield _text(x + 20, 25, TORNADO, "start")


def _panel(left: int, title: str, groups: Sequence[Group]) -> Iterator[str]:
    highest = max([1.0, *(each.most for group in groups for each in group.bars.values())])
    scale = (_BOTTOM - _TOP) / (highest * _HEADROOM)
    right = left + _PANEL - 30
    yield _text(left, _TOP - 14, title, "start")
    yield f'<line x1="{left}" y1="{_BOTTOM}" x2="{right}" y2="{_BOTTOM}" stroke="#999"/>'
    one = _BOTTOM - scale
    yield (
        f'<line x1="{left}" y1="{one:.1f}" x2="{right}" y2="{one:.1f}" '
        'stroke="#555" stroke-dasharray="4 3"/>'
    )
    step = (right - left) / max(1, len(groups))
    for number, group in enumerate(groups):
        yield from _group(left + step * (number + 0.5), group, scale)
    yield _text((left + right) // 2, _BOTTOM + 40, "connections", "middle")


def _group(middle: float, group: Group, scale: float) -> Iterator[str]:
    x = middle - len(group.bars) * (_BAR + _GAP) / 2
    for name, values in group.bars.items():
        yield from _bar(x, values, scale, COLOURS[name])
        x += _BAR + _GAP
    yield _text(middle, _BOTTOM + 18, group.label, "middle")


def _bar(x: float, values: Spread, scale: float, colour: str) -> Iterator[str]:
    """Yield a bar for the median and a whisker from the least to the most."""
    height, centre = values.median * scale, x + _BAR / 2
    least, most = _BOTTOM - values.least * scale, _BOTTOM - values.most * scale
    yield (
        f'<rect x="{x:.1f}" y="{_BOTTOM - height:.1f}" width="{_BAR}" height="{height:.1f}" '
        f'fill="{colour}"/>'
    )
    yield (
        f'<line x1="{centre:.1f}" y1="{least:.1f}" x2="{centre:.1f}" y2="{most:.1f}" '
        'stroke="#222"/>'
    )
    yield _text(centre, most - 4, f"{values.median:.2f}", "middle")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
