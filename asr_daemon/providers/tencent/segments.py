r"""What was said, out of Tencent's `resultDetail` and `text`.

`text` holds a sentence a line, `[m:s.mmm,m:s.mmm]  sentence`: minutes and seconds are not padded,
and relatives of the callback print a single blank, or a third element, the speaker or channel.
How times past an hour are printed is not documented, so hours are taken, and minutes above 59.

`resultDetail` is a JSON array of sentences, each field of which may be null. Where it is there, it
is better than `text`. Its words are counted from the start of their sentence.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.json_body import decode_json
from asr_daemon.providers.scalars import (
    as_label,
    as_ms,
    as_number,
    as_speech,
    as_text,
    holds_text,
)
from asr_daemon.transcript import Segment, Word

_MOST_SENTENCES = 1_000_000
"""Twelve hours with a sentence every 43 ms; what holds more is made to eat memory."""

_SPELLINGS = ("FinalSentence", "WrittenText", "SliceSentence")
"""Where a sentence has its text, the best first."""

# Digits are bounded, so that a hostile number is neither computed nor taken for a time.
_TIME = r"(?:([0-9]{1,2}):)?([0-9]{1,4}):([0-9]{1,4})\.([0-9]{1,9})"
_PREFIX = re.compile(rf"\[ ?{_TIME}, ?{_TIME}(?:, ?([0-9A-Za-z_-]{{1,64}}))? ?\]")


class Speech(Struct, frozen=True):
    """What was said, in the vendor's order, and the language if there is one for all of it."""

    segments: tuple[Segment, ...] = ()
    language: str | None = None


def read_speech(detail: object, text: object) -> Speech:
    """Read the values of `resultDetail` and `text`, either of which may be anything.

    `text` is read where `resultDetail` is absent, cannot be read, or says nothing.

    Raises:
        NotUnderstood: `text` has more lines than any audio has sentences; or neither can be read,
            and one of them holds text, which an acknowledgement would lose.
    """
    value = _decode_detail(detail)
    try:
        speech = _read_detail(value)
    except NotUnderstood:
        speech = Speech()
    if speech.segments:
        return speech
    segments = read_text(as_text(text) or "")
    if not segments and (_holds_unread_text(value) or (as_text(text) is None and holds_text(text))):
        raise NotUnderstood("text says nothing, and resultDetail cannot be read")
    return Speech(segments)


def read_text(text: str) -> tuple[Segment, ...]:
    """Read `text`; a line without a prefix has no times, and blank lines are passed over.

    Raises:
        NotUnderstood: there are more lines than any audio has sentences.
    """
    lines = [stripped for line in text.split("\n") if (stripped := line.strip())]
    _check_number(lines)
    return tuple(segment for segment in map(_read_line, lines) if segment.text)


def _read_line(line: str) -> Segment:
    prefix = _PREFIX.match(line)
    if prefix is None:
        return Segment(line)
    *times, speaker = prefix.groups()
    text = line[prefix.end() :].strip()
    return Segment(text, _prefix_ms(*times[:4]), _prefix_ms(*times[4:]), speaker)


def _prefix_ms(hours: str | None, minutes: str, seconds: str, fraction: str) -> int:
    whole_s = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole_s * 1000 + int(f"{fraction}00"[:3])


def _decode_detail(detail: object) -> object:
    """Return what a string of JSON holds, and anything else as it is."""
    if not isinstance(detail, str):
        return detail
    with suppress(NotUnderstood):
        return decode_json(detail.encode())
    return detail


def _holds_unread_text(detail: object) -> bool:
    """Say whether there is text outside the places where sentences have theirs."""
    if not isinstance(detail, list):
        return holds_text(detail)
    return any(holds_text(sentence) for sentence in detail if not _is_sentence(sentence))


def _is_sentence(value: object) -> bool:
    return isinstance(value, dict) and any(name in value for name in (*_SPELLINGS, "Words"))


def _read_detail(detail: object) -> Speech:
    sentences = _sentences(detail)
    segments = tuple(segment for segment in map(_read_sentence, sentences) if segment.text)
    languages = {_language(sentence) for sentence in sentences}
    return Speech(segments, languages.pop() if len(languages) == 1 else None)


def _sentences(detail: object) -> list[dict[str, Any]]:
    if not isinstance(detail, list):
        raise NotUnderstood("resultDetail is not a list")
    _check_number(detail)
    sentences = [sentence for sentence in detail if sentence is not None]
    if not all(isinstance(sentence, dict) for sentence in sentences):
        raise NotUnderstood("a sentence of resultDetail is not an object")
    return sentences


def _language(sentence: dict[str, Any]) -> str | None:
    language = sentence.get("LangType")
    return language if isinstance(language, str) and language else None


def _read_sentence(sentence: dict[str, Any]) -> Segment:
    start_ms = as_ms(sentence.get("StartMs"))
    words = tuple(_read_words(sentence.get("Words"), start_ms))
    return Segment(
        _sentence_text(sentence) or " ".join(word.text for word in words),
        start_ms=start_ms,
        end_ms=as_ms(sentence.get("EndMs")),
        speaker=as_label(sentence.get("SpeakerId")),
        words=words,
    )


def _sentence_text(sentence: dict[str, Any]) -> str:
    texts = (as_speech(sentence.get(spelling)) for spelling in _SPELLINGS)
    return next((text for text in texts if text), "")


def _read_words(words: object, base_ms: int | None) -> Iterator[Word]:
    for word in words if isinstance(words, list) else ():
        text = as_label(word.get("Word")) if isinstance(word, dict) else None
        if text:
            start_ms = _word_ms(base_ms, word.get("OffsetStartMs"))
            yield Word(text, start_ms, _word_ms(base_ms, word.get("OffsetEndMs")))


def _word_ms(base_ms: int | None, offset: object) -> int | None:
    """Return an offset from the start of a sentence as a time of the audio."""
    number = as_number(offset)
    return None if base_ms is None or number is None else as_ms(base_ms + number)


def _check_number(sentences: Sequence[object]) -> None:
    if len(sentences) > _MOST_SENTENCES:
        raise NotUnderstood(f"there are more than {_MOST_SENTENCES} sentences")
