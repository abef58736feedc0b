"""The active configuration as text, with secrets hidden."""

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from asr_daemon.config.reference import written
from asr_daemon.config.values import Kind, kind_of
from asr_daemon.config.yaml_tree import join
from asr_daemon.secret import Secret

HIDDEN = "(hidden)"


def shown(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the value of each setting below a section."""
    for field in structs.fields(value):
        path = join(key, field.encode_name)
        yield from _shown(kind_of(field.type), getattr(value, field.name), path)


def _shown(kind: Kind, value: Any, path: str) -> Iterator[tuple[str, str]]:
    item = None if kind.item is None else kind_of(kind.item)
    if kind.is_section and value is not None:
        yield from shown(value, path)
    elif item is not None and item.is_section:
        for number, section in enumerate(value):
            yield from shown(section, f"{path}[{number}]")
    elif _holds_secret(value):
        yield path, HIDDEN
    else:
        yield path, written(kind, value)


def _holds_secret(value: Any) -> bool:
    return isinstance(value, Secret) or (
        isinstance(value, tuple) and any(map(_holds_secret, value))
    )
