"""The mutants fit the code, and each is noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.__main__ import Unfit, mutate
from tests.mutants.mutants import MUTANTS, Mutant

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits_the_code(mutant: Mutant) -> None:
    """What it changes is there, once; so that a mutant does not go stale."""
    source = (REPOSITORY / mutant.file).read_text(encoding="utf-8")
    assert mutate(source, mutant) != source


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [("no longer there", "x", "0 times"), ("= 1", "= 2", "2 times"), ("a = 1", "a = (", "closed")],
)
def test_mutant_that_does_not_fit(old: str, new: str, why: str) -> None:
    """Text that is not there, is there twice, or makes no Python is an error of the mutant."""
    with pytest.raises(Unfit, match=why):
        mutate("a = 1\nb = 1\n", Mutant("name", "file.py", old, new))


@pytest.mark.long
def test_every_mutant_is_noticed() -> None:
    """As `scripts/mutants` has it."""
    subprocess.run([sys.executable, "-m", "tests.mutants"], cwd=REPOSITORY, check=True)
