"""Parse YAML into PyYAML's nodes, with errors that an admin can act on.

Anchors, aliases and several documents in one file are refused: a configuration does not need them,
they multiply, and a secret that starts with `&` or `*` would be lost silently.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import product

import yaml

from asr_daemon.config.problems import ConfigError, Problem

DEEPEST_NESTING = 32
"""More than any configuration needs, and little enough for recursion."""

_KEY = "(syntax)"
_LOOKALIKES = {
    "\uff1a": '":"',
    "\uff0c": '","',
    "\u201c": "a straight quote",
    "\u201d": "a straight quote",
    "\u2018": "a straight quote",
    "\u2019": "a straight quote",
    "\u00a0": "a space",
    "\u3000": "a space",
    "\u200b": "nothing",
    "\ufeff": "nothing",
}
"""Characters that editors and web pages put in place of those that YAML needs."""

_INVISIBLE = {"Cf", "Zs", "Zl", "Zp"}
"""Unicode's categories of formatting and blanks."""

_BYTE_ORDER_MARK = {"\ufeff": "byte order mark"}
"""Unicode's own name for it is one that nobody uses."""

_LINES = (
    (
        re.compile(r"\s*(?:- )?[a-z_]+:[^\s:/]"),
        "no space after the colon",
        "write one, or put the text in quotes",
    ),
    (re.compile(r"\s*-\w"), "no space after the dash", "write one"),
    (re.compile("<{7} |={7}$|>{7} "), "an unresolved merge", "keep one version of these lines"),
)
"""What YAML takes for text, so that it fails there or at the line below."""

_IS_COMMENT = re.compile(r"\s*(#.*)?")
_OPEN_QUOTE = re.compile(r"""[\s-]*[\w"]+:\s+(?:"[^"]*|'[^']*)$""")

_ERRORS = (
    (r"'\\t'", "a tab where YAML allows only spaces", "replace tabs by spaces"),
    (
        r"cannot start any token",
        "a value starts with a character that is special in YAML",
        "put the value in quotes",
    ),
    (
        r"mapping values are not allowed",
        "a colon where no key can be",
        "look here and above for wrong indentation and missing colons, or use quotes",
    ),
    (
        r"could not find expected ':'",
        "neither a setting nor an item of a list",
        'write "key: value" with a space after the colon, or put long values in quotes',
    ),
    (
        r"expected <block end>",
        "the line does not match the indentation above",
        "indent it like the lines above, uncomment its section, or put a brace in quotes",
    ),
    (
        r"expected ',' or",
        "a brace or bracket is opened here and never closed, or a comma is missing",
        "close it or add the comma",
    ),
    (r"tag|URI|expected '>'|expected ' '", "a value starts with !", "put the value in quotes"),
    (r"escape", "unknown escape in double quotes", "use single quotes"),
    (
        r"sequence entries are not allowed",
        "an item of a list where none can be",
        'put each "- " on a line of its own below the key',
    ),
    (r"chomping|line break", "a value starts with | or >", "put the value in quotes"),
    (r"another document", "a second document starts here", "keep one document and remove ---"),
    (r"found '<stream end>'", "a brace or bracket is opened and never closed", "close it"),
    (r"unexpected end of stream", "a quote is opened here and never closed", "close it"),
    (
        r"expected the node content",
        "a value is missing, or starts with a character that is special in YAML",
        "put the value in quotes",
    ),
    (r"alphabetic or numeric", "a value starts with & or *", "put the value in quotes"),
)
"""PyYAML's messages, which may quote a piece of a secret, and ours in place of them."""

_REPORTED_WHERE_IT_OPENS = ("while scanning a ", "while parsing a flow")


def compose(text: str, file: str) -> yaml.Node | None:
    """Return the root of the one document in `text`, or `None` if it is empty.

    Raises:
        ConfigError: the text is not valid YAML, or contains what is not supported.
    """
    try:
        refused = tuple(_refuse(text, file))
        if refused:
            raise ConfigError(refused)
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        wrong = f"control character U+{ord(text[error.position]):04X}"
        # UTF-16 without a byte order mark is valid UTF-8 with a NUL next to each letter.
        right = "remove it" if text[error.position] != "\0" else "remove it, and save as UTF-8"
        raise ConfigError([Problem(file, line, _KEY, wrong, right)]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_problem(error, text, file)]) from None
    except (ValueError, OverflowError):
        # PyYAML computes with the digits of escapes and of %YAML without looking at them.
        wrong, right = "invalid digits in an escape or version", "use single quotes"
        raise ConfigError([Problem(file, _line_of_digits(text), _KEY, wrong, right)]) from None


def _refuse(text: str, file: str) -> Iterator[Problem]:
    """Go through the text without building anything, and yield what could do harm."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if getattr(event, "anchor", None) is not None:
            wrong = "anchors (&) and aliases (*) are not supported"
            right = "write the value out, or put it in quotes if that is how it starts"
            yield Problem(file, line, _KEY, wrong, right)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST_NESTING:
            wrong = f"nested deeper than {DEEPEST_NESTING} levels"
            yield Problem(file, line, _KEY, wrong, "remove the inner brackets")
            return


def _line_of_digits(text: str) -> int:
    match = re.search(r"\\U(?!000|0010)[0-9a-fA-F]{8}|^%YAML", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else 1


def lookalike(text: str) -> tuple[str, str] | None:
    """Return what is wrong and right if `text` has a character that only looks like YAML's own."""
    for character in text:
        if character in _LOOKALIKES:
            wrong = f"U+{ord(character):04X} ({_name(character)}) is not what YAML expects"
            return wrong, f"replace it by {_LOOKALIKES[character]}, or put the text in quotes"
    return None


def invisible(text: str) -> str | None:
    """Return the name of the first character in `text` that nobody sees, `None` without one."""
    for character in text:
        if character != " " and unicodedata.category(character) in _INVISIBLE:
            return f"U+{ord(character):04X} ({_name(character)})"
    return None


def _name(character: str) -> str:
    return _BYTE_ORDER_MARK.get(character) or unicodedata.name(character, "no name").lower()


def _problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    lines, said = text.rstrip().split("\n"), error.problem or ""
    line = min(_line(error), len(lines))
    content = [
        number for number in range(1, line + 1) if not _IS_COMMENT.fullmatch(lines[number - 1])
    ]
    # YAML takes a setting with a wrong colon for text, and fails only on the line below.
    near = content[:-3:-1]
    for number in near:
        is_text = number == line or ":" not in lines[number - 1]
        if is_text and (odd := lookalike(lines[number - 1].partition(" #")[0])):
            return Problem(file, number, _KEY, *odd)
    for number, (pattern, wrong, right) in product(near, _LINES):
        if pattern.match(lines[number - 1]):
            return Problem(file, number, _KEY, wrong, right)
    for number in content:
        if _OPEN_QUOTE.match(lines[number - 1]):
            return Problem(
                file, number, _KEY, "a quote is opened here and never closed", "close it"
            )
    for expected, wrong, right in _ERRORS:
        if re.search(expected, said):
            return Problem(file, line, _KEY, wrong, right)
    right = "look for wrong brackets, quotes and indentation here"
    return Problem(file, line, _KEY, "invalid YAML", right)


def _line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    if error.context_mark and (error.context or "").startswith(_REPORTED_WHERE_IT_OPENS):
        mark = error.context_mark
    return mark.line + 1 if mark else 1
