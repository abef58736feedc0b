"""A sentence in the engine's own form is read word by word."""

import json

import pytest

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.huawei.iflytek import read_sentence
from asr_daemon.transcript import Segment, Word


def place(text: object, kind: object = "n", start: object = 0, end: object = 0) -> object:
    """Return a place of a sentence with one alternative."""
    return {"wb": start, "we": end, "cw": [{"w": text, "wp": kind, "sc": "1.0"}]}


def sentence(*places: object, **members: object) -> Segment:
    """Read a sentence of these places."""
    return read_sentence({"st": {"rt": [{"ws": list(places)}], **members}}, None)


def test_documented_sentence() -> None:
    """Text, times, speaker and words of a sentence as the engine prints it, in a string."""
    best = (
        '{"st":{"pa":"0","bg":"820","ed":"2950","rl":"1","pt":"reserved","rt":[{"nb":"1","nc":"1.0",'
        '"ws":[{"wb":0,"we":48,"cw":[{"w":"你好","wp":"n","sc":"1.0"},{"w":"您好","wp":"n"}]},'
        '{"wb":48,"we":48,"cw":[{"w":"，","wp":"p","sc":"0.0"}]},'
        '{"wb":49,"we":90,"cw":[{"w":"嗯","wp":"s","sc":"0.9"}]},'
        '{"wb":91,"we":"180.5","cw":[{"w":"听得到","wp":"n"}]},'
        '{"wb":181,"we":181,"cw":[{"w":"。","wp":"p"}]},'
        '{"wb":181,"we":181,"cw":[{"w":"","wp":"g"}]}]}]}}'
    )
    words = (Word("你好", 820, 1300), Word("嗯", 1310, 1720), Word("听得到", 1730, 2625))
    assert read_sentence(best, 7) == Segment("你好，嗯听得到。", 820, 2950, "1", words)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("n", "a", (Word("a", None, None),)),
        ("s", "a", (Word("a", None, None),)),
        ("p", "a", ()),
        ("g", "", ()),
        (None, "a", (Word("a", None, None),)),
        ("x", "a", (Word("a", None, None),)),
        ([], "a", (Word("a", None, None),)),
    ],
)
def test_kinds(kind: object, text: str, words: tuple[Word, ...]) -> None:
    """Fillers were said, punctuation is no word, and the mark of a paragraph is nothing."""
    assert sentence(place("a", kind)) == Segment(text, words=words)


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        (["我", "在", "上班"], "我在上班"),
        (["hello", "world"], "hello world"),
        (["hello ", " ", "world"], "hello  world"),
        (["hello", ",", "world", "."], "hello, world."),
        (["привет", "мир"], "привет мир"),
        (["用", "iPhone", "12", "打"], "用iPhone 12打"),
        (["it", "'s", "3", ".", "14"], "it's 3.14"),
        (["well", "-", "known"], "well-known"),
        (["hello", "", "world"], "hello world"),
        (["สวัสดี", "ครับ"], "สวัสดีครับ"),
        ([7, 8.0], "7 8"),
    ],
)
def test_joined(texts: list[object], text: str) -> None:
    """Words are set apart as their script does it, where the engine did not."""
    assert sentence(*map(place, texts)).text == text


@pytest.mark.parametrize(
    ("members", "start_ms", "segment"),
    [
        ({"bg": "100", "ed": "200"}, 7, Segment("a", 100, 200, None, (Word("a", 110, 120),))),
        ({"bg": 100, "rl": 0}, None, Segment("a", 100, None, "0", (Word("a", 110, 120),))),
        ({"bg": None}, 7, Segment("a", 7, None, None, (Word("a", 17, 27),))),
        ({"bg": "soon", "rl": ""}, None, Segment("a", None, None, None, (Word("a", None, None),))),
        ({"bg": "-1"}, None, Segment("a", None, None, None, (Word("a", None, None),))),
    ],
)
def test_times(members: dict[str, object], start_ms: int | None, segment: Segment) -> None:
    """Words count in frames of 10 ms from the start of the sentence, or else of the lattice."""
    best = {"st": {"rt": [{"ws": [place("a", "n", 1, "2")]}], **members}}
    assert read_sentence(best, start_ms) == segment
    assert read_sentence(json.dumps(best), start_ms) == segment


@pytest.mark.parametrize("offset", [None, "", "x", [], -(10**9), 10**30])
def test_word_without_time(offset: object) -> None:
    """What is no number of frames is no time."""
    assert sentence(place("a", "n", offset, 2), bg=0).words == (Word("a", None, 20),)


def test_several_parts() -> None:
    """The parts of a sentence follow one another, and what is null is passed over."""
    parts = [{"ws": [place("一")]}, None, {"ws": None}, {}, {"ws": [None, {"cw": []}, place("二")]}]
    assert read_sentence({"st": {"rt": parts}}, None).text == "一二"


@pytest.mark.parametrize(
    "best",
    [
        "hello",
        "[",
        "null",
        "[]",
        '"{}"',
        7,
        [],
        {"text": "hello"},
        {"st": "hello"},
        {"st": {"text": "hello"}},
        {"st": {"rt": "hello"}},
        {"st": {"rt": ["hello"]}},
        {"st": {"rt": [{"text": "hello"}]}},
        {"st": {"rt": [{"ws": [{"w": "hello"}]}]}},
        {"st": {"rt": [{"ws": [{"cw": {"w": "hello"}}]}]}},
        {"st": {"rt": [{"ws": [{"cw": [{"text": "hello"}]}]}]}},
        {"st": {"rt": [{"ws": [{"cw": [{"w": ["hello"]}]}]}]}},
        "[" * 100_000,
    ],
)
def test_another_shape(best: object) -> None:
    """A sentence whose text is in another place is not taken for silence, and not quoted."""
    with pytest.raises(NotUnderstood) as refused:
        read_sentence(best, None)
    assert "hello" not in str(refused.value)
