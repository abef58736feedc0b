"""Every setting with its prose and default."""

from collections.abc import Iterable

import pytest

from asr_daemon.config.document import Scalar
from asr_daemon.config.load import example
from asr_daemon.config.settings import Setting, read_notation, read_settings, uncommented


def flat(settings: Iterable[Setting]) -> dict[str, Setting]:
    """Return all settings by their paths."""
    found: dict[str, Setting] = {}
    for setting in settings:
        found[setting.path] = setting
        found.update(flat(setting.below))
    return found


SETTINGS = flat(read_settings(example()))


def test_prose_is_the_comment_above() -> None:
    """Its lines become one paragraph."""
    assert SETTINGS["limits.shutdown"].prose == (
        "How long a stop waits for callbacks in flight. systemd's TimeoutStopSec= must be longer."
    )


def test_settings_of_items_have_prose() -> None:
    """Also those that are commented out."""
    assert SETTINGS["listen[].tls.key"].prose == "PEM, not encrypted."
    assert SETTINGS["providers.huawei.clients"].prose.startswith("Who may get a token: ")


def test_neighbours_share_a_comment() -> None:
    """But not with the section above them."""
    assert SETTINGS["output.directory_mode"].prose == SETTINGS["output.file_mode"].prose
    assert SETTINGS["providers.tencent.enabled"].prose == ""


def test_paragraphs_stay_apart() -> None:
    """An empty comment line is between them."""
    [setting] = [
        each
        for each in read_settings("# One,\n# two.\n#\n# Three.\nstate: x\n")
        if each.name == "state"
    ]
    assert setting.prose == "One, two.\n\nThree."


def test_defaults_are_as_the_example_writes_them() -> None:
    """What has none is what is commented out there."""
    default = SETTINGS["providers.huawei.token_lifetime"].default
    assert isinstance(default, Scalar)
    assert default.text == "1h"
    without = [path for path, each in SETTINGS.items() if each.default is None and not each.below]
    assert without == [
        "listen[].tls.certificate",
        "listen[].tls.key",
        "listen[].tls.client_ca",
        "providers.tencent.key",
        "providers.huawei.clients[].app_key",
        "providers.huawei.clients[].app_secret",
    ]


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("output.durability", "fsync or none"),
        ("output.formats", "a list, each item json or txt"),
        ("listen", "a list of sections"),
        ("providers.tencent.key", "a key, !file PATH or !env NAME, or a list of them"),
    ],
)
def test_what_to_write(path: str, what: str) -> None:
    """Of a list it is told what each item is."""
    assert SETTINGS[path].what == what


def test_commented_settings_take_the_place_of_an_empty_list() -> None:
    """Comments stay comments."""
    text = "  # Who.\n  clients: []\n  #clients:\n    #- app_key: A\n"
    assert uncommented(text) == "  # Who.\n  clients:\n    - app_key: A\n"


def test_notation_is_the_second_block() -> None:
    """It tells how values are written, and of no editor."""
    notation = read_notation(example())
    assert notation.startswith("Durations are 250ms")
    assert "  !file PATH    the content of a file" in notation
    assert "where" in notation
    assert "#" not in notation
