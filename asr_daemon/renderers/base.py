"""What a renderer is.

To add one: write `renderers/<format>.py` with a class that follows `Renderer`, add its name to
`Format` in `config/model.py`, and one line in `assembly.py`.
"""

from typing import Protocol

from asr_daemon.transcript import Transcript


class Renderer(Protocol):
    """One output format."""

    @property
    def suffix(self) -> str:
        """The ending of the files that it makes, with its dot."""
        ...

    def render(self, transcript: Transcript) -> bytes:
        """Return the content of the file; pure, and defined for every transcript."""
        ...
