"""What is no sound YAML is told with its line and in words that help, never quoting the text."""

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
        ("log:\n\tlevel: info\n", "2: a tab stands where YAML takes blanks only"),
        ("log:\n  level: a: b\n", "2: a colon stands where no key can be"),
        (
            "log:\n  format: text\n  level:info\nstate: x\n",
            "3: the line is neither a setting nor an item of a list",
        ),
        ("log:\n  level: info\n format: text\n", "3: the line does not fit to those above"),
        (
            "output:\n  layout: {provider}/{id}\nlog:\n",
            "2: the line does not fit to those above",
        ),
        ("log:\n  level: 'info\nstate: x\n", "2: a quote is opened here and not closed"),
        (
            "log:\n  a: [b\nstate: x\n",
            "2: a brace or bracket is opened here and not closed, or a comma is missing",
        ),
        ("a: - b\n", "1: an item of a list stands where none can be"),
        ("a: >b\n", "1: a value starts with | or >"),
        ("a: !%f b\n", "1: a value starts with !"),
        ("\na: '\\U'\nb: \"\\U00110000\"\n", "3: an escape or version has impossible digits"),
        ('a: "\\Uffffffff"\n', "1: an escape or version has impossible digits"),
        (f"%YAML 1.{'9' * 5000}\n---\n", "1: an escape or version has impossible digits"),
        ('log: "\\q"\n', "1: an unknown escape stands in double quotes"),
        ("a: 1\n---\nb: 2\n", "2: a second document starts here"),
        ("a: 1\nb: \x01\n", "2: the control character U+0001 stands here"),
        ("%YAML 9.9\n---\na: 1\n", "1: this is no sound YAML"),
        (
            "a: @b\n",
            "1: a value starts with a character that means something to YAML",
        ),
        (
            "a: [::1]\n",
            "1: a value is missing, or starts with a character that means something to YAML",
        ),
        ("a: !b!c d\n", "1: a value starts with !"),
        ("{a: !b}\n", "1: a value starts with !"),
        ("a: * b\n", "1: a value starts with & or *"),
        ("a:\n  b: &c d\n", "2: anchors (&) and aliases (*) are not taken"),
        ("a: 1\nb: *c\n", "2: anchors (&) and aliases (*) are not taken"),
    ],
)
def test_a_mistake_is_told_where_it_is(text: str, said: str) -> None:
    """The line is where the admin has to look, which is often not where YAML gave up."""
    assert first_problem(text) == said


@pytest.mark.parametrize("start", ["&", "*", "!", "!x!", "%", "@", "`", "[", "{", '"', "'", "|"])
def test_a_secret_is_not_quoted_in_a_message(start: str) -> None:
    """Secrets that YAML stumbles over are not in the message."""
    with pytest.raises(ConfigError) as caught:
        compose(f"key: {start}hunter2 hunter2: hunter2\nstate: x\n", "f")
    assert "hunter2" not in str(caught.value)


def test_a_bomb_of_aliases_is_refused_at_every_line() -> None:
    """Nothing is multiplied, and every anchor and alias is told."""
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
