"""Refusals in the log: each result, and of strangers the first and then how many more."""

import logging

import pytest

from asr_daemon.errors import CallbackError, CannotStore, NotUnderstood, WrongCredentials
from asr_daemon.web.access_log import MOST_SENDERS, QUIET_S, AccessLog, Refusal


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(caplog: pytest.LogCaptureFixture) -> Clock:
    """Return a clock, and have the log written down."""
    caplog.set_level(logging.INFO)
    return Clock()


def refusal(error: CallbackError, origin: str = "192.0.2.1") -> Refusal:
    """Return a refusal of a sender."""
    return Refusal("tencent", error, 401, origin, origin, 12, 0.0034)


def fields(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """Return the facts of each line."""
    return [record.__dict__["fields"] for record in caplog.records]


def test_one_line(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is one line with what an admin asks for."""
    AccessLog(clock).note(refusal(WrongCredentials("the key is wrong")))
    assert fields(caplog) == [
        {
            "provider": "tencent",
            "outcome": "WrongCredentials",
            "reason": "the key is wrong",
            "status": 401,
            "address": "192.0.2.1",
            "bytes": 12,
            "ms": 3.4,
        }
    ]


def test_strangers_are_counted(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Of who guesses there is a line a minute, which says how many more there were."""
    refusals = AccessLog(clock)
    for _ in range(30):
        refusals.note(refusal(WrongCredentials("wrong")))
    refusals.note(refusal(WrongCredentials("wrong"), "192.0.2.2"))
    clock.now = QUIET_S
    refusals.note(refusal(WrongCredentials("wrong")))
    assert [(each["address"], each.get("more")) for each in fields(caplog)] == [
        ("192.0.2.1", None),
        ("192.0.2.2", None),
        ("192.0.2.1", 29),
    ]


def test_results_are_each_said(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """What may have been a result is named each time."""
    refusals = AccessLog(clock)
    for _ in range(3):
        refusals.note(refusal(NotUnderstood("no result")))
    assert len(fields(caplog)) == 3


def test_trouble_is_said_elsewhere(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A full disk is not said again for every result."""
    AccessLog(clock).note(refusal(CannotStore("disk full")))
    assert fields(caplog) == []


def test_memory_is_bounded(clock: Clock) -> None:
    """However many strangers come, few are remembered."""
    refusals = AccessLog(clock)
    for number in range(MOST_SENDERS + 50):
        for _ in range(2):
            refusals.note(refusal(WrongCredentials("wrong"), str(number)))
    assert len(refusals._said_at_s) == MOST_SENDERS
    assert len(refusals._unsaid) == MOST_SENDERS
