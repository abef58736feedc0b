"""The quota of rejected bodies."""

from pathlib import Path

import pytest

from asr_daemon.store.rejected import Quota


def test_takes_up_to_its_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is there already counts; what would be too much is refused, and that is said once."""
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "old.body").write_bytes(b"x" * 60)
    quota = Quota(tmp_path, 100)
    assert [quota.take(30), quota.take(11), quota.take(11), quota.take(10)] == [
        True,
        False,
        False,
        True,
    ]
    assert caplog.text.count("limits.rejected is used up") == 1


def test_counts_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody has made room, it is found within a minute."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    file = tmp_path / "old.body"
    file.write_bytes(b"x" * 100)
    quota = Quota(tmp_path, 100)
    assert not quota.take(1)
    file.unlink()
    assert not quota.take(1)
    now += 60.0
    assert quota.take(1)


def test_no_folder_yet(tmp_path: Path) -> None:
    """Before anything was rejected there is all the room."""
    assert Quota(tmp_path / "rejected", 100).take(100)
