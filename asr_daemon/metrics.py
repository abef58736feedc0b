"""What is counted, for Prometheus. Names and units follow its conventions; labels are bounded."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, Literal, TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

Outcome = Literal["committed", "duplicate", "failed", "rejected"]
"""What became of a request: `failed` could not be stored, `rejected` is the sender's mistake."""
Reload = Literal["applied", "invalid"]
"""What became of a configuration that was read anew."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RESULTS = (1, 2, 4, 8, 16, 32, 64)

_LARGE_SECONDS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

MOST_CODES = 50
"""Failure codes of one provider that are told apart; documented ones are fewer."""

_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}")
_OTHER = "other"

T = TypeVar("T", Counter, Histogram)


class _Read(Collector):
    """A counter that somebody else counts, read at each scrape."""

    def __init__(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        self._name = name
        self._meaning = meaning
        self._read = read

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._meaning, value=self._read())


class _Labelled(Generic[T]):
    """A metric that finds the child of each set of labels once."""

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
    """All counters of one daemon. Safe to be used by several threads."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        self._answers = self._counter(
            "asr_daemon_callbacks",
            "Callbacks by outcome",
            "provider",
            "outcome",
        )
        self._statuses = self._counter(
            "asr_daemon_answers", "Answers of the callback listeners", "endpoint", "status"
        )
        self._refusals = self._counter(
            "asr_daemon_refusals", "Requests refused, by the reason", "provider", "reason"
        )
        self._results = self._counter(
            "asr_daemon_results", "Results committed, by the vendor's outcome", "provider", "status"
        )
        self._failures = self._counter(
            "asr_daemon_vendor_failures",
            "Results of tasks that failed at the vendor, by its code",
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
            "asr_daemon_rejected_kept", "Rejected bodies that are kept", "provider"
        )
        self._bytes = self._counter(
            "asr_daemon_acknowledged_bytes", "Bytes of bodies that were acknowledged", "provider"
        )
        self._reloads = self._counter(
            "asr_daemon_config_reloads",
            "Configuration reloads by outcome",
            "outcome",
        )
        for each in get_args(Reload):
            self._reloads.labels(each)
        self._expiry = Gauge(
            "asr_daemon_certificate_expiry_timestamp_seconds",
            "When a certificate that is shown expires",
            ["certificate"],
            registry=self._registry,
        )
        acknowledge = Histogram(
            "asr_daemon_acknowledge_seconds",
            "From the last byte of a body to the answer that acknowledges it",
            ["provider"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._acknowledge = _Labelled(acknowledge)
        self._commit = Histogram(
            "asr_daemon_commit_seconds",
            "Committing a batch",
            buckets=_SECONDS,
            registry=self._registry,
        )
        large = Histogram(
            "asr_daemon_large_body_seconds",
            "Processing a large body in a child process, with the wait for it",
            ["provider"],
            buckets=_LARGE_SECONDS,
            registry=self._registry,
        )
        self._large = _Labelled(large)
        self._large_bodies = Gauge(
            "asr_daemon_large_bodies",
            "Large bodies that are processed, or wait for it on disk",
            registry=self._registry,
        )
        self._lag = Histogram(
            "asr_daemon_event_loop_lag_seconds",
            "How much later than asked the event loop came to a timer",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batch = Histogram(
            "asr_daemon_batch_results",
            "Results in a batch",
            buckets=_RESULTS,
            registry=self._registry,
        )

    def expect(self, provider: str) -> None:
        """Show what is counted of a provider from zero on; else an alert misses the first."""
        for outcome in get_args(Outcome):
            self._answers.labels(provider, outcome)
        for status in ("succeeded", "failed"):
            self._results.labels(provider, status)
        for metric in (self._conflicts, self._kept, self._bytes):
            metric.labels(provider)
        self._acknowledge.labels(provider)
        self._large.labels(provider)
        self._failures.labels(provider, _OTHER)

    def answered(self, endpoint: str, status: int) -> None:
        """Count an answer of any endpoint."""
        self._statuses.labels(endpoint, status).inc()

    def acknowledged(self, provider: str, outcome: Outcome, body_bytes: int, took_s: float) -> None:
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

    def refused(self, provider: str, outcome: Outcome, reason: str) -> None:
        """Count a request that was refused; `reason` is the name of an error class."""
        self._answers.labels(provider, outcome).inc()
        self._refusals.labels(provider, reason).inc()

    def kept(self, provider: str) -> None:
        """Count a body that was not understood and is kept."""
        self._kept.labels(provider).inc()

    def batch(self, results: int, took_s: float) -> None:
        """Count a batch."""
        self._batch.observe(results)
        self._commit.observe(took_s)

    @contextmanager
    def large_body(self, provider: str) -> Iterator[None]:
        """Count a body that goes through a child process in the block."""
        with self._large_bodies.track_inprogress(), self._large.labels(provider).time():
            yield

    def event_loop_lag(self, late_s: float) -> None:
        """Note by how much a timer of the event loop was late."""
        self._lag.observe(late_s)

    def counter(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Add a number that only grows, and is read at each scrape; without `_total`."""
        self._registry.register(_Read(name, meaning, read))

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Add a value that is read at each scrape; NaN where it is not known."""
        Gauge(name, meaning, registry=self._registry).set_function(read)

    def certificates(self, expiries_s: Mapping[str, float]) -> None:
        """Note when each certificate expires, in Unix seconds, by its file."""
        self._expiry.clear()
        for file, expires_at_s in expiries_s.items():
            self._expiry.labels(file).set(expires_at_s)

    def reloaded(self, outcome: Reload) -> None:
        """Count a configuration that was read anew."""
        self._reloads.labels(outcome).inc()

    def callbacks(self) -> dict[str, dict[str, int]]:
        """Return how many requests had which outcome, by provider."""
        counted: dict[str, dict[str, int]] = {}
        for metric in self._answers.metric.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    outcomes = counted.setdefault(sample.labels["provider"], {})
                    outcomes[sample.labels["outcome"]] = int(sample.value)
        return counted

    def _code(self, provider: str, code: str) -> str:
        """Return the label of a failure code: senders must not make series without end."""
        codes = self._codes.setdefault(provider, set())
        if code not in codes and len(codes) < MOST_CODES and _CODE.fullmatch(code):
            codes.add(code)
        return code if code in codes else _OTHER

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> "_Labelled[Counter]":
        return _Labelled(Counter(name, meaning, labels, registry=self._registry))
