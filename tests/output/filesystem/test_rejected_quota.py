"""The quota of rejected bodies."""

from pathlib import Path
from threading import Event

import pytest

from asr_daemon.output.filesystem import rejected_quota
from asr_daemon.output.filesystem.rejected_quota import COUNT_AGAIN_S, SLICE, Quota


def counted(folder: Path) -> Quota:
    """Return a quota that knows what is there."""
    quota = Quota(folder)
    quota.start_count().join()
    return quota


def test_takes_up_to_its_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is there already counts; what would be too much is refused, and that is logged once."""
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "old.body").write_bytes(b"x" * 60)
    quota = counted(tmp_path)
    taken = [quota.take(size, 100) for size in (30, 11, 11, 10)]
    assert taken == [True, False, False, True]
    assert caplog.text.count("limits.rejected is used up") == 1


def test_what_was_not_stored_is_given_back(tmp_path: Path) -> None:
    """A body that the disk did not take leaves its room to others."""
    quota = counted(tmp_path)
    assert quota.take(100, 100)
    quota.give_back(100)
    assert quota.take(100, 100)


def test_a_limit_that_changes_holds_for_the_next_body(tmp_path: Path) -> None:
    """Nothing is counted again for it."""
    quota = counted(tmp_path)
    assert [quota.take(60, 50), quota.take(60, 100), quota.take(60, 100)] == [False, True, False]


def test_full_folder_is_counted_again_after_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When somebody has made room, it is found, and not looked for more often."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    quota, counts = Quota(tmp_path), list[float]()

    def sizes(folder: Path) -> list[int]:
        counts.append(now)
        return [100] if now < 150.0 else []

    monkeypatch.setattr(rejected_quota, "_sizes_below", sizes)
    quota.start_count().join()
    assert not quota.take(1, 100)
    now += COUNT_AGAIN_S
    assert not quota.take(1, 100)
    while not quota.take(1, 100):
        pass
    assert counts == [100.0, 160.0]


def test_bodies_are_taken_while_the_first_count_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are added to what is counted; between slices the count pauses."""
    for number in range(SLICE):
        (tmp_path / f"{number}.body").write_bytes(b"x")
    paused, go_on = Event(), Event()

    def pause(seconds: float) -> None:
        paused.set()
        go_on.wait()

    monkeypatch.setattr("time.sleep", pause)
    quota = Quota(tmp_path)
    counting = quota.start_count()
    paused.wait()
    assert quota.take(50, 2 * SLICE)
    go_on.set()
    counting.join()
    assert not quota.take(51, 2 * SLICE)
    assert quota.take(50, 2 * SLICE)


def test_count_that_fails_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With its reason; bodies are counted as they come."""

    def broken(folder: Path) -> list[int]:
        raise MemoryError("too many")

    monkeypatch.setattr(rejected_quota, "_sizes_below", broken)
    assert counted(tmp_path).take(1, 100)
    assert "rejected bodies not counted" in caplog.text
    assert "too many" in caplog.text


def test_no_folder_yet(tmp_path: Path) -> None:
    """Before anything was rejected there is all the room."""
    assert counted(tmp_path / "rejected").take(100, 100)
