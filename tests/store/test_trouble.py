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
