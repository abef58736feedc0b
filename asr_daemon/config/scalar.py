"""One scalar of the file to one value of the model."""

import re
from typing import Any

from msgspec import Meta

from asr_daemon.config.document import Node, Scalar, Section
from asr_daemon.config.kinds import Kind, Marker, Written, describe
from asr_daemon.config.problems import Wrong, quote
from asr_daemon.config.sources import Sources
from asr_daemon.secret import Secret

_TRUE = {"yes", "true", "on"}
_PLAIN_DIGITS = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_SAYS_OF_TAG = {
    "bool": "without quotes is a truth value",
    "int": "without quotes is a number",
    "float": "without quotes is a number",
    "timestamp": "without quotes is a date",
}


def read_scalar(kind: Kind, node: Node, sources: Sources) -> Any:
    """Return the value of a setting that is neither a section nor a list.

    Raises:
        Wrong: it is of another type, out of range, or a secret or file that is not to be had.
    """
    right = f"write {describe(kind)}"
    if not isinstance(node, Scalar):
        raise Wrong(f"is {name_shape(node)}", f"{right}; quotes keep colons and braces in it")
    if node.tag == "null":
        raise Wrong("is empty", f"{right}, or remove the line")
    if kind.base is Secret:
        return _secret(kind, node, sources)
    if kind.base is bool:
        return _boolean(node, right)
    if isinstance(kind.note, Meta):
        return _integer(kind.note, node, right)
    return _text(kind, node, sources, right)


def name_shape(node: Node) -> str:
    """Say what a node is, without a word of what it holds."""
    if isinstance(node, Scalar):
        return "a single value"
    return "a section" if isinstance(node, Section) else "a list"


def _boolean(node: Scalar, right: str) -> bool:
    if node.tag != "bool":
        raise _wrong_type(node, right)
    return node.text.lower() in _TRUE


def _integer(bounds: Meta, node: Scalar, right: str) -> int:
    if node.tag not in {"int", "float"}:
        raise _wrong_type(node, right)
    if _PLAIN_DIGITS.fullmatch(node.text) is None:
        raise Wrong(f"{quote(node.text)} is not in plain digits", right)
    value = int(node.text)
    if (bounds.ge is not None and value < bounds.ge) or (
        bounds.le is not None and value > bounds.le
    ):
        raise Wrong(f"{value} is out of range", right)
    return value


def _text(kind: Kind, node: Scalar, sources: Sources, right: str) -> Any:
    number = isinstance(kind.note, Written) and kind.note.unquoted_numbers
    if node.tag != "str" and not (number and node.tag == "int"):
        raise _wrong_type(node, right)
    _check_line(node.text, right)
    if kind.choices:
        return _choice(kind, node.text, right)
    if kind.note is Marker.READ_FILE:
        return sources.locate(node.text)
    return kind.note.read(node.text) if isinstance(kind.note, Written) else node.text


def _choice(kind: Kind, text: str, right: str) -> str:
    if text not in kind.choices:
        raise Wrong(f"{quote(text)} is not known here", right)
    return text


def _secret(kind: Kind, node: Scalar, sources: Sources) -> Any:
    if node.tag not in {"str", "!file", "!env"}:
        raise Wrong("the secret is no text as it stands", "put it in quotes")
    _check_line(node.text, f"write {describe(kind)}")
    text = node.text
    if node.tag == "!file":
        text = sources.read_secret_file(node.text)
        _check_line(text, "write the secret alone into the file, as one line", "the file ")
    elif node.tag == "!env":
        text = sources.read_variable(node.text)
        _check_line(text, "set the variable to the secret", "the variable ")
    return kind.note.read(text) if isinstance(kind.note, Written) else Secret(text)


def _check_line(text: str, right: str, subject: str = "") -> None:
    if text == "":
        raise Wrong(f"{subject}is empty", right)
    if _NOT_IN_A_LINE.search(text):
        raise Wrong(f"{subject}holds a line break or control character", right)


def _wrong_type(node: Scalar, right: str) -> Wrong:
    if node.quoted:
        return Wrong(f"{quote(node.text)} in quotes is text", f"{right}, without quotes")
    said = _SAYS_OF_TAG.get(node.tag, "is text")
    return Wrong(f"{node.text if node.tag in _SAYS_OF_TAG else quote(node.text)} {said}", right)
