"""Options of the whole suite, and the values that many tests begin with."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import Any

import pytest
from hypothesis import settings

from asr_daemon.transcript import Segment, Transcript

LONG_TIMEOUT_S = 1200
"""For a test of a long run, where much more is generated; pyproject.toml has the everyday one."""

settings.register_profile("everyday", max_examples=50, deadline=None)
settings.register_profile("long", max_examples=10_000, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`, which CI sets, and what makes a run longer still, or the same once more."""
    parser.addoption("--long", action="store_true", help="also run what takes minutes")
    nightly = "as --long, with ten times as many hostile requests"
    parser.addoption("--nightly", action="store_true", help=nightly)
    rounds = "how often the long test kills the daemon (default: %(default)s)"
    parser.addoption("--rounds", type=int, default=50, help=rounds)
    seed = "what chance begins with; by default another one each time"
    parser.addoption("--seed", type=int, default=SystemRandom().randrange(1 << 32), help=seed)


def pytest_configure(config: pytest.Config) -> None:
    """Choose how much is generated, and name the marker of the long tests."""
    # Images of containers say so, and then every daemon would compile the whole package again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    settings.load_profile("long" if _is_long(config) else "everyday")
    config.addinivalue_line("markers", "long: takes minutes; run with --long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out of an everyday run, and give all more time in another."""
    if _is_long(config):
        for item in items:
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S))
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


def _is_long(config: pytest.Config) -> bool:
    return bool(config.getoption("--long") or config.getoption("--nightly"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures that tests have noted."""
    for report in terminalreporter.getreports("passed"):
        for name, number in report.user_properties:
            terminalreporter.line(f"{report.nodeid}: {number} {name}")


NoteFigure = Callable[[str, int], None]


@pytest.fixture
def note_figure(request: pytest.FixtureRequest) -> NoteFigure:
    """Return what notes how much a test has seen: what it counted, and how many."""

    def note(name: str, number: int) -> None:
        request.node.user_properties.append((name, number))

    return note


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """Return the chance of this run; its seed is printed if the test fails."""
    seed = request.config.getoption("--seed")
    request.node.add_report_section("setup", "chance", f"--seed={seed}")
    return Random(seed)  # noqa: S311 - to be repeated, not a secret


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """Return `--rounds`."""
    return int(request.config.getoption("--rounds"))


@pytest.fixture
def hostile_requests(request: pytest.FixtureRequest) -> int:
    """Return how many hostile requests each test of them makes in this run."""
    if request.config.getoption("--nightly"):
        return 100_000
    return 10_000 if request.config.getoption("--long") else 100


MakeTranscript = Callable[..., Transcript]


@pytest.fixture
def make_transcript() -> MakeTranscript:
    """Return a maker of transcripts; what a test is about it names, the rest is filled in."""

    def make(**changes: Any) -> Transcript:
        values: dict[str, Any] = {
            "provider": "tencent",
            "id": "4000048858",
            "name": "4000048858",
            "received_at": datetime(2026, 11, 21, 12, 34, 56, 789_000, tzinfo=UTC),
            "digest": "sha256:" + "ab" * 32,
            "segments": (Segment("first sentence", 1640, 4600),),
            "query": {},
            "payload": {"code": "0"},
        }
        return Transcript(**{**values, **changes})

    return make
