"""Machines to try units and packages on."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.requirements import require, root
from tests.systemd.machine import Machine, booted
from tests.systemd.requirements import cgroup2, debootstrap, nspawn
from tests.systemd.tree import debian_tree, wheels


@pytest.fixture(scope="session")
def bare_tree() -> Path:
    """Return a Debian without asr-daemon; nothing may be changed in it."""
    require(root, nspawn, debootstrap, cgroup2)
    return debian_tree()


@pytest.fixture(scope="session")
def installed_tree(bare_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a Debian on which scripts/install has run; nothing may be changed in it."""
    tree = tmp_path_factory.mktemp("installed") / "tree"
    subprocess.run(["cp", "-a", "--reflink=auto", bare_tree, tree], check=True)
    with booted(tree, wheels(), forgetful=False) as machine:
        machine.run("scripts/install")
        machine.power_off()
    yield tree
    shutil.rmtree(tree)


@pytest.fixture
def bare(bare_tree: Path) -> Iterator[Machine]:
    """Return a fresh machine without asr-daemon."""
    with booted(bare_tree, wheels()) as machine:
        yield machine


@pytest.fixture
def machine(installed_tree: Path) -> Iterator[Machine]:
    """Return a fresh machine on which asr-daemon is installed and running."""
    with booted(installed_tree, wheels()) as machine:
        yield machine
