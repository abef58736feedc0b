"""Storage health is logged when it changes."""

import pytest

from asr_daemon.output.health import CALM_S, Health


def test_one_line_each(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """However many are refused, there is one line for it, and one that counts them at the end."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    health = Health()
    for _ in range(3):
        health.unhealthy("disk full", 2)
        health.healthy()
    assert health.reason == "disk full"
    now += CALM_S
    health.healthy()
    assert health.reason is None
    assert [record.getMessage() for record in caplog.records] == [
        "results are being refused: disk full",
        "storage recovered; 6 results were refused",
    ]


def test_over_while_the_disk_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One result that was stored, and a moment without refusals, are enough."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    health = Health()
    health.unhealthy("disk full", 1)
    now += CALM_S
    assert health.reason == "disk full"
    health.unhealthy("disk full", 1)
    health.healthy()
    assert health.reason == "disk full"
    now += CALM_S
    assert health.reason is None


def test_again_after_it_was_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What begins after a moment of calm is reported again."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    health = Health()
    health.unhealthy("disk full", 1)
    health.healthy()
    now += CALM_S
    health.unhealthy("read-only", 1)
    assert [record.getMessage() for record in caplog.records] == [
        "results are being refused: disk full",
        "storage recovered; 1 results were refused",
        "results are being refused: read-only",
    ]
