"""Sentences, times, speakers and words out of Tencent's two spellings of them."""

import json
from typing import Any

import pytest

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.tencent.segments import Speech, read_speech, read_text
from asr_daemon.transcript import Segment, Word
from tests.providers.callbacks import TENCENT_DETAIL


@pytest.mark.parametrize(
    ("line", "segment"),
    [
        ("[0:1.640,0:4.600]  我在。", Segment("我在。", 1640, 4600)),
        ("[0:1.640,0:4.600] 我在。\r", Segment("我在。", 1640, 4600)),
        ("[0:1.64,0:4.6]我在。", Segment("我在。", 1640, 4600)),
        ("[0:0.700,0:1.650,0]  喂", Segment("喂", 700, 1650, "0")),
        ("[0:0.700,0:1.650,12]  喂", Segment("喂", 700, 1650, "12")),
        ("[60:1.5,61:0.25]  a", Segment("a", 3_601_500, 3_660_250)),
        ("[1:0:1.5,1:1:0.25,1]  a", Segment("a", 3_601_500, 3_660_250, "1")),
        ("[0:1.6409,0:75.000001]  a", Segment("a", 1640, 75_000)),
        ("[0:1.0,0:2.0]  [笑] a", Segment("[笑] a", 1000, 2000)),
        ("[0:1.0,0:2.0]  [0:3.0,0:4.0]  a", Segment("[0:3.0,0:4.0]  a", 1000, 2000)),
        ("a [0:1.0,0:2.0]", Segment("a [0:1.0,0:2.0]")),
        ("[laughs] a", Segment("[laughs] a")),
        ("[10:30,11:00] a", Segment("[10:30,11:00] a")),
        ("[0:1.0] a", Segment("[0:1.0] a")),
        ("[0:1.0,0:2.0", Segment("[0:1.0,0:2.0")),
        ("[0:1.0,0:2.0,a]]", Segment("]", 1000, 2000, "a")),
        ("[-1:1.0,0:2.0] a", Segment("[-1:1.0,0:2.0] a")),
        ("[٠:1.0,0:2.0] a", Segment("[٠:1.0,0:2.0] a")),
        ("[99999:1.0,0:2.0] a", Segment("[99999:1.0,0:2.0] a")),
        ("a\u2028b\x0bc", Segment("a\u2028b\x0bc")),
    ],
)
def test_line(line: str, segment: Segment) -> None:
    """Only a leading prefix of the documented grammar is one; all else is text."""
    assert read_text(line) == (segment,)


def test_hostile_digits_stay_text() -> None:
    """A number that nobody can compute is not computed."""
    line = f"[0:{'9' * 100_000}.0,0:{'9' * 100_000}.0]  a"
    assert read_text(line) == (Segment(line),)


@pytest.mark.parametrize("text", ["", "\n", " \r\n\r\n", "[0:0.0,0:8.42]  \n"])
def test_silence(text: str) -> None:
    """A text in which nothing is said has no segments."""
    assert read_text(text) == ()


def test_lines() -> None:
    """Each line is a segment, blank lines are not, and the order is kept."""
    text = "\n[0:5.0,0:6.0]  b\n\n  \na\r\n"
    assert read_text(text) == (Segment("b", 5000, 6000), Segment("a"))


def test_too_many_lines() -> None:
    """A text that is made to eat memory is refused."""
    with pytest.raises(NotUnderstood):
        read_text("a\n" * 1_000_001)


DETAILED = Segment(
    "腾讯云语音识别欢迎您。",
    20,
    2380,
    "0",
    (
        Word("腾讯云", 140, 800),
        Word("语音识别", 800, 1550),
        Word("欢迎", 1550, 1880),
        Word("您", 1880, 2270),
    ),
)


@pytest.mark.parametrize("detail", [TENCENT_DETAIL, json.loads(TENCENT_DETAIL)])
def test_documented_detail(detail: object) -> None:
    """The documented detail, as a string or as the array itself, is better than `text`."""
    assert read_speech(detail, "[0:0.0,0:1.0]  worse") == Speech((DETAILED,))


@pytest.mark.parametrize(
    ("sentence", "segment"),
    [
        ({"FinalSentence": "a", "WrittenText": "b", "SliceSentence": "c"}, Segment("a")),
        ({"FinalSentence": None, "WrittenText": "b", "SliceSentence": "c"}, Segment("b")),
        ({"FinalSentence": " ", "WrittenText": "", "SliceSentence": "c d"}, Segment("c d")),
        ({"FinalSentence": 7, "StartMs": "20", "EndMs": "30.0"}, Segment("7", 20, 30)),
        ({"FinalSentence": "a", "StartMs": -1, "EndMs": 1e12}, Segment("a")),
        ({"FinalSentence": "a", "SpeakerId": "1"}, Segment("a", speaker="1")),
        ({"FinalSentence": "a", "SpeakerId": -1}, Segment("a", speaker="-1")),
        ({"FinalSentence": "a", "SpeakerId": "", "Words": "b"}, Segment("a")),
    ],
)
def test_sentence(sentence: dict[str, Any], segment: Segment) -> None:
    """Every field may be null, and every number a string."""
    assert read_speech(json.dumps([sentence]), None).segments == (segment,)


WORDS = [
    {"Word": "a", "OffsetStartMs": "5", "OffsetEndMs": None},
    {"Word": None, "OffsetStartMs": 6, "OffsetEndMs": 7},
    None,
    {"Word": "b", "OffsetStartMs": 8, "OffsetEndMs": 9},
]


@pytest.mark.parametrize(
    ("start_ms", "words"),
    [
        ("100", (Word("a", 105, None), Word("b", 108, 109))),
        (None, (Word("a", None, None), Word("b", None, None))),
    ],
)
def test_words(start_ms: object, words: tuple[Word, ...]) -> None:
    """Words are counted from the start of their sentence; without one they have no times."""
    sentence = {"FinalSentence": "a b", "StartMs": start_ms, "Words": WORDS}
    (segment,) = read_speech(json.dumps([sentence]), None).segments
    assert segment.words == words


def test_words_alone() -> None:
    """A sentence that only its words tell is not lost."""
    segments = read_speech(json.dumps([{"Words": WORDS}, None, {}]), "").segments
    assert [segment.text for segment in segments] == ["a b"]


@pytest.mark.parametrize(
    "detail",
    [
        None,
        "",
        " ",
        "null",
        "[]",
        [],
        {},
        7,
        "{}",
        '"a"',
        "[",
        "[1]",
        '["a"]',
        '[{"FinalSentence": null}]',
        '[{"FinalSentence": "lost"}, 7]',
        '[{"FinalSentence": "\\ud800"}]',
        "[" * 100_000,
        '[{"Words": ' + "[" * 5000 + "]" * 5000 + "}]",
        "[" + "null," * 1_000_000 + "{}]",
    ],
)
def test_fallback_to_text(detail: object) -> None:
    """Where the detail cannot be read or says nothing, `text` is what was said."""
    assert read_speech(detail, "[0:1.0,0:2.0]  a") == Speech((Segment("a", 1000, 2000),))


@pytest.mark.parametrize("text", [None, "", [], True])
def test_nothing_said(text: object) -> None:
    """Where neither says anything, there is silence."""
    assert read_speech(None, text) == Speech()


@pytest.mark.parametrize(
    "detail",
    [
        "null",
        '""',
        "{}",
        "[null, {}]",
        '[{"FinalSentence": "", "LangType": "zh", "EmotionType": ["happy"], "Words": []}]',
        [{"SliceSentence": None, "SpeakerRoleName": "agent"}],
    ],
)
def test_silence_in_detail(detail: object) -> None:
    """A detail whose sentences say nothing is silence, whatever else is known of them."""
    assert read_speech(detail, "") == Speech()


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ('[{"FinalSentence": "cut', None),
        ("hello", ""),
        ('[{"finalSentence": "hello"}]', "[0:0.0,0:1.0]  "),
        ('{"FinalSentence": "hello"}', " "),
        ({"sentences": ["hello"]}, None),
        (["hello"], None),
        (None, ["hello"]),
        (None, {"sentences": [{"text": "hello"}]}),
    ],
)
def test_text_that_cannot_be_read(detail: object, text: object) -> None:
    """Text in a place that is not known is not taken for silence."""
    with pytest.raises(NotUnderstood, match="text says nothing, and"):
        read_speech(detail, text)


@pytest.mark.parametrize(
    ("languages", "language"),
    [
        (["zh", "zh"], "zh"),
        (["zh", "en"], None),
        (["zh", None], None),
        (["", ""], None),
        ([1, 1], None),
        ([None, None], None),
    ],
)
def test_language(languages: list[object], language: str | None) -> None:
    """There is a language only if every sentence names the same."""
    detail = json.dumps([{"FinalSentence": "a", "LangType": each} for each in languages])
    assert read_speech(detail, None).language == language
