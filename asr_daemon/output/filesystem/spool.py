"""Large bodies: written to the staging folder while they arrive."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from asr_daemon.errors import CannotStore
from asr_daemon.output.base import refusal_of
from asr_daemon.output.filesystem.staging import StagedFile

PATIENCE_S = 5.0
"""How long a sender waits for its body to be taken on a disk that does not answer."""

T = TypeVar("T")


class SpooledBody:
    """The body of a request, on the disk. Used on the event loop, which never waits for it."""

    def __init__(self, file: StagedFile, executor: Executor) -> None:
        self.content = file
        self.size_bytes = 0
        self._executor = executor

    @classmethod
    async def open(cls, stage: Callable[[], StagedFile], executor: Executor) -> "SpooledBody":
        """Return an empty body.

        Raises:
            CannotStore: no file can be staged.
        """
        staging = executor.submit(stage)
        try:
            return cls(await _bounded(asyncio.wrap_future(staging)), executor)
        except BaseException:
            # It may be made after the time is up.
            staging.add_done_callback(_discard_late)
            raise

    async def write(self, chunk: bytes) -> None:
        """Write what has arrived.

        Raises:
            CannotStore: the disk does not take it, or not within `PATIENCE_S`.
        """
        writing = self._executor.submit(self.content.write, chunk)
        await _bounded(asyncio.wrap_future(writing))
        self.size_bytes += len(chunk)

    def read(self) -> bytes:
        """Return the whole body; on any thread but the event loop's.

        Raises:
            CannotStore: it cannot be read.
        """
        try:
            return self.content.read()
        except OSError as error:
            raise refusal_of(error) from error

    def discard(self) -> None:
        """Close and remove it, soon; may be called again, and while it is being written."""
        self.content.discard()


async def _bounded(answer: "asyncio.Future[T]") -> T:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await answer
    except TimeoutError:
        raise CannotStore("the result cannot be stored now: storage does not answer") from None
    except OSError as error:
        raise refusal_of(error) from error


def _discard_late(staging: Future[StagedFile]) -> None:
    if not staging.cancelled() and staging.exception() is None:
        staging.result().discard()
