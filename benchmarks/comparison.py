"""Rounds in which the contenders take turns, and what came of them."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct

from benchmarks.bodies import Vendor, message
from benchmarks.contenders import Contender, Server, running
from benchmarks.disk import PairProbe
from benchmarks.load import Load, RoundFailed, Wrk
from benchmarks.usage import cpu_s, peak_rss_mb, wait_until_idle

WARM_UP_S = 1
_PAIR_S = 2.0
_PAIR_FOLDER = "disk-alone"


class Case(Struct, frozen=True):
    """What is compared."""

    vendor: Vendor
    connections: int
    rounds: int
    duration_s: int


class Figures(Struct, frozen=True):
    """What one contender did in one round."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_s_per_1000: float
    peak_rss_mb: float


class Round(Struct, frozen=True):
    """What all contenders did in one round, and the disk alone (at one connection only)."""

    figures: Mapping[str, Figures]
    pair_ms: float | None = None


class Spread(Struct, frozen=True):
    """The median of all rounds, with the least and the most."""

    median: float
    least: float
    most: float


Say = Callable[[str], None]
Figure = Callable[[Figures], float]


def compare(
    case: Case, contenders: Sequence[Contender], folder: Path, wrk: Wrk, prefix: Sequence[str] = ()
) -> list[Round]:
    """Run a case on fresh servers in a fresh folder; each round begins with another contender.

    Raises:
        RoundFailed: something was refused or lost, or the files are not there.
    """
    rounds = []
    with running(contenders, folder, case.connections, prefix) as servers:
        answered = {server.name: _warm_up(case, server, wrk) for server in servers}
        probe = _pair_probe(folder, servers) if case.connections == 1 else None
        for number in range(case.rounds):
            figures = {}
            for server in _rotated(servers, number):
                load, figures[server.name] = measure(case, server, wrk)
                answered[server.name] += load.requests
            say(_line(case, number, figures))
            rounds.append(Round(figures, None if probe is None else probe.p50_ms(_PAIR_S)))
        for server in servers:
            _check_files(server, answered[server.name])
    return rounds


def measure(case: Case, server: Server, wrk: Wrk) -> tuple[Load, Figures]:
    """Put one server under load, and return what wrk saw and what it took."""
    before_s = cpu_s(server.pid)
    load = _load(case, server, wrk, case.duration_s)
    computed_s = cpu_s(server.pid) - before_s
    wait_until_idle(server.pid)
    if not load.requests:
        raise RoundFailed(f"{server.name} answered nothing in {case.duration_s} s")
    return load, Figures(
        requests_per_s=load.requests_per_s,
        p50_ms=load.p50_us / 1000,
        p99_ms=load.p99_us / 1000,
        cpu_s_per_1000=computed_s / load.requests * 1000,
        peak_rss_mb=peak_rss_mb(server.pid),
    )


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and most."""
    return Spread(median(values), min(values), max(values))


def figure(rounds: Sequence[Round], name: str, of: Figure) -> Spread:
    """Return one figure of one contender."""
    return spread([of(each.figures[name]) for each in rounds])


def ratio(rounds: Sequence[Round], name: str, other: str, of: Figure) -> Spread:
    """Return one figure of a contender, of another's in the same round."""
    return spread([of(each.figures[name]) / of(each.figures[other]) for each in rounds])


def of_disk(rounds: Sequence[Round], name: str) -> Spread:
    """Return a contender's p50, of the disk's own time in the same round."""
    return spread([each.figures[name].p50_ms / each.pair_ms for each in rounds if each.pair_ms])


def say(line: str) -> None:
    """Tell whoever waits how far it has come."""
    print(line, file=sys.stderr, flush=True)


def files_below(root: Path, suffix: str) -> Iterator[os.DirEntry[str]]:
    """Yield what readers see below a root: the files with this ending, staging left out."""
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith("."):
                    yield from files_below(Path(entry.path), suffix)
            elif entry.name.endswith(suffix):
                yield entry


def _load(case: Case, server: Server, wrk: Wrk, duration_s: int) -> Load:
    what = message(case.vendor, server.token)
    try:
        return wrk.post(server.port, what, case.connections, duration_s)
    except RoundFailed as failure:
        raise RoundFailed(f"{server.name}, {case.connections} connections: {failure}") from failure


def _warm_up(case: Case, server: Server, wrk: Wrk) -> int:
    requests = _load(case, server, wrk, WARM_UP_S).requests
    wait_until_idle(server.pid)
    return requests


def _rotated(servers: Sequence[Server], number: int) -> list[Server]:
    first = number % len(servers)
    return [*servers[first:], *servers[:first]]


def _check_files(server: Server, answered: int) -> None:
    """See that every answer has its files; a request that wrk cut off at the end may have some."""
    root = server.folder / "root"
    if not root.is_dir():
        return
    for suffix in (".txt", ".json"):
        found = sum(1 for _ in files_below(root, suffix))
        if found < answered:
            raise RoundFailed(f"{server.name} answered {answered} and has {found} {suffix}")


def _pair_probe(folder: Path, servers: Sequence[Server]) -> PairProbe:
    """Return a probe that writes what the first server with files writes."""
    keeps = next(each for each in servers if (each.folder / "root").is_dir())
    marker = Path(next(files_below(keeps.folder / "root", ".json")).path)
    contents = [marker.with_suffix(".txt").read_bytes(), marker.read_bytes()]
    return PairProbe(folder / _PAIR_FOLDER, contents)


def _line(case: Case, number: int, figures: Mapping[str, Figures]) -> str:
    rates = "  ".join(f"{name} {each.requests_per_s:.0f}/s" for name, each in figures.items())
    head = f"{case.vendor}, {case.connections} connections, round {number + 1} of {case.rounds}"
    return f"{head}: {rates}"
