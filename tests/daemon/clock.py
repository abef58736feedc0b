"""A wall clock of the daemon's own, which a test sets."""

from datetime import UTC, datetime
from pathlib import Path

from tests.durability.requirements import faketime_library


class Clock:
    """Shows any time to the processes that run with its `environ`, and goes on from there.

    Only the wall clock: how long something takes is measured as ever. Needs the requirement
    `faketime`.
    """

    def __init__(self, folder: Path, moment: datetime) -> None:
        """Begin at a moment; `folder` has room for a file."""
        self._file = folder / "clock"
        self.environ = {
            "LD_PRELOAD": str(faketime_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(moment)

    def set(self, moment: datetime) -> None:
        """Make it this moment now, for processes that run already too."""
        offset_s = (moment - datetime.now(UTC)).total_seconds()
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s:+f}\n", encoding="ascii")
        new.replace(self._file)
