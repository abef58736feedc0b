"""Guessing is slow, and nobody else is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from asr_daemon.errors import CallbackError, NotFound, TokenExpired, WrongCredentials
from asr_daemon.http.guesses import FREE_GUESSES, MOST_ORIGINS, Guesses, Turn

WRONG = WrongCredentials("wrong")
SHORT_S = 0.02


class Clock:
    """A clock that a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def guess(guesses: Guesses, origin: str = "a", error: CallbackError | None = WRONG) -> Turn | None:
    """Show credentials at the door of all tests."""
    return guesses.turn(origin, "door", error)


def run(test: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test on a loop, with turns that come fast."""
    monkeypatch.setattr("asr_daemon.http.guesses.INTERVAL_S", SHORT_S)

    async def body() -> None:
        await test()

    asyncio.run(body())


def test_a_few_mistakes_are_free_and_then_there_is_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many come at once, each further one is an interval later than the one before."""

    async def test() -> None:
        guesses = Guesses(Clock())
        turns = [guess(guesses) for _ in range(FREE_GUESSES + 3)]
        assert turns[:FREE_GUESSES] == [None] * FREE_GUESSES
        came_s = []
        for turn in turns[FREE_GUESSES:]:
            assert turn is not None
            await turn
            came_s.append(asyncio.get_running_loop().time())
        assert came_s[2] - came_s[0] >= 2 * SHORT_S * 0.9

    run(test, monkeypatch)


def test_time_heals() -> None:
    """After a while without mistakes they are free again."""

    async def test() -> None:
        clock = Clock()
        guesses = Guesses(clock)
        for _ in range(FREE_GUESSES):
            assert guess(guesses) is None
        clock.now_s += FREE_GUESSES + 1
        turns = [guess(guesses) for _ in range(FREE_GUESSES + 1)]
        assert [turn is None for turn in turns] == [True] * FREE_GUESSES + [False]

    asyncio.run(test())


def test_right_ones_wait_where_others_were_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of an answer does not tell a right guess from a wrong one; after its turn it is in.

    What lies behind the credentials, such as that there is no such path, tells no sooner.
    """

    async def test() -> None:
        guesses = Guesses(Clock())
        for _ in range(FREE_GUESSES):
            guess(guesses)
        turns = [guess(guesses, error=error) for error in (WRONG, NotFound("x"), None)]
        assert all(turns)
        right = turns[-1]
        assert right is not None
        await right
        assert all(turn.done() for turn in turns if turn is not None)
        assert guess(guesses) is not None
        assert guess(guesses, error=None) is None

    run(test, monkeypatch)


def test_who_was_right_before_does_not_wait() -> None:
    """Right credentials open the same door at once for their origin, whoever guesses there."""

    async def test() -> None:
        guesses = Guesses()
        assert guess(guesses, error=None) is None
        for _ in range(FREE_GUESSES):
            guess(guesses)
        assert guess(guesses) is not None
        assert guess(guesses, error=None) is None
        assert guesses.turn("a", "another door", None) is not None

    asyncio.run(test())


def test_who_hangs_up_is_not_let_in_later() -> None:
    """A right guess whose sender did not wait proves nothing, and leaves nothing behind."""

    async def test() -> None:
        guesses = Guesses()
        for _ in range(FREE_GUESSES):
            guess(guesses)
        for _ in range(100):
            turn = guess(guesses, error=None)
            assert turn is not None
            turn.cancel()
        await asyncio.sleep(0)
        assert guess(guesses, error=None) is not None
        assert len(guesses._buckets["a"]._waiting) == 1

    asyncio.run(test())


def test_a_token_that_is_over_is_told_at_once() -> None:
    """Its sender has to get a new one, and nobody can guess any."""

    async def test() -> None:
        guesses = Guesses()
        for _ in range(FREE_GUESSES + 1):
            guess(guesses)
        assert guess(guesses, error=TokenExpired("x")) is None

    asyncio.run(test())


def test_others_are_not_hindered() -> None:
    """Each origin pays for itself."""

    async def test() -> None:
        guesses = Guesses()
        for _ in range(100):
            guess(guesses)
        assert guess(guesses, "b") is None

    asyncio.run(test())


def test_memory_is_bounded() -> None:
    """An attacker with many addresses does not fill the memory, nor do many honest ones."""
    guesses = Guesses(Clock())
    for number in range(MOST_ORIGINS + 10):
        guess(guesses, f"wrong {number}")
        guess(guesses, f"right {number}", None)
    assert len(guesses._buckets) == len(guesses._proven) == MOST_ORIGINS


def test_who_goes_on_guessing_is_not_forgotten() -> None:
    """An attacker cannot make the daemon forget one address by using many others."""

    async def test() -> None:
        guesses = Guesses(Clock())
        for _ in range(FREE_GUESSES):
            guess(guesses, "persistent")
        for number in range(MOST_ORIGINS):
            guess(guesses, str(number))
            if number % 1000 == 0:
                assert guess(guesses, "persistent") is not None
        assert guess(guesses, "persistent") is not None

    asyncio.run(test())
