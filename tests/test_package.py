"""The wheel and the source distribution are complete: what is installed of them alone serves."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.serving import eventually
from tests.free_port import free_port

pytestmark = pytest.mark.long

PROJECT = Path(__file__).parents[1]
NOT_OURS = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "build", "dist", "transcripts", "state"
)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the source distribution of this folder."""
    copy = tmp_path_factory.mktemp("copy") / "asr-daemon"
    shutil.copytree(PROJECT, copy, ignore=NOT_OURS)
    return _built("sdist", copy, copy.parent)


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that is built of the source distribution."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [source] = folder.iterdir()
    return _built("wheel", source, folder)


def _built(kind: str, source: Path, folder: Path) -> Path:
    hook = f"from setuptools.build_meta import build_{kind} as build; build({str(folder)!r})"
    done = subprocess.run(
        [sys.executable, "-c", hook], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    [built] = folder.glob({"sdist": "*.tar.gz", "wheel": "*.whl"}[kind])
    return built


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_installed_daemon_stores_a_callback(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    command = _installed(request.getfixturevalue(kind), tmp_path / "venv")
    config = tmp_path / "asr-daemon.yaml"
    subprocess.run([command, "init", config], check=True, capture_output=True)
    port, admin = free_port(), free_port()
    text = config.read_text().replace("port: 8787", f"port: {port}")
    config.write_text(text.replace("port: 8788", f"port: {admin}"))
    with _serving(command, config):
        _run(command, "send", "tencent", "--config", config)
    [stored] = (tmp_path / "transcripts/tencent").rglob("4000048858.txt")
    assert stored.read_text(encoding="utf-8")


def _installed(package: Path, folder: Path) -> Path:
    """Install a package and what is locked into an environment that has nothing else."""
    venv.create(folder, with_pip=True)
    pip = folder / "bin/pip"
    _run(pip, "install", "--require-hashes", "--requirement", PROJECT / "requirements.lock")
    _run(pip, "install", "--no-deps", package)
    _run(pip, "check")
    return folder / "bin/asr-daemon"


@contextmanager
def _serving(command: Path, config: Path) -> Iterator[None]:
    daemon = subprocess.Popen(
        [command, "serve", "--config", config], cwd=config.parent, env=_environ()
    )
    status: list[str | Path] = [command, "status", "--config", config]
    try:
        eventually(
            lambda: subprocess.run(status, capture_output=True, check=False).returncode == 0,
            "it is ready",
        )
        yield
    finally:
        daemon.terminate()
        daemon.wait(30)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environ())
    assert done.returncode == 0, done.stdout + done.stderr


def _environ() -> dict[str, str]:
    """Return our environment without what would show the package in this folder."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_wheel_holds_the_package_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"asr_daemon"}
    assert {"asr_daemon/py.typed", "asr_daemon/config/asr-daemon.yaml"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_source_distribution_holds_what_installs_it(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "requirements.lock",
        "requirements-build.lock",
        "scripts/install",
        "systemd/asr-daemon.service",
        "systemd/debian/postinst",
        "etc/asr-daemon.yaml",
        "docs/man/asr-daemon.1",
        "tests/test_package.py",
        "CHANGELOG.md",
        "LICENSE",
    } <= names
