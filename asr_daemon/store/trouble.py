"""Why results are being refused: said once when it begins, and once when it is over."""

import logging
import time

CALM_S = 0.5
"""How long nothing may be refused for trouble to be over."""

_log = logging.getLogger(__name__)


class Trouble:
    """The state of the disk, as results meet it."""

    def __init__(self) -> None:
        """Begin without."""
        self.reason: str | None = None
        """`None` while results are stored."""
        self._refused = 0
        self._last_s = 0.0

    def met(self, reason: str, refused: int) -> None:
        """Note why results were or would be refused, and how many were."""
        if self.reason is None:
            _log.error("results are being refused: %s", reason)
        self.reason = reason
        self._refused += refused
        self._last_s = time.monotonic()

    def absent(self) -> None:
        """Note that results are or would be stored; after a moment of that, trouble is over."""
        if self.reason is not None and time.monotonic() - self._last_s >= CALM_S:
            _log.warning("results are stored again; %d were refused", self._refused)
            self.reason = None
            self._refused = 0
