"""What machines are made of: a Debian tree and Python packages, made once and kept."""

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
LOCKS = tuple(
    Path(__file__).parents[2] / name for name in ("requirements.lock", "requirements-build.lock")
)
"""What the daemon needs, and what it is built with."""


def debian_tree() -> Path:
    """Return a minimal Debian with systemd; the first call takes a minute or three."""
    return _kept("debian", [SUITE, *PACKAGES], _bootstrap)


def wheels() -> Path:
    """Return a folder with everything that pip needs to install asr-daemon on that Debian."""
    return _kept("wheels", [PYTHON, *(lock.read_text() for lock in LOCKS)], _download)


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
    command += ["--no-deps", "--require-hashes"]
    command += [part for each in platforms for part in ("--platform", each)]
    command += [part for lock in LOCKS for part in ("--requirement", str(lock))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
