"""Plain text: one segment a line, as whisper and WhisperX write it."""

from collections.abc import Collection, Iterable
from itertools import chain

from asr_daemon.long import LongText
from asr_daemon.long_segments import LongSegments
from asr_daemon.transcript import Segment, Transcript


class TextRenderer:
    """Renders `.txt` in UTF-8; silence is an empty file."""

    suffix = ".txt"

    def __init__(self, *, speakers: str, timestamps: bool) -> None:
        """Take `output.text`.

        Args:
            speakers: `always` puts `[speaker]: ` before each line that has one, `never` none,
                `auto` only where the transcript has several speakers.
            timestamps: put `[MM:SS.mmm --> MM:SS.mmm]` before each line that has times.
        """
        self._speakers = speakers
        self._timestamps = timestamps

    def render(self, transcript: Transcript) -> Iterable[bytes]:
        """Return one line for each segment; line breaks inside a segment become blanks."""
        with_speaker = self._wants_speakers(transcript)
        lines = (self._line(segment, with_speaker) for segment in transcript.segments)
        if isinstance(transcript.segments, tuple):
            return ("".join(chain.from_iterable(lines)).encode(),)
        return (piece.encode() for piece in chain.from_iterable(lines))

    def _wants_speakers(self, transcript: Transcript) -> bool:
        if self._speakers == "auto":
            return len(_speakers(transcript.segments)) > 1
        return self._speakers == "always"

    def _line(self, segment: Segment, with_speaker: bool) -> Iterable[str]:
        speaker = f"[{segment.speaker}]: " if with_speaker and segment.speaker is not None else ""
        times = _times(segment) if self._timestamps else ""
        if isinstance(segment.text, str):
            text = segment.text.strip()
            # What is printable has no line break.
            return (times, speaker, text if text.isprintable() else _on_one_line(text), "\n")
        pieces = map(_on_one_line, _stripped(segment.text))
        return chain((f"{times}{speaker}",), pieces, ("\n",))


def _speakers(segments: Iterable[Segment]) -> Collection[str | None]:
    if isinstance(segments, LongSegments):
        return segments.speakers
    return {segment.speaker for segment in segments}


def _stripped(text: Iterable[str]) -> LongText:
    return LongText(lambda: iter(text)).stripped()


def _on_one_line(text: str) -> str:
    """Put a blank in the place of each line break, and of the blanks around it."""
    lines = text.splitlines()
    if len(lines) > 1:
        text = " ".join([lines[0].rstrip(), *[line.strip() for line in lines[1:]]])
    return text


def _times(segment: Segment) -> str:
    if segment.start_ms is None or segment.end_ms is None:
        return ""
    return f"[{_clock(segment.start_ms)} --> {_clock(segment.end_ms)}]  "


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    hours_part = f"{hours:02}:" if hours else ""
    return f"{hours_part}{minutes:02}:{seconds:02}.{rest:03}"
