"""What is installed is locked: versions that setup.py allows, with hashes, without addresses."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1]
RUN_TIME, BUILD = PROJECT / "requirements.lock", PROJECT / "requirements-build.lock"


def locked(lock: Path) -> dict[str, str]:
    """Return the version of each package in a lock file."""
    pins = re.findall(r"^([a-z0-9-]+)==(\S+) ", lock.read_text(encoding="utf-8"), re.M)
    return {normalized(name): version for name, version in pins}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def run_time_requirements() -> list[Requirement]:
    """Return what setup.py asks for, extras left out."""
    setup = (PROJECT / "setup.py").read_text(encoding="utf-8")
    [listed] = re.findall(r"install_requires=\[\n(.*?)\n    \],", setup, re.S)
    return [Requirement(each) for each in re.findall(r'^ +"(.+)",$', listed, re.M)]


def build_requirements() -> list[Requirement]:
    """Return what pyproject.toml asks for."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(each) for each in project["build-system"]["requires"]]


def test_requirements_at_run_time_are_locked() -> None:
    pins = locked(RUN_TIME)
    required = run_time_requirements()
    assert {normalized(each.name) for each in required} <= pins.keys()
    for requirement in required:
        assert requirement.specifier.contains(pins[normalized(requirement.name)]), requirement


def test_requirements_of_the_build_are_locked() -> None:
    pins = locked(BUILD)
    for requirement in build_requirements():
        assert requirement.specifier.contains(pins[normalized(requirement.name)]), requirement


@pytest.mark.parametrize("lock", [RUN_TIME, BUILD], ids=["run time", "build"])
def test_each_locked_version_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    for pin in re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.M)[1:]:
        assert "--hash=sha256:" in pin
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host", text)


def test_every_requirement_has_a_lower_bound_and_a_reason() -> None:
    lines = (PROJECT / "setup.py").read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if re.match(r' +"[A-Za-z0-9_.-]+[<>=~].*",$', line):
            assert before.lstrip().startswith("#"), f"no reason before {line.strip()}"
