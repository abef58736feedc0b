"""Completion in bash offers what can stand there."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "etc/bash_completion.d/asr-daemon"

ASK = """
set -u
source "$1"; shift
complete -p asr-daemon >/dev/null || exit 3
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_asr_daemon
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(folder: Path, *words: str) -> list[str]:
    """Return what bash offers for the last word of a command line, in a folder."""
    command = ["bash", "--norc", "-c", ASK, "bash", str(SCRIPT), "asr-daemon", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, check=True, timeout=30
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ["serve", "check", "init", "send", "status", "schema"]),
        ("se", ["serve", "send"]),
        ("--", ["--help", "--version"]),
        ("send ", ["tencent", "huawei"]),
        ("send t", ["tencent"]),
        ("send tencent ", ["--help", "--url", "--file", "--count", "--config"]),
        ("send --f", ["--file"]),
        ("send --count 2 hu", ["huawei"]),
        ("send --url ", []),
        ("schema c", ["config"]),
        ("serve ", ["--help", "--config"]),
        ("status --j", ["--json"]),
        ("nonsense ", ["serve", "check", "init", "send", "status", "schema"]),
    ],
)
def test_words(line: str, words: list[str], tmp_path: Path) -> None:
    """A command, then its arguments."""
    (tmp_path / "tencent.yaml").touch()
    assert offered(tmp_path, *line.split(" ")) == words


@pytest.mark.parametrize(
    "line", ["check --config t", "serve -c t", "send huawei --file t", "init t"]
)
def test_files(line: str, tmp_path: Path) -> None:
    """Where one can stand."""
    (tmp_path / "tencent.yaml").touch()
    assert offered(tmp_path, *line.split(" ")) == ["tencent.yaml"]
