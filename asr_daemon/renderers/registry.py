"""Every output format: its name, and what makes its renderer from the output settings.

The JSON document stands apart: every result has one, and it lists the formats that are omitted. A
further format is a module of its own and one line in `_MAKERS`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from asr_daemon.renderers.base import Renderer
from asr_daemon.renderers.captions import LineLimits
from asr_daemon.renderers.ctm import CtmRenderer
from asr_daemon.renderers.document import JsonRenderer
from asr_daemon.renderers.rttm import RttmRenderer
from asr_daemon.renderers.srt import SrtRenderer
from asr_daemon.renderers.text import TextRenderer
from asr_daemon.renderers.tsv import TsvRenderer
from asr_daemon.renderers.vtt import VttRenderer


class TextSettings(Protocol):
    """Settings `output.text`."""

    @property
    def speakers(self) -> str:
        """Return `auto`, `always` or `never`."""
        ...

    @property
    def timestamps(self) -> bool:
        """Return whether each line starts with its times."""
        ...

    @property
    def join_speaker(self) -> bool:
        """Return whether successive segments of one speaker are one line."""
        ...


class CaptionSettings(Protocol):
    """Settings `output.captions`."""

    @property
    def max_line_width(self) -> int | None:
        """Return how many characters a line may have."""
        ...

    @property
    def max_line_count(self) -> int | None:
        """Return how many lines a caption may have."""
        ...


class OutputSettings(Protocol):
    """Settings `output` as far as renderers depend on them."""

    @property
    def text(self) -> TextSettings:
        """Return how plain text looks."""
        ...

    @property
    def captions(self) -> CaptionSettings:
        """Return how captions are broken into lines."""
        ...

    @property
    def keep_payload(self) -> bool:
        """Return whether the JSON document holds the vendor's own fields."""
        ...

    @property
    def json_indent(self) -> int:
        """Return the blanks a level of the JSON document, 0 for one line."""
        ...


def _text(output: OutputSettings) -> Renderer:
    text = output.text
    return TextRenderer(
        speakers=text.speakers, timestamps=text.timestamps, join_speaker=text.join_speaker
    )


def _line_limits(output: OutputSettings) -> LineLimits:
    return LineLimits(output.captions.max_line_width, output.captions.max_line_count)


_MAKERS: Mapping[str, Callable[[OutputSettings], Renderer]] = {
    "txt": _text,
    "srt": lambda output: SrtRenderer(_line_limits(output)),
    "vtt": lambda output: VttRenderer(_line_limits(output)),
    "tsv": lambda _: TsvRenderer(),
    "ctm": lambda _: CtmRenderer(),
    "rttm": lambda _: RttmRenderer(),
}

FORMATS = (JsonRenderer.name, *_MAKERS)
"""What `output.formats` may contain."""


def make_renderers(formats: Iterable[str], output: OutputSettings) -> tuple[Renderer, ...]:
    """Return a renderer for each format but JSON, which every result has."""
    return tuple(_MAKERS[name](output) for name in formats if name != JsonRenderer.name)


def make_document_renderer(output: OutputSettings) -> JsonRenderer:
    """Return the renderer of the JSON document, whose file says that the result is complete."""
    return JsonRenderer(keep_payload=output.keep_payload, indent=output.json_indent)
