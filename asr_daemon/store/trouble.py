"""Why results are being refused: said once when it begins, and once when it is over."""

import logging
import time

CALM_S = 0.25
"""How long nothing may be refused for trouble to be over."""

_log = logging.getLogger(__name__)


class Trouble:
    """The state of the disk, as results meet it."""

    def __init__(self) -> None:
        """Begin without."""
        self._reason: str | None = None
        self._refused = 0
        self._last_s = 0.0
        self._stored_since = False

    @property
    def reason(self) -> str | None:
        """Why results are refused, `None` while they are stored.

        Trouble is over when something was stored since and nothing was refused for a moment,
        however long the disk takes for what comes next.
        """
        return None if self._is_over() else self._reason

    def met(self, reason: str, refused: int) -> None:
        """Note why results were or would be refused, and how many were."""
        self._say_if_over()
        if self._reason is None:
            _log.error("results are being refused: %s", reason)
        self._reason = reason
        self._refused += refused
        self._last_s = time.monotonic()
        self._stored_since = False

    def absent(self) -> None:
        """Note that results are or would be stored."""
        self._stored_since = True
        self._say_if_over()

    def _is_over(self) -> bool:
        return self._stored_since and time.monotonic() - self._last_s >= CALM_S

    def _say_if_over(self) -> None:
        if self._reason is not None and self._is_over():
            _log.warning("results are stored again; %d were refused", self._refused)
            self._reason = None
            self._refused = 0
