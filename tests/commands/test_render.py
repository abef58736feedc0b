"""`asr-daemon render` makes further formats of documents that are there."""

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from asr_daemon.renderers.document import JsonRenderer
from asr_daemon.renderers.rejection import Rejection
from asr_daemon.transcript import Segment, VendorError, Word
from tests.commands.conftest import Run
from tests.conftest import NoteFigure
from tests.renderers.transcripts import transcript_of

DOCUMENTS = JsonRenderer(keep_payload=True, indent=2)
TIMED = (
    Segment("first sentence", 1640, 4600, "0", (Word("first", 1640, 1900),)),
    Segment("second", 4600, 5000, "1"),
)
SRT = (
    "1\n00:00:01,640 --> 00:00:04,600\n[0]: first sentence\n\n"
    "2\n00:00:04,600 --> 00:00:05,000\n[1]: second\n\n"
)


def put(path: Path, *segments: Segment, **changes: Any) -> Path:
    """Write the document of these segments."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(DOCUMENTS.render(transcript_of(*segments, **changes)))
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree of every kind of document."""
    root = tmp_path / "transcripts"
    put(root / "tencent/2026/11/21/1.json", *TIMED)
    put(root / "tencent/2026/11/22/1.json", Segment("no times"))
    put(root / "failed/tencent/2026/11/21/2.json", error=VendorError("10001", "no"))
    put(root / ".staging/3.json", *TIMED)
    rejection = Rejection(
        provider="tencent",
        reason="no such fields",
        received_at=transcript_of().received_at,
        digest="sha256:" + "ab" * 32,
        size_bytes=1,
        content_type=None,
        query={},
    )
    (root / "rejected").mkdir()
    (root / "rejected/4.json").write_bytes(rejection.render())
    return root


def test_a_tree_gets_formats_next_to_its_documents(tree: Path, run: Run) -> None:
    before = files_below(tree)
    assert run("render", "--format", "srt,vtt", tree) == (
        0,
        (
            "4 documents: 2 transcripts, 2 without a transcript, 0 unreadable\n"
            "4 files: 2 written, 0 already there, 2 omitted (1 srt: no times, 1 vtt: no times), "
            "0 failed\n"
        ),
        "",
    )
    after = files_below(tree)
    made = {"tencent/2026/11/21/1.srt", "tencent/2026/11/21/1.vtt"}
    assert after.keys() - before.keys() == made
    assert {name: after[name] for name in before} == before
    assert after["tencent/2026/11/21/1.srt"].decode() == SRT


def test_a_tree_is_mirrored_below_the_output(tree: Path, tmp_path: Path, run: Run) -> None:
    before = files_below(tree)
    status, out, _ = run("render", "--format", "txt", "--output", tmp_path / "out", tree)
    assert (status, out.splitlines()[1]) == (
        0,
        "2 files: 2 written, 0 already there, 0 omitted, 0 failed",
    )
    assert files_below(tmp_path / "out") == {
        "tencent/2026/11/21/1.txt": b"[0]: first sentence\n[1]: second\n",
        "tencent/2026/11/22/1.txt": b"no times\n",
    }
    assert files_below(tree) == before


def test_nothing_is_replaced(tree: Path, run: Run) -> None:
    """Neither a file, nor a link that leads nowhere."""
    folder = tree / "tencent/2026/11/21"
    (folder / "1.srt").write_text("mine")
    (folder / "1.vtt").symlink_to("nowhere")
    status, out, _ = run("render", "--format", "srt,vtt", folder)
    assert (status, out.splitlines()[1]) == (
        0,
        "2 files: 0 written, 2 already there, 0 omitted, 0 failed",
    )
    assert (folder / "1.srt").read_text() == "mine"
    assert not (folder / "nowhere").exists()


def test_a_second_run_has_nothing_to_do(tree: Path, run: Run) -> None:
    run("render", "--format", "srt", tree)
    before = files_below(tree)
    status, out, _ = run("render", "--format", "srt", tree)
    assert (status, "0 written, 1 already there" in out) == (0, True)
    assert files_below(tree) == before


def test_what_cannot_be_read_is_named_and_the_rest_is_made(tree: Path, run: Run) -> None:
    (tree / "foreign.json").write_text('{"name": "package"}')
    os.mkfifo(tree / "pipe.json")
    status, out, err = run("render", "--format", "srt", tree, tree / "missing.json")
    assert (status, out) == (
        1,
        (
            "7 documents: 2 transcripts, 2 without a transcript, 3 unreadable\n"
            "2 files: 1 written, 0 already there, 1 omitted (1 srt: no times), 0 failed\n"
        ),
    )
    assert err.splitlines() == [
        f"{tree}/foreign.json: Object missing required field `schema_version`",
        f"{tree}/pipe.json: not a regular file",
        f"{tree}/missing.json: no such file",
    ]


def test_two_documents_for_one_file_are_not_mixed_up(tree: Path, tmp_path: Path, run: Run) -> None:
    documents = [tree / f"tencent/2026/11/{day}/1.json" for day in (21, 22)]
    output = tmp_path / "out"
    status, out, err = run("render", "--format", "txt", "--output", output, *documents)
    assert (status, out.splitlines()[1]) == (
        1,
        "2 files: 1 written, 0 already there, 0 omitted, 1 failed",
    )
    assert err == f"{output}/1.txt: two documents: {documents[0]} and {documents[1]}\n"


def test_a_file_that_cannot_be_written_is_named(tree: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "out").write_text("a file")
    arguments = ("--format", "txt", "--output", tmp_path / "out")
    status, out, err = run("render", *arguments, tree / "tencent/2026/11/21/1.json")
    assert (status, "0 omitted, 1 failed" in out) == (1, True)
    assert err == f"{tmp_path}/out/1.txt: Not a directory\n"


def test_links_to_directories_are_followed_once(tree: Path, tmp_path: Path, run: Run) -> None:
    other = tmp_path / "mount"
    put(other / "5.json", *TIMED)
    (tree / "linked").symlink_to(other)
    (other / "back").symlink_to(tree)
    status, out, _ = run("render", "--format", "rttm", tree)
    assert (status, out.splitlines()[0]) == (
        0,
        "5 documents: 3 transcripts, 2 without a transcript, 0 unreadable",
    )


def test_recording_is_named_by_the_file(tmp_path: Path, run: Run) -> None:
    put(tmp_path / "job%2F42~2.json", *TIMED)
    put(tmp_path / "no-id~abababababababab.json", *TIMED, id=None)
    assert run("render", "--format", "ctm", tmp_path).status == 0
    assert (tmp_path / "job%2F42~2.ctm").read_text() == "job%2F42 1 1.640 0.260 first\n"
    assert (tmp_path / "no-id~abababababababab.ctm").read_text() == (
        "no-id~abababababababab 1 1.640 0.260 first\n"
    )


def test_settings_are_those_of_the_configuration(tree: Path, tmp_path: Path, run: Run) -> None:
    configuration = tmp_path / "asr-daemon.yaml"
    configuration.write_text(
        'output: {text: {timestamps: true}, file_mode: "0600", directory_mode: "0700"}\n'
    )
    output = tmp_path / "out"
    arguments = ("--format", "txt", "--output", output, "--config", configuration)
    assert run("render", *arguments, tree).status == 0
    text = output / "tencent/2026/11/21/1.txt"
    assert text.read_text().startswith("[00:01.640 --> 00:04.600]  [0]: first sentence\n")
    assert stat.S_IMODE(text.stat().st_mode) == 0o600
    assert stat.S_IMODE(text.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("formats", ["json", "srt,", "docx"])
def test_other_formats_are_a_usage_error(formats: str, tmp_path: Path, run: Run) -> None:
    with pytest.raises(SystemExit) as caught:
        run("render", "--format", formats, tmp_path)
    assert caught.value.code == 2


@pytest.mark.long
def test_ten_thousand_documents(tmp_path: Path, run: Run, note_figure: NoteFigure) -> None:
    """Counts add up, originals are untouched, and a core makes 500 a second."""
    root = tmp_path / "transcripts"
    for number in range(10_000):
        put(root / f"{number % 30:02}/{number}.json", *(TIMED * 20 if number % 10 else ()))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*.json")}
    began_s = time.process_time()
    status, out, _ = run("render", "--format", "srt,vtt", root)
    took_s = time.process_time() - began_s
    assert (status, out) == (
        0,
        (
            "10000 documents: 10000 transcripts, 0 without a transcript, 0 unreadable\n"
            "20000 files: 20000 written, 0 already there, 0 omitted, 0 failed\n"
        ),
    )
    assert len(list(root.rglob("*.srt"))) == len(list(root.rglob("*.vtt"))) == 10_000
    assert {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*.json")
    } == before
    note_figure("documents a second of CPU", round(10_000 / took_s))
    assert took_s < 10_000 / 500
