"""What the tests of the commands begin with."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from asr_daemon.cli import main


class Outcome(NamedTuple):
    """What a command has left."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with arguments, in an environment that names no configuration."""
    monkeypatch.delenv("ASR_DAEMON_CONFIG", raising=False)

    def run_it(*arguments: object) -> Outcome:
        status = main(list(map(str, arguments)))
        return Outcome(status, *capsys.readouterr())

    return run_it
