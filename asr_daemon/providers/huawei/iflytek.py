"""The engine's own form of a sentence, which senders built on iFLYTEK pass on in a lattice.

`json_1best`, an object or a string that holds one, has the sentence word by word:

    {"st": {"bg": "820", "ed": "1500", "rl": "1",
            "rt": [{"ws": [{"wb": 0, "we": 48, "cw": [{"w": "word", "wp": "n"}]}]}]}}

`bg` and `ed` are milliseconds, `wb` and `we` frames of 10 ms from the sentence's start, `rl` is the
speaker. `cw` holds alternatives, of which the first is best.

What `wp` says of a word: `n` is a word; `s` a filler that may be smoothed away, and was said all
the same, so it is in the text and among the words; `p` punctuation, in the text alone; `g` the mark
of a paragraph, in neither. A word of another kind, or of none, is a word.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.json_body import decode_json
from asr_daemon.providers.scalars import as_label, as_ms, as_number, as_text
from asr_daemon.transcript import Segment, Word

_FRAME_MS = 10
_PUNCTUATION = "p"
_PARAGRAPH = "g"
_CLOSING = ",.;:!?"
_FIRST_SCRIPT_WITHOUT_BLANKS = "\u0e00"
"""Thai, and from there on the scripts of East Asia, which put no blanks between words."""


class _Piece(Struct, frozen=True, gc=False):
    """The best alternative for one place of a sentence."""

    text: str
    kind: object
    start: object
    end: object


def read_sentence(best: object, start_ms: int | None) -> Segment:
    """Read the value of `json_1best`; without text where nothing was said.

    Args:
        best: an object, or a string that holds one.
        start_ms: when the sentence starts, if it does not say so itself.

    Raises:
        NotUnderstood: it has another shape, so that its text cannot be found.
    """
    value = decode_json(best.encode()) if isinstance(best, str) else best
    sentence = _as_object(_member(_as_object(value), "st", {}))
    own_ms = as_ms(sentence.get("bg"))
    start_ms = start_ms if own_ms is None else own_ms
    pieces = [piece for piece in _pieces(sentence) if piece.kind != _PARAGRAPH]
    return Segment(
        _join(pieces),
        start_ms,
        as_ms(sentence.get("ed")),
        as_label(sentence.get("rl")),
        tuple(_words(pieces, start_ms)),
    )


def _pieces(sentence: dict[str, Any]) -> Iterator[_Piece]:
    for part in _objects(_member(sentence, "rt", [])):
        for place in _objects(_member(part, "ws", [])):
            for best in _objects(_member(place, "cw", []))[:1]:
                text = as_text(_member(best, "w", ""))
                if text is None:
                    raise NotUnderstood("a word is not a string")
                yield _Piece(text, best.get("wp"), place.get("wb"), place.get("we"))


def _words(pieces: list[_Piece], start_ms: int | None) -> Iterator[Word]:
    for piece in pieces:
        text = piece.text.strip()
        if text and piece.kind != _PUNCTUATION:
            yield Word(text, _word_ms(start_ms, piece.start), _word_ms(start_ms, piece.end))


def _word_ms(start_ms: int | None, frames: object) -> int | None:
    number = as_number(frames)
    return None if start_ms is None or number is None else as_ms(start_ms + number * _FRAME_MS)


def _join(pieces: list[_Piece]) -> str:
    """Return the pieces as running text, with a blank where a script wants one and none came."""
    text = ""
    joined = []
    for piece in pieces:
        if _wants_blank(text, piece.text):
            joined.append(" ")
        joined.append(piece.text)
        text = piece.text or text
    return "".join(joined).strip()


def _wants_blank(before: str, after: str) -> bool:
    last, first = before[-1:], after[:1]
    if not last or not first.isalnum() or first >= _FIRST_SCRIPT_WITHOUT_BLANKS:
        return False
    if last in _CLOSING:
        return first.isalpha()
    return last.isalnum() and last < _FIRST_SCRIPT_WITHOUT_BLANKS


def _member(parent: dict[str, Any], name: str, nothing: object) -> Any:
    """Return a member, `nothing` for `null`; it may be missing only where there is no other."""
    if parent and name not in parent:
        raise NotUnderstood(f"{name} is missing")
    value = parent.get(name)
    return nothing if value is None else value


def _objects(value: object) -> list[dict[str, Any]]:
    """Check that a value is a list of objects; what is `null` is passed over."""
    if not isinstance(value, list):
        raise NotUnderstood("a list is missing")
    return [_as_object(item) for item in value if item is not None]


def _as_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotUnderstood("an object is missing")
    return value
