"""Where in the audio who speaks, in a picture of bounded size."""

from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct

CELLS = 1000
"""The width of the picture; whatever is shorter than a cell shares one."""

COLOURS = 8
MOST_NAMED = 20


class TimelineSegment(Struct, frozen=True):
    """A sentence or turn, in seconds."""

    text: str
    start: float | None = None
    end: float | None = None
    speaker: str | None = None


class Run(Struct, frozen=True):
    """A span of cells in which one speaker speaks."""

    x: int
    width: int
    speaker: str
    colour: int


class Timeline(Struct, frozen=True):
    """Runs from left to right, and who they are."""

    runs: list[Run]
    colours: dict[str, int]
    duration_s: float


def timeline(segments: Sequence[TimelineSegment], duration_s: float | None) -> Timeline:
    """Return the picture of a transcript; without times there are no runs."""
    speakers = list(dict.fromkeys(segment.speaker or "" for segment in segments))
    colours = {speaker: number % COLOURS for number, speaker in enumerate(speakers)}
    ends = [segment.end for segment in segments if segment.end is not None]
    whole_s = max([duration_s or 0.0, *ends])
    cells: list[str | None] = [None] * CELLS
    for segment in segments:
        if segment.start is not None and segment.end is not None and whole_s > 0:
            first = min(max(int(CELLS * segment.start / whole_s), 0), CELLS - 1)
            after = min(max(int(CELLS * segment.end / whole_s), first + 1), CELLS)
            cells[first:after] = [segment.speaker or ""] * (after - first)
    return Timeline(list(_runs(cells, colours)), colours, whole_s)


def _runs(cells: Sequence[str | None], colours: dict[str, int]) -> list[Run]:
    runs, x = [], 0
    for speaker, group in groupby(cells):
        width = len(list(group))
        if speaker is not None:
            runs.append(Run(x, width, speaker, colours[speaker]))
        x += width
    return runs
