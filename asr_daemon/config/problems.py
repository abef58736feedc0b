"""What can be wrong with a configuration, as values that are printed one a line."""

import json
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from asr_daemon.errors import AsrDaemonError

_LONGEST_QUOTE = 200


class Problem(Struct, frozen=True):
    """One mistake: where it is, what is wrong, what to write; holds no secret.

    `key` is the path of the setting (`listen[0].port`), or a word in parentheses where the mistake
    is not in one setting: `(file)`, `(syntax)`, `(top level)`.
    """

    file: str
    line: int
    key: str
    wrong: str
    right: str

    def __str__(self) -> str:
        """Return the line that `check` prints."""
        return f"{self.file}:{self.line}: {self.key}: {self.wrong}; {self.right}"


class Finding(Struct, frozen=True):
    """A broken rule: at which setting, and in which words (see `Problem`)."""

    key: str
    wrong: str
    right: str
    depends: tuple[str, ...]
    """The settings that the rule looked at, those first that are likely to be the mistake."""
    is_warning: bool = False
    """Whether a daemon starts nevertheless."""


def by_line(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems in the order of their lines."""
    return tuple(sorted(problems, key=lambda problem: problem.line))


class ConfigError(AsrDaemonError):
    """An invalid configuration, with every problem in the order of the lines.

    `warnings` are what else is to be known of it; they are not in the message. A remark is the last
    line of it.
    """

    def __init__(
        self, problems: Iterable[Problem], warnings: Iterable[Problem] = (), remark: str = ""
    ) -> None:
        self.problems = by_line(problems)
        self.warnings = by_line(warnings)
        super().__init__("\n".join([*map(str, self.problems), *filter(None, [remark])]))


class Wrong(AsrDaemonError):
    """An invalid value, raised where file and line are not known.

    `wrong` says what is wrong with it, `right` what to write or do. Neither may quote a secret.
    """

    def __init__(self, wrong: str, right: str) -> None:
        self.wrong = wrong
        self.right = right
        super().__init__(f"{wrong}; {right}")


def quote(text: str) -> str:
    """Return `text` in double quotes, on one line, without control characters, cut if very long."""
    cut = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."
    return json.dumps(cut, ensure_ascii=not cut.isprintable())


def one_of(words: Iterable[Any]) -> str:
    """Return `words` as `a, b or c`."""
    *front, last = map(str, words)
    return f"{', '.join(front)} or {last}" if front else last
