"""Text that means something to roff loses its meaning."""

import pytest

from asr_daemon.manual.roff import beginning, bold, escape, filled, paragraphs, tagged, verbatim


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("--config", r"\-\-config"),
        (".staging/ is", r"\&.staging/ is"),
        ("'a' `b` ~c ^d", r"\(aqa\(aq \(gab\(ga \(tic \(had"),
        (r"C:\x", r"C:\ex"),
        ('"quoted"', '"quoted"'),
    ],
)
def test_escape(text: str, escaped: str) -> None:
    """Nothing is an instruction, and hyphens are those that can be copied."""
    assert escape(text) == escaped


def test_bold() -> None:
    """Around what is escaped."""
    assert bold("-c") == r"\fB\-c\fR"


def test_lines_of_a_paragraph_are_filled_anew() -> None:
    """A line that then begins with a dot is none of roff's."""
    [first, second] = filled(
        "The folder of all results, with a lot of words before\nthe folder .staging/ in it."
    )
    assert first == "The folder of all results, with a lot of words before the folder"
    assert second == r"\&.staging/ in it."


def test_indented_lines_stay_as_they_are() -> None:
    """Also in the midst of a paragraph."""
    assert list(filled("Either\n  !file PATH\n  !env NAME\nor text.")) == [
        "Either",
        ".RS 4",
        ".nf",
        "!file PATH",
        "!env NAME",
        ".fi",
        ".RE",
        "or text.",
    ]


def test_paragraphs_and_lists() -> None:
    """They are set apart."""
    assert list(paragraphs("One.\n\nTwo.")) == ["One.", ".PP", "Two."]
    assert list(tagged("a", ["b"])) == [".TP", "a", "b"]


def test_verbatim_keeps_indentation() -> None:
    """As YAML needs it."""
    assert list(verbatim(["a:", "  b: c"])) == [".RS 4", ".nf", "a:", "  b: c", ".fi", ".RE"]


def test_beginning() -> None:
    """The title is not taken apart."""
    assert next(beginning("A-B", 1, "x 0.1.0", "User Commands")) == (
        r'.TH A\-B 1 "" "x 0.1.0" "User Commands"'
    )
