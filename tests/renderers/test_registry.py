"""The registry of formats."""

from typing import get_args

from msgspec import Struct

from asr_daemon.config.load import packaged
from asr_daemon.config.model import Format
from asr_daemon.renderers.captions import LineLimits
from asr_daemon.renderers.registry import FORMATS, make_renderers


class Text(Struct, frozen=True):
    """Settings `output.text` with their defaults."""

    speakers: str = "auto"
    timestamps: bool = False
    join_speaker: bool = False


class Output(Struct, frozen=True):
    """Settings `output` with their defaults."""

    text: Text = Text()
    captions: LineLimits = LineLimits()
    keep_payload: bool = True
    json_indent: int = 2


def test_each_format_but_json_has_a_renderer() -> None:
    """In the order of the configuration, under their own names."""
    made = make_renderers(FORMATS, Output())
    others = [name for name in FORMATS if name != "json"]
    assert [renderer.name for renderer in made] == others
    assert [renderer.suffix for renderer in made] == [f".{name}" for name in others]


def test_configuration_knows_each_format() -> None:
    """What `output.formats` may contain is what there is, and its prose names it."""
    assert get_args(Format) == FORMATS
    prose = packaged("asr-daemon.yaml")
    assert f"{', '.join(FORMATS[:-1])} and {FORMATS[-1]}" in " ".join(prose.split("\n    #"))


def test_only_configured_formats_are_made() -> None:
    """Formats that are not configured have no renderer."""
    made = make_renderers(["json", "srt"], Output())
    assert [renderer.suffix for renderer in made] == [".srt"]
