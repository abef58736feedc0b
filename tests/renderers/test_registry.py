"""The registry of formats."""

from msgspec import Struct

from asr_daemon.renderers.captions import LineLimits
from asr_daemon.renderers.registry import FORMATS, make_renderers


class Text(Struct, frozen=True):
    """Settings `output.text` with their defaults."""

    speakers: str = "auto"
    timestamps: bool = False


class Output(Struct, frozen=True):
    """Settings `output` with their defaults."""

    text: Text = Text()
    captions: LineLimits = LineLimits()
    keep_payload: bool = True
    json_indent: int = 2


def test_json_is_last_and_the_others_as_configured() -> None:
    """The file whose presence means that the result is complete comes last."""
    made = make_renderers(FORMATS, Output())
    others = [name for name in FORMATS if name != "json"]
    assert [renderer.suffix for renderer in made] == [f".{name}" for name in (*others, "json")]


def test_only_configured_formats_are_made() -> None:
    """Formats that are not configured have no renderer."""
    assert [renderer.suffix for renderer in make_renderers(["json"], Output())] == [".json"]
