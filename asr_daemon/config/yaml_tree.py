"""Parse one YAML file into a tree of frozen nodes that know their lines.

The tree holds what was written, not what YAML makes of it: `0640` is still those four characters.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from msgspec import Struct

from asr_daemon.config.problems import ConfigError, Problem, Wrong, quote
from asr_daemon.config.syntax import compose, lookalike

LARGEST_FILE_BYTES = 256 * 1024
"""More than any configuration needs, and little enough to be parsed in seconds."""

_CORE_TAG = "tag:yaml.org,2002:"
_GLUED_COMMENT = re.compile(r"[ \t]+#[^\s#]")
_BLOCKS = ("|", ">")
_VALUE_IN_NAME = re.compile(r"(?<=\S)([\s:=]).*", re.DOTALL)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Node(Struct, frozen=True):
    """Anything in the tree: the line to report, and its YAML tag without the usual prefix."""

    line: int
    tag: str


class Scalar(Node, frozen=True):
    """A single value as written."""

    text: str
    quoted: bool = False
    is_cut: bool = False
    """Whether what YAML takes for a comment follows, without a blank behind its `#`."""
    is_folded: bool = False
    """Whether YAML has made one line of several."""


class Sequence(Node, frozen=True):
    """A list."""

    items: tuple[Node, ...] = ()


class YamlSetting(Struct, frozen=True):
    """A key in a section, and its value."""

    name: str
    value: Node


class Section(Node, frozen=True):
    """A mapping; no key occurs twice."""

    entries: tuple[YamlSetting, ...] = ()


class YamlDocument(Struct, frozen=True):
    """A file that is valid YAML."""

    file: str
    root: Section
    lines: Mapping[str, int]
    """The line of every setting and item, by its path such as `listen[0].port`."""
    problems: tuple[Problem, ...] = ()
    """What is wrong so far without hindering validation, such as duplicate settings."""

    def line_of(self, key: str) -> int:
        """Return the line of `key`, or of the nearest section around it that the file has."""
        while key not in self.lines:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self.lines[key]


def join(key: str, name: str) -> str:
    """Return the path of the setting `name` in the section `key`.

    Of `key:value`, `key=value` and `key value` only the key is shown: the value may be a secret.
    """
    shown = name if _PLAIN_NAME.fullmatch(name) else quote(_VALUE_IN_NAME.sub(r"\1...", name))
    return f"{key}.{shown}" if key else shown


def read_document(path: Path) -> YamlDocument:
    """Read and parse one file.

    Raises:
        ConfigError: it cannot be read, is too large, not UTF-8, or not valid YAML.
    """
    return parse(_decode(_read(path), path), str(path))


def parse(text: str, file: str) -> YamlDocument:
    """Parse `text`; `file` is its name in messages.

    Raises:
        ConfigError: it is not valid YAML, or not a mapping.
    """
    raw = compose(text, file)
    builder = _Builder(file, text)
    if raw is None or raw.tag == f"{_CORE_TAG}null":
        root = Section(1, "map")
    elif isinstance(raw, yaml.MappingNode) and raw.tag.startswith(_CORE_TAG):
        root = builder.section(raw, "", 1)
    else:
        line, wrong = raw.start_mark.line + 1, "not a mapping of settings"
        right = 'write lines of "key: value" (asr-daemon init writes an example)'
        if not raw.tag.startswith(_CORE_TAG):
            wrong, right = "unknown tag", "remove it, and write all settings in this file"
        raise ConfigError([Problem(file, line, "(top level)", wrong, right)])
    return YamlDocument(file, root, builder.lines, tuple(builder.problems))


def _read(path: Path) -> bytes:
    right = "name a readable YAML file (asr-daemon init FILE writes one)"
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        wrong = f"cannot be read ({getattr(error, 'strerror', None) or 'invalid path'})"
        if isinstance(error, PermissionError):
            right = "let the daemon's user read it, or run this with sudo"
        raise ConfigError([Problem(str(path), 1, "(file)", wrong, right)]) from None
    if len(content) > LARGEST_FILE_BYTES:
        wrong = f"larger than {LARGEST_FILE_BYTES // 1024} KiB"
        raise ConfigError([Problem(str(path), 1, "(file)", wrong, right)])
    return content


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem(str(path), line, "(file)", "not UTF-8", "save the file as UTF-8")
        raise ConfigError([problem]) from None


class _Builder:
    """Turns PyYAML's nodes into ours, noting the line of each key and which are duplicates."""

    def __init__(self, file: str, text: str) -> None:
        self.lines = {"": 1}
        self.problems: list[Problem] = []
        self._file = file
        self._text = text

    def section(self, raw: yaml.MappingNode, key: str, line: int) -> Section:
        entries: dict[str, YamlSetting] = {}
        for raw_name, raw_value in raw.value:
            name = str(raw_name.value) if isinstance(raw_name, yaml.ScalarNode) else "?"
            path, name_line = join(key, name), _line(raw_name)
            try:
                _check_name(raw_name, self.lines.get(path))
            except Wrong as error:
                problem = Problem(self._file, name_line, path, error.wrong, error.right)
                self.problems.append(problem)
            else:
                self.lines[path] = name_line
                entries[name] = YamlSetting(name, self._node(raw_value, path, name_line))
        return Section(line, _short(raw.tag), tuple(entries.values()))

    def _sequence(self, raw: yaml.SequenceNode, key: str, line: int) -> Sequence:
        items = []
        for index, raw_item in enumerate(raw.value):
            path = f"{key}[{index}]"
            self.lines[path] = _line(raw_item)
            items.append(self._node(raw_item, path, _line(raw_item)))
        return Sequence(line, _short(raw.tag), tuple(items))

    def _node(self, raw: yaml.Node, key: str, line: int) -> Node:
        if isinstance(raw, yaml.MappingNode):
            return self.section(raw, key, line)
        if isinstance(raw, yaml.SequenceNode):
            return self._sequence(raw, key, line)
        style = raw.style if isinstance(raw, yaml.ScalarNode) else None
        quoted = style is not None
        # A value that is missing is where its key is.
        line = _line(raw) if raw.value or quoted else line
        is_cut = not quoted and bool(_GLUED_COMMENT.match(self._text, raw.end_mark.index))
        is_folded = style not in _BLOCKS and raw.start_mark.line != raw.end_mark.line
        return Scalar(line, _short(raw.tag), str(raw.value), quoted, is_cut, is_folded)


def _check_name(raw: yaml.Node, first_line: int | None) -> None:
    if not isinstance(raw, yaml.ScalarNode):
        right = "put values that start with a brace or bracket in quotes"
        raise Wrong("a key is a mapping or a list", right)
    if raw.style is None and (odd := lookalike(str(raw.value))):
        raise Wrong(*odd)
    if raw.tag == f"{_CORE_TAG}merge":
        raise Wrong("merge keys are not supported", "write the settings out")
    if first_line is not None:
        raise Wrong(f"duplicate setting, first on line {first_line}", "keep one of the two")


def _line(raw: yaml.Node) -> int:
    return int(raw.start_mark.line) + 1


def _short(tag: str) -> str:
    return tag.removeprefix(_CORE_TAG)
