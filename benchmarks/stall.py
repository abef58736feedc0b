"""What small requests feel while a large body is worked on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, repeat
from pathlib import Path
from threading import Event, Thread

from benchmarks.bodies import Message, message
from benchmarks.comparison import say, spread
from benchmarks.contenders import Server, daemon, running
from benchmarks.findings import Stalled
from benchmarks.load import RoundFailed, Wrk

LARGE_BYTES = 50_000_000

_CONNECTIONS = 4
_WARM_UP_S = 2
_FIRST_ID = 10**12 - 10**6


def stall(folder: Path, wrk: Wrk, rounds: int, duration_s: int) -> Stalled:
    """Measure the p99 of small requests alone, and beside large ones that follow each other.

    A large body that comes again is decoded and rendered, and then found to be known already:
    this is how decoding is told from the disk's work on files of so many bytes.

    Raises:
        RoundFailed: something was refused, or no large body was answered meanwhile.
    """
    idle_ms, decoding_ms, storing_ms = [], [], []
    fresh = count(1)
    with running([daemon()], folder) as servers:
        server = servers[0]
        _p99_ms(server, wrk, _WARM_UP_S)
        server.post(_large(server, 0))
        for number in range(rounds):
            idle_ms.append(_p99_ms(server, wrk, duration_s))
            with _large_bodies(server, repeat(0).__next__):
                decoding_ms.append(_p99_ms(server, wrk, duration_s))
            with _large_bodies(server, fresh.__next__):
                storing_ms.append(_p99_ms(server, wrk, duration_s))
            say(f"large bodies, round {number + 1} of {rounds}")
    return Stalled(LARGE_BYTES / 1e6, spread(idle_ms), spread(decoding_ms), spread(storing_ms))


def _p99_ms(server: Server, wrk: Wrk, duration_s: int) -> float:
    small = message("huawei", server.token)
    return wrk.post(server.port, small, _CONNECTIONS, duration_s).p99_us / 1000


def _large(server: Server, number: int) -> Message:
    """Return a large body of a task whose id no small one has."""
    return message("huawei", server.token, LARGE_BYTES).with_id(_FIRST_ID + number)


@contextmanager
def _large_bodies(server: Server, next_number: Callable[[], int]) -> Iterator[None]:
    """Post one large body after another until the block ends."""
    stop = Event()
    answered = []

    def post() -> None:
        while not stop.is_set():
            answered.append(server.post(_large(server, next_number())))

    sender = Thread(target=post, daemon=True)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()
    if not answered:
        raise RoundFailed("no large body was answered")
