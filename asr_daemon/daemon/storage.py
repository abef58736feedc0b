"""Where results go: the output, the committer that feeds it, and the fetcher of further texts."""

import logging
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from asr_daemon.config.model import Config
from asr_daemon.daemon.wiring import (
    make_endpoints,
    make_fetcher,
    make_origins,
    make_output,
    output_settings,
)
from asr_daemon.errors import UnusableSetting
from asr_daemon.metrics import Metrics
from asr_daemon.output.base import reason_of
from asr_daemon.output.committer import Committer
from asr_daemon.status import OutputStatus
from asr_daemon.web.interfaces import Endpoint

LAST_BATCH_S = 1.0
"""How long the committer may take to stop when every request is answered."""

_log = logging.getLogger(__name__)

Gauge = tuple[str, str, Callable[[], float]]
"""Name, help and current value."""


class Storage:
    """Stores the results of one process. Used on the event loop."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        """Nothing is touched before `open`."""
        self._metrics = metrics
        self._root = str(config.output.root.absolute())
        self.output = make_output(config)
        self._committer = Committer(self.output, metrics.batch)
        self._fetcher = make_fetcher(config, self._committer, metrics, self.output.clock)
        self._medium = ThreadPoolExecutor(1, thread_name_prefix="medium")

    def open(self) -> None:
        """Open the output, and commit from now on.

        Raises:
            UnusableSetting: the output cannot be used.
        """
        try:
            self.output.open()
        except OSError as error:
            raise unusable_root(error) from error
        self._committer.start()

    def fetch(self) -> None:
        """Fetch texts that lie elsewhere from now on."""
        self._fetcher.start()

    async def close(self) -> None:
        """Commit what is queued, and let another process have the output."""
        await self._fetcher.stop()
        self._medium.shutdown(wait=False)
        if await self._committer.stop(LAST_BATCH_S):
            self.output.close()
        else:
            # Closing the index would wait for the thread that hangs in it.
            _log.warning("the disk does not answer; what was not acknowledged may not be stored")

    def apply(self, config: Config) -> dict[str, Endpoint]:
        """Store by another configuration; return the endpoints that do so, by path."""
        self.output.apply(output_settings(config))
        self._fetcher.apply(make_origins(config))
        endpoints = make_endpoints(config, self._fetcher, self.output, self._medium, self._metrics)
        return dict(endpoints)

    @property
    def is_alive(self) -> bool:
        """Whether the committer runs, even if it cannot store: no restart is needed."""
        return self._committer.is_well

    @property
    def unhealthy(self) -> list[str]:
        """Why results cannot be stored now, a sentence each."""
        reason = self._committer.unhealthy
        return [] if reason is None else [f"results are being refused: {reason}"]

    @property
    def warnings(self) -> list[str]:
        """Whose results cannot be stored although others are, a sentence each."""
        refused = {} if self.unhealthy else self._committer.refused
        return [
            f"results of {provider} are being refused: {reason}"
            for provider, reason in refused.items()
        ]

    @property
    def pending_texts(self) -> int:
        """How many texts that lie elsewhere are still to be fetched."""
        return self._fetcher.pending

    @property
    def status(self) -> OutputStatus:
        """Where results are stored, and how much space is free there."""
        return OutputStatus(root=self._root, free_bytes=self.output.free_bytes)

    def gauges(self) -> Iterator[Gauge]:
        """Yield what is measured here."""
        output = self.output
        yield "ready", "1 if results can be stored, else 0", lambda: not self.unhealthy
        yield (
            "queued_results",
            "Results waiting for the next batch",
            lambda: self._committer.queued,
        )
        yield (
            "index_backlog_results",
            "Stored results not yet in the index",
            lambda: output.index_backlog,
        )
        yield (
            "rejected_bytes",
            "Bytes of rejected bodies (limits.rejected)",
            lambda: output.rejected_bytes,
        )
        yield (
            "free_bytes",
            "Free bytes on the file system of the results",
            lambda: _known(output.free_bytes),
        )
        yield (
            "free_inodes",
            "Free inodes on the file system of the results",
            lambda: _known(output.free_inodes),
        )
        yield (
            "pending_texts",
            "Texts that lie elsewhere and are still to be fetched",
            lambda: self._fetcher.pending,
        )


def unusable_root(error: OSError) -> UnusableSetting:
    """Return why `output.root` cannot be used."""
    right = "write a directory that is there for this daemon alone"
    if isinstance(error, PermissionError):
        right = "write a directory that the daemon's user may write to, or give it to that user"
    reason = reason_of(error)
    if isinstance(error, FileExistsError):
        reason = f"Not a directory: {error.filename}"
    return UnusableSetting("output.root", f"cannot be used: {reason}", right)


def _known(value: int | None) -> float:
    return math.nan if value is None else value
