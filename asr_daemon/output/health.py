"""Storage health: logged once when it becomes unhealthy, and once when it has recovered."""

import logging
import time
from collections.abc import Iterable, Mapping
from math import inf

from asr_daemon.errors import CannotStore, NoRoomForRejected
from asr_daemon.output.base import Outcome, reason_of

CALM_S = 0.25
"""How long nothing may be refused before storage has recovered."""

_log = logging.getLogger(__name__)


class Health:
    """Whether results can be stored, all or a provider's. Used on the event loop."""

    def __init__(self, provider: str | None = None) -> None:
        self._fields = {} if provider is None else {"provider": provider}
        self._reason: str | None = None
        self._refused = 0
        self._last_s = 0.0
        self._stored_since = False
        self._recovered_s = -inf

    @property
    def reason(self) -> str | None:
        """Why storage is unhealthy, `None` while it is healthy.

        It has recovered when something was stored since and nothing was refused for a moment,
        however long the next batch takes.
        """
        return None if self._has_recovered() else self._reason

    def unhealthy(self, reason: str, refused: int, waited_s: float = 0.0) -> None:
        """Note why results were or would be refused, and how many were.

        Those that have waited since before the last recovery say nothing new.
        """
        self._log_recovery()
        if time.monotonic() - self._recovered_s < waited_s:
            return
        if self._reason is None:
            _log.error("results are being refused: %s", reason, extra={"fields": self._fields})
        self._reason = reason
        self._refused += refused
        self._last_s = time.monotonic()
        self._stored_since = False

    def healthy(self) -> None:
        """Note that results were or would be stored."""
        self._stored_since = True
        self._log_recovery()

    def _has_recovered(self) -> bool:
        return self._stored_since and time.monotonic() - self._last_s >= CALM_S

    def _log_recovery(self) -> None:
        if self._reason is not None and self._has_recovered():
            message = "storage recovered; %d results were refused"
            _log.warning(message, self._refused, extra={"fields": self._fields})
            self._reason = None
            self._refused = 0
            self._recovered_s = time.monotonic()


class StorageHealth:
    """The health of the store, and of what each provider's results need of it.

    A directory may be full while others are not: then the results of one provider are refused, and
    the store is healthy as long as another's are stored. Used on the event loop.
    """

    def __init__(self) -> None:
        self._store = Health()
        self._providers: dict[str, Health] = {}

    @property
    def reason(self) -> str | None:
        """Why no results can be stored, `None` while some are."""
        refused = self.refused
        return self._store.reason or (next(iter(refused.values())) if self._all(refused) else None)

    @property
    def refused(self) -> dict[str, str]:
        """Why the results of some providers are refused."""
        # At once: the committer's thread asks too, while the event loop adds providers.
        known = tuple(self._providers.items())
        reasons = {provider: health.reason for provider, health in known}
        return {provider: reason for provider, reason in reasons.items() if reason is not None}

    def silent(self, reason: str, waited_s: float) -> None:
        """Note that a result was refused as the store did not answer while it waited."""
        self._store.unhealthy(reason, 1, waited_s)

    def stored(self, outcomes: Iterable[tuple[str, Outcome]]) -> None:
        """Note what became of a batch: of each result its provider and its outcome."""
        refusals: dict[str, list[CannotStore]] = {}
        for provider, outcome in outcomes:
            refused = refusals.setdefault(provider, [])
            if isinstance(outcome, CannotStore) and not isinstance(outcome, NoRoomForRejected):
                refused.append(outcome)
        for provider, refused in refusals.items():
            health = self._providers.setdefault(provider, Health(provider))
            if refused:
                health.unhealthy(_reason(refused[0]), len(refused))
            else:
                health.healthy()
                self._store.healthy()

    def checked(self, reason: str | None, providers: Mapping[str, str | None]) -> None:
        """Note what a check of the store has found, and of those whose results were refused."""
        for provider, its_reason in providers.items():
            _note(self._providers[provider], its_reason)
        # Where all are refused already, it is for this reason, and that was logged.
        if reason is None or not self._all(providers):
            _note(self._store, reason)

    def _all(self, providers: Mapping[str, object]) -> bool:
        return bool(providers) and providers.keys() == self._providers.keys()


def _note(health: Health, reason: str | None) -> None:
    if reason is None:
        health.healthy()
    else:
        health.unhealthy(reason, 0)


def _reason(refusal: CannotStore) -> str:
    cause = refusal.__cause__
    return reason_of(cause) if isinstance(cause, OSError) else str(cause or refusal)
