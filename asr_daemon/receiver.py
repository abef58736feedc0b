"""The path of one callback: decode, name, render, commit, answer."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Protocol

from msgspec import Struct

from asr_daemon.errors import CallbackError, CannotStore, NoRoomForRejected, NotUnderstood
from asr_daemon.layout import Layout
from asr_daemon.metrics import Metrics, Outcome
from asr_daemon.output.base import Content, Result, Stored, refusal_of
from asr_daemon.output.filesystem.staging import StagedFile
from asr_daemon.providers.base import Answer, Callback, Head, Provider
from asr_daemon.renderers.base import Renderer
from asr_daemon.renderers.rejection import render_rejection
from asr_daemon.transcript import Transcript, fingerprint_of, identity_of

LARGEST_ON_LOOP = 32 * 1024
"""Bodies up to this many bytes are decoded and rendered on the event loop, larger ones beside it.

Up to it a body is decoded in one call, and few take more than a millisecond or two, while a
hand-over between threads takes half of one; above it the work would hold up other callbacks.
"""

SWITCH_S = 0.0005
"""How long a small callback waits for its turn, each time, while a large one is being worked on."""

LARGEST_HELD = 1024 * 1024
"""Files up to this many bytes are held in memory until they are committed."""

_log = logging.getLogger(__name__)


class SpooledBody(Protocol):
    """A large body on disk."""

    def read(self) -> bytes:
        """Return all of it; on any thread."""
        ...

    def discard(self) -> None:
        """Delete it."""
        ...


class Commit(Protocol):
    """What makes a result durable: `Committer`, or a double in tests."""

    async def commit(self, result: Result) -> Stored:
        """Return when the result is on stable storage; raise `CannotStore` if it is not."""
        ...


class Rooms(Struct, frozen=True):
    """What every callback passes through, whoever its provider is."""

    layout: Layout
    renderers: tuple[Renderer, ...]
    """The formats of a transcript, the marker last; a task that failed has only that."""
    committer: Commit
    stage: Callable[[], StagedFile]
    """Returns an empty file for what is too large to be held, or raises `CannotStore`."""
    heavy: Executor
    """Runs what would hold up the event loop."""
    metrics: Metrics


class Receiver:
    """Receives the callbacks of one provider."""

    anonymous_bytes = None
    """The head of a callback says whether it is let in."""

    def __init__(self, provider: Provider, rooms: Rooms) -> None:
        """Take who decodes and words the answers, and what lies between."""
        self.name = provider.name
        self._provider = provider
        self._rooms = rooms

    def admit(self, head: Head) -> None:
        """Judge a request by its head, as `Provider.admit` does."""
        self._provider.admit(head)

    async def respond(self, head: Head, body: bytes | SpooledBody, received_at: datetime) -> Answer:
        """Return the answer for a callback whose result is on stable storage.

        Raises:
            CallbackError: it is not, and `refuse` words the answer.
        """
        began_s = time.monotonic()
        if not isinstance(body, bytes):
            body = await _read_back(body)
        callback = Callback(head, body, received_at)
        try:
            result, stored = await self._commit(callback, self._result)
        except NotUnderstood as error:
            await self._keep(callback, str(error))
            raise
        except CallbackError:
            raise
        except Exception:
            # A mistake of ours must not cost the sender's only copy.
            with suppress(CannotStore):
                await self._keep(callback, "internal error")
            raise
        self._note(callback, result, stored, time.monotonic() - began_s)
        return self._provider.acknowledge()

    def refuse(self, error: CallbackError) -> Answer:
        """Return the answer for a callback that is not acknowledged."""
        outcome: Outcome = "failed" if isinstance(error, CannotStore) else "rejected"
        self._rooms.metrics.refused(self.name, outcome, type(error).__name__)
        return self._provider.refuse(error)

    def _result(self, callback: Callback) -> Result:
        transcript = self._provider.parse(callback)
        place = self._rooms.layout.place(transcript)
        return Result(
            provider=transcript.provider,
            id=transcript.id,
            digest=transcript.digest,
            status=transcript.status,
            identity=transcript.identity,
            fingerprint=transcript.fingerprint,
            directory=place.directory,
            stem=place.stem,
            files=self._render(transcript, aside=_is_large(callback)),
        )

    def _render(self, transcript: Transcript, *, aside: bool) -> tuple[tuple[str, Content], ...]:
        failed = transcript.status == "failed"
        renderers = self._rooms.renderers[-1:] if failed else self._rooms.renderers
        return tuple(
            (each.suffix, self._content(each.render(transcript), aside=aside)) for each in renderers
        )

    def _content(self, data: bytes, *, aside: bool) -> Content:
        return self._staged(data) if aside and len(data) > LARGEST_HELD else data

    def _staged(self, data: bytes) -> StagedFile:
        staged = self._rooms.stage()
        try:
            staged.write(data)
            staged.sync()
        except OSError as error:
            staged.discard()
            raise refusal_of(error) from error
        except BaseException:
            staged.discard()
            raise
        return staged

    async def _keep(self, callback: Callback, reason: str) -> None:
        """Keep a body that was not understood, once, with the reason, if there is room for it.

        Raises:
            CannotStore: the disk does not take it; the sender's next try may have more luck.
        """
        try:
            _, stored = await self._commit(callback, partial(self._rejection, reason=reason))
        except NoRoomForRejected:
            return
        if not stored.duplicate:
            self._rooms.metrics.kept(self.name)
            fields = {"provider": self.name, "path": stored.path, "reason": reason}
            _log.warning("a body was not understood and is kept", extra={"fields": fields})

    def _rejection(self, callback: Callback, *, reason: str) -> Result:
        digest = f"sha256:{sha256(callback.body).hexdigest()}"
        query = self._provider.query(callback.head)
        fingerprint = fingerprint_of(None, digest, query)
        place = self._rooms.layout.place_rejected(self.name, callback.received_at, digest)
        document = render_rejection(
            callback,
            provider=self.name,
            reason=reason,
            digest=digest,
            query=query,
        )
        return Result(
            provider=self.name,
            id=None,
            digest=digest,
            status="rejected",
            identity=identity_of(self.name, None, "rejected", fingerprint),
            fingerprint=fingerprint,
            directory=place.directory,
            stem=place.stem,
            files=((".body", callback.body), (".json", document)),
        )

    async def _commit(
        self, callback: Callback, make: Callable[[Callback], Result]
    ) -> tuple[Result, Stored]:
        """Commit what is made of a callback: on the event loop if it is small, else beside it."""
        if _is_large(callback):
            work = partial(_considerately, make, callback)
            result = await asyncio.get_running_loop().run_in_executor(self._rooms.heavy, work)
        else:
            result = make(callback)
        try:
            return result, await self._rooms.committer.commit(result)
        finally:
            for _, content in result.files:
                if isinstance(content, StagedFile):
                    content.discard()

    def _note(self, callback: Callback, result: Result, stored: Stored, took_s: float) -> None:
        """Log and count a result that is acknowledged."""
        outcome: Outcome = "duplicate" if stored.duplicate else "committed"
        body_bytes = len(callback.body)
        self._rooms.metrics.acknowledged(self.name, outcome, body_bytes, took_s)
        if not stored.duplicate:
            conflict = stored.path != result.marker
            self._rooms.metrics.committed(self.name, result.status, conflict=conflict)
        fields = {
            "provider": self.name,
            "id": result.id,
            "outcome": outcome,
            "path": stored.path,
            "bytes": body_bytes,
            "ms": round(took_s * 1000, 1),
        }
        _log.info("callback acknowledged", extra={"fields": fields})


async def _read_back(body: SpooledBody) -> bytes:
    try:
        return await asyncio.to_thread(body.read)
    finally:
        body.discard()


def _considerately(make: Callable[[Callback], Result], callback: Callback) -> Result:
    """Make a result on a thread that lets others run whenever they want to."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        return make(callback)
    finally:
        sys.setswitchinterval(usual_s)


def _is_large(callback: Callback) -> bool:
    """Say whether a callback is worked on beside the event loop; old ones are all in the URL."""
    return len(callback.body) + len(callback.head.query) > LARGEST_ON_LOOP
