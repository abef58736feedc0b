"""Fetches the texts that callbacks have only the URL of, until they are there or a day is over.

It stands between the pipelines and the committer, and sees each result once it is committed. What
is to be done is not stored again: a start, a lost index or another configuration has it looked for
(`unfetched.py`). How long to wait follows from the age of a callback, so that too needs no memory.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from asr_daemon.clock import Clock
from asr_daemon.errors import CannotStore, NotUnderstood
from asr_daemon.fetch.client import MOST_AT_ONCE, Download, FetchFailed
from asr_daemon.fetch.policy import FetchRefused
from asr_daemon.fetch.text_result import Origin, PendingText, read_pending
from asr_daemon.index.queries import FollowUp, IndexUnavailable
from asr_daemon.metrics import Fetch, Metrics
from asr_daemon.output.base import Commits, Result, Stored

LIFE_S = 24 * 3600.0
"""So long the vendor keeps a task."""

FIRST_S = 0.5
"""The callback is answered first."""

LONGEST_S = 3600.0
"""Between two tries, and between two looks for what is pending."""

SOON_S = 60.0
"""When what was pending at a start is tried: one that starts over and over asks nobody."""

MOST_PENDING = 10_000
"""Texts that are waited for; others are found again when some of these are done."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Fetches(Protocol):
    """What downloads: `Downloader`, or a double in tests."""

    async def fetch(self, url: str, hosts: tuple[str, ...]) -> Download:
        """Return what is at a URL of one of the hosts; raise `FetchRefused` or `FetchFailed`."""
        ...


Find = Callable[[float, int], list[FollowUp]]
"""Returns the first so many that are pending since a moment in Unix seconds; may raise
`IndexUnavailable`."""


def next_wait_s(age_s: float) -> float:
    """Return how long to wait for the next try: the age of the callback, so that it doubles."""
    return min(max(age_s, FIRST_S), LONGEST_S)


class Fetcher:
    """Commits results, and fetches their texts afterwards. Used on the event loop."""

    def __init__(
        self, client: Fetches, committer: Commits, find: Find, metrics: Metrics, clock: Clock
    ) -> None:
        """Nothing is fetched until `apply` says where from."""
        self._client = client
        self._committer = committer
        self._find = find
        self._metrics = metrics
        self._clock = clock
        self._origins: Mapping[str, Origin] = {}
        self._looking: asyncio.Task[None] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._settled: set[str] = set()
        self._changed = asyncio.Event()
        self._free = asyncio.Semaphore(MOST_AT_ONCE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fetch")

    @property
    def pending(self) -> int:
        """How many texts are waited for."""
        return len(self._tasks)

    def start(self) -> None:
        """Look for what is pending, now and from time to time."""
        self._looking = asyncio.create_task(self._look_on())

    async def stop(self) -> None:
        """End; what is pending is found at the next start."""
        tasks = [task for task in (self._looking, *self._tasks.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def apply(self, origins: Mapping[str, Origin]) -> None:
        """Fetch from these origins, by provider, from now on; what was refused is tried again."""
        for provider in origins:
            self._metrics.expect_fetches(provider)
        if _hosts(origins) != _hosts(self._origins):
            self._settled.clear()
            self._changed.set()
        self._origins = origins

    async def commit(self, result: Result) -> Stored:
        """Commit a result as the committer does, and have its text fetched if that is elsewhere."""
        stored = await self._committer.commit(result)
        if result.follow_up is not None and not stored.duplicate:
            pending = read_pending(FollowUp(stored.path, result.follow_up, self._clock.now_s()))
            self._add(pending, FIRST_S)
        return stored

    async def _look_on(self) -> None:
        began_s = time.monotonic()
        while True:
            if self._changed.is_set():
                self._changed.clear()
                began_s = time.monotonic()
            if self._origins:
                await self._look()
            # An index that was lost is filled in the first minutes.
            wait_s = next_wait_s(time.monotonic() - began_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s if self._origins else None):
                    await self._changed.wait()

    async def _look(self) -> None:
        now_s = self._clock.now_s()
        try:
            texts = await self._in_thread(lambda: self._find_texts(now_s - LIFE_S))
        except IndexUnavailable as error:
            _log.debug("texts to be fetched not looked for: %s", error)
            return
        except Exception:  # noqa: BLE001 - it is tried again, and it is logged
            _log.exception("texts to be fetched not looked for")
            return
        self._settled &= {pending.path for pending in texts}
        for pending in texts:
            self._add(pending, min(max(now_s - pending.since_s, FIRST_S), SOON_S))

    def _find_texts(self, since_s: float) -> list[PendingText]:
        """Return what is pending, with what is refused; on a thread."""
        found = self._find(since_s, MOST_PENDING + len(self._settled))
        return [pending for pending in map(read_pending, found) if pending is not None]

    def _add(self, pending: PendingText | None, wait_s: float) -> None:
        if pending is None or pending.transcript.provider not in self._origins:
            return
        path = pending.path
        if path in self._tasks or path in self._settled or len(self._tasks) >= MOST_PENDING:
            return
        task = self._tasks[path] = asyncio.create_task(self._pursue(pending, wait_s))
        task.add_done_callback(lambda _: self._tasks.pop(path))

    async def _pursue(self, pending: PendingText, wait_s: float) -> None:
        """Try until it is settled, or nothing is fetched for this provider any more."""
        tries = 0
        while True:
            await asyncio.sleep(wait_s)
            async with self._free:
                origin = self._origins.get(pending.transcript.provider)
                if origin is None:
                    return
                if self._age_s(pending) > LIFE_S:
                    self._note(pending, "expired", logging.WARNING, reason="a day is over")
                    break
                if await self._try(pending, origin, is_first=not tries):
                    break
            tries += 1
            wait_s = next_wait_s(self._age_s(pending))
        self._settled.add(pending.path)

    async def _try(self, pending: PendingText, origin: Origin, *, is_first: bool) -> bool:
        """Fetch a text and commit it; say whether it is settled."""
        began_s = time.monotonic()
        try:
            download = await self._client.fetch(pending.url, origin.hosts)
            now = self._clock.now()
            result = await self._in_thread(lambda: origin.complete(pending, download, now))
            stored = await self._committer.commit(result)
        except (FetchRefused, NotUnderstood) as error:
            self._note(pending, "refused", logging.WARNING, reason=str(error))
            return True
        except (FetchFailed, CannotStore) as error:
            level = logging.WARNING if is_first else logging.INFO
            wait_s = round(next_wait_s(self._age_s(pending)))
            self._note(pending, "failed", level, reason=str(error), again_in_s=wait_s)
            return False
        except Exception:  # noqa: BLE001 - it is tried again, and it is logged
            _log.exception("fetching the text of %s failed", pending.path)
            self._metrics.fetch(pending.transcript.provider, "failed")
            return False
        took_ms = round((time.monotonic() - began_s) * 1000, 1)
        size = len(download.content)
        self._note(pending, "fetched", logging.INFO, text=stored.path, bytes=size, ms=took_ms)
        return True

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _age_s(self, pending: PendingText) -> float:
        return self._clock.now_s() - pending.since_s

    def _note(self, pending: PendingText, outcome: Fetch, level: int, **facts: Any) -> None:
        """Log and count a try."""
        provider = pending.transcript.provider
        self._metrics.fetch(provider, outcome)
        fields = {"provider": provider, "id": pending.transcript.id, "path": pending.path, **facts}
        _log.log(level, _SENTENCES[outcome], extra={"fields": fields})


_SENTENCES: Mapping[Fetch, str] = {
    "fetched": "text fetched",
    "failed": "text not fetched, it is tried again",
    "refused": "text not fetched, it is refused",
    "expired": "text not fetched, it is given up",
}


def _hosts(origins: Mapping[str, Origin]) -> Mapping[str, tuple[str, ...]]:
    return {provider: origin.hosts for provider, origin in origins.items()}
