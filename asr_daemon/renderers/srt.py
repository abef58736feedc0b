"""SubRip captions, as whisper's `WriteSRT` makes them, with WhisperX's prefix for speakers.

pysubs2 would read and drop what looks like markup in a text, so it serves the tests only.
"""

from asr_daemon.renderers.base import Omitted
from asr_daemon.renderers.captions import Caption, LineLimits, clock, make_captions
from asr_daemon.transcript import Transcript


class SrtRenderer:
    """Renders `.srt`; silence is an empty file."""

    name = "srt"
    suffix = ".srt"

    def __init__(self, limits: LineLimits) -> None:
        self._limits = limits

    def render(self, transcript: Transcript) -> bytes | Omitted:
        """Return the captions in UTF-8, numbered from 1."""
        captions = make_captions(transcript, self._limits)
        if captions is None:
            return Omitted("no times")
        return "".join(map(_entry, range(1, len(captions) + 1), captions)).encode()


def _entry(number: int, caption: Caption) -> str:
    start = clock(caption.span.start_ms, mark=",", always_hours=True)
    end = clock(caption.span.end_ms, mark=",", always_hours=True)
    return f"{number}\n{start} --> {end}\n{caption.text}\n\n"
