"""What machines are made of: a Debian tree and Python packages, made once and kept."""

import ast
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp

SUITE = "bookworm"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "sudo")
PYTHON = "3.11"
"""Of that suite."""
BUILD = ("setuptools>=61,<81", "wheel")
"""What pip needs besides to build asr-daemon itself."""


def debian_tree() -> Path:
    """Return a minimal Debian with systemd; the first call takes a minute or three."""
    return _kept("debian", [SUITE, *PACKAGES], _bootstrap)


def wheels() -> Path:
    """Return a folder with everything that pip needs to install asr-daemon on that Debian."""
    return _kept("wheels", [PYTHON, *_requirements()], _download)


def _requirements() -> list[str]:
    """Return what setup.py says; what is installed here may be older."""
    tree = ast.parse((Path(__file__).parents[2] / "setup.py").read_text(encoding="utf-8"))
    keywords = [node for node in ast.walk(tree) if isinstance(node, ast.keyword)]
    [own] = [each.value for each in keywords if each.arg == "install_requires"]
    return sorted([*ast.literal_eval(own), *BUILD])


def _kept(name: str, made_of: Sequence[str], make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` fills, which is done only if nobody has done it before."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "asr-daemon-tests"
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:12]
    folder = cache / f"{name}-{key}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        aside = Path(mkdtemp(prefix=f"{name}-", suffix=".part", dir=cache))
        try:
            make(aside)
            aside.chmod(0o755)
            aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return folder


def _bootstrap(folder: Path) -> None:
    packages = f"--include={','.join(PACKAGES)}"
    command = ["debootstrap", "--variant=minbase", packages, SUITE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    shutil.rmtree(folder / "var/cache/apt/archives")


def _download(folder: Path) -> None:
    machine = platform.machine()
    platforms = [f"manylinux2014_{machine}", f"manylinux_2_28_{machine}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder)]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", PYTHON]
    command += [part for each in platforms for part in ("--platform", each)]
    done = subprocess.run([*command, *_requirements()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
