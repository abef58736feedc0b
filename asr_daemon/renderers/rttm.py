"""NIST's rich transcription time marks: who speaks when, a line for each segment.

`SPEAKER RECORDING 1 START DURATION <NA> <NA> NAME <NA> <NA>`, in seconds, sorted by them. Segments
without times or speaker are left out, and those that take no time: scoring tools refuse them.
"""

from asr_daemon.renderers.base import Omitted
from asr_daemon.renderers.nist import recording, seconds
from asr_daemon.renderers.timing import Span, span_of
from asr_daemon.transcript import Segment, Transcript


class RttmRenderer:
    """Renders `.rttm`; silence is an empty file."""

    name = "rttm"
    suffix = ".rttm"

    def render(self, transcript: Transcript) -> bytes | Omitted:
        """Return the turns in UTF-8; blanks in the name of a speaker become `_`."""
        speakers = [segment for segment in transcript.segments if segment.speaker is not None]
        if transcript.segments and not speakers:
            return Omitted("no speakers")
        turns = [(span, _name(segment)) for segment in speakers if (span := span_of(segment))]
        if transcript.segments and not turns:
            return Omitted("no times")
        turns.sort(key=lambda turn: turn[0].start_ms)
        start = f"SPEAKER {recording(transcript)} 1"
        return "".join(
            f"{start} {_times(span)} <NA> <NA> {name} <NA> <NA>\n"
            for span, name in turns
            if span.duration_ms > 0
        ).encode()


def _times(span: Span) -> str:
    return f"{seconds(span.start_ms)} {seconds(span.duration_ms)}"


def _name(segment: Segment) -> str:
    return "_".join((segment.speaker or "").split()) or "_"
