"""What the README shows works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from asr_daemon.config.load import load
from asr_daemon.providers.tencent.samples import TENCENT_CALLBACK
from asr_daemon.secret import Secret

README = (Path(__file__).parents[1] / "README.md").read_text()


def block(language: str, holding: str, page: str = README) -> str:
    """Return the code block of a language that holds a piece of text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    [found] = [each for each in blocks if holding in each]
    return str(found)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with a tree of two results, a failed and a rejected one, and a leftover."""
    for name in (
        "tencent/2026/11/21/42",
        "huawei/2026/11/21/%2E.%2Fx",
        "failed/tencent/2026/11/21/43",
        "rejected/tencent/2026/11/21/123456-abc",
        ".staging/7",
    ):
        json = tmp_path / "transcripts" / f"{name}.json"
        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_text('{"id": "x", "audio": {"duration": 1.5}, "text": "hello"}')
        json.with_suffix(".txt").write_text("hello\n")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "language", "holding"),
    [(["sh", "-eu"], "sh", "find "), ([sys.executable, "-"], "python", "rglob")],
)
def test_readers(tree: Path, command: list[str], language: str, holding: str) -> None:
    """Each reader takes every result out of the tree, and nothing else."""
    script = block(language, holding)
    subprocess.run(command, input=script, text=True, cwd=tree, check=True, timeout=30)
    taken = sorted(str(path.relative_to(tree)) for path in (tree / "done").rglob("*.*"))
    assert taken == [
        "done/huawei/2026/11/21/%2E.%2Fx.json",
        "done/huawei/2026/11/21/%2E.%2Fx.txt",
        "done/tencent/2026/11/21/42.json",
        "done/tencent/2026/11/21/42.txt",
    ]
    left = [str(path.relative_to(tree)) for path in (tree / "transcripts").rglob("*.json")]
    assert len(left) == 3


def test_first_transcript() -> None:
    """It is the text of Tencent's documented example, which the demo sends."""
    [text] = parse_qs(TENCENT_CALLBACK.decode())["text"]
    lines = [line.partition("]")[2].strip() for line in text.splitlines()]
    assert block("text", "").splitlines() == lines


def test_configuration(tmp_path: Path) -> None:
    """The configuration for a public address is valid as it stands."""
    for name in ("tencent.key", "fullchain.pem", "privkey.pem"):
        (tmp_path / name).write_text("0123456789abcdef0123456789abcdef\n")
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(block("yaml", "listen:"))
    config = load(file, {})
    assert config.providers.tencent.keys == (Secret("0123456789abcdef0123456789abcdef"),)
    assert not config.providers.huawei.enabled
