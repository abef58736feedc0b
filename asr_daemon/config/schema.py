"""The JSON Schema of the configuration, by which an editor completes and underlines.

It says what one setting can judge alone, as far as a schema can; what is wrong across settings, or
with files that are not there, `load` tells. What `load` takes, the schema takes too, but for `yes`
and `no`, which editors hold for words. Nothing is shared by reference, so that each description
stays with its setting. Pure.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Meta

from asr_daemon.config import kinds
from asr_daemon.config.bind import REMOVED
from asr_daemon.config.document import Node, Scalar, Section, Sequence
from asr_daemon.config.kinds import Kind, Marker, describe, unwrap
from asr_daemon.config.load import example
from asr_daemon.config.settings import Setting, read_settings
from asr_daemon.layout import FIELDS

_Schema = dict[str, Any]

_TEXT: _Schema = {"type": "string", "minLength": 1}
_IPV6 = r"[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*"
_IN_PATH = "A-Za-z0-9._~!$&'()*+,;=:@"
_PIECE = rf"([A-Za-z0-9_.-]|\{{({'|'.join(FIELDS)})\}})"
"""Of a component of a layout: a character or a field."""

_NOTATIONS: Mapping[Kind, _Schema] = {
    unwrap(kinds.Duration): {"pattern": "^0*[1-9][0-9]*(ms|s|m|h|d)$"},
    unwrap(kinds.WholeSeconds): {"pattern": "^0*[1-9][0-9]*([0-9]{3}ms|s|m|h|d)$"},
    unwrap(kinds.Size): {"pattern": "^0*[1-9][0-9]*(B|KiB|MiB|GiB)$"},
    unwrap(kinds.SizeOrNone): {"pattern": "^[0-9]+(B|KiB|MiB|GiB)$"},
    unwrap(kinds.FileMode): {"pattern": "^0?[67][0-7][0145]$"},
    unwrap(kinds.DirectoryMode): {"pattern": "^0?7[0-7][0145]$"},
    unwrap(kinds.Host): {"pattern": rf"^([A-Za-z0-9._-]+|{_IPV6}(%\S+)?)$"},
    unwrap(kinds.CidrNetwork): {"pattern": rf"^([0-9.]+(/[0-9.]+)?|{_IPV6}(/[0-9]+)?)$"},
    unwrap(kinds.UrlPath): {"pattern": rf"^/([{_IN_PATH}/-]*[{_IN_PATH}-])?$"},
    unwrap(kinds.UrlKey): {},
    unwrap(kinds.AnySecret): {},
    unwrap(kinds.Name): {},
    unwrap(kinds.AppId): {"type": ["string", "integer"]},
    unwrap(kinds.NameBy): {
        "anyOf": [{"enum": ["request_id", "audio_key"]}, {"pattern": r"^query:.*\S"}]
    },
    unwrap(kinds.TextEncoding): {"examples": ["utf-8", "gb18030", "big5"]},
    unwrap(kinds.LayoutText): {
        "pattern": rf"^((?!\.){_PIECE}+/)*(?!\.){_PIECE}*\{{id\}}{_PIECE}*$"
    },
    unwrap(kinds.TimeZone): {"examples": ["UTC", "Asia/Shanghai", "Europe/Berlin"]},
    unwrap(kinds.WrittenFolder): {},
    unwrap(kinds.ReadFile): {},
}
"""What a schema can say of values that are text in the file; an unknown kind is a KeyError."""


_RULES: dict[str, _Schema] = {
    "listen": {"minItems": 1},
    "output.formats": {"contains": {"const": "json"}, "uniqueItems": True},
}
"""What a schema can say of the rules beyond kinds, by the setting."""


def config_schema() -> _Schema:
    """Return the schema, in the words of draft 2020-12, as a value for a JSON encoder."""
    whole = _or_nothing(_section(read_settings(example())))
    for path, right in REMOVED.items():
        section, _, name = path.partition(".")
        removed = {"deprecated": True, "description": f"Has no effect; {right}."}
        whole["properties"][section]["properties"][name] = removed
    return {"title": "Configuration of asr-daemon", **whole}


def _section(settings: Iterable[Setting]) -> _Schema:
    settings = tuple(settings)
    schema: _Schema = {
        "type": "object",
        "properties": {setting.name: _setting(setting) for setting in settings},
        "additionalProperties": False,
    }
    if required := [setting.name for setting in settings if setting.required]:
        schema["required"] = required
    return schema


def _setting(setting: Setting) -> _Schema:
    schema = {**_or_nothing(_value(setting.kind, setting.below)), **_RULES.get(setting.path, {})}
    if description := _description(setting):
        schema["description"] = description
    if setting.default is not None:
        schema["default"] = _plain(setting.default)
    return schema


def _or_nothing(schema: _Schema) -> _Schema:
    """Return the schema of a section or list all of whose lines may be commented out."""
    if schema.get("type") in ("object", "array"):
        return {**schema, "type": [schema["type"], "null"]}
    return schema


def _description(setting: Setting) -> str:
    write = "" if setting.below else f"Write {setting.what}."
    return "\n\n".join(filter(None, (setting.prose, write)))


def _value(kind: Kind, below: Iterable[Setting]) -> _Schema:
    if kind.is_section:
        return _section(below)
    if kind.item is not None:
        return _items(kind, below)
    if kind.choices:
        return {"type": "string", "enum": list(kind.choices)}
    if kind.base is bool:
        return {"type": "boolean"}
    if isinstance(kind.note, Meta):
        return {"type": "integer", "minimum": kind.note.ge, "maximum": kind.note.le}
    return _text(kind)


def _text(kind: Kind) -> _Schema:
    schema = {**_TEXT, **_NOTATIONS[kind]}
    if "pattern" in schema:
        # Editors show this in place of the pattern; validators pass over it.
        schema["patternErrorMessage"] = f"write {describe(kind)}"
    return schema


def _items(kind: Kind, below: Iterable[Setting]) -> _Schema:
    item = _value(unwrap(kind.item), below)
    items: _Schema = {"type": "array", "items": item}
    if kind.note is Marker.ONE_OR_MANY:
        return {"anyOf": [item, {**items, "minItems": 1}]}
    return items


def _plain(node: Node) -> Any:
    """Return what a JSON document holds in place of a node of the example."""
    if isinstance(node, Section):
        return {entry.name: _plain(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    if isinstance(node, Scalar) and node.tag in {"bool", "int"}:
        return json.loads(node.text)
    return node.text if isinstance(node, Scalar) else None
