"""Plain text: one segment a line, as whisper and WhisperX write it."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from asr_daemon.renderers.captions import clock
from asr_daemon.renderers.one_line import one_line
from asr_daemon.renderers.timing import span_of
from asr_daemon.renderers.wrapping import join
from asr_daemon.transcript import Segment, Transcript


class TextRenderer:
    """Renders `.txt` in UTF-8; silence is an empty file."""

    name = "txt"
    suffix = ".txt"

    def __init__(self, *, speakers: str, timestamps: bool, join_speaker: bool = False) -> None:
        """Take `output.text`.

        Args:
            speakers: `always` puts `[speaker]: ` before each line that has one, `never` none,
                `auto` only where the transcript has several speakers.
            timestamps: put `[MM:SS.mmm --> MM:SS.mmm]` before each line that has times.
            join_speaker: write successive segments of one speaker as one line.
        """
        self._speakers = speakers
        self._timestamps = timestamps
        self._join_speaker = join_speaker

    def render(self, transcript: Transcript) -> bytes:
        """Return one line for each segment or turn; line breaks inside it become blanks."""
        with_speaker = self._wants_speakers(transcript)
        segments: Iterable[Segment] = transcript.segments
        if self._join_speaker:
            segments = _turns(segments)
        return "".join(self._line(segment, with_speaker) for segment in segments).encode()

    def _wants_speakers(self, transcript: Transcript) -> bool:
        if self._speakers == "auto":
            return len({segment.speaker for segment in transcript.segments}) > 1
        return self._speakers == "always"

    def _line(self, segment: Segment, with_speaker: bool) -> str:
        named = with_speaker and segment.speaker is not None
        speaker = f"[{one_line(segment.speaker or '')}]: " if named else ""
        times = _times(segment) if self._timestamps else ""
        return f"{times}{speaker}{one_line(segment.text)}\n"


def _turns(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Yield each run of segments of one speaker as one; those without a speaker stay apart."""
    for speaker, run in groupby(segments, lambda segment: segment.speaker):
        turn = list(run)
        if speaker is None:
            yield from turn
        else:
            text = join(one_line(segment.text) for segment in turn)
            yield Segment(text, turn[0].start_ms, turn[-1].end_ms, speaker)


def _times(segment: Segment) -> str:
    span = span_of(segment)
    if span is None:
        return ""
    start = clock(span.start_ms, mark=".", always_hours=False)
    return f"[{start} --> {clock(span.end_ms, mark='.', always_hours=False)}]  "
