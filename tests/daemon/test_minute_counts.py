"""Callbacks are counted by the minute."""

from asr_daemon.daemon.minute_counts import MinuteCounts

BEGAN = 1_795_264_500
"""The first second of a minute."""


class Counters:
    """Counters that a test sets."""

    committed = 0

    def read(self) -> dict[str, dict[str, int]]:
        """Return them."""
        return {"tencent": {"committed": self.committed, "failed": 0}}


def test_each_minute_has_its_own() -> None:
    counters = Counters()
    history = MinuteCounts(counters.read)
    for second, committed in ((0, 0), (30, 2), (59, 3), (61, 4), (200, 10)):
        counters.committed = committed
        history.note(BEGAN + second)
    minutes = history.minutes(BEGAN + 200)
    assert len(minutes) == 60
    assert minutes[-1].began_at == BEGAN + 180
    counts = [minute.counts.get(("tencent", "committed"), 0) for minute in minutes]
    assert counts[-5:] == [0, 3, 1, 0, 6]
    assert sum(counts) == 10


def test_an_hour_later_only_that_hour_is_left() -> None:
    counters = Counters()
    history = MinuteCounts(counters.read)
    for minute in range(200):
        counters.committed += minute
        history.note(BEGAN + 60 * minute)
    minutes = history.minutes(BEGAN + 60 * 199)
    counts = [minute.counts["tencent", "committed"] for minute in minutes]
    assert counts == list(range(140, 200))


def test_quiet_hour() -> None:
    counters = Counters()
    counters.committed = 7
    history = MinuteCounts(counters.read)
    history.note(BEGAN)
    assert all(not minute.counts for minute in history.minutes(BEGAN + 7200))
