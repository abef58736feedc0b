"""Make what people and editors read about the settings: the example file and the JSON Schema.

Everything comes from the model: names, types and defaults from its fields, prose from the text
below them. `scripts/generate` writes the results into the package, where `init` and `schema` find
them; nothing here is needed by a daemon that runs.
"""

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from textwrap import wrap
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct, structs

from asr_daemon.config.model import REMOVED, Config
from asr_daemon.config.values import Kind, describe, kind_of
from asr_daemon.config.yaml_tree import join
from asr_daemon.errors import AsrDaemonError

_WIDTH = 100
_Schema = dict[str, Any]

NOTATION = """\
Durations are 250ms, 10s, 5m, 48h or 7d; sizes are 512B, 16KiB, 64MiB or 1GiB.

A secret is the text itself, or better
  !file PATH    the content of a file, without the newline at its end
  !env NAME     an environment variable
so that this file can be shown to others. A secret that starts with a special character needs
quotes.

Relative paths: files that are read (!file, tls) are looked up in $CREDENTIALS_DIRECTORY, where
systemd's LoadCredential= puts them, then next to this file. Directories that are written
(output.root, state) are relative to the working directory of the daemon."""
"""How values are written."""

_HEADER = """\
Configuration of asr-daemon.

Every setting is listed with its default; a setting that you leave out keeps it. Lines that start
with "#" and a letter are settings without a default: remove the "#" to use them.

  asr-daemon check --config FILE    reports every mistake with its line
  asr-daemon status                 shows whether the daemon runs with this file as it is now

The daemon applies a change within a second after the file is saved. A file with a mistake is not
applied: the previous configuration stays active, and the log says why.

An editor with a YAML language server completes and validates by the schema that the first line
names, which is next to this file. The tags below have to be listed in its setting
"yaml.customTags": ["!file scalar", "!env scalar"]."""

_RULES: dict[str, _Schema] = {
    "listen": {"minItems": 1},
    "output.formats": {"contains": {"const": "json"}, "uniqueItems": True},
}
"""What a schema can say of rules beyond types, by setting."""


class Undocumented(AsrDaemonError):
    """A setting without text in the model."""


class Setting(Struct, frozen=True):
    """One setting, and its documentation."""

    path: str
    """Such as `listen[].port`."""
    kind: Kind
    required: bool
    prose: str
    """Paragraphs separated by an empty line."""
    default: Any
    """The value of the model; `NODEFAULT` where the setting is required."""
    below: tuple["Setting", ...]
    """The settings of a section, or of each item of a list of sections."""

    @property
    def name(self) -> str:
        """Return the key in the file."""
        return self.path.rpartition(".")[2]

    @property
    def what(self) -> str:
        """Say what to write, so that it follows "write "; of lists, what each item is."""
        if self.kind.item is None or self.kind.one_or_many:
            return describe(self.kind)
        item = kind_of(self.kind.item)
        return "a list of sections" if item.is_section else f"a list, each item {describe(item)}"

    @property
    def has_default(self) -> bool:
        """Say whether the file can show a default."""
        if self.default is None:
            return self.kind.or_null
        return self.default is not NODEFAULT and not (self.kind.one_or_many and not self.default)


def settings(model: Any = Config) -> tuple[Setting, ...]:
    """Return the settings of a section, each with those below it.

    Raises:
        Undocumented: a setting has no text.
    """
    return tuple(_of(model, ""))


def example() -> str:
    """Return the commented configuration: every setting with its default."""
    head = "# yaml-language-server: $schema=asr-daemon.schema.json\n#"
    parts = [f"{head}\n{_commented(_HEADER)}", _commented(NOTATION)]
    parts += ["\n".join(_lines([setting], 0)) for setting in settings()]
    return "\n\n".join(parts) + "\n"


def schema() -> _Schema:
    """Return the JSON Schema (draft 2020-12), as a value for a JSON encoder.

    It says of each setting alone what a schema can; rules across settings, and files that do not
    exist, are left to `load`. What `load` accepts it accepts, except `yes` and `no`, which editors
    take for words. Nothing is shared by reference, so that each description stays with its setting.
    """
    whole = _or_null(_section(settings()))
    for path, right in REMOVED.items():
        section, _, name = path.partition(".")
        removed = {"deprecated": True, "description": f"Has no effect; {right}."}
        whole["properties"][section]["properties"][name] = removed
    return {"title": "Configuration of asr-daemon", **whole}


def written(kind: Kind, value: Any) -> str:
    """Return a value as the file has it."""
    if value is None:
        return "null"
    if isinstance(value, tuple):
        return f"[{', '.join(written(kind_of(kind.item), item) for item in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return kind.text.write(value) if kind.text else str(value)


def _of(model: Any, key: str) -> Iterator[Setting]:
    prose = _prose(model)
    for field in structs.fields(model):
        kind, path = kind_of(field.type), join(key, field.encode_name)
        section = kind_of(kind.item) if kind.item is not None else kind
        text = prose.get(field.name, "")
        if not text and section.is_section:
            text = inspect.cleandoc(section.base.__doc__ or "")
        if not text:
            raise Undocumented(f"{model.__name__}.{field.name} has no text in {model.__module__}")
        inside = path if section is kind else f"{path}[]"
        below = tuple(_of(section.base, inside)) if section.is_section else ()
        yield Setting(path, kind, field.required, text, field.default, below)


@cache
def _prose(model: type) -> dict[str, str]:
    """Return the text below each field of a class; fields on successive lines share it."""
    # From Python 3.13 on inspect does not find the source of a class that msgspec has made.
    module = ast.parse(inspect.getsource(sys.modules[model.__module__]))
    classes = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    [definition] = [node for node in classes if node.name == model.__name__]
    prose: dict[str, str] = {}
    block: list[ast.AnnAssign] = []
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if block and node.lineno != (block[-1].end_lineno or 0) + 1:
                block.clear()
            block.append(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text = inspect.cleandoc(str(node.value.value))
            prose.update((field.target.id, text) for field in block)  # type: ignore[union-attr]
            block.clear()
    return prose


def _lines(group: Iterable[Setting], indent: int, *, off: bool = False) -> Iterator[str]:
    """Yield the lines of settings; `off` comments them out."""
    above = ""
    for setting in group:
        if setting.prose != above:
            yield _commented(setting.prose, indent)
        above = setting.prose
        yield from _entry(setting, indent, off or not setting.has_default)


def _entry(setting: Setting, indent: int, off: bool) -> Iterator[str]:
    start = f"{' ' * indent}{'#' if off else ''}{setting.name}:"
    if setting.kind.is_section:
        yield start
        yield from _section_lines(setting.below, indent + 2, off)
    elif setting.below:
        yield start if setting.default else f"{start} []"
        if not setting.default:
            yield f"{' ' * indent}#{setting.name}:"
        yield from _item_lines(setting.below, indent, off or not setting.default)
    else:
        value = setting.kind.example
        yield f"{start} {written(setting.kind, setting.default) if setting.has_default else value}"


def _section_lines(group: tuple[Setting, ...], indent: int, off: bool) -> Iterator[str]:
    """Yield the settings of a section; an empty line is between those that are all sections."""
    if all(setting.kind.is_section for setting in group):
        yield "\n\n".join("\n".join(_lines([setting], indent, off=off)) for setting in group)
    else:
        yield from _lines(group, indent, off=off)


def _item_lines(group: Iterable[Setting], indent: int, off: bool) -> Iterator[str]:
    """Yield the settings of one item of a list, with the dash before the first."""
    dash = f"{' ' * (indent + 2)}{'#' if off else ''}- "
    for line in _lines(group, indent + 4, off=off):
        is_comment = line.lstrip().startswith("# ")
        yield line if is_comment or not dash else f"{dash}{line.lstrip(' #')}"
        dash = dash if is_comment else ""


def _commented(text: str, indent: int = 0) -> str:
    """Return paragraphs as comments; lines that are indented or in a header stay as they are."""
    start = f"{' ' * indent}#"
    lines = (line for part in text.split("\n\n") for line in ["", *_wrapped(part, indent)])
    return "\n".join(f"{start} {line}".rstrip() for line in list(lines)[1:])


def _wrapped(paragraph: str, indent: int) -> list[str]:
    if indent == 0 and "\n  " in f"\n{paragraph}":
        return paragraph.splitlines()
    text = " ".join(paragraph.split())
    return wrap(text, _WIDTH - indent - 2, break_on_hyphens=False, break_long_words=False)


def _section(group: Iterable[Setting]) -> _Schema:
    group = tuple(group)
    result: _Schema = {
        "type": "object",
        "properties": {setting.name: _property(setting) for setting in group},
        "additionalProperties": False,
    }
    if required := [setting.name for setting in group if setting.required]:
        result["required"] = required
    return result


def _property(setting: Setting) -> _Schema:
    result = {**_or_null(_value(setting.kind, setting.below)), **_RULES.get(setting.path, {})}
    paragraphs = [" ".join(part.split()) for part in setting.prose.split("\n\n")]
    if not setting.below:
        paragraphs.append(f"Write {setting.what}.")
    result["description"] = "\n\n".join(paragraphs)
    if setting.has_default and not setting.kind.is_section:
        result["default"] = _plain(setting.kind, setting.default)
    return result


def _or_null(result: _Schema) -> _Schema:
    """Return the schema of a section or list all of whose lines may be commented out."""
    if result.get("type") in ("object", "array"):
        return {**result, "type": [result["type"], "null"]}
    return result


def _value(kind: Kind, below: Iterable[Setting]) -> _Schema:
    if kind.is_section:
        return _section(below)
    if kind.item is not None:
        item = _value(kind_of(kind.item), below)
        items: _Schema = {"type": "array", "items": item}
        return {"anyOf": [item, {**items, "minItems": 1}]} if kind.one_or_many else items
    if kind.text is None and not kind.is_read_file:
        native = msgspec.json.schema(kind.annotation)
        return {**native, "type": [native["type"], "null"]} if kind.or_null else native
    result = {"type": "string", "minLength": 1, **(kind.text.schema if kind.text else {})}
    if "pattern" in result:
        # Editors show this in place of the pattern; validators ignore it.
        result["patternErrorMessage"] = f"write {describe(kind)}"
    return result


def _plain(kind: Kind, value: Any) -> Any:
    """Return what a JSON document has in place of a value."""
    if isinstance(value, tuple):
        return [_plain(kind_of(kind.item), item) for item in value]
    if isinstance(value, Struct):
        fields = [(field, getattr(value, field.name)) for field in structs.fields(value)]
        pairs = ((field, kind_of(field.type), held) for field, held in fields if held is not None)
        return {field.encode_name: _plain(of, held) for field, of, held in pairs}
    return written(kind, value).strip('"') if kind.text else value
