"""Breaks the code in a copy of the repository, one mutant at a time, and runs the quick tests.

`python -m tests.mutants [WORD]...`: all mutants, or those whose names hold one of the words. Exit
status 1 if one survives, 2 if one does not fit the code any more or does not run at all.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.mutants import MUTANTS, Mutant

TIMEOUT_S = 60.0
"""For one run of the tests; a mutant that hangs has been noticed."""

_REPOSITORY = Path(__file__).parents[2]
_COPIED = ("asr_daemon", "tests", "etc", "pyproject.toml")


class Unfit(Exception):
    """A mutant that is no valid change of the code as it is; the message says why."""


def main(words: Sequence[str]) -> int:
    """Try the mutants, print a table, and return the exit status."""
    chosen = [each for each in MUTANTS if not words or any(word in each.name for word in words)]
    with TemporaryDirectory(prefix="asr-daemon-mutants-") as folder:
        try:
            survivors = _try_all(chosen, _copy(Path(folder)))
        except Unfit as error:
            _say(f"{error}")
            return 2
    _say(f"{len(chosen)} mutants, {survivors} survived")
    return 1 if survivors else 0


def mutate(source: str, mutant: Mutant) -> str:
    """Return the source of a mutant.

    Raises:
        Unfit: what is to be changed is not there just once, or the change is no Python.
    """
    found = source.count(mutant.old)
    if found != 1:
        raise Unfit(f"{mutant.name}: its old text is {found} times in {mutant.file}, not once")
    mutated = source.replace(mutant.old, mutant.new)
    try:
        compile(mutated, mutant.file, "exec")
    except SyntaxError as error:
        raise Unfit(f"{mutant.name}: {error}") from error
    return mutated


def _copy(folder: Path) -> Path:
    for name in _COPIED:
        source = _REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def _try_all(mutants: Iterable[Mutant], copy: Path) -> int:
    """Return how many survive."""
    mutants = list(mutants)
    for mutant in mutants:
        mutate((copy / mutant.file).read_text(encoding="utf-8"), mutant)
    for tests in sorted({mutant.tests for mutant in mutants}):
        red = _first_red(copy, tests)
        if red is not None:
            raise Unfit(f"the tests are red without any mutant: {red}")
    return sum(_survives(mutant, copy) for mutant in mutants)


def _survives(mutant: Mutant, copy: Path) -> bool:
    file = copy / mutant.file
    source = file.read_text(encoding="utf-8")
    began_s = time.monotonic()
    file.write_text(mutate(source, mutant), encoding="utf-8")
    try:
        red = _first_red(copy, mutant.tests)
    finally:
        file.write_text(source, encoding="utf-8")
    took_s = time.monotonic() - began_s
    _say(f"{'SURVIVED' if red is None else 'noticed':8}  {took_s:4.1f} s  {mutant.name}")
    _say(f"{'':18}  {red or 'by nothing'}")
    return red is None


def _first_red(copy: Path, tests: Sequence[str]) -> str | None:
    """Return the first test that fails, `None` if all pass.

    Raises:
        Unfit: the tests could not be run.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", *tests]
    # The processes that tests start find the package by its path too.
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        cwd=copy,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"none within {TIMEOUT_S:.0f} s"
    if process.returncode == 0:
        return None
    red = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR tests/"))]
    if process.returncode != 1 or not red:
        raise Unfit(f"the tests do not run:\n{output}")
    return red[0].partition(" - ")[0].partition(" ")[2]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
