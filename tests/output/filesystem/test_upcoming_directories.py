"""Directories are there before their first results."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from asr_daemon.output.filesystem.upcoming_directories import AHEAD, UpcomingDirectories
from tests.output.filesystem.conftest import SETTINGS, output_at

Expected = Callable[[datetime], list[str]]


def moment() -> datetime:
    """Return the time."""
    return datetime(2026, 11, 21, tzinfo=UTC)


def now_and_soon() -> Expected:
    """Return what expects one directory now, and another one soon."""
    began: list[datetime] = []

    def expected(moment: datetime) -> list[str]:
        began.append(moment)
        return ["now"] if moment < began[0] + AHEAD else ["soon"]

    return expected


def test_directories_of_now_and_soon_are_made(tmp_path: Path) -> None:
    """At start; those of failed tasks where some have failed before."""
    (tmp_path / "root/failed/now").mkdir(parents=True)
    output = output_at(tmp_path)
    output.apply(structs.replace(SETTINGS, expected=now_and_soon()))
    output.open()
    names = [str(path.relative_to(tmp_path / "root")) for path in (tmp_path / "root").rglob("*/")]
    output.close()
    wanted = {".staging", "failed", "failed/now", "now", "soon"}
    assert {name for name in names if "tree-" not in name} == wanted


def test_each_is_made_once() -> None:
    """A reader that tidies up is not worked against."""
    made: list[str] = []
    ahead, expected = UpcomingDirectories(made.append, moment), now_and_soon()
    for _ in range(2):
        ahead.make(expected, at_once=True)
    assert made == ["now", "soon"]


def test_directory_that_cannot_be_made(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once; the others are made."""
    made: list[str] = []

    def make(directory: str) -> None:
        if directory == "now":
            raise PermissionError(13, "Permission denied", "/x/now")
        made.append(directory)

    ahead, expected = UpcomingDirectories(make, moment), now_and_soon()
    for _ in range(2):
        ahead.make(expected, at_once=True)
    assert made == ["soon"]
    assert caplog.messages == ["results cannot be stored in now: Permission denied: /x/now"]
