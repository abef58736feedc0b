"""Findings to show, with round numbers."""

from benchmarks.bodies import Vendor
from benchmarks.comparison import Case, Figures, Round
from benchmarks.contenders import DAEMON, FASTAPI, TORNADO
from benchmarks.findings import Compared, Findings, Machine

MACHINE = Machine("A Processor", 2, 24.9, "Linux 6.1.0", "3.11.2", "a fresh folder")


def figures(requests_per_s: float, cpu_s_per_1000: float) -> Figures:
    """Return figures of which only these two matter."""
    return Figures(requests_per_s, 8.0, 16.0, cpu_s_per_1000, 40.0)


def one_round(daemon_per_s: float, pair_ms: float | None = None) -> Round:
    """Return a round in which bare Tornado does 1,000 a second, and FastAPI 400."""
    return Round(
        {
            DAEMON: figures(daemon_per_s, 0.6),
            TORNADO: figures(1000, 0.4),
            FASTAPI: figures(400, 1.6),
        },
        pair_ms,
    )


def compared(vendor: Vendor, connections: int, *rounds: Round) -> Compared:
    """Return a case of these rounds."""
    return Compared(Case(vendor, connections, len(rounds), 5), rounds)


def findings(*cases: Compared) -> Findings:
    """Return findings of which only the comparison was measured."""
    return Findings(MACHINE, list(cases), [], [])
