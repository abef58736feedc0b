"""Invalid YAML is reported with its line and in words that help, never quoting the text."""

import pytest

from asr_daemon.config.problems import ConfigError
from asr_daemon.config.syntax import DEEPEST_NESTING, compose


def first_problem(text: str) -> str:
    """Return line and mistake of the first problem."""
    with pytest.raises(ConfigError) as caught:
        compose(text, "f")
    problem = caught.value.problems[0]
    assert problem.key == "(syntax)"
    return f"{problem.line}: {problem.wrong}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("log:\n\tlevel: info\n", "2: a tab where YAML allows only spaces"),
        ("log:\n  level: a: b\n", "2: a colon where no key can be"),
        (
            "log:\n  format: text\n  level info\nstate: x\n",
            "3: neither a setting nor an item of a list",
        ),
        ("log:\n  level:info\n  format: text\n", "2: no space after the colon"),
        ("listen:\n  - port:80\n    address: ::1\n", "2: no space after the colon"),
        (
            "log:\n<<<<<<< HEAD\n  level: info\n=======\n  level: debug\n>>>>>>> other\n",
            "2: an unresolved merge",
        ),
        ("l\0o\0g\0:\0", "1: control character U+0000"),
        (
            "log:\n  format: text\n  level:info\nstate: x\n",
            "3: no space after the colon",
        ),
        (
            "log:\n  level: info\n format: text\n",
            "3: the line does not match the indentation above",
        ),
        (
            "output:\n  layout: {provider}/{id}\nlog:\n",
            "2: the line does not match the indentation above",
        ),
        ("log:\n  level: 'info\nstate: x\n", "2: a quote is opened here and never closed"),
        (
            "log:\n  level: 'info\n  # the log's form\n  format: text\n",
            "2: a quote is opened here and never closed",
        ),
        (
            "trusted_proxies:\n  - '10.0.0.0/8\nstate: x\n",
            "2: a quote is opened here and never closed",
        ),
        ("listen:\n  -address: ::1\n  # any\n    port: 0\n", "2: no space after the dash"),
        (
            "log:\n  a: [b\nstate: x\n",
            "2: a brace or bracket is opened here and never closed, or a comma is missing",
        ),
        ("state: x\nlog: [\n\n", "2: a brace or bracket is opened and never closed"),
        ("a: - b\n", "1: an item of a list where none can be"),
        ("a: >b\n", "1: a value starts with | or >"),
        ("a: !%f b\n", "1: a value starts with !"),
        ("\na: '\\U'\nb: \"\\U00110000\"\n", "3: invalid digits in an escape or version"),
        ('a: "\\Uffffffff"\n', "1: invalid digits in an escape or version"),
        (f"%YAML 1.{'9' * 5000}\n---\n", "1: invalid digits in an escape or version"),
        ('log: "\\q"\n', "1: unknown escape in double quotes"),
        ("a: 1\n---\nb: 2\n", "2: a second document starts here"),
        ("a: 1\nb: \x01\n", "2: control character U+0001"),
        ("%YAML 9.9\n---\na: 1\n", "1: invalid YAML"),
        (
            "a: @b\n",
            "1: a value starts with a character that is special in YAML",
        ),
        (
            "a: [::1]\n",
            "1: a value is missing, or starts with a character that is special in YAML",
        ),
        ("a: !b!c d\n", "1: a value starts with !"),
        ("{a: !b}\n", "1: a value starts with !"),
        ("a: * b\n", "1: a value starts with & or *"),
        ("a:\n  b: &c d\n", "2: anchors (&) and aliases (*) are not supported"),
        ("a: 1\nb: *c\n", "2: anchors (&) and aliases (*) are not supported"),
    ],
)
def test_a_mistake_is_reported_where_it_is(text: str, said: str) -> None:
    """The line is where the admin has to look, which is often not where YAML gave up."""
    assert first_problem(text) == said


@pytest.mark.parametrize("start", ["&", "*", "!", "!x!", "%", "@", "`", "[", "{", '"', "'", "|"])
def test_a_secret_is_not_quoted_in_a_message(start: str) -> None:
    """Secrets that YAML stumbles over are not in the message."""
    with pytest.raises(ConfigError) as caught:
        compose(f"key: {start}hunter2 hunter2: hunter2\nstate: x\n", "f")
    assert "hunter2" not in str(caught.value)


def test_a_bomb_of_aliases_is_refused_at_every_line() -> None:
    """Nothing is multiplied, and every anchor and alias is reported."""
    with pytest.raises(ConfigError) as caught:
        compose("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "f")
    assert [problem.line for problem in caught.value.problems] == [1, 2, 2, 2, 3, 3]


def test_nesting_is_bounded() -> None:
    """A file of brackets is refused before anything recurses into it."""
    assert compose("[" * DEEPEST_NESTING + "]" * DEEPEST_NESTING, "f") is not None
    assert compose("[" + "[], " * 100 + "]", "f") is not None
    assert "nested deeper than 32" in first_problem("a: " + "[" * 100_000)


def test_nothing_is_no_mistake() -> None:
    """An empty text has no root."""
    assert compose("# only a comment\n", "f") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("log:\n  level\uff1ainfo\n  format: text\n", "2: U+FF1A (fullwidth colon)"),
        ("log:\n  level: \u201cinfo\n - x\n", "3: the line does not match"),
        ("log: [a\uff0c b\nstate: x\n", "1: U+FF0C (fullwidth comma)"),
        ("state: x # \u201cquoted\u201d\n\tlog: {}\n", "2: a tab"),
    ],
)
def test_characters_that_look_like_those_of_yaml_are_named(text: str, said: str) -> None:
    assert first_problem(text).startswith(said)
