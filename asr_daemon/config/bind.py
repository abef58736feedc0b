"""The tree of a document to the values of the model, driven by the model's types alone.

Nothing stops at a mistake: it is noted, the default takes the place of the value, and the search
goes on. Which settings are thus not what the file says is told too, so that nobody draws
conclusions from them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from msgspec import UNSET, Struct, structs

from asr_daemon.config.document import Document, Entry, Node, Scalar, Section, Sequence, join
from asr_daemon.config.kinds import Kind, Marker, describe, unwrap
from asr_daemon.config.model import Config
from asr_daemon.config.problems import Problem, Wrong, one_of
from asr_daemon.config.scalar import name_shape, read_scalar
from asr_daemon.config.sources import Sources
from asr_daemon.secret import Secret

REMOVED = {"limits.memory": "large bodies wait on disk: remove the line"}
"""Settings of earlier versions, which have no effect and do no harm, with what to do."""

_CORE_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq"}
_SECRET_TAGS = {"!file", "!env"}
_NO_BLANK = re.compile(r"([a-z_]+):\S")
_BETWEEN = re.compile(r"[^a-z0-9]+")


class Bound(Struct, frozen=True):
    """What came of a document."""

    config: Config
    problems: tuple[Problem, ...]
    doubtful: frozenset[str]
    """The paths of settings whose value in `config` is not what the file means to say."""
    warnings: tuple[Problem, ...] = ()
    """Settings of earlier versions that have no effect."""


def bind(document: Document, sources: Sources) -> Bound:
    """Make a configuration of a document, as far as it goes, and say what is wrong with it."""
    binder = _Binder(document.file, sources)
    config = binder.section(Config, document.root, "")
    problems, warnings = tuple(binder.problems), tuple(binder.warnings)
    return Bound(config, problems, frozenset(binder.doubtful), warnings)


class _Binder:
    """Walks tree and types side by side, noting what does not fit."""

    def __init__(self, file: str, sources: Sources) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.doubtful: set[str] = set()
        self._file = file
        self._sources = sources

    def section(self, model: Any, node: Section, key: str) -> Any:
        """Return a `model`, or `UNSET` if something it cannot do without is missing or wrong."""
        fields = {field.encode_name: field for field in structs.fields(model)}
        values: dict[str, Any] = {}
        for entry in node.entries:
            field = fields.get(entry.name)
            path = join(key, entry.name)
            if path in REMOVED:
                self.warnings.append(self._problem(path, entry.value.line, _no_effect(path)))
                continue
            if field is None:
                self._note_unknown(entry, key, fields)
                continue
            kind = unwrap(field.type)
            if not _stands_for_default(kind, entry.value):
                values[field.name] = self._try(kind, entry.value, path)
        self._note_missing(fields, node, key)
        values = {name: value for name, value in values.items() if value is not UNSET}
        complete = all(field.name in values for field in fields.values() if field.required)
        return model(**values) if complete else UNSET

    def _try(self, kind: Kind, node: Node, key: str) -> Any:
        try:
            return self._value(kind, node, key)
        except Wrong as wrong:
            self._note(key, node.line, wrong)
            return UNSET

    def _value(self, kind: Kind, node: Node, key: str) -> Any:
        _check_tag(kind, node)
        if kind.is_section:
            if not isinstance(node, Section):
                raise Wrong(f"is {name_shape(node)}", _right_for_section(kind, node))
            return self.section(kind.base, node, key)
        if kind.item is not None:
            return self._items(kind, node, key)
        return read_scalar(kind, node, self._sources)

    def _items(self, kind: Kind, node: Node, key: str) -> tuple[Any, ...]:
        item = unwrap(kind.item)
        alone = kind.note is Marker.ONE_OR_MANY
        if alone and isinstance(node, Scalar):
            return (self._value(item, node, key),)
        if not isinstance(node, Sequence):
            raise Wrong(f"is {name_shape(node)}", f"write {describe(kind)}")
        if alone and not node.items:
            raise Wrong("is an empty list", f"write {describe(kind)}")
        values = (
            self._try(item, value, f"{key}[{index}]") for index, value in enumerate(node.items)
        )
        return tuple(value for value in values if value is not UNSET)

    def _note(self, key: str, line: int, wrong: Wrong) -> None:
        self.problems.append(self._problem(key, line, wrong))
        self.doubtful.add(key)

    def _problem(self, key: str, line: int, wrong: Wrong) -> Problem:
        return Problem(self._file, line, key, wrong.wrong, wrong.right)

    def _note_missing(
        self, fields: Mapping[str, structs.FieldInfo], node: Section, key: str
    ) -> None:
        given = {entry.name for entry in node.entries}
        for name, field in fields.items():
            if field.required and name not in given:
                right = f"write {describe(unwrap(field.type))}"
                self._note(join(key, name), node.line, Wrong("is missing", right))

    def _note_unknown(self, entry: Entry, key: str, known: Iterable[str]) -> None:
        near = get_close_matches(entry.name.lower().replace("-", "_"), known, n=1)
        if meant := _spelled_out(entry.name):
            right = f"write {meant[1]} below {meant[0]}"
            self.doubtful.add(join(*meant))
        elif near:
            right = f"did you mean {near[0]}?"
            self.doubtful.add(join(key, near[0]))
        elif ":" in entry.name:
            right = "write a blank after the colon"
        elif places := _places(Config, entry.name):
            right = f"move it below {one_of(places)}"
        else:
            right = f"the settings here are {', '.join(known)}"
        self._note(join(key, entry.name), entry.value.line, Wrong("is no setting here", right))


def _no_effect(path: str) -> Wrong:
    return Wrong("has no effect", REMOVED[path])


def _stands_for_default(kind: Kind, node: Node) -> bool:
    """Say whether this is a section or list all of whose lines are commented out."""
    lines_below = kind.is_section or (kind.item is not None and kind.note is None)
    return lines_below and isinstance(node, Scalar) and node.tag == "null"


def _check_tag(kind: Kind, node: Node) -> None:
    if node.tag in _CORE_TAGS:
        return
    right = "write the value without it; a value that starts with ! needs quotes"
    if kind.base is Secret or kind.note is Marker.ONE_OR_MANY:
        if isinstance(node, Scalar) and node.tag in _SECRET_TAGS:
            return
        right = "write !file PATH or !env NAME; a secret that starts with ! needs quotes"
    elif node.tag in _SECRET_TAGS:
        raise Wrong(f"{node.tag} is for secrets only", "write the value itself")
    raise Wrong("has a tag that is not known here", right)


def _right_for_section(kind: Kind, node: Node) -> str:
    """Say what to write; of `key:value` only the key is shown, as the value may be a secret."""
    if isinstance(node, Scalar) and (match := _NO_BLANK.match(node.text)):
        return f'write a blank after the colon: "{match[1]}: ..."'
    return f"write {describe(kind)}"


def _places(model: Any, name: str) -> list[str]:
    """Return the sections below `model` that have a setting `name`."""
    return [section for section, known in _settings(model) if section and known == name]


def _spelled_out(name: str) -> tuple[str, str] | None:
    """Return the section and setting whose path is meant by such as `log_level`."""
    words = f"_{_BETWEEN.sub('_', name.lower())}"
    for section, known in _settings(Config):
        path = _BETWEEN.sub("_", f"_{section}.{known}")
        if len(words) > len(known) + 1 and path.endswith(words):
            return section, known
    return None


def _settings(model: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting of `model` and below it, as the section it is in and its name."""
    for field in structs.fields(model):
        yield key, field.encode_name
        kind = unwrap(field.type)
        below = join(key, field.encode_name)
        if kind.item is not None:
            kind, below = unwrap(kind.item), f"{below}[]"
        if kind.is_section:
            yield from _settings(kind.base, below)
