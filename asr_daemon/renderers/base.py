"""What a renderer is.

To add a format: write `renderers/<format>.py` with a class that follows `Renderer`, add one line to
the table in `registry.py`, and test it. `output.formats` takes its names from there.
"""

from typing import Protocol

from msgspec import Struct

from asr_daemon.transcript import Transcript


class Omitted(Struct, frozen=True):
    """Why a transcript cannot have a format: `no times`, `no word times` or `no speakers`."""

    reason: str


class Renderer(Protocol):
    """One output format."""

    @property
    def name(self) -> str:
        """The format as `output.formats` names it."""
        ...

    @property
    def suffix(self) -> str:
        """The ending of the files that it makes, with its dot."""
        ...

    def render(self, transcript: Transcript) -> bytes | Omitted:
        """Return the content of the file, or why there can be none; pure, and never fails."""
        ...
