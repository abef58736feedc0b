"""Storage health: logged once when it becomes unhealthy, and once when it has recovered."""

import logging
import time

CALM_S = 0.25
"""How long nothing may be refused before storage has recovered."""

_log = logging.getLogger(__name__)


class Health:
    """Whether results can be stored, as their commits show it. Used on the event loop."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._refused = 0
        self._last_s = 0.0
        self._stored_since = False

    @property
    def reason(self) -> str | None:
        """Why storage is unhealthy, `None` while it is healthy.

        It has recovered when something was stored since and nothing was refused for a moment,
        however long the next batch takes.
        """
        return None if self._has_recovered() else self._reason

    def unhealthy(self, reason: str, refused: int) -> None:
        """Note why results were or would be refused, and how many were."""
        self._log_recovery()
        if self._reason is None:
            _log.error("results are being refused: %s", reason)
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
            _log.warning("storage recovered; %d results were refused", self._refused)
            self._reason = None
            self._refused = 0
