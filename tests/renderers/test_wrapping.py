"""Captions with limits, as readers see them."""

import pytest

from asr_daemon.renderers.captions import LineLimits, make_captions
from asr_daemon.transcript import Segment, Word
from tests.renderers.transcripts import transcript_of

Rows = list[tuple[int, int, str]]


def captions(*segments: Segment, width: int | None = None, count: int | None = None) -> Rows:
    """Return the captions of segments."""
    made = make_captions(transcript_of(*segments), LineLimits(width, count))
    assert made is not None
    return [(caption.span.start_ms, caption.span.end_ms, caption.text) for caption in made]


WORDS = Segment("The quick brown fox", 0, 1600)


def test_width_breaks_lines_within_a_caption() -> None:
    """A line holds what fits; what does not fit alone has a line of its own."""
    assert captions(WORDS, width=10) == [(0, 1600, "The quick\nbrown fox")]
    assert captions(WORDS, width=3) == [(0, 1600, "The\nquick\nbrown\nfox")]


def test_count_alone_changes_nothing_in_short_segments() -> None:
    """Lines have 1000 characters then."""
    assert captions(WORDS, count=1) == [(0, 1600, "The quick brown fox")]


def test_width_and_count_share_out_the_time() -> None:
    """Without words the time of a segment is shared by length."""
    assert captions(WORDS, width=10, count=1) == [(0, 800, "The quick"), (800, 1600, "brown fox")]
    assert captions(WORDS, width=5, count=2) == [(0, 800, "The\nquick"), (800, 1600, "brown\nfox")]


def test_words_with_times_tell_where_a_caption_is() -> None:
    """A caption starts with its first word and ends with its last."""
    words = (Word("one", 100, 200), Word("two", 300, 400), Word("three", 900, 1000))
    segment = Segment("One, two. Three!", 0, 2000, "0", words)
    assert captions(segment, width=9, count=1) == [
        (100, 400, "[0]: One, two."),
        (900, 1000, "[0]: Three!"),
    ]


def test_with_both_limits_segments_share_a_caption() -> None:
    """Unless another speaks, or there are more than three seconds from word to word."""
    together = (Segment("a", 0, 500), Segment("b", 3000, 3500))
    assert captions(*together, width=40, count=2) == [(0, 3500, "a b")]
    assert captions(*together, width=40) == [(0, 500, "a"), (3000, 3500, "b")]
    pause = (Segment("a", 0, 500), Segment("b", 3001, 3500))
    assert captions(*pause, width=40, count=2) == [(0, 500, "a"), (3001, 3500, "b")]
    speakers = (Segment("a", 0, 500, "0"), Segment("b", 600, 700, "1"))
    assert captions(*speakers, width=40, count=2) == [(0, 500, "[0]: a"), (600, 700, "[1]: b")]


def test_overlapping_segments_in_one_caption() -> None:
    """A caption ends with what ends last."""
    overlapping = (Segment("a", 100, 900), Segment("b", 0, 500))
    assert captions(*overlapping, width=40, count=1) == [(0, 900, "a b")]


def test_segments_without_text_have_no_caption() -> None:
    """There is no word to show."""
    assert captions(Segment(" ", 0, 1), Segment("a", 1, 2), width=9) == [(1, 2, "a")]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("腾讯云语音识别欢迎您。", 4, "腾讯云语\n音识别欢\n迎您。"),
        ("你好，世界", 2, "你\n好，\n世界"),
        ("他说：“你好！”", 3, "他说：\n“你\n好！”"),
        ("说「你好」吧", 3, "说「你\n好」吧"),
        ("第12章 hello世界", 3, "第12\n章\nhello\n世界"),
        ("コーヒーを。", 2, "コー\nヒー\nを。"),
        ("สวัสดีเมืองไทย", 4, "สวัส\nดี\nเมือ\nงไทย"),
        ("안녕 세상", 3, "안녕\n세상"),
        ("שלום עולם", 5, "שלום\nעולם"),
        ("don’t “stop”, ok", 6, "don’t\n“stop”,\nok"),
        ("pi is 3.14", 5, "pi is\n3.14"),
        ("。！？", 1, "。\n！\n？"),
        ("a\nb", 3, "a b"),
        ("🎉 ok", 2, "🎉\nok"),
    ],
)
def test_where_lines_break(text: str, width: int, expected: str) -> None:
    """Chinese, Japanese and Thai break by character, others by word; marks stay where they are."""
    assert captions(Segment(text, 0, 1000), width=width) == [(0, 1000, expected)]


def test_segments_of_both_kinds_in_one_line() -> None:
    """Words have a blank before them, characters none."""
    segments = (Segment("你好。", 0, 1), Segment("世界", 1, 2), Segment("hello", 2, 3))
    assert captions(*segments, width=40, count=1) == [(0, 3, "你好。世界 hello")]
