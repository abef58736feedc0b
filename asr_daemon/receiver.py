"""The path of one callback: decode, name, render, commit, answer."""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Protocol

from asr_daemon.errors import CallbackError
from asr_daemon.layout import Layout
from asr_daemon.providers.base import Answer, Callback, Head, Provider
from asr_daemon.renderers.base import Renderer
from asr_daemon.store.files import Result, Stored
from asr_daemon.transcript import Transcript

LARGEST_ON_LOOP = 64 * 1024
"""Bodies up to this many bytes are decoded and rendered on the event loop, larger ones beside it.

Below it a hand-over between threads costs more than the work; above it the work would hold up
other callbacks.
"""

_log = logging.getLogger(__name__)


class Commit(Protocol):
    """What makes a result durable: `Committer`, or a double in tests."""

    async def commit(self, result: Result) -> Stored:
        """Return when `result` is on stable storage, or raise `CannotStore`."""
        ...


class Receiver:
    """Receives the callbacks of one provider."""

    def __init__(
        self,
        provider: Provider,
        layout: Layout,
        renderers: Sequence[Renderer],
        committer: Commit,
        heavy: Executor,
    ) -> None:
        """Take the rooms that a callback passes through.

        Args:
            provider: decodes, and words the answers.
            layout: names results.
            renderers: the formats of a transcript, the marker last; a failed task has only that.
            committer: makes results durable.
            heavy: runs what would hold up the event loop.
        """
        self.name = provider.name
        self._provider = provider
        self._layout = layout
        self._renderers = tuple(renderers)
        self._committer = committer
        self._heavy = heavy

    def admit(self, head: Head) -> None:
        """Judge a request by its head, as `Provider.admit` does."""
        self._provider.admit(head)

    async def respond(self, callback: Callback) -> Answer:
        """Return the answer for a callback whose result is on stable storage.

        Raises:
            CallbackError: it is not, and `refuse` words the answer.
        """
        began_s = time.monotonic()
        result = await self._prepare(callback)
        stored = await self._committer.commit(result)
        _log_stored(result, stored, len(callback.body), time.monotonic() - began_s)
        return self._provider.acknowledge()

    def refuse(self, error: CallbackError) -> Answer:
        """Return the answer for a callback that is not acknowledged."""
        return self._provider.refuse(error)

    async def _prepare(self, callback: Callback) -> Result:
        if len(callback.body) <= LARGEST_ON_LOOP:
            return self._result(callback)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._heavy, self._result, callback)

    def _result(self, callback: Callback) -> Result:
        transcript = self._provider.decode(callback)
        place = self._layout.place(transcript)
        return Result(
            provider=transcript.provider,
            id=transcript.id,
            digest=transcript.digest,
            directory=place.directory,
            stem=place.stem,
            files=self._render(transcript),
        )

    def _render(self, transcript: Transcript) -> tuple[tuple[str, bytes], ...]:
        failed = transcript.status == "failed"
        renderers = self._renderers[-1:] if failed else self._renderers
        return tuple((each.suffix, each.render(transcript)) for each in renderers)


def _log_stored(result: Result, stored: Stored, body_bytes: int, took_s: float) -> None:
    fields = {
        "provider": result.provider,
        "id": result.id,
        "outcome": "duplicate" if stored.duplicate else "committed",
        "path": stored.path,
        "bytes": body_bytes,
        "ms": round(took_s * 1000, 1),
    }
    _log.info("callback acknowledged", extra={"fields": fields})
