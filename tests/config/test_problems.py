"""Problems are printed one a line, in the order of the lines, and in safe characters."""

from asr_daemon.config.problems import ConfigError, Problem, one_of, quote


def test_a_problem_names_place_mistake_and_remedy() -> None:
    """The form is that of compilers, so that editors jump to it."""
    problem = Problem("a.yaml", 3, "log.level", "empty", "write info")
    assert str(problem) == "a.yaml:3: log.level: empty; write info"


def test_problems_are_sorted_by_line_only() -> None:
    """Within a line they keep the order in which they were found."""
    found = [Problem("f", line, key, "w", "r") for line, key in ((10, "b"), (2, "z"), (10, "a"))]
    assert [problem.key for problem in ConfigError(found).problems] == ["z", "b", "a"]


def test_quote_keeps_a_terminal_safe() -> None:
    """Escape sequences in a value do not reach the terminal."""
    assert quote('a"\x1b[31m') == '"a\\"\\u001b[31m"'


def test_quote_keeps_letters_of_all_scripts() -> None:
    """Chinese stays readable."""
    assert quote("转写") == '"转写"'


def test_quote_cuts_what_is_very_long() -> None:
    """A message stays one line."""
    assert quote("x" * 1000) == f'"{"x" * 200}..."'


def test_one_of_joins_with_or() -> None:
    """The last word comes after `or`."""
    assert [one_of(["a"]), one_of("ab"), one_of("abc")] == ["a", "a or b", "a, b or c"]
