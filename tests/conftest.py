"""Options of the whole suite, and the values that many tests begin with."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings

from asr_daemon.transcript import Segment, Transcript

settings.register_profile("everyday", max_examples=100, deadline=None)
settings.register_profile("long", max_examples=10_000, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`, which CI sets."""
    parser.addoption("--long", action="store_true", help="also run what takes minutes")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how much is generated, and name the marker of the long tests."""
    settings.load_profile("long" if config.getoption("--long") else "everyday")
    config.addinivalue_line("markers", "long: takes minutes; run with --long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out of an everyday run."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


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
