"""Whose turn it is: the committer's bursts of system calls, or the event loop's work.

Python runs one thread at a time, and lets another one in at every system call. Two threads that
both make short ones hand the interpreter to and fro, which takes longer than the calls themselves.
So the loop holds still while the committer has a burst of them, and has the interpreter to itself
while the committer waits for the disk.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from types import TracebackType

MOST_STILL_S = 0.005
"""How long the loop holds still for a burst, which takes a millisecond or two.

One that takes longer meets a disk that is slow to answer, and the loop goes on beside it.
"""


class Turn:
    """One turn between two threads: the committer's, unless it waits, and then the loop's."""

    def __init__(self) -> None:
        """Begin with the loop's."""
        self._burst = Lock()
        self._is_long = False

    @contextmanager
    def burst(self) -> Iterator[AbstractContextManager[None]]:
        """Take the turn for a block; yield what is entered around a part that waits for the disk.

        On the committer's thread.
        """
        self._begin()
        try:
            yield _Waiting(self._begin, self._end)
        finally:
            self._end()

    def give_way(self) -> None:
        """Hold still until a burst that has begun is over, or is found to be a long one."""
        if not self._burst.locked() or self._is_long:
            return
        if self._burst.acquire(timeout=MOST_STILL_S):
            self._burst.release()
        else:
            self._is_long = True

    def _begin(self) -> None:
        self._burst.acquire()

    def _end(self) -> None:
        self._is_long = False
        self._burst.release()


class _Waiting:
    """Lets the other thread have the turn for a block, again and again."""

    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._begin = begin
        self._end = end

    def __enter__(self) -> None:
        self._end()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._begin()
