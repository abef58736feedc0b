"""The types of the model say what to write for each setting."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from asr_daemon.config.model import (
    Config,
    LimitsSettings,
    ListenSettings,
    OutputSettings,
    TextSettings,
    TlsSettings,
)
from asr_daemon.config.values import Kind, describe, kind_of
from asr_daemon.providers.huawei.settings import HuaweiClientSettings
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.secret import Secret


def kind_at(model: Any, name: str) -> Kind:
    """Return the kind of the setting `name` of a section."""
    return next(kind_of(field.type) for field in structs.fields(model) if field.encode_name == name)


@pytest.mark.parametrize(
    ("model", "name", "what"),
    [
        (ListenSettings, "port", "a whole number from 0 to 65535"),
        (ListenSettings, "tls", 'indented lines of "key: value" below it'),
        (TlsSettings, "client_ca", "the path of a file"),
        (TencentSettings, "enabled", "true or false"),
        (TencentSettings, "key", "a key, !file PATH or !env NAME, or a list of them"),
        (TencentSettings, "allow", 'a list, each item on a line of its own after "- "'),
        (
            HuaweiClientSettings,
            "app_secret",
            "a secret, !file PATH or !env NAME, or a list of them",
        ),
        (TextSettings, "speakers", "auto, always or never"),
        (OutputSettings, "duplicate_window", "a duration such as 10s or 48h"),
        (LimitsSettings, "body", "a size such as 64MiB"),
    ],
)
def test_a_kind_says_what_to_write(model: Any, name: str, what: str) -> None:
    """In words that follow "write"."""
    assert describe(kind_at(model, name)) == what


def test_an_optional_section_is_a_section() -> None:
    """`None` is only what its absence means."""
    assert kind_at(ListenSettings, "tls").is_section
    assert kind_at(ListenSettings, "tls").base is TlsSettings


def test_a_list_knows_its_items() -> None:
    """Also behind a marker."""
    assert kind_of(kind_at(TencentSettings, "key").item).base is Secret
    assert kind_at(TencentSettings, "path").item is None


def all_kinds(model: Any) -> Iterator[Kind]:
    """Yield the kinds of all settings below `model`."""
    for field in structs.fields(model):
        kind = kind_of(field.type)
        yield kind
        inner = kind_of(kind.item) if kind.item is not None else kind
        if inner.is_section:
            yield from all_kinds(inner.base)


def test_every_setting_of_the_model_has_a_kind() -> None:
    """A new setting without a notation would be read as plain text or not at all."""
    for kind in all_kinds(Config):
        plain = kind.base is bool or kind.is_section or kind.choices or kind.item is not None
        assert plain or kind.notes, kind
