"""A Huawei callback is read in every spelling that senders are known to use."""

import json
from typing import Any

import pytest

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.huawei.result import HuaweiResult, read_result
from asr_daemon.transcript import Segment, VendorError, Word


def document(lattices: object, **state: object) -> dict[str, Any]:
    """Return the body of a callback."""
    return {"body": {"state": state, "body": {"aid": "a", "lattices": lattices}}}


def segments(*lattices: object) -> tuple[Segment, ...]:
    """Read lattices."""
    return read_result(document(list(lattices), success=True)).segments


def test_capitals() -> None:
    """The names of the vendor's table, and any other case, are those of its example."""
    lattice = {"LID": 0, "Begin": 1, "END": 2, "oneBest": "a", "SPK": 3}
    capitals = {"Body": {"State": {"Success": True}, "BODY": {"Aid": "x", "Lattices": [lattice]}}}
    assert read_result(capitals) == HuaweiResult("x", None, (Segment("a", 1, 2, "3"),))


@pytest.mark.parametrize(
    ("lattice", "segment"),
    [
        ({"begin": "4360", "end": "5970", "spk": "段落-0"}, Segment("a", 4360, 5970, "段落-0")),
        ({"begin": 4360.4, "end": "5970.0", "spk": 1.0}, Segment("a", 4360, 5970, "1")),
        ({"begin": -1, "end": 10**15, "spk": ""}, Segment("a")),
        ({"begin": None, "end": "soon", "spk": None}, Segment("a")),
        ({"begin": [], "end": True, "spk": {}}, Segment("a")),
        ({}, Segment("a")),
    ],
)
def test_numbers_and_strings(lattice: dict[str, object], segment: Segment) -> None:
    """Times and speakers may be numbers or strings; what is neither is not there."""
    assert segments({**lattice, "onebest": " a\n"}) == (segment,)


def test_number_as_text() -> None:
    """A sentence of digits may come as a number."""
    assert segments({"onebest": 7}) == (Segment("7"),)


@pytest.mark.parametrize(
    "lattice",
    [
        {},
        {"onebest": None},
        {"onebest": ""},
        {"onebest": " \n"},
        {"lid": 0, "begin": "0", "end": "500", "spk": "段落-0", "onebest": ""},
        {"lid": 0, "begin": 0, "end": 500, "spk": 0},
        {"onebest": "", "json_1best": ""},
        {"onebest": "", "json_1best": " "},
        {"json_1best": {}},
        {"json_1best": {"st": None}},
        {"json_1best": '{"st": {"bg": "0", "ed": "500", "rl": "1", "rt": []}}'},
        {"json_1best": {"st": {"rt": [{"ws": [{"cw": [{"w": "", "wp": "g"}]}]}]}}},
        {"onebest": None, "confidence": 0.9, "more": {"a": [1, True, None, "", {"b": " "}]}},
    ],
)
def test_nothing_said(lattice: dict[str, object]) -> None:
    """A lattice in which nothing was said is no segment."""
    assert segments(lattice) == ()


BEST = {
    "st": {
        "bg": "820",
        "ed": "1500",
        "rl": "1",
        "rt": [{"ws": [{"wb": 0, "we": 48, "cw": [{"w": "你好", "wp": "n", "sc": "1.0"}]}]}],
    }
}
"""A sentence as the engine prints it."""

SENTENCE = Segment("你好", 820, 1500, "1", (Word("你好", 820, 1300),))


@pytest.mark.parametrize("best", [BEST, json.dumps(BEST), f" {json.dumps(BEST)}\n"])
@pytest.mark.parametrize("onebest", [{}, {"onebest": None}, {"onebest": " "}])
def test_engine_form(best: object, onebest: dict[str, object]) -> None:
    """Text that is only in `json_1best`, an object or a string, is read from there."""
    assert segments({**onebest, "json_1best": best}) == (SENTENCE,)


@pytest.mark.parametrize(
    ("lattice", "segment"),
    [
        ({"json_1best": None, "lattice2": BEST}, SENTENCE),
        ({"Json_1Best": BEST, "lid": "0", "spk": "段落-0"}, SENTENCE),
        (
            {"json_1best": BEST, "begin": "800", "end": 1600, "spk": 7},
            Segment("你好", 800, 1600, "1", (Word("你好", 820, 1300),)),
        ),
        ({"json_1best": BEST, "onebest": "您好", "spk": 7}, Segment("您好", speaker="7")),
    ],
)
def test_engine_form_in_a_lattice(lattice: dict[str, object], segment: Segment) -> None:
    """The documented members come first, but for a speaker that is a paragraph."""
    assert segments(lattice) == (segment,)


@pytest.mark.parametrize(
    "lists",
    [
        {"lattice": [{"json_1best": json.dumps(BEST)}]},
        {"lattice2": [{"lid": "0", "begin": "820", "json_1best": BEST}]},
        {"lattice": [{"json_1best": "broken"}], "lattice2": [{"json_1best": BEST}]},
        {"lattices": [], "lattice2": [{"json_1best": BEST}]},
        {"lattices": None, "Lattice": [{"json_1best": BEST}]},
        {"lattices": [{"text": "a"}], "lattice2": [{"json_1best": BEST}]},
        {"lattices": [{"json_1best": BEST}], "lattice2": [{"onebest": "twice"}]},
    ],
)
def test_lists_of_the_engine(lists: dict[str, object]) -> None:
    """Where the documented list has no text, those of the engine are read."""
    assert read_result({"body": {"body": {"aid": "a", **lists}}}).segments == (SENTENCE,)


@pytest.mark.parametrize(
    ("lattices", "where"),
    [
        ([{"text": "a"}], r"body\.body\.lattices holds no text in a place"),
        ([{}, {"onebest": "", "result": {"words": [{"w": "a"}]}}], r"body\.body\.lattices holds"),
        (
            [{"onebest": "a"}, {"json_1best": "a"}],
            r"body\.body\.lattices\[1\]\.json_1best: the JSON",
        ),
        ([{"json_1best": {"text": "a"}}], r"body\.body\.lattices\[0\]\.json_1best: st is missing"),
        ([{"lattice2": [BEST]}], r"body\.body\.lattices\[0\]\.lattice2: an object is missing"),
    ],
)
def test_text_that_cannot_be_read(lattices: list[object], where: str) -> None:
    """Lattices that hold text, but none that can be read, are not taken for silence."""
    with pytest.raises(NotUnderstood, match=f"^{where}"):
        read_result(document(lattices))


def test_failure_is_not_read() -> None:
    """Of a task that failed, no lattice is looked at."""
    assert read_result(document([{"text": "a"}], success=False)).segments == ()


def test_order() -> None:
    """Segments are in the order of `lid`; those without a number stay behind, in theirs."""
    lids: list[object] = [None, 10, "9", "x", 2, 2.5, "2", -1]
    lattices = [{"lid": lid, "onebest": f"{lid!r}"} for lid in lids]
    ordered = [segment.text for segment in segments(*lattices)]
    assert ordered == ["-1", "2", "'2'", "2.5", "'9'", "10", "None", "'x'"]


@pytest.mark.parametrize(
    ("aid", "expected"), [("../ a\0", "../ a\0"), (7, "7"), (2**70, str(2**70))]
)
def test_aid(aid: object, expected: str) -> None:
    """An aid is taken as it is."""
    assert read_result({"body": {"body": {"aid": aid, "lattices": []}}}).aid == expected


@pytest.mark.parametrize(
    "state",
    [
        {"code": 0, "success": True},
        {"code": "0", "success": "True"},
        {"code": "0"},
        {"code": None, "success": None},
        {"code": 7, "success": True},
        {},
    ],
)
def test_success(state: dict[str, object]) -> None:
    """`success` says that a task succeeded, and without it a code that is zero or not there."""
    assert read_result(document([], **state)) == HuaweiResult("a", None, ())


def test_no_state() -> None:
    """A result without any state is one."""
    result = {"body": {"state": None, "body": {"aid": "a", "lattices": [{"onebest": "b"}]}}}
    assert read_result(result) == HuaweiResult("a", None, (Segment("b"),))


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"code": 0, "success": False}, VendorError("0", "")),
        ({"code": "10001", "success": "false"}, VendorError("10001", "")),
        ({"code": 7}, VendorError("7", "")),
        ({"code": "E1", "message": "no audio"}, VendorError("E1", "no audio")),
        ({"success": False, "Desc": "no audio", "message": 7}, VendorError("", "no audio")),
    ],
)
@pytest.mark.parametrize("lattices", [None, [], [{"onebest": "a"}], "", 7])
def test_failure(state: dict[str, object], error: VendorError, lattices: object) -> None:
    """A task that failed has an error, and no segments whatever its lattices are."""
    assert read_result(document(lattices, **state)) == HuaweiResult("a", error, ())


def test_failure_without_lattices() -> None:
    """A task that failed needs no lattices."""
    failed = {"body": {"state": {"success": False}, "body": {"aid": "a"}}}
    assert read_result(failed).error == VendorError("", "")


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (None, "the body is not"),
        ([], "the body is not"),
        ("body", "the body is not"),
        ({}, "body is missing"),
        ({"body": []}, "body is missing"),
        ({"body": {}}, "body.body is missing"),
        ({"body": {"body": "x"}}, "body.body is missing"),
        ({"body": {"body": {}}}, "body.body.aid"),
        ({"body": {"body": {"aid": ""}}}, "body.body.aid"),
        ({"body": {"body": {"aid": " "}}}, "body.body.aid"),
        ({"body": {"body": {"aid": []}}}, "body.body.aid"),
        ({"body": {"body": {"aid": True}}}, "body.body.aid"),
        ({"body": {"state": "ok", "body": {"aid": "a"}}}, "body.state is"),
        (document([], success="yes"), "body.state.success"),
        (document([], success=1), "body.state.success"),
        (document([], code=[]), "body.state.code"),
        (document([], code=True), "body.state.code"),
        (document(None), "body.body.lattices is"),
        (document({}), "body.body.lattices is"),
        (document("[]"), "body.body.lattices is"),
        (document([{}, None]), r"body.body.lattices\[1\] is"),
        (document([{"onebest": ["a"]}]), r"body.body.lattices\[0\].onebest"),
    ],
)
def test_another_shape(wrong: object, where: str) -> None:
    """What does not have the documented shape is refused by the name of the field."""
    with pytest.raises(NotUnderstood, match=f"^{where}"):
        read_result(wrong)
