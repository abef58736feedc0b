"""Findings as tables in Markdown, which a terminal shows well enough."""

from collections.abc import Sequence

from benchmarks.bars import Bar, bars
from benchmarks.comparison import Figure, Round, Spread, figure, of_disk, ratio, spread
from benchmarks.contenders import TORNADO
from benchmarks.findings import Compared, Findings, Grown, Machine, Sized, Soaked, Stalled

Row = Sequence[str]


def report(findings: Findings) -> str:
    """Return everything that was found."""
    parts = [machine_line(findings.machine)]
    parts += [comparison(each) for each in findings.compared]
    if findings.sized:
        parts.append(sizes(findings.sized))
    if findings.grown:
        parts.append(growth(findings.grown))
    if findings.stalled is not None:
        parts.append(stall(findings.stalled))
    if findings.soaked is not None:
        parts.append(soak(findings.soaked))
    parts.append(must_reach(bars(findings)))
    return "\n\n".join(parts) + "\n"


def machine_line(machine: Machine) -> str:
    """Name the machine."""
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gb:.0f} GB; "
        f"{machine.kernel}; Python {machine.python}; disk: {machine.disk}."
    )


def comparison(compared: Compared) -> str:
    """Return a case: figures of each contender, and of bare Tornado's in the same round."""
    case, rounds = compared.case, compared.rounds
    connections = "one connection" if case.connections == 1 else f"{case.connections} connections"
    title = f"### {case.vendor.capitalize()}, {connections}"
    effort = f"Median (least - most) of {case.rounds} rounds of {case.duration_s} s."
    names = list(rounds[0].figures)
    head = ["server", "requests/s", "of Tornado's", "p50 ms", "p99 ms"]
    head += ["CPU s per 1,000", "of Tornado's", "peak RSS MB"]
    lines = [title, "", effort, "", table(head, [_row(rounds, name) for name in names])]
    if case.connections == 1:
        lines += ["", _disk_line(rounds)]
    return "\n".join(lines)


def sizes(sized: Sequence[Sized]) -> str:
    """Return how bodies of each size were taken."""
    head = ["vendor", "body", "server", "answer ms", "CPU ms", "peak RSS MB"]
    rows = [
        [
            each.vendor,
            _size(each.size_bytes),
            each.name,
            "refused" if each.answer_ms is None else span(each.answer_ms),
            "" if each.cpu_ms is None else number(each.cpu_ms),
            f"{each.peak_rss_mb:.0f}",
        ]
        for each in sized
    ]
    return f"### Sizes, one body after another\n\n{table(head, rows)}"


def growth(grown: Sequence[Grown]) -> str:
    """Return how fast it is with trees that are not empty."""
    rows = [[each.tree, span(each.requests_per_s), span(each.of_empty)] for each in grown]
    head = ["tree", "requests/s", "of an empty tree's"]
    return f"### Trees, Huawei, 32 connections\n\n{table(head, rows)}"


def stall(stalled: Stalled) -> str:
    """Return what small requests feel of large ones."""
    rows = [
        ["nothing", span(stalled.idle_p99_ms)],
        ["it is received, decoded and rendered", span(stalled.decoding_p99_ms)],
        ["it is also stored", span(stalled.storing_p99_ms)],
    ]
    title = f"### Small requests beside a body of {stalled.large_mb:.0f} MB"
    return f"{title}\n\n{table(['while', 'p99 ms'], rows)}"


def soak(soaked: Soaked) -> str:
    """Return memory and speed over time."""
    rows = [["0", "", "", f"{soaked.idle_rss_mb:.1f}"]]
    rows += [
        [
            f"{each.callbacks:,}",
            f"{each.requests_per_s:.0f}",
            f"{each.p99_ms:.1f}",
            f"{each.rss_mb:.1f}",
        ]
        for each in soaked.stretches
    ]
    return f"### Memory\n\n{table(['callbacks', 'requests/s', 'p99 ms', 'RSS MB'], rows)}"


def must_reach(marks: Sequence[Bar]) -> str:
    """Return what has to be reached, and whether it is."""
    rows = [
        [
            each.what,
            _with_unit(each.floor, each),
            _with_unit(each.aim, each),
            "" if each.found is None else span(each.found),
            each.verdict,
        ]
        for each in marks
    ]
    return f"### Must reach\n\n{table(['figure', 'floor', 'aim', 'found', 'reached'], rows)}"


def table(head: Row, rows: Sequence[Row]) -> str:
    """Return a table in Markdown, its columns aligned."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    rule = ["-" * width for width in widths]
    lines = [_line(head, widths), _line(rule, widths), *(_line(row, widths) for row in rows)]
    return "\n".join(lines)


def span(values: Spread) -> str:
    """Return median, least and most, with as many digits as mean something."""
    middle = number(values.median)
    if values.least == values.most:
        return middle
    return f"{middle} ({number(values.least)} - {number(values.most)})"


def number(value: float) -> str:
    """Return a number with about three digits."""
    for least, digits in ((100, 0), (10, 1)):
        if abs(value) >= least:
            return f"{value:.{digits}f}"
    return f"{value:.2f}"


def _row(rounds: Sequence[Round], name: str) -> Row:
    def absolute(of: Figure) -> str:
        return span(figure(rounds, name, of))

    def relative(of: Figure) -> str:
        return "1" if name == TORNADO else span(ratio(rounds, name, TORNADO, of))

    return [
        name,
        absolute(lambda each: each.requests_per_s),
        relative(lambda each: each.requests_per_s),
        absolute(lambda each: each.p50_ms),
        absolute(lambda each: each.p99_ms),
        absolute(lambda each: each.cpu_s_per_1000),
        relative(lambda each: each.cpu_s_per_1000),
        f"{figure(rounds, name, lambda each: each.peak_rss_mb).most:.0f}",
    ]


def _disk_line(rounds: Sequence[Round]) -> str:
    pairs = spread([each.pair_ms for each in rounds if each.pair_ms is not None])
    ratios = [
        f"{name} {span(of_disk(rounds, name))}" for name in rounds[0].figures if name != TORNADO
    ]
    return f"The disk alone: {span(pairs)} ms. p50 of that: {'; '.join(ratios)}."


def _size(size_bytes: int) -> str:
    return f"{size_bytes // 10**6} MB" if size_bytes >= 10**6 else f"{size_bytes // 1000} KB"


def _with_unit(value: float, bar: Bar) -> str:
    return f"{value:g} {bar.unit}".rstrip()


def _line(cells: Row, widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
