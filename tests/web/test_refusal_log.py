"""Refusals in the log: each result, and of failed attempts the first and then how many more."""

import logging

import pytest

from asr_daemon.errors import (
    CallbackError,
    CannotStore,
    MethodNotAllowed,
    NotUnderstood,
    WrongCredentials,
)
from asr_daemon.networks import Client
from asr_daemon.web.refusal_log import (
    MAX_CLIENTS,
    QUIET_ABOUT_PROBES_S,
    QUIET_S,
    Refusal,
    RefusalLog,
)


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
    RefusalLog(clock).note(refusal(WrongCredentials("the key is wrong")))
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


def test_failed_attempts_are_counted(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """An address that guesses gets a line a minute, with how many more there were."""
    refusals = RefusalLog(clock)
    for _ in range(30):
        refusals.note(refusal(WrongCredentials("wrong")))
    refusals.note(refusal(WrongCredentials("wrong"), "192.0.2.2"))
    clock.now = QUIET_S
    refusals.note(refusal(WrongCredentials("wrong")))
    assert [(line["address"], line.get("more")) for line in fields(caplog)] == [
        ("192.0.2.1", None),
        ("192.0.2.2", None),
        ("192.0.2.1", 29),
    ]


def test_health_checks_get_a_line_a_day(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A load balancer that asks every five seconds by another method than POST."""
    refusals = RefusalLog(clock)
    for seconds in range(0, int(QUIET_ABOUT_PROBES_S) + 1, 5):
        clock.now = float(seconds)
        refusals.note(refusal(MethodNotAllowed("only POST is served here")))
    assert [line.get("more") for line in fields(caplog)] == [None, 17279]


def test_proxy_that_does_not_name_its_clients(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets one line a day and reason, with what to do."""
    log = RefusalLog(clock)
    missing = "the header x-forwarded-for is missing or empty; this request has x-real-ip"
    for _ in range(3):
        log.note_client(Client("198.51.100.7"))
        log.note_client(Client("10.0.0.1", missing))
        log.note_client(Client("10.0.0.2", missing))
    clock.now = QUIET_ABOUT_PROBES_S
    log.note_client(Client("10.0.0.1", missing))
    assert fields(caplog) == [
        {"proxy": "10.0.0.1", "reason": missing},
        {"proxy": "10.0.0.2", "reason": missing},
        {"proxy": "10.0.0.1", "reason": missing},
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert caplog.messages[0] == (
        "client address unknown, that of the proxy counts: have the proxy set this header, or set "
        "client_address_header to the one that it sets"
    )


def test_each_result_is_logged(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """What may have been a result is named each time."""
    refusals = RefusalLog(clock)
    for _ in range(3):
        refusals.note(refusal(NotUnderstood("no result")))
    assert len(fields(caplog)) == 3


def test_storage_failures_are_logged_elsewhere(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk is not logged again for every result."""
    RefusalLog(clock).note(refusal(CannotStore("disk full")))
    assert fields(caplog) == []


def test_memory_is_bounded(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever is forgotten among too many is logged again, without a count."""
    refusals = RefusalLog(clock)
    for number in range(MAX_CLIENTS + 1):
        for _ in range(2):
            refusals.note(refusal(WrongCredentials("wrong"), str(number)))
    caplog.clear()
    for number in (1, 0):
        refusals.note(refusal(WrongCredentials("wrong"), str(number)))
    assert [(line["address"], line.get("more")) for line in fields(caplog)] == [("0", None)]
