"""Results survive a daemon that is killed at any moment: none missing, none in part, none twice."""

from pathlib import Path
from random import Random
from threading import Timer

import pytest

from tests.conftest import NoteFigure
from tests.daemon.clients import Damage, Ledger, find_damage, resend, senders
from tests.daemon.process import STOP_TIMEOUT_S, running

OUTPUT = 'layout: "{provider}/{appid}/{id}"'
LONGEST_LIFE_S = 0.5
ROUNDS_PER_TREE = 10
RESENT_ACKNOWLEDGED = 16


def to_send_again(ledger: Ledger, chance: Random) -> list[str]:
    """Return what a sender may try again: all without an answer, and some that has one."""
    acknowledged = sorted(ledger.acknowledged)
    some = chance.sample(acknowledged, min(RESENT_ACKNOWLEDGED, len(acknowledged)))
    return [*sorted(ledger.unanswered - ledger.acknowledged), *some]


def live_and_be_killed(folder: Path, ledger: Ledger, chance: Random) -> None:
    """Serve what is sent again and 8 senders, until a random moment."""
    with running(folder, output=OUTPUT) as daemon:
        kill = Timer(chance.uniform(0, LONGEST_LIFE_S), daemon.process.kill)
        kill.start()
        resend(daemon.port, to_send_again(ledger, chance), ledger)
        with senders(daemon.port, ledger):
            daemon.process.wait(STOP_TIMEOUT_S)
        kill.join()


def survive(folder: Path, rounds: int, chance: Random) -> Ledger:
    """Kill a daemon so many times on one tree, and return what its senders were told."""
    folder.mkdir()
    ledger = Ledger()
    for _ in range(rounds):
        live_and_be_killed(folder, ledger, chance)
        assert find_damage(folder / "root", ledger) == Damage()
    with running(folder, output=OUTPUT) as daemon:
        resend(daemon.port, ledger.sent, ledger)
    assert ledger.acknowledged == ledger.sent.keys()
    assert not ledger.refused
    assert find_damage(folder / "root", ledger) == Damage()
    return ledger


def test_results_survive_a_few_kills(tmp_path: Path, chance: Random) -> None:
    """After each, and after everything was sent again."""
    assert survive(tmp_path / "tree", 3, chance).acknowledged


@pytest.mark.long
def test_results_survive_many_kills(
    tmp_path: Path, chance: Random, rounds: int, note_figure: NoteFigure
) -> None:
    """The same `--rounds` times, on a new tree now and then, so that comparing stays quick."""
    acknowledged = 0
    for first in range(0, rounds, ROUNDS_PER_TREE):
        here = min(ROUNDS_PER_TREE, rounds - first)
        acknowledged += len(survive(tmp_path / f"tree-{first}", here, chance).acknowledged)
    note_figure("results acknowledged", acknowledged)
    assert acknowledged > rounds
