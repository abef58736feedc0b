"""Plain text: one segment a line, as whisper and WhisperX write it."""

from asr_daemon.transcript import Segment, Transcript


class TextRenderer:
    """Renders `.txt` in UTF-8; silence is an empty file."""

    name = "txt"
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

    def render(self, transcript: Transcript) -> bytes:
        """Return one line for each segment; line breaks inside a segment become blanks."""
        with_speaker = self._wants_speakers(transcript)
        lines = [self._line(segment, with_speaker) for segment in transcript.segments]
        return "".join(lines).encode()

    def _wants_speakers(self, transcript: Transcript) -> bool:
        if self._speakers == "auto":
            return len({segment.speaker for segment in transcript.segments}) > 1
        return self._speakers == "always"

    def _line(self, segment: Segment, with_speaker: bool) -> str:
        speaker = f"[{segment.speaker}]: " if with_speaker and segment.speaker is not None else ""
        times = _times(segment) if self._timestamps else ""
        text = " ".join(line.strip() for line in segment.text.strip().splitlines())
        return f"{times}{speaker}{text}\n"


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
