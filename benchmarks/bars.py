"""What has to be reached: a floor, and the aim that the work is for."""

from collections.abc import Sequence

from msgspec import Struct

from benchmarks.comparison import Round, Spread, of_disk, ratio, spread
from benchmarks.contenders import DAEMON, FASTAPI, TORNADO
from benchmarks.findings import Findings, Soaked, Stalled

USUAL_CONNECTIONS = 32
MANY_CONNECTIONS = 256
SOAK_CALLBACKS = 1_000_000

ONE_TREE = "1,000,000 results in the tree"
ONE_FOLDER = "100,000 results in the folder"


class Bar(Struct, frozen=True):
    """A figure, how good it has to be, and how good it is."""

    what: str
    floor: float
    aim: float
    found: Spread | None
    """`None` if this run did not measure it."""
    unit: str = ""

    @property
    def verdict(self) -> str:
        """Say what was reached."""
        if self.found is None:
            return "not measured"
        if self._reaches(self.found.median, self.aim):
            return "aim"
        return "floor" if self._reaches(self.found.median, self.floor) else "missed"

    def _reaches(self, value: float, mark: float) -> bool:
        """Compare; the aim tells whether more or less is better."""
        return value >= mark if self.aim > self.floor else value <= mark


def bars(findings: Findings) -> list[Bar]:
    """Return every figure that has to be reached."""
    usual = findings.rounds("huawei", USUAL_CONNECTIONS)
    many = findings.rounds("huawei", MANY_CONNECTIONS)
    alone = findings.rounds("huawei", 1)
    return [
        Bar("requests/s at 32 connections, of bare Tornado's", 0.6, 0.75, _rate(usual, TORNADO)),
        Bar("requests/s at 256 connections, of bare Tornado's", 0.7, 0.95, _rate(many, TORNADO)),
        Bar("CPU per request, of bare Tornado's", 1.5, 1.2, _cpu(usual, TORNADO)),
        Bar("requests/s, of FastAPI's with fsync", 2.0, 2.5, _rate(usual, FASTAPI)),
        Bar("CPU per request, of FastAPI's with fsync", 0.6, 0.5, _cpu(usual, FASTAPI)),
        Bar("p50 at one connection, of the disk's own time", 3.0, 2.0, _disk(alone)),
        Bar("p99 at 32 connections, of bare Tornado's", 2.0, 1.5, _p99(usual)),
        *_growth(findings),
        *_memory(findings.soaked),
        Bar(
            "small requests' p99 above idle beside 50 MB",
            100.0,
            20.0,
            _stall(findings.stalled),
            "ms",
        ),
    ]


def _rate(rounds: Sequence[Round], other: str) -> Spread | None:
    return ratio(rounds, DAEMON, other, lambda each: each.requests_per_s) if rounds else None


def _cpu(rounds: Sequence[Round], other: str) -> Spread | None:
    return ratio(rounds, DAEMON, other, lambda each: each.cpu_s_per_1000) if rounds else None


def _p99(rounds: Sequence[Round]) -> Spread | None:
    return ratio(rounds, DAEMON, TORNADO, lambda each: each.p99_ms) if rounds else None


def _disk(rounds: Sequence[Round]) -> Spread | None:
    return of_disk(rounds, DAEMON) if rounds else None


def _growth(findings: Findings) -> list[Bar]:
    found = {each.tree: each.of_empty for each in findings.grown}
    return [
        Bar(f"requests/s with {tree}, of an empty tree's", 0.85, 0.95, found.get(tree))
        for tree in (ONE_TREE, ONE_FOLDER)
    ]


def _memory(soaked: Soaked | None) -> list[Bar]:
    idle = growth = None
    if soaked is not None:
        idle = spread([soaked.idle_rss_mb])
        if soaked.stretches and soaked.stretches[-1].callbacks >= SOAK_CALLBACKS:
            growth = spread([soaked.stretches[-1].rss_mb - soaked.idle_rss_mb])
    return [
        Bar("RSS idle", 60.0, 45.0, idle, "MB"),
        Bar("RSS growth after 1,000,000 callbacks", 5.0, 1.0, growth, "MB"),
    ]


def _stall(stalled: Stalled | None) -> Spread | None:
    if stalled is None:
        return None
    idle, busy = stalled.idle_p99_ms, stalled.decoding_p99_ms
    return Spread(busy.median - idle.median, busy.least - idle.median, busy.most - idle.median)
