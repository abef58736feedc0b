"""Files read by the programs that people use them with."""

import subprocess
from pathlib import Path

import pytest

from asr_daemon.renderers.base import Renderer
from asr_daemon.renderers.captions import LineLimits
from asr_daemon.renderers.ctm import CtmRenderer
from asr_daemon.renderers.rttm import RttmRenderer
from asr_daemon.renderers.srt import SrtRenderer
from asr_daemon.renderers.vtt import VttRenderer
from asr_daemon.transcript import Segment, Word
from tests.durability.requirements import require
from tests.renderers.requirements import ffmpeg, sctk
from tests.renderers.transcripts import text_of

pytestmark = pytest.mark.long

SEGMENTS = (
    Segment(
        "Hello, is the call connected?",
        1000,
        3000,
        "0",
        (Word("hello", 1000, 1400), Word("is the", 1450, 1900), Word("call", 1900, 2400)),
    ),
    Segment("你好。", 2500, 4000, "段落 1", (Word("你好", 2500, 3000),)),
    Segment("no length", 4000, 4000, "0", (Word("connected", 4000, 4000),)),
)


def run(*command: str | Path) -> str:
    """Return what a program prints; it must end well."""
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    return done.stdout


@pytest.mark.parametrize("renderer", [SrtRenderer(LineLimits()), VttRenderer(LineLimits())])
def test_ffmpeg_converts_captions(renderer: Renderer, tmp_path: Path) -> None:
    """It finds the same captions in both."""
    require(ffmpeg)
    file = tmp_path / f"x{renderer.suffix}"
    file.write_text(text_of(renderer, *SEGMENTS), encoding="utf-8")
    assert run("ffmpeg", "-v", "error", "-i", file, "-f", "srt", "-") == (
        "1\n00:00:01,000 --> 00:00:03,000\n[0]: Hello, is the call connected?\n\n"
        "2\n00:00:02,500 --> 00:00:04,000\n[段落 1]: 你好。\n\n"
        "3\n00:00:04,000 --> 00:00:04,000\n[0]: no length\n\n"
    )


def test_sclite_scores_words(tmp_path: Path) -> None:
    """Each word of the reference is found at its time."""
    require(sctk)
    reference, words = tmp_path / "x.stm", tmp_path / "x.ctm"
    reference.write_text("4000048858 1 a 0.9 4.1 hello is the call 你好 connected\n", "utf-8")
    words.write_text(text_of(CtmRenderer(), *SEGMENTS), "utf-8")
    files = ("-r", reference, "stm", "-h", words, "ctm")
    aligned = run("sctk", "sclite", *files, "-e", "utf-8", "-o", "pralign", "stdout")
    assert "(#C #S #D #I) 6 0 0 0" in aligned


def test_md_eval_scores_speakers(tmp_path: Path) -> None:
    """Against itself there is no error in the 3.5 s in which somebody speaks."""
    require(sctk)
    turns = tmp_path / "x.rttm"
    turns.write_text(text_of(RttmRenderer(), *SEGMENTS), "utf-8")
    scores = run("sctk", "md-eval.pl", "-r", turns, "-s", turns)
    assert "SCORED SPEAKER TIME =      3.50 secs" in scores
    assert "OVERALL SPEAKER DIARIZATION ERROR = 0.00 percent" in scores
