"""Storage health is logged when it changes."""

import pytest

from asr_daemon.errors import CannotStore, NoRoomForRejected
from asr_daemon.output.base import Stored
from asr_daemon.output.health import CALM_S, Health, StorageHealth


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


FULL = CannotStore("full")
STORED = Stored("x.json", False)


def test_one_full_directory_is_not_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While results of another provider are stored the store is healthy."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    health = StorageHealth()
    health.stored([("tencent", FULL), ("huawei", STORED), ("tencent", FULL)])
    assert (health.reason, health.refused) == (None, {"tencent": "full"})
    health.checked(None, {"tencent": "full"})
    now += CALM_S
    assert (health.reason, health.refused) == (None, {"tencent": "full"})
    health.stored([("tencent", STORED)])
    now += CALM_S
    health.stored([("tencent", STORED)])
    assert (health.reason, health.refused) == (None, {})
    lines = [(record.getMessage(), record.__dict__["fields"]) for record in caplog.records]
    assert lines == [
        ("results are being refused: full", {"provider": "tencent"}),
        ("storage recovered; 2 results were refused", {"provider": "tencent"}),
    ]


def test_store_is_unhealthy_when_all_are_refused() -> None:
    """Also the only provider that there is."""
    health = StorageHealth()
    health.stored([("tencent", FULL)])
    assert health.reason == "full"
    health.stored([("huawei", FULL)])
    assert health.reason == "full"


def test_disk_that_fails_while_one_directory_is_full() -> None:
    """Then nothing can be stored."""
    health = StorageHealth()
    health.stored([("tencent", FULL), ("huawei", STORED)])
    health.checked("read-only", {"tencent": "read-only"})
    assert health.reason == "read-only"


def test_rejected_bodies_without_room_say_nothing_of_the_store() -> None:
    """Results are stored as ever."""
    health = StorageHealth()
    health.stored([("tencent", NoRoomForRejected("used up"))])
    assert (health.reason, health.refused) == (None, {})


def test_result_that_has_waited_since_before_the_recovery(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its time is over while storage catches up; what waits from then on is reported again."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    health = StorageHealth()
    health.silent("storage does not answer", 5.0)
    now += 4.8
    health.stored([("tencent", Stored("a.json", duplicate=False))])
    now += 0.1
    health.silent("storage does not answer", 5.0)
    assert health.reason is None
    now += 5.0
    health.silent("storage does not answer", 5.0)
    assert health.reason == "storage does not answer"
    assert [record.getMessage() for record in caplog.records] == [
        "results are being refused: storage does not answer",
        "storage recovered; 1 results were refused",
        "results are being refused: storage does not answer",
    ]
