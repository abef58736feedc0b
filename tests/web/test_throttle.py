"""Failed attempts are slowed down, by address."""

import asyncio

from asr_daemon.web.throttle import FREE_ATTEMPTS, MAX_ADDRESSES, MAX_DELAY_S, Throttle


class Clock:
    """A clock that a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def delays(throttle: Throttle, count: int, network: str = "192.0.2.1") -> list[float]:
    """Return how long each of so many refusals has to wait."""
    return [throttle.count(network) for _ in range(count)]


def test_a_few_attempts_are_free_and_further_ones_wait_for_each_other() -> None:
    """However many fail at once, each further refusal is a second later, up to a longest."""
    throttle = Throttle(Clock())
    assert delays(throttle, FREE_ATTEMPTS) == [0.0] * FREE_ATTEMPTS
    assert delays(throttle, 3) == [1.0, 2.0, 3.0]
    assert max(delays(throttle, 100)) == MAX_DELAY_S


def test_addresses_are_apart() -> None:
    """Nobody waits for the failures of another address."""
    throttle = Throttle(Clock())
    delays(throttle, 50)
    assert throttle.count("192.0.2.2") == 0.0


def test_attempts_are_free_again_later() -> None:
    """One each second, however many have failed before."""
    clock = Clock()
    throttle = Throttle(clock)
    delays(throttle, 1000)
    clock.now_s += MAX_DELAY_S
    assert delays(throttle, 2) == [0.0, 1.0]
    clock.now_s += FREE_ATTEMPTS + 2.0
    assert delays(throttle, FREE_ATTEMPTS) == [0.0] * FREE_ATTEMPTS


def test_so_many_addresses_are_remembered() -> None:
    """The one that was quiet longest is forgotten first."""
    throttle = Throttle(Clock())
    delays(throttle, FREE_ATTEMPTS, "first")
    delays(throttle, FREE_ATTEMPTS, "second")
    for number in range(MAX_ADDRESSES - 1):
        throttle.count(str(number))
    assert throttle.count("second") == 1.0
    assert throttle.count("first") == 0.0


def test_release() -> None:
    """Whoever waits does so no longer, and nobody waits any more."""

    async def run() -> None:
        throttle = Throttle(Clock())
        waiting = asyncio.create_task(throttle.wait(60.0))
        await asyncio.sleep(0)
        throttle.release()
        await asyncio.wait_for(waiting, 1.0)
        assert delays(throttle, 100) == [0.0] * 100

    asyncio.run(run())


def test_wait() -> None:
    """A refusal waits no longer than it has to."""
    asyncio.run(asyncio.wait_for(Throttle().wait(0.001), 1.0))
