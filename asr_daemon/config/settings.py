"""Every setting with what people are told of it: the model, and the prose of the example.

The example that `init` writes is the one source of prose and of how defaults are written; the model
is the one source of names and types. The schema and the manual are made of both. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, structs

from asr_daemon.config.document import Node, Section, Sequence, join, parse
from asr_daemon.config.kinds import Kind, describe, unwrap
from asr_daemon.config.model import Config

_COMMENTED_OUT = re.compile(r"^( *)#(?=[a-z-])", re.MULTILINE)
_EMPTY_BEFORE_COMMENTED_OUT = re.compile(r"^( *)([a-z_]+): \[\]\n(?=\1#\2:)", re.MULTILINE)


class Setting(Struct, frozen=True):
    """One setting: what it is, and what people are told of it."""

    path: str
    """Such as `listen[].port`."""
    kind: Kind
    required: bool
    prose: str
    """Paragraphs apart by an empty line; empty where its section says everything."""
    default: Node | None
    """The default as the example writes it; `None` where there is none."""
    below: tuple["Setting", ...]
    """The settings of a section, or of each item of a list of sections."""

    @property
    def name(self) -> str:
        """Return the name alone, as it is written before the colon."""
        return self.path.rpartition(".")[2]

    @property
    def what(self) -> str:
        """Say what to write for it, so that it follows "write "; of lists, what each item is."""
        if self.kind.item is None or self.kind.note is not None:
            return describe(self.kind)
        item = unwrap(self.kind.item)
        return "a list of sections" if item.is_section else f"a list, each item {describe(item)}"


def read_settings(example: str) -> tuple[Setting, ...]:
    """Return the settings of the top level, each with those below it."""
    whole = uncommented(example)
    prose = _read_prose(whole.splitlines(), parse(whole, "example").lines)
    return tuple(_below(Config, parse(example, "example").root, "", prose))


def uncommented(example: str) -> str:
    """Return the example with the settings in force that are commented out in it."""
    return _COMMENTED_OUT.sub(r"\1", _EMPTY_BEFORE_COMMENTED_OUT.sub("", example))


def read_notation(example: str) -> str:
    """Return the prose on how values are written: the second block of comments."""
    block = example.split("\n\n", 2)[1]
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in block.splitlines())


def _below(
    model: Any, section: Node | None, key: str, prose: Mapping[str, str]
) -> Iterator[Setting]:
    entries = section.entries if isinstance(section, Section) else ()
    nodes = {entry.name: entry.value for entry in entries}
    for field in structs.fields(model):
        kind, path = unwrap(field.type), join(key, field.encode_name)
        node = nodes.get(field.encode_name)
        default = None if kind.is_section else node
        below = tuple(_below_kind(kind, node, path, prose))
        yield Setting(path, kind, field.required, prose.get(path, ""), default, below)


def _below_kind(
    kind: Kind, node: Node | None, path: str, prose: Mapping[str, str]
) -> Iterator[Setting]:
    if kind.item is not None:
        first = node.items[0] if isinstance(node, Sequence) and node.items else None
        yield from _below_kind(unwrap(kind.item), first, f"{path}[]", prose)
    elif kind.is_section:
        yield from _below(kind.base, node, path, prose)


def _read_prose(lines: list[str], line_of: Mapping[str, int]) -> dict[str, str]:
    """Return the comment above each setting; one on the very next line shares it."""
    prose: dict[str, str] = {}
    last: dict[str, tuple[int, str]] = {}
    for path, number in line_of.items():
        section = path.rpartition(".")[0]
        line_above, told_above = last.get(section, (0, ""))
        shared = told_above if line_above == number - 1 else ""
        told = _comment_above(lines, number - 1) or shared
        last[section] = number, told
        prose[path.replace("[0]", "[]")] = told
    return prose


def _comment_above(lines: list[str], index: int) -> str:
    first = index
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    words = [line.strip().removeprefix("#").strip() for line in lines[first:index]]
    return re.sub(r"(?<!\n)\n(?!\n)", " ", "\n".join(words))
