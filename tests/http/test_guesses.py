"""Guessing is slow, and nobody else is."""

from asr_daemon.http.guesses import FREE_GUESSES, MOST_ORIGINS, Guesses


class Clock:
    """A clock that a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def guess(guesses: Guesses, origin: str = "a") -> float:
    """Guess wrong, and return how long that had to wait."""
    waited_s = guesses.wait_s(origin)
    guesses.wrong(origin, waited_s)
    return waited_s


def test_a_few_mistakes_are_free_and_then_there_is_one_a_second() -> None:
    """However many come at once, each further one is a second later than the one before."""
    guesses = Guesses(Clock())
    waits = [guess(guesses) for _ in range(FREE_GUESSES + 3)]
    assert waits == [0.0] * FREE_GUESSES + [1.0, 2.0, 3.0]


def test_time_heals() -> None:
    """After a while without mistakes they are free again."""
    clock = Clock()
    guesses = Guesses(clock)
    for _ in range(FREE_GUESSES + 1):
        guess(guesses)
    clock.now_s += FREE_GUESSES + 1
    assert [guess(guesses) for _ in range(FREE_GUESSES + 1)] == [0.0] * FREE_GUESSES + [1.0]


def test_others_are_not_hindered() -> None:
    """Each origin pays for itself."""
    guesses = Guesses(Clock())
    for _ in range(100):
        guess(guesses)
    assert guesses.wait_s("b") == 0.0


def test_memory_is_bounded() -> None:
    """An attacker with many addresses does not fill the memory."""
    guesses = Guesses(Clock())
    for number in range(MOST_ORIGINS + 10):
        guess(guesses, str(number))
    assert len(guesses._free_at_s) == MOST_ORIGINS


def test_who_goes_on_guessing_is_not_forgotten() -> None:
    """An attacker cannot make the daemon forget one address by using many others."""
    guesses = Guesses(Clock())
    for _ in range(FREE_GUESSES):
        guess(guesses, "persistent")
    for number in range(MOST_ORIGINS):
        guess(guesses, str(number))
        if number % 1000 == 0:
            assert guess(guesses, "persistent") > 0.0
    assert guess(guesses, "persistent") > 0.0
