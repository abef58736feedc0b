"""Metrics for Prometheus. Names and units follow its conventions; labels are bounded."""

import os
import re
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from platform import python_version
from typing import Generic, Literal, TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from asr_daemon import __version__

CallbackOutcome = Literal["committed", "duplicate", "failed", "rejected"]
"""The outcome of a request: `failed` could not be stored, `rejected` is the sender's mistake."""
Reload = Literal["applied", "invalid"]
"""The outcome of a reload of the configuration."""

Fetch = Literal["fetched", "failed", "refused", "expired"]
"""What became of a text that lies elsewhere: one that `failed` is tried again."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RESULTS = (1, 2, 4, 8, 16, 32, 64, 128)

_LARGE_SECONDS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

MOST_CODES = 50
"""Failure codes of one provider with labels of their own; documented ones are fewer."""

_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}")
_OTHER = "other"

_MEMORY = Path("/proc/self/statm")
_DESCRIPTORS = Path("/proc/self/fd")

T = TypeVar("T", Counter, Histogram)


class _Read(Collector):
    """A counter that is read at each scrape."""

    def __init__(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        self._name = name
        self._meaning = meaning
        self._read = read

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._meaning, value=self._read())


class _Labelled(Generic[T]):
    """A metric that caches the child of each set of labels."""

    def __init__(self, metric: T) -> None:
        self.metric: T = metric
        self._children: dict[tuple[str | int, ...], T] = {}

    def labels(self, *values: str | int) -> T:
        """Return the child of these labels."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self.metric.labels(*values)
        return child


class Metrics:
    """All metrics of one daemon. Thread-safe."""

    def __init__(self) -> None:
        """Start all at zero."""
        self._registry = CollectorRegistry()
        self._answers = self._counter(
            "asr_daemon_callbacks",
            "Answered requests by outcome",
            "provider",
            "outcome",
        )
        self._statuses = self._counter(
            "asr_daemon_answers",
            "Answers of the callback listeners by HTTP status",
            "endpoint",
            "status",
        )
        self._refusals = self._counter(
            "asr_daemon_refusals", "Refused requests by reason", "provider", "reason"
        )
        self._results = self._counter(
            "asr_daemon_results", "Committed results by status", "provider", "status"
        )
        self._failures = self._counter(
            "asr_daemon_vendor_failures",
            "Failed recognition tasks by the vendor's code",
            "provider",
            "code",
        )
        self._codes: dict[str, set[str]] = {}
        self._conflicts = self._counter(
            "asr_daemon_conflicts",
            "Results committed under another name, as their own was taken",
            "provider",
        )
        self._kept = self._counter(
            "asr_daemon_rejected_kept", "Rejected bodies that were kept", "provider"
        )
        self._bytes = self._counter(
            "asr_daemon_acknowledged_bytes", "Bytes of acknowledged bodies", "provider"
        )
        self._fetches = self._counter(
            "asr_daemon_text_fetches",
            "Tries to fetch a text that lies elsewhere, by what became of them",
            "provider",
            "outcome",
        )
        self._reloads = self._counter(
            "asr_daemon_config_reloads",
            "Reloads of the configuration by outcome",
            "outcome",
        )
        for outcome in get_args(Reload):
            self._reloads.labels(outcome)
        self._expiry = Gauge(
            "asr_daemon_certificate_expiry_timestamp_seconds",
            "Expiry of a listener's certificate in Unix seconds",
            ["certificate"],
            registry=self._registry,
        )
        acknowledge = Histogram(
            "asr_daemon_acknowledge_seconds",
            "Seconds from the last byte of a body to its acknowledgement",
            ["provider"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._acknowledge = _Labelled(acknowledge)
        self._commit = Histogram(
            "asr_daemon_commit_seconds",
            "Seconds to commit a batch",
            buckets=_SECONDS,
            registry=self._registry,
        )
        large = Histogram(
            "asr_daemon_large_body_seconds",
            "Seconds to process a large body, including the wait",
            ["provider"],
            buckets=_LARGE_SECONDS,
            registry=self._registry,
        )
        self._large = _Labelled(large)
        self._large_bodies = Gauge(
            "asr_daemon_large_bodies",
            "Large bodies in progress or waiting on disk",
            registry=self._registry,
        )
        self._lag = Histogram(
            "asr_daemon_event_loop_lag_seconds",
            "Lag of the event loop in seconds",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batch = Histogram(
            "asr_daemon_batch_results",
            "Results in a batch",
            buckets=_RESULTS,
            registry=self._registry,
        )
        build = Info("asr_daemon_build", "Version of the daemon", registry=self._registry)
        build.info({"version": __version__, "python": python_version()})
        self._add_process()

    def expect(self, provider: str) -> None:
        """Expose the counters of a provider from zero: alerts miss a first increase otherwise."""
        for outcome in get_args(CallbackOutcome):
            self._answers.labels(provider, outcome)
        for status in ("succeeded", "failed"):
            self._results.labels(provider, status)
        for metric in (self._conflicts, self._kept, self._bytes):
            metric.labels(provider)
        self._acknowledge.labels(provider)
        self._large.labels(provider)
        self._failures.labels(provider, _OTHER)

    def expect_fetches(self, provider: str) -> None:
        """Show what is counted of texts that lie elsewhere, from zero on."""
        for outcome in get_args(Fetch):
            self._fetches.labels(provider, outcome)

    def fetch(self, provider: str, outcome: Fetch) -> None:
        """Count a try to fetch a text."""
        self._fetches.labels(provider, outcome).inc()

    def answered(self, endpoint: str, status: int) -> None:
        """Count an answer of any endpoint."""
        self._statuses.labels(endpoint, status).inc()

    def acknowledged(
        self, provider: str, outcome: CallbackOutcome, body_bytes: int, took_s: float
    ) -> None:
        """Count a request that was acknowledged."""
        self._answers.labels(provider, outcome).inc()
        self._bytes.labels(provider).inc(body_bytes)
        self._acknowledge.labels(provider).observe(took_s)

    def committed(self, provider: str, status: str, failure: str | None, *, conflict: bool) -> None:
        """Count a result that was written; `failure` is the vendor's code of a task that failed."""
        self._results.labels(provider, status).inc()
        if failure is not None:
            self._failures.labels(provider, self._code(provider, failure)).inc()
        if conflict:
            self._conflicts.labels(provider).inc()

    def refused(self, provider: str, outcome: CallbackOutcome, reason: str) -> None:
        """Count a request that was refused; `reason` is the name of an error class."""
        self._answers.labels(provider, outcome).inc()
        self._refusals.labels(provider, reason).inc()

    def kept(self, provider: str) -> None:
        """Count a rejected body that was kept."""
        self._kept.labels(provider).inc()

    def batch(self, results: int, took_s: float) -> None:
        """Count a batch."""
        self._batch.observe(results)
        self._commit.observe(took_s)

    @contextmanager
    def large_body(self, provider: str) -> Iterator[None]:
        """Count a large body that is processed in the block."""
        with self._large_bodies.track_inprogress(), self._large.labels(provider).time():
            yield

    def event_loop_lag(self, late_s: float) -> None:
        """Record by how much a timer of the event loop was late."""
        self._lag.observe(late_s)

    def counter(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Add a counter that is read at each scrape; `name` is without `_total`."""
        self._registry.register(_Read(name, meaning, read))

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Add a gauge that is read at each scrape; NaN if the value is unknown."""
        Gauge(name, meaning, registry=self._registry).set_function(read)

    def certificates(self, expiries_s: Mapping[str, float]) -> None:
        """Set when each certificate expires, in Unix seconds, by its file."""
        self._expiry.clear()
        for file, expires_at_s in expiries_s.items():
            self._expiry.labels(file).set(expires_at_s)

    def reloaded(self, outcome: Reload) -> None:
        """Count a reload of the configuration."""
        self._reloads.labels(outcome).inc()

    def callbacks(self) -> dict[str, dict[str, int]]:
        """Return the number of requests by provider and outcome."""
        counted: dict[str, dict[str, int]] = {}
        for metric in self._answers.metric.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    outcomes = counted.setdefault(sample.labels["provider"], {})
                    outcomes[sample.labels["outcome"]] = int(sample.value)
        return counted

    def _add_process(self) -> None:
        """Add the process metrics that all clients of Prometheus have.

        prometheus_client has them only where /proc/stat can be read, which the unit's ProcSubset=
        does not allow.
        """
        started_at_s = time.time()
        self.counter(
            "process_cpu_seconds", "User and system CPU time in seconds", time.process_time
        )
        self.gauge("process_start_time_seconds", "Start time in Unix seconds", lambda: started_at_s)
        self.gauge(
            "process_virtual_memory_bytes", "Virtual memory size in bytes", lambda: _memory_bytes(0)
        )
        self.gauge(
            "process_resident_memory_bytes",
            "Resident memory size in bytes",
            lambda: _memory_bytes(1),
        )
        self.gauge(
            "process_open_fds", "Open file descriptors", lambda: len(os.listdir(_DESCRIPTORS))
        )
        self.gauge(
            "process_max_fds",
            "Limit of open file descriptors",
            lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )

    def _code(self, provider: str, code: str) -> str:
        """Return the label of a failure code; the number of series must be bounded."""
        codes = self._codes.setdefault(provider, set())
        if code not in codes and len(codes) < MOST_CODES and _CODE.fullmatch(code):
            codes.add(code)
        return code if code in codes else _OTHER

    def exposition(self, accepted: str = "") -> tuple[str, bytes]:
        """Return the content type and text of all metrics, for the `Accept` of a scraper.

        It is Prometheus' text format 0.0.4, which every scraper reads, unless another is accepted.
        """
        encode, content_type = choose_encoder(accepted)
        return content_type, encode(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> "_Labelled[Counter]":
        return _Labelled(Counter(name, meaning, labels, registry=self._registry))


def _memory_bytes(field: int) -> float:
    """Return a field of proc_pid_statm(5)."""
    return int(_MEMORY.read_text(encoding="ascii").split()[field]) * resource.getpagesize()
