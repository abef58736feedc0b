"""YAML text to PyYAML's nodes, with what is wrong in words that an admin can act on.

Anchors, aliases and several documents in one file are refused: a configuration has no need of
them, they multiply, and a secret that starts with `&` or `*` would vanish in silence.
"""

import re
from collections.abc import Iterator

import yaml

from asr_daemon.config.problems import ConfigError, Problem

DEEPEST_NESTING = 32
"""More than any configuration needs, and little enough for recursion."""

_KEY = "(syntax)"
_TOLD = (
    (r"'\\t'", "a tab stands where YAML takes blanks only", "replace tabs by blanks"),
    (
        r"cannot start any token",
        "a value starts with a character that means something to YAML",
        "put the value in quotes",
    ),
    (
        r"mapping values are not allowed",
        "a colon stands where no key can be",
        "look here and above for indentation and colons without a blank, or use quotes",
    ),
    (
        r"could not find expected ':'",
        "the line is neither a setting nor an item of a list",
        'write "key: value" with a blank after the colon, or put long values in quotes',
    ),
    (
        r"expected <block end>",
        "the line does not fit to those above",
        "indent it as they are, and put a value that starts with a brace or quote into quotes",
    ),
    (r"unexpected end of stream", "a quote is opened here and not closed", "close it"),
    (
        r"expected ',' or",
        "a brace or bracket is opened here and not closed, or a comma is missing",
        "close it or write the comma",
    ),
    (r"tag|URI|expected '>'|expected ' '", "a value starts with !", "put the value in quotes"),
    (r"escape", "an unknown escape stands in double quotes", "use single quotes"),
    (
        r"sequence entries are not allowed",
        "an item of a list stands where none can be",
        'put each "- " on a line of its own below the key',
    ),
    (r"chomping|line break", "a value starts with | or >", "put the value in quotes"),
    (r"another document", "a second document starts here", "keep one document and remove ---"),
    (
        r"expected the node content",
        "a value is missing, or starts with a character that means something to YAML",
        "put the value in quotes",
    ),
    (r"alphabetic or numeric", "a value starts with & or *", "put the value in quotes"),
)
"""What PyYAML says, which may quote a piece of a secret, and what an admin is told instead."""

_TOLD_WHERE_IT_OPENS = ("while scanning a ", "while parsing a flow")


def compose(text: str, file: str) -> yaml.Node | None:
    """Return the root of the one document in `text`, or `None` if there is nothing in it.

    Raises:
        ConfigError: the text is not sound YAML, or holds what is refused.
    """
    try:
        refused = tuple(_refuse(text, file))
        if refused:
            raise ConfigError(refused)
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        wrong = f"the control character U+{ord(text[error.position]):04X} stands here"
        raise ConfigError([Problem(file, line, _KEY, wrong, "remove it")]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_problem(error, file)]) from None
    except (ValueError, OverflowError):
        # PyYAML computes with the digits of escapes and of %YAML without looking at them.
        wrong, right = "an escape or version has impossible digits", "use single quotes"
        raise ConfigError([Problem(file, _line_of_digits(text), _KEY, wrong, right)]) from None


def _refuse(text: str, file: str) -> Iterator[Problem]:
    """Go through the text without building anything, and yield what could do harm."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if getattr(event, "anchor", None) is not None:
            wrong = "anchors (&) and aliases (*) are not taken"
            right = "write the value out, or put it in quotes if that is how it starts"
            yield Problem(file, line, _KEY, wrong, right)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST_NESTING:
            wrong = f"the settings are nested deeper than {DEEPEST_NESTING} levels"
            yield Problem(file, line, _KEY, wrong, "remove the inner brackets")
            return


def _line_of_digits(text: str) -> int:
    match = re.search(r"\\U(?!000|0010)[0-9a-fA-F]{8}|^%YAML", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else 1


def _problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    said = error.problem or ""
    for pattern, wrong, right in _TOLD:
        if re.search(pattern, said):
            return Problem(file, _line(error), _KEY, wrong, right)
    right = "look at brackets, quotes and indentation here"
    return Problem(file, _line(error), _KEY, "this is no sound YAML", right)


def _line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    if error.context_mark and (error.context or "").startswith(_TOLD_WHERE_IT_OPENS):
        mark = error.context_mark
    return mark.line + 1 if mark else 1
