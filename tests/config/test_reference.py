"""The example, the schema and the manual say what the model says."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from asr_daemon.config.load import example, packaged
from asr_daemon.config.model import Config, TlsSettings
from asr_daemon.config.reference import Setting, Undocumented, settings, written
from asr_daemon.config.values import Duration, kind_of
from asr_daemon.config.yaml_tree import parse
from asr_daemon.providers.huawei.settings import HuaweiClientSettings
from asr_daemon.secret import Secret
from tests.config import reference_of
from tests.config.conftest import Load
from tests.config.uncommented import uncommented

PROJECT = Path(__file__).parents[2]


def flat(group: Iterable[Setting]) -> Iterator[tuple[str, Setting]]:
    """Yield all settings with their paths."""
    for setting in group:
        yield setting.path, setting
        yield from flat(setting.below)


SETTINGS = dict(flat(settings()))


@pytest.mark.parametrize("name", ["asr-daemon.yaml", "asr-daemon.schema.json"])
def test_package_contains_what_etc_contains(name: str) -> None:
    original = PROJECT / "etc" / name
    assert packaged(name) == original.read_text(encoding="utf-8")
    assert not (PROJECT / "asr_daemon/config" / name).is_symlink()


def test_the_example_is_the_defaults(load_text: Load) -> None:
    assert load_text(example()) == Config()


def test_every_setting_is_in_the_example() -> None:
    lines = parse(uncommented(example()), "f").lines
    assert {path.replace("[]", "[0]") for path in SETTINGS} - set(lines) == set()


def test_what_is_commented_out_loads_too(load_text: Load, tmp_path: Path) -> None:
    files = ("fullchain.pem", "privkey.pem", "proxies.pem", "tencent.key", "huawei.secret")
    for name in files:
        (tmp_path / name).write_text("0123456789abcdef\n")
    config = load_text(uncommented(example()))
    secret = (Secret("0123456789abcdef"),)
    paths = [tmp_path / name for name in files[:3]]
    assert config.listen[0].tls == TlsSettings(
        certificate=paths[0], key=paths[1], client_ca=paths[2]
    )
    assert config.providers.tencent.keys == secret
    client = HuaweiClientSettings(app_key="ODFS_SYS_OPENAPI", app_secrets=secret)
    assert config.providers.huawei.clients == (client,)


def test_lines_of_the_example_are_short() -> None:
    assert max(map(len, example().splitlines())) <= 100


def test_text_below_a_field_describes_it() -> None:
    assert SETTINGS["listen[].tls.key"].prose == "PEM, not encrypted."
    assert SETTINGS["output"].prose == "The directory tree of results."


def test_fields_on_successive_lines_share_the_text_below() -> None:
    assert SETTINGS["output.directory_mode"].prose == SETTINGS["output.file_mode"].prose
    assert SETTINGS["output.directory_mode"].prose.startswith("Octal, in quotes")


def test_a_field_without_text_is_an_error() -> None:
    with pytest.raises(Undocumented, match=r"Undescribed\.wanted has no text in "):
        settings(reference_of.Undescribed)
    described = dict(flat(settings(reference_of.Described)))
    assert [setting.prose for setting in described.values()] == ["Shared.", "Shared.", "A section."]


def test_settings_without_default_are_commented_out() -> None:
    without = [path for path, each in SETTINGS.items() if not each.has_default and not each.below]
    assert without == [
        "listen[].tls.certificate",
        "listen[].tls.key",
        "listen[].tls.client_ca",
        "providers.tencent.key",
        "providers.huawei.clients[].app_key",
        "providers.huawei.clients[].app_secret",
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("providers.huawei.token_lifetime", "1h"),
        ("output.layout", '"{provider}/{year}/{month}/{day}/{id}"'),
        ("output.file_mode", '"0640"'),
        ("output.formats", "[json, txt]"),
        ("output.keep_payload", "true"),
        ("limits.rejected", "1GiB"),
        ("state", "./state"),
    ],
)
def test_defaults_are_written_as_the_file_has_them(path: str, text: str) -> None:
    assert written(SETTINGS[path].kind, SETTINGS[path].default) == text
    assert f"{SETTINGS[path].name}: {text}\n" in example()


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0.25, "250ms"), (10.0, "10s"), (43_200.0, "12h"), (2_592_000.0, "30d")],
)
def test_durations_are_written_in_the_largest_unit(duration_s: float, text: str) -> None:
    assert written(kind_of(Duration), duration_s) == text


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("output.durability", "fsync or none"),
        ("output.formats", "a list, each item json, txt, srt, vtt, tsv, ctm or rttm"),
        ("listen", "a list of sections"),
        ("providers.tencent.key", "a key, !file PATH or !env NAME, or a list of them"),
    ],
)
def test_what_to_write(path: str, what: str) -> None:
    assert SETTINGS[path].what == what
