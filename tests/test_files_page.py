"""What docs/files.md shows is what the daemon writes, and its programs read it."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from asr_daemon.config.model import OutputSettings
from asr_daemon.renderers.document import JsonRenderer
from asr_daemon.renderers.document_reader import read_transcript
from asr_daemon.renderers.document_schema import transcript_schema
from asr_daemon.renderers.registry import FORMATS, make_renderers
from tests.durability.requirements import require

PAGE = (Path(__file__).parents[1] / "docs/files.md").read_text(encoding="utf-8")
SEGMENTS = "1.64\t2.98\t0\t喂，你好。\n3.12\t4.65\t1\tHello, who is calling?\n"
TABLE = "1640\t2980\t喂，你好。\n3120\t4650\tHello, who is calling?\n4650\t8420\tHm.\n"


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


[DOCUMENT] = blocks("json")
TRANSCRIPT = read_transcript(DOCUMENT.encode(), "4000048858")
RENDERERS = make_renderers(FORMATS, OutputSettings())


def tool(name: str, package: str) -> Callable[[], str | None]:
    """Return what asks for a program."""
    return lambda: None if shutil.which(name) else f"{name} (Debian: {package})"


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """Return a directory with the result in every format."""
    (tmp_path / "4000048858.json").write_text(DOCUMENT, encoding="utf-8")
    for renderer in RENDERERS:
        content = renderer.render(TRANSCRIPT)
        assert isinstance(content, bytes)
        (tmp_path / f"4000048858{renderer.suffix}").write_bytes(content)
    return tmp_path


def run(folder: Path, *command: str, program: str) -> str:
    """Return what a program prints that is given on standard input."""
    done = subprocess.run(
        command, input=program, encoding="utf-8", cwd=folder, check=True, stdout=subprocess.PIPE
    )
    return done.stdout


def test_document_is_what_the_daemon_writes() -> None:
    document = json.loads(DOCUMENT)
    assert json.loads(JsonRenderer(keep_payload=True, indent=2).render(TRANSCRIPT)) == document
    Draft202012Validator(transcript_schema()).validate(document)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "json"])
def test_each_format_is_shown_as_it_is_made(name: str, result: Path) -> None:
    [shown] = blocks(name)
    assert shown == (result / f"4000048858.{name}").read_text(encoding="utf-8")


def fields(definition: str, prefix: str = "") -> Iterator[str]:
    """Yield the row of each field of the document."""
    definitions = transcript_schema()["$defs"]
    for name, facts in definitions[definition]["properties"].items():
        unit = "seconds" if facts.get("x-unit") == "s" else ""
        yield f"| `{prefix}{name}` | {facts['description']} | {unit} | {facts['x-source']} |"
        below = re.search(r"#/\$defs/(\w+)", json.dumps(facts))
        if below is not None:
            yield from fields(below[1], f"{prefix}{name}{'[]' if 'items' in facts else ''}.")


def test_each_field_is_listed_as_the_schema_has_it() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert rows == list(fields("Document"))


def test_python_reads_document_and_table(result: Path) -> None:
    of_document, of_table, _ = blocks("python")
    assert run(result, sys.executable, "-", program=of_document) == SEGMENTS
    assert run(result, sys.executable, "-", program=of_table) == TABLE


def test_python_makes_other_subtitles(result: Path) -> None:
    program = blocks("python")[2]
    assert run(result, sys.executable, "-", program=program) == ""
    subtitles = (result / "4000048858.ass").read_text(encoding="utf-8")
    assert "0:00:03.12,0:00:04.65,Default,,0,0,0,,Hello, who is calling?" in subtitles


@pytest.mark.long
def test_shell_reads_the_document(result: Path) -> None:
    require(tool("jq", "jq"))
    assert run(result, "sh", "-eu", program=blocks("sh")[0]) == SEGMENTS


@pytest.mark.long
def test_javascript_reads_the_document(result: Path) -> None:
    require(tool("node", "nodejs"))
    assert run(result, "node", "-", program=blocks("js")[0]) == SEGMENTS


def test_further_formats_are_made(result: Path) -> None:
    (result / "transcripts").mkdir()
    (result / "4000048858.json").rename(result / "transcripts/4000048858.json")
    program = blocks("sh")[1].replace("asr-daemon", f"{sys.executable} -m asr_daemon")
    assert "2 files: 2 written" in run(result, "sh", "-eu", program=program)
    assert (result / "captions/4000048858.srt").read_text(encoding="utf-8") == blocks("srt")[0]
