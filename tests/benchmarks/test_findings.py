"""Findings, and the machine that they are of."""

from benchmarks.findings import this_machine
from tests.benchmarks.samples import compared, findings, one_round


def test_rounds_of_a_case() -> None:
    """Vendor and connections tell a case; one that was not measured has no rounds."""
    rounds = (one_round(1),)
    measured = findings(compared("huawei", 32, *rounds))
    assert measured.rounds("huawei", 32) == rounds
    assert measured.rounds("tencent", 32) == ()


def test_names_the_machine() -> None:
    """There is something to say of every machine."""
    machine = this_machine("a disk")
    assert machine.processor
    assert machine.cores >= 1
    assert machine.kernel.startswith("Linux ")
