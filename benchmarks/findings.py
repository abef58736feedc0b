"""What a run has found, as one value."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.bodies import Vendor
from benchmarks.comparison import Case, Round, Spread


class Machine(Struct, frozen=True):
    """Where it ran."""

    processor: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    disk: str


class Compared(Struct, frozen=True):
    """A case and its rounds."""

    case: Case
    rounds: Sequence[Round]


class Sized(Struct, frozen=True):
    """How one contender took bodies of one size, one after another."""

    vendor: Vendor
    size_bytes: int
    name: str
    answer_ms: Spread | None
    """`None` if it refused the body."""
    cpu_ms: float | None
    peak_rss_mb: float


class Grown(Struct, frozen=True):
    """How fast the daemon is with a tree that is not empty."""

    tree: str
    requests_per_s: Spread
    of_empty: Spread


class Stalled(Struct, frozen=True):
    """The p99 of small requests, alone and beside a large body, in milliseconds."""

    large_mb: float
    idle_p99_ms: Spread
    decoding_p99_ms: Spread
    """While large bodies are received, decoded and rendered, and found to be known already."""
    storing_p99_ms: Spread
    """While large bodies are stored as well, so that the disk has to take their files."""


class Stretch(Struct, frozen=True):
    """A part of a soak."""

    callbacks: int
    """Since the beginning."""
    requests_per_s: float
    p99_ms: float
    rss_mb: float


class Soaked(Struct, frozen=True):
    """Memory and speed over many callbacks."""

    idle_rss_mb: float
    stretches: Sequence[Stretch]


class Findings(Struct):
    """Everything; what was not measured is empty."""

    machine: Machine
    compared: list[Compared]
    sized: list[Sized]
    grown: list[Grown]
    stalled: Stalled | None = None
    soaked: Soaked | None = None

    def rounds(self, vendor: Vendor, connections: int) -> Sequence[Round]:
        """Return the rounds of a case; none if it was not measured."""
        for each in self.compared:
            if (each.case.vendor, each.case.connections) == (vendor, connections):
                return each.rounds
        return ()


def this_machine(disk: str) -> Machine:
    """Return where this runs; `disk` says what the results are written to."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        processor=_processor(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        cores=os.cpu_count() or 1,
        memory_gb=round(memory_bytes / 1e9, 1),
        kernel=f"Linux {platform.release()}",
        python=platform.python_version(),
        disk=disk,
    )


def _processor(cpuinfo: str) -> str:
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    names = [value.strip() for name, _, value in lines if name.strip() == "model name"]
    return names[0] if names else platform.machine()
