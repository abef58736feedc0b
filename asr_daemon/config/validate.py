"""Turn the tree of a document into the values of the model, driven by the model's types alone.

Nothing stops at a mistake: it is noted, the default takes the place of the value, and validation
goes on. Settings whose value is thus not what the file says are reported as doubtful, so that
nobody draws conclusions from them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import UNSET, Struct, structs

from asr_daemon.config.external_values import Sources
from asr_daemon.config.model import REMOVED, Config
from asr_daemon.config.problems import Problem, Wrong, one_of, quote
from asr_daemon.config.syntax import invisible, lookalike
from asr_daemon.config.values import Kind, describe, kind_of
from asr_daemon.config.yaml_tree import (
    Node,
    Scalar,
    Section,
    Sequence,
    YamlDocument,
    YamlSetting,
    join,
)
from asr_daemon.secret import Secret

_CORE_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq"}
_SECRET_TAGS = {"!file", "!env"}
_NO_SPACE = re.compile(r"([a-z_]+):\S")
_BETWEEN_ITEMS = re.compile(r"[\s,;\[\](){}\"']+")
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")
_INDEX = re.compile(r"\[[0-9]+\]")
_TRUE = {"yes", "true", "on"}
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_CUT = (
    "what stands behind the # is a comment, and no part of the secret",
    "put the secret in quotes if it is one, or write a blank behind the #",
)
_VARIABLE = re.compile(r"\$(?:\w+|\{\w+\})")
_TAG_IN_QUOTES = re.compile(r"(!env|!file)\s")
_UNQUOTED = {
    "bool": "without quotes is a boolean",
    "int": "without quotes is a number",
    "float": "without quotes is a number",
    "timestamp": "without quotes is a date",
}


class Validated(Struct, frozen=True):
    """What came of a document."""

    config: Config
    problems: tuple[Problem, ...]
    doubtful: frozenset[str]
    """The paths of settings whose value in `config` is not what the file means to say."""
    warnings: tuple[Problem, ...] = ()
    """What is valid and yet hardly meant."""


def validate(document: YamlDocument, sources: Sources) -> Validated:
    """Make a configuration of a document as far as possible, and report every problem in it."""
    validator = _Validator(document.file, sources)
    config = validator.section(Config, document.root, "")
    problems, warnings = tuple(validator.problems), tuple(validator.warnings)
    return Validated(config, problems, frozenset(validator.doubtful), warnings)


class _Validator:
    """Walks tree and types together, noting what does not fit."""

    def __init__(self, file: str, sources: Sources) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.doubtful: set[str] = set()
        self._file = file
        self._sources = sources

    def section(self, model: Any, node: Section, key: str) -> Any:
        """Return a `model`, or `UNSET` if a required setting is missing or wrong."""
        fields = {field.encode_name: field for field in structs.fields(model)}
        values: dict[str, Any] = {}
        for entry in node.entries:
            path = join(key, entry.name)
            if path in REMOVED:
                self.warnings.append(self._problem(path, entry.value.line, _no_effect(path)))
                continue
            field = fields.get(entry.name)
            if field is None:
                self._note_unknown(entry, key, fields)
                continue
            kind = kind_of(field.type)
            if not _means_default(kind, entry.value):
                values[field.name] = self._try(kind, entry.value, path)
            elif kind.is_section and field.default is None:
                right = f"write its settings below it, or remove it{_keys(kind)}"
                empty = Wrong("the section is empty and has no effect", right)
                self.warnings.append(self._problem(path, entry.value.line, empty))
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
                if isinstance(node, Scalar) and (odd := lookalike(node.text)):
                    raise Wrong(*odd)
                raise Wrong(f"must be a section, not {_shape(node)}", _right_section(kind, node))
            return self.section(kind.base, node, key)
        if kind.item is not None:
            return self._items(kind, node, key)
        value = read_scalar(kind, node, self._sources)
        if kind.base is Secret and isinstance(node, Scalar):
            self.warnings += (self._problem(key, node.line, doubt) for doubt in _doubts(node))
        return value

    def _items(self, kind: Kind, node: Node, key: str) -> tuple[Any, ...]:
        item = kind_of(kind.item)
        if kind.one_or_many and isinstance(node, Scalar):
            return (self._value(item, node, key),)
        if not isinstance(node, Sequence):
            raise Wrong(f"must be a list, not {_shape(node)}", _right_list(kind, node))
        if kind.one_or_many and not node.items:
            raise Wrong("empty list", f"write {describe(kind)}")
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
                right = f"write {describe(kind_of(field.type))}"
                self._note(join(key, name), node.line, Wrong("required", right))

    def _note_unknown(
        self, entry: YamlSetting, key: str, known: Mapping[str, structs.FieldInfo]
    ) -> None:
        near = get_close_matches(entry.name.lower().replace("-", "_"), known, n=1)
        if meant := _spelled_out(entry.name):
            right = f'did you mean "{meant[1]}" below "{meant[0]}"?'
            self.doubtful.add(join(*meant))
        elif secret := _secret_of(entry.name, known):
            right = f'write "{secret}: !file PATH"'
            self.doubtful.add(join(key, secret))
        elif places := _places(entry.name, key):
            right = f"move it below {one_of(places)}"
        elif near:
            right = f'did you mean "{near[0]}"?'
            self.doubtful.add(join(key, near[0]))
        elif ":" in entry.name:
            right = "write a space after the colon"
        else:
            right = f"valid here: {', '.join(known)}"
        self._note(join(key, entry.name), entry.value.line, Wrong("unknown setting", right))


def _no_effect(path: str) -> Wrong:
    return Wrong("has no effect", REMOVED[path])


def read_scalar(kind: Kind, node: Node, sources: Sources) -> Any:
    """Return the value of a setting that is neither a section nor a list.

    Raises:
        Wrong: it is of another type, out of range, or a secret or file that cannot be read.
    """
    right = f"write {describe(kind)}"
    if not isinstance(node, Scalar):
        raise Wrong(
            f"must be a single value, not {_shape(node)}",
            f"{right} (in quotes if it contains colons or braces)" if kind.text else right,
        )
    if node.is_folded and (kind.base is Secret or not node.quoted):
        # Not quoted: a secret whose line has no space after the colon may be part of it.
        raise Wrong("the value is on several lines", "write it on one line")
    if node.tag == "null" and kind.or_null:
        return None
    if node.tag == "null" and node.is_cut:
        raise Wrong("empty: what starts with # is a comment", "put the value in quotes")
    if node.tag == "null":
        raise Wrong("empty", f"{right}, or remove the line")
    if kind.base is Secret:
        return _secret(kind, node, sources)
    if kind.base in {bool, int} and kind.text is None:
        return _native(kind, node, right)
    return _text(kind, node, sources, right)


def _native(kind: Kind, node: Scalar, right: str) -> Any:
    """Read what YAML has a type for."""
    expected = {"bool"} if kind.base is bool else {"int", "float"}
    if node.tag not in expected:
        raise _wrong_type(node, right)
    if kind.base is bool:
        return node.text.lower() in _TRUE
    if _DECIMAL.fullmatch(node.text) is None:
        raise Wrong(f"{quote(node.text)} is not a plain decimal number", right)
    try:
        return msgspec.convert(int(node.text), kind.annotation)
    except msgspec.ValidationError:
        raise Wrong(f"{node.text} is out of range", right) from None


def _text(kind: Kind, node: Scalar, sources: Sources, right: str) -> Any:
    if node.tag != "str" and not (kind.text and kind.text.numbers and node.tag == "int"):
        raise _wrong_type(node, _right_text(kind, node, right))
    # Inside, they may be meant: there are directories with such names.
    if not node.quoted and (odd := lookalike(node.text[:1] + node.text[-1:])):
        raise Wrong(*odd)
    _check_line(node.text, right)
    if kind.base is str:
        _check_visible(node.text, "the value")
    if kind.choices and node.text not in kind.choices:
        raise Wrong(f"{quote(node.text)} not supported", right)
    if kind.is_read_file:
        return sources.locate(node.text)
    return kind.text.read(node.text) if kind.text else node.text


def _secret(kind: Kind, node: Scalar, sources: Sources) -> Any:
    if node.tag not in {"str", *_SECRET_TAGS}:
        raise Wrong("the secret is not text as written", "put it in quotes")
    _check_line(node.text, f"write {describe(kind)}")
    _check_visible(node.text, "the secret")
    if not node.quoted and (odd := lookalike(node.text[:1] + node.text[-1:])):
        raise Wrong(*odd)
    text = node.text
    if node.tag == "!file":
        text = sources.read_secret_file(node.text)
        _check_read(text, "the file", "write only the secret into the file, on one line")
    elif node.tag == "!env":
        text = sources.read_variable(node.text)
        _check_read(text, "the variable", "set the variable to the secret")
    try:
        return kind.text.read(text) if kind.text else Secret(text)
    except Wrong as wrong:
        raise next(_doubts(node), wrong) from None


def _doubts(node: Scalar) -> Iterator[Wrong]:
    """Yield why a secret is hardly the one that is meant; quotes nothing of it."""
    if node.is_cut:
        yield Wrong(*_CUT)
    if node.tag == "str" and _VARIABLE.fullmatch(node.text):
        yield Wrong("looks like a variable, which is not expanded", "write !env NAME")
    if node.quoted and (match := _TAG_IN_QUOTES.match(node.text)):
        yield Wrong(f'"{match[1]}" in quotes is text', "write it without quotes")


def _check_read(text: str, where: str, right: str) -> None:
    """Refuse what no administrator means to be part of a secret."""
    _check_line(text, right, f"{where} is ")
    _check_visible(text, where)
    if text != text.strip():
        raise Wrong(f"{where} begins or ends with a blank", right)


def _check_visible(text: str, where: str) -> None:
    """Refuse characters that nobody sees; a vendor's console or an editor has added them."""
    if character := invisible(text):
        raise Wrong(f"{where} contains {character}, which is not visible", "remove it")


def _check_line(text: str, right: str, subject: str = "") -> None:
    if text == "":
        raise Wrong(f"{subject}empty", right)
    if _NOT_IN_A_LINE.search(text):
        where = subject.removesuffix("is ") or "the value "
        raise Wrong(f"{where}contains a line break or control character", right)


def _right_text(kind: Kind, node: Scalar, right: str) -> str:
    """Say what to write for a value that YAML takes for no text, such as a mode without quotes."""
    if kind.text is None:
        return right
    try:
        text = kind.text.write(kind.text.read(node.text))
    except Wrong as wrong:
        return wrong.right
    return f"write {quote(text) if text == node.text else text}"


def _wrong_type(node: Scalar, right: str) -> Wrong:
    if odd := lookalike(node.text):
        return Wrong(*odd)
    if node.quoted:
        return Wrong(f"{quote(node.text)} in quotes is text", f"{right}, without quotes")
    if node.tag in _UNQUOTED:
        return Wrong(f"{node.text} {_UNQUOTED[node.tag]}", right)
    return Wrong(f"{quote(node.text)} is text", right)


def _shape(node: Node) -> str:
    """Say what a node is, without a word of what it holds."""
    if isinstance(node, Scalar):
        return "a single value"
    return "a section" if isinstance(node, Section) else "a list"


def _means_default(kind: Kind, node: Node) -> bool:
    """Say whether this is a section or list all of whose lines are commented out."""
    lines_below = kind.is_section or (kind.item is not None and not kind.one_or_many)
    return lines_below and isinstance(node, Scalar) and node.tag == "null"


def _check_tag(kind: Kind, node: Node) -> None:
    if node.tag in _CORE_TAGS:
        return
    right = "write the value itself, in this file (a value that starts with ! needs quotes)"
    if kind.base is Secret or kind.one_or_many:
        if isinstance(node, Scalar) and node.tag in _SECRET_TAGS:
            return
        right = "write !file PATH or !env NAME (a secret that starts with ! needs quotes)"
    elif node.tag in _SECRET_TAGS:
        raise Wrong(f"{node.tag} is for secrets only", "write the value itself")
    # Not quoted: it may be the beginning of a secret.
    raise Wrong("unknown tag", right)


def _right_section(kind: Kind, node: Node) -> str:
    """Say what to write; of `key:value` only the key is shown, as the value may be a secret."""
    if isinstance(node, Scalar) and (match := _NO_SPACE.match(node.text)):
        return f'write a space after the colon: "{match[1]}: ..."'
    return f"write {describe(kind)}{_keys(kind)}"


def _right_list(kind: Kind, node: Node) -> str:
    """Say how to write as a list what is one; nothing that may be a secret is shown."""
    item = kind_of(kind.item)
    if item.is_section and isinstance(node, Section) and node.entries:
        first = node.entries[0].name
        if first in {field.encode_name for field in structs.fields(item.base)}:
            return f'write "- " before "{first}", and indent the lines below it as far as "{first}"'
    words = _BETWEEN_ITEMS.split(node.text) if isinstance(node, Scalar) else []
    if words and not kind.one_or_many and not item.is_section:
        with suppress(Wrong):
            return f"write [{', '.join(_written(item, word) for word in words if word)}]"
    return f"write {describe(kind)}{_keys(item) if item.is_section else ''}"


def _keys(section: Kind) -> str:
    names = (field.encode_name for field in structs.fields(section.base))
    return f" (keys: {', '.join(names)})"


def _written(kind: Kind, text: str) -> str:
    """Return `text` as an item in brackets.

    Raises:
        Wrong: it is not valid.
    """
    if kind.choices and text not in kind.choices:
        raise Wrong(f"{quote(text)} not supported", f"write {describe(kind)}")
    item = kind.text.write(kind.text.read(text)) if kind.text else text
    return quote(item) if ":" in item else item


def _secret_of(name: str, known: Mapping[str, structs.FieldInfo]) -> str | None:
    """Return the setting whose secret is meant to be read from the file of such as `key_file`."""
    setting = name.removesuffix("_file")
    is_secret = setting in known and kind_of(known[setting].type).one_or_many
    return setting if setting != name and is_secret else None


def _places(name: str, key: str) -> list[str]:
    """Return the sections below `key` that have a setting `name`, else the only one elsewhere."""
    places = [section for section, known in _settings(Config) if section and known == name]
    below = [section for section in places if section.startswith(_INDEX.sub("[]", key))]
    return below or (places if len(places) == 1 else [])


def _spelled_out(name: str) -> tuple[str, str] | None:
    """Return the section and setting whose path is meant by such as `log_level`."""
    words = f"_{_BETWEEN_WORDS.sub('_', name.lower())}"
    for section, known in _settings(Config):
        path = _BETWEEN_WORDS.sub("_", f"_{section}.{known}")
        if len(words) > len(known) + 1 and path.endswith(words):
            return section, known
    return None


def _settings(model: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting of `model` and below it, as the section it is in and its name."""
    for field in structs.fields(model):
        yield key, field.encode_name
        kind = kind_of(field.type)
        below = join(key, field.encode_name)
        if kind.item is not None:
            kind, below = kind_of(kind.item), f"{below}[]"
        if kind.is_section:
            yield from _settings(kind.base, below)
