"""A table of the segments, as whisper's `WriteTSV` makes it: no quoting, and no speakers."""

from asr_daemon.renderers.base import Omitted
from asr_daemon.renderers.one_line import one_line
from asr_daemon.renderers.timing import TimedSegment, time_segments
from asr_daemon.transcript import Transcript


class TsvRenderer:
    """Renders `.tsv`; silence is the header alone."""

    name = "tsv"
    suffix = ".tsv"

    def render(self, transcript: Transcript) -> bytes | Omitted:
        """Return a line for each segment in UTF-8: start and end in milliseconds, and the text."""
        segments = time_segments(transcript)
        if segments is None:
            return Omitted("no times")
        return ("start\tend\ttext\n" + "".join(map(_row, segments))).encode()


def _row(timed: TimedSegment) -> str:
    text = one_line(timed.segment.text).replace("\t", " ")
    return f"{timed.span.start_ms}\t{timed.span.end_ms}\t{text}\n"
