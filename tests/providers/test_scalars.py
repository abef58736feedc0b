"""Numbers and strings are taken in any spelling, and nothing else for either."""

import math

import pytest

from asr_daemon.providers.scalars import (
    LONGEST_MS,
    as_label,
    as_ms,
    as_number,
    as_text,
    holds_text,
    look_up,
    seconds_as_ms,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a ", "a "),
        ("", ""),
        (18446744073709551615, "18446744073709551615"),
        (2**70, "1180591620717411303424"),
        (-1, "-1"),
        (4000048858.0, "4000048858"),
        (1.5, "1.5"),
        (None, None),
        (True, None),
        (["a"], None),
        ({}, None),
    ],
)
def test_as_text(value: object, text: str | None) -> None:
    """A number is its digits; only strings and numbers are text."""
    assert as_text(value) == text


@pytest.mark.parametrize(("value", "label"), [(" a", " a"), ("", None), (" \n", None), (0, "0")])
def test_as_label(value: object, label: str | None) -> None:
    """A blank is no label."""
    assert as_label(value) == label


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (1.5, 1.5),
        ("4360", 4360),
        (" -3 ", -3),
        ("8.420000", 8.42),
        ("2.", 2.0),
        ("\x1c8.42", 8.42),
        ("\x1c7", 7),
        ("", None),
        ("1e9", None),
        ("٣", None),
        ("段落-0", None),
        ("9" * 400, None),
        (10**400, None),
        (-(10**400), None),
        (math.inf, None),
        (math.nan, None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_as_number(value: object, number: float | None) -> None:
    """Decimal digits are a number, whether or not they are quoted."""
    assert as_number(value) == number


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (0, 0),
        ("5970", 5970),
        (5969.6, 5970),
        (LONGEST_MS, LONGEST_MS),
        (LONGEST_MS + 1, None),
        (2**70, None),
        (-1, None),
        ("", None),
    ],
)
def test_as_ms(value: object, ms: int | None) -> None:
    """A time is within what an audio can be long."""
    assert as_ms(value) == ms


@pytest.mark.parametrize(
    ("value", "ms"),
    [("8.42", 8420), (1.0005, 1000), (1e308, None), (10**308, None), ("-1", None), (None, None)],
)
def test_seconds_as_ms(value: object, ms: int | None) -> None:
    """Seconds become whole milliseconds."""
    assert seconds_as_ms(value) == ms


@pytest.mark.parametrize("value", ["a", [[" ", "a"]], {"a": {"b": [1, "c"]}}])
def test_holds_text(value: object) -> None:
    """A string that is not blank is text, at any depth."""
    assert holds_text(value)


@pytest.mark.parametrize(
    "value", ["", " \n", 7, True, None, [], {}, [None, 1, ""], {"a": {"b": 1}}]
)
def test_holds_no_text(value: object) -> None:
    """Names, numbers and blanks are no text."""
    assert not holds_text(value)


def test_look_up() -> None:
    """The exact name comes first, then the first that differs in case only."""
    assert look_up({"Body": 1, "body": 2}, "body") == 2
    assert look_up({"BODY": 1, "Body": 2}, "body") == 1
    assert look_up({}, "body") is None
