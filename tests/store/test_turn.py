"""A turn: the loop holds still for a burst, and not for ever."""

import threading
import time

from asr_daemon.store.turn import MOST_STILL_S, Turn


def test_nobody_waits_where_there_is_no_burst() -> None:
    """Giving way costs nothing before and after a burst."""
    turn = Turn()
    with turn.burst():
        pass
    began_s = time.monotonic()
    turn.give_way()
    assert time.monotonic() - began_s < MOST_STILL_S


def test_nobody_waits_for_who_waits_for_the_disk() -> None:
    """The loop has the turn while the committer syncs."""
    turn = Turn()
    with turn.burst() as waiting, waiting:
        began_s = time.monotonic()
        turn.give_way()
        assert time.monotonic() - began_s < MOST_STILL_S


def test_a_burst_is_waited_for() -> None:
    """Giving way ends with the burst."""
    turn = Turn()
    order: list[str] = []
    begun = threading.Event()

    def burst() -> None:
        with turn.burst():
            begun.set()
            order.append("burst")

    with turn.burst():
        thread = threading.Thread(target=burst)
        thread.start()
    begun.wait()
    turn.give_way()
    order.append("loop")
    thread.join()
    assert order == ["burst", "loop"]


def test_a_long_burst_is_waited_for_once() -> None:
    """Where the disk is slow the loop goes on after a moment, and does not wait again for it."""
    turn = Turn()
    with turn.burst():
        began_s = time.monotonic()
        for _ in range(1000):
            turn.give_way()
        assert time.monotonic() - began_s < 1000 * MOST_STILL_S / 2


def test_the_next_burst_is_waited_for_again() -> None:
    """One burst that was long says nothing of the next, also in the same batch."""
    turn = Turn()
    with turn.burst() as waiting:
        turn.give_way()
        with waiting:
            pass
        began_s = time.monotonic()
        turn.give_way()
        assert time.monotonic() - began_s >= MOST_STILL_S / 2
