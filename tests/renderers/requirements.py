"""What the tests of formats need from the machine."""

import shutil
from importlib.util import find_spec


def ffmpeg() -> str | None:
    """Ask for what converts captions."""
    return None if shutil.which("ffmpeg") else "ffmpeg (Debian: ffmpeg)"


def sctk() -> str | None:
    """Ask for what scores words and speakers."""
    return None if shutil.which("sctk") else "sctk (Debian: sctk)"


def whisper() -> str | None:
    """Ask for the writers of openai-whisper."""
    return _package("whisper", "openai-whisper")


def whisperx() -> str | None:
    """Ask for the writers of WhisperX."""
    return _package("whisperx", "whisperx")


def _package(module: str, package: str) -> str | None:
    # No extra can name them: without --no-deps they bring torch and gigabytes more.
    return None if find_spec(module) else f"{package} (pip install --no-deps {package})"
