"""Trouble is said when it begins and when it is over."""

import pytest

from asr_daemon.store.trouble import CALM_S, Trouble


def test_one_line_each(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """However many are refused, there is one line for it, and one that counts them at the end."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    trouble = Trouble()
    for _ in range(3):
        trouble.met("disk full", 2)
        trouble.absent()
    assert trouble.reason == "disk full"
    now += CALM_S
    trouble.absent()
    assert trouble.reason is None
    assert [record.getMessage() for record in caplog.records] == [
        "results are being refused: disk full",
        "results are stored again; 6 were refused",
    ]


def test_over_while_the_disk_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One result that was stored, and a moment without refusals, are enough."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    trouble = Trouble()
    trouble.met("disk full", 1)
    now += CALM_S
    assert trouble.reason == "disk full"
    trouble.met("disk full", 1)
    trouble.absent()
    assert trouble.reason == "disk full"
    now += CALM_S
    assert trouble.reason is None


def test_again_after_it_was_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What begins after a moment of calm is another trouble."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    trouble = Trouble()
    trouble.met("disk full", 1)
    trouble.absent()
    now += CALM_S
    trouble.met("read-only", 1)
    assert [record.getMessage() for record in caplog.records] == [
        "results are being refused: disk full",
        "results are stored again; 1 were refused",
        "results are being refused: read-only",
    ]
