"""The path of one callback: parse, place, render, commit, acknowledge."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from asr_daemon.body import LARGE_BODY_BYTES, SMALL_BODY_BYTES, Body, Spool
from asr_daemon.errors import CallbackError, CannotStore, NoRoomForRejected, NotUnderstood
from asr_daemon.layout import Layout, Place
from asr_daemon.output.base import Commits, Content, Result, Stored
from asr_daemon.providers.base import Answer, Callback, Head, Provider
from asr_daemon.renderers.base import Omitted, Renderer
from asr_daemon.renderers.document import JsonRenderer, render_follow_up
from asr_daemon.renderers.rejection import Rejection
from asr_daemon.transcript import Transcript
from asr_daemon.worker import Worker, WorkerFailed

if TYPE_CHECKING:
    # A worker imports this module too, and counts nothing.
    from asr_daemon.metrics import CallbackOutcome, Metrics

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Converter(Struct, frozen=True):
    """The pure half of the pipeline: from a callback to the files of its result."""

    provider: Provider
    layout: Layout
    renderers: tuple[Renderer, ...]
    """The formats of a transcript besides its JSON document; a failed task has only that."""
    document: JsonRenderer

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of the files that a result may have."""
        return (*(renderer.suffix for renderer in self.renderers), self.document.suffix)

    def convert(self, callback: Callback) -> Result:
        """Parse, place and render.

        Raises:
            NotUnderstood: the body is not a result of this vendor.
            Unauthorized: the body shows that its sender is not allowed.
        """
        transcript = self.provider.parse(callback)
        return self.result(transcript, self.layout.place(transcript))

    def result(self, transcript: Transcript, place: Place) -> Result:
        """Render a transcript, for the place that it gets."""
        files = self._render(transcript)
        return Result(
            provider=transcript.provider,
            id=transcript.id,
            digest=transcript.digest,
            status=transcript.status,
            identity=transcript.identity,
            fingerprint=transcript.fingerprint,
            directory=place.directory,
            stem=place.stem,
            files=files,
            failure=None if transcript.error is None else transcript.error.code,
            follow_up=render_follow_up(transcript),
        )

    def _render(self, transcript: Transcript) -> tuple[tuple[str, Content], ...]:
        """Render the JSON last: its file says that the result is complete."""
        files: list[tuple[str, Content]] = []
        omitted: dict[str, str] = {}
        for renderer in self.renderers if transcript.status == "succeeded" else ():
            rendered = renderer.render(transcript)
            if isinstance(rendered, Omitted):
                omitted[renderer.name] = rendered.reason
            else:
                files.append((renderer.suffix, rendered))
        return (*files, (self.document.suffix, self.document.render(transcript, omitted)))


class Pipeline:
    """The endpoint for the callbacks of one provider."""

    anonymous_bytes = None
    """The head of a callback shows its credentials."""

    def __init__(
        self,
        converter: Converter,
        committer: Commits,
        medium: Executor,
        worker: Worker,
        metrics: "Metrics",
    ) -> None:
        """Take what each step needs.

        Args:
            converter: parses, places and renders.
            committer: makes results durable.
            medium: runs conversions that would hold up the event loop.
            worker: runs those that would not fit into the daemon's memory.
            metrics: counts what became of callbacks.
        """
        self.name = converter.provider.name
        self._converter = converter
        self._provider = converter.provider
        self._committer = committer
        self._medium = medium
        self._worker = worker
        self._metrics = metrics

    def admit(self, head: Head) -> None:
        """Judge a request by its head, as `Provider.admit` does."""
        self._provider.admit(head)

    async def respond(self, head: Head, body: Body, received_at: datetime) -> Answer:
        """Return the answer to a callback whose result is on stable storage.

        A body that cannot be parsed, or that no worker gets through, is kept under `rejected/`.

        Raises:
            CallbackError: it is not stored, and `refuse` words the answer.
        """
        began_s = time.monotonic()
        try:
            result = await self._convert(head, body, received_at)
            stored = await self._commit(result)
            self._record(result, stored, _size_of(body), time.monotonic() - began_s)
            return self._provider.acknowledge()
        except NotUnderstood as error:
            await self._reject(head, body, received_at, str(error))
            raise
        except WorkerFailed as error:
            await self._reject(head, body, received_at, str(error))
            raise CannotStore("the body cannot be processed") from error
        except CallbackError:
            raise
        except Exception:
            # A mistake of ours must not cost the sender's only copy.
            with suppress(CannotStore):
                await self._reject(head, body, received_at, "internal error")
            raise
        finally:
            if not isinstance(body, bytes):
                body.discard()

    def refuse(self, error: CallbackError) -> Answer:
        """Return the answer to a callback that is not acknowledged."""
        outcome: CallbackOutcome = "failed" if isinstance(error, CannotStore) else "rejected"
        self._metrics.refused(self.name, outcome, type(error).__name__)
        return self._provider.refuse(error)

    async def _convert(self, head: Head, body: Body, received_at: datetime) -> Result:
        """Convert a small body here, a medium one in a thread, a large one in a child process."""
        convert = self._converter.convert
        if not isinstance(body, bytes):
            if body.size_bytes > LARGE_BODY_BYTES:
                return await self._convert_large(head, body, received_at)
            return await self._in_thread(lambda: convert(Callback(head, body.read(), received_at)))
        callback = Callback(head, body, received_at)
        # The oldest callbacks have their text in the URL.
        if len(body) + len(head.query) + len(head.path) <= SMALL_BODY_BYTES:
            return convert(callback)
        return await self._in_thread(lambda: convert(callback))

    async def _convert_large(self, head: Head, body: Spool, received_at: datetime) -> Result:
        with self._metrics.large_body(self.name):
            return await self._worker.convert(
                self._converter.convert, head, body, received_at, self._converter.suffixes
            )

    async def _commit(self, result: Result) -> Stored:
        """Commit a result, and let go of the files that were staged for it."""
        try:
            return await self._committer.commit(result)
        finally:
            for _, content in result.files:
                if not isinstance(content, bytes | bytearray):
                    content.discard()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._medium, work)

    async def _reject(self, head: Head, body: Body, received_at: datetime, reason: str) -> None:
        """Keep a body as it came, once, with the reason, if there is room for it.

        Raises:
            CannotStore: the disk does not take it; the sender's next try may have more luck.
        """
        result = await self._in_thread(lambda: self._rejected(head, body, received_at, reason))
        try:
            stored = await self._commit(result)
        except NoRoomForRejected:
            return
        if not stored.duplicate:
            self._metrics.kept(self.name)
            fields = {"provider": self.name, "path": stored.path, "reason": reason}
            _log.warning("body rejected and kept", extra={"fields": fields})

    def _rejected(self, head: Head, body: Body, received_at: datetime, reason: str) -> Result:
        rejection = Rejection(
            provider=self.name,
            reason=reason,
            received_at=received_at,
            digest=_digest_of(body),
            size_bytes=_size_of(body),
            content_type=head.headers.get("content-type"),
            query=self._provider.query(head),
        )
        place = self._converter.layout.place_rejected(self.name, received_at, rejection.digest)
        content = body if isinstance(body, bytes) else body.content
        return Result(
            provider=self.name,
            id=None,
            digest=rejection.digest,
            status="rejected",
            identity=rejection.identity,
            fingerprint=rejection.fingerprint,
            directory=place.directory,
            stem=place.stem,
            files=((".body", content), (".json", rejection.render())),
        )

    def _record(self, result: Result, stored: Stored, body_bytes: int, took_s: float) -> None:
        """Log and count a result that is acknowledged."""
        outcome: CallbackOutcome = "duplicate" if stored.duplicate else "committed"
        self._metrics.acknowledged(self.name, outcome, body_bytes, took_s)
        if not stored.duplicate:
            conflict = stored.path != result.marker
            self._metrics.committed(self.name, result.status, result.failure, conflict=conflict)
        fields = {
            "provider": self.name,
            "id": result.id,
            "outcome": outcome,
            "path": stored.path,
            "bytes": body_bytes,
            "ms": round(took_s * 1000, 1),
        }
        _log.info("callback acknowledged", extra={"fields": fields})


def _size_of(body: Body) -> int:
    return len(body) if isinstance(body, bytes) else body.size_bytes


def _digest_of(body: Body) -> str:
    digest = sha256(body).hexdigest() if isinstance(body, bytes) else body.content.digest()
    return f"sha256:{digest}"
