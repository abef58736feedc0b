"""WebVTT captions, as whisper's `WriteVTT` makes them, with WhisperX's prefix for speakers.

Like whisper it writes `<` and `&` as they are.
"""

from asr_daemon.renderers.base import Omitted
from asr_daemon.renderers.captions import Caption, LineLimits, clock, make_captions
from asr_daemon.transcript import Transcript


class VttRenderer:
    """Renders `.vtt`; silence is the header alone."""

    name = "vtt"
    suffix = ".vtt"

    def __init__(self, limits: LineLimits) -> None:
        self._limits = limits

    def render(self, transcript: Transcript) -> bytes | Omitted:
        """Return the captions in UTF-8; times have hours where there are any."""
        captions = make_captions(transcript, self._limits)
        if captions is None:
            return Omitted("no times")
        return ("WEBVTT\n\n" + "".join(map(_cue, captions))).encode()


def _cue(caption: Caption) -> str:
    start = clock(caption.span.start_ms, mark=".", always_hours=False)
    end = clock(caption.span.end_ms, mark=".", always_hours=False)
    return f"{start} --> {end}\n{caption.text}\n\n"
