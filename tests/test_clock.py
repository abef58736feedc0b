"""Before the clock is set, results are stored by the last time that is known."""

from datetime import UTC, datetime

import pytest

from asr_daemon.clock import EARLIEST, Clock

NOW = datetime(2028, 3, 1, tzinfo=UTC)


class Faces:
    """What the system's clocks show."""

    def __init__(self, system_s: float) -> None:
        self.system_s = system_s
        self.monotonic_s = 50.0

    def clock(self) -> Clock:
        """Return a clock that goes by these."""
        return Clock(lambda: self.system_s, lambda: self.monotonic_s)


def test_clock_that_is_set() -> None:
    """It is believed."""
    clock = Faces(NOW.timestamp()).clock()
    clock.know(NOW.timestamp() + 1000)
    assert clock.now() == NOW


def test_clock_that_is_not_set(caplog: pytest.LogCaptureFixture) -> None:
    """The last time that is known counts, and goes on."""
    faces = Faces(system_s=30.0)
    clock = faces.clock()
    clock.know(NOW.timestamp())
    faces.monotonic_s += 60
    clock.warn()
    moment = NOW.replace(minute=1)
    assert clock.now() == moment
    assert "the clock is not set (1970-01-01 00:00:30+00:00)" in caplog.text


def test_clock_that_is_set_meanwhile() -> None:
    """From then on it is believed."""
    faces = Faces(system_s=30.0)
    clock = faces.clock()
    assert clock.now() >= EARLIEST
    faces.system_s = NOW.timestamp()
    assert clock.now() == NOW
