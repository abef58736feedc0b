"""Whose turn it is: the committer's bursts of system calls, or the event loop's work.

Python runs one thread at a time, and lets another one in at every system call. Two threads that
both make short ones hand the interpreter to and fro, which takes longer than the calls themselves.
So the loop holds still while the committer has a burst of them, and has the interpreter to itself
while the committer waits for the disk.
"""

from threading import Lock
from types import TracebackType

MOST_STILL_S = 0.005
"""How long the loop holds still for a burst, which takes a millisecond or two.

One that takes longer meets a disk that is slow to answer, and the loop goes on beside it.
"""


class Turn:
    """One turn between two threads: entered around each burst, and given way to by the loop."""

    def __init__(self) -> None:
        """Begin with no burst."""
        self._burst = Lock()
        self._is_long = False

    def __enter__(self) -> None:
        """Begin a burst; on the committer's thread."""
        self._burst.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End a burst."""
        self._is_long = False
        self._burst.release()

    def give_way(self) -> None:
        """Hold still until a burst that has begun is over, or is found to be a long one."""
        if not self._burst.locked() or self._is_long:
            return
        if self._burst.acquire(timeout=MOST_STILL_S):
            self._burst.release()
        else:
            self._is_long = True
