"""How many callbacks came in each minute of the last hour."""

from collections import Counter
from collections.abc import Callable, Mapping

from msgspec import Struct

MINUTES = 60


class Minute(Struct, frozen=True):
    """What was counted in one minute."""

    began_at: int
    """Unix seconds."""
    counts: Mapping[tuple[str, str], int]
    """By provider and outcome."""


class MinuteCounts:
    """Turns counters that only grow into counts of a minute."""

    def __init__(self, read: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        """`read` returns the counters: by provider, then by outcome."""
        self._read = read
        self._totals: dict[int, Counter[tuple[str, str]]] = {}

    def note(self, now: float) -> None:
        """Look at the counters; once in a few seconds is enough. `now` is in Unix seconds."""
        self._totals[int(now // 60)] = Counter(
            {
                (provider, outcome): number
                for provider, outcomes in self._read().items()
                for outcome, number in outcomes.items()
            }
        )
        for minute in sorted(self._totals)[: -MINUTES - 1]:
            del self._totals[minute]

    def minutes(self, now: float) -> list[Minute]:
        """Return the last hour, oldest minute first; minutes before the start have nothing."""
        first = int(now // 60) - MINUTES
        earlier = [minute for minute in self._totals if minute <= first]
        total = self._totals[max(earlier)] if earlier else Counter[tuple[str, str]]()
        minutes = []
        for number in range(first + 1, first + 1 + MINUTES):
            before, total = total, self._totals.get(number, total)
            minutes.append(Minute(number * 60, total - before))
        return minutes
