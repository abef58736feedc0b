"""NIST's time-marked conversation file: a line for each word that has times, sorted by them.

`RECORDING 1 START DURATION WORD`, in seconds. What the vendor calls one word and has blanks in it
is several, which share its time by their length.
"""

from collections.abc import Iterator

from asr_daemon.renderers.base import Omitted
from asr_daemon.renderers.nist import recording, seconds
from asr_daemon.renderers.timing import Span, share, span_of
from asr_daemon.transcript import Transcript, Word


class CtmRenderer:
    """Renders `.ctm`; silence is an empty file."""

    name = "ctm"
    suffix = ".ctm"

    def render(self, transcript: Transcript) -> bytes | Omitted:
        """Return the words in UTF-8; those without times are left out."""
        words = [word for segment in transcript.segments for word in segment.words]
        entries = sorted(
            (entry for word in words for entry in _entries(word)),
            key=lambda entry: entry[0].start_ms,
        )
        if transcript.segments and not entries:
            return Omitted("no word times")
        start = f"{recording(transcript)} 1"
        return "".join(
            f"{start} {seconds(span.start_ms)} {seconds(span.duration_ms)} {text}\n"
            for span, text in entries
        ).encode()


def _entries(word: Word) -> Iterator[tuple[Span, str]]:
    span, texts = span_of(word), word.text.split()
    if span is not None:
        yield from zip(share(span, map(len, texts)), texts, strict=True)
