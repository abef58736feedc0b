r"""What was said, out of Tencent's `resultDetail` and `text`.

`text` holds a sentence a line, `[m:s.mmm,m:s.mmm]  sentence`: minutes and seconds are not padded,
and relatives of the callback print a single blank, or a third element, the speaker or channel.
How times past an hour are printed is not documented, so hours are taken, and minutes above 59.

`resultDetail` is a JSON array of sentences, each field of which may be null. Where it is there, it
is better than `text`. Its words are counted from the start of their sentence.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from msgspec import Struct, json

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.json_body import decode_elements
from asr_daemon.providers.scalars import as_label, as_ms, as_number, as_text
from asr_daemon.transcript import Segment, Word

T = TypeVar("T")

_MOST_SENTENCES = 1_000_000
"""Twelve hours with a sentence every 43 ms; what holds more is made to eat memory."""

_LINE = re.compile(r"[^\n]+")

# Digits are bounded, so that a hostile number is neither computed nor taken for a time.
_TIME = r"(?:([0-9]{1,2}):)?([0-9]{1,4}):([0-9]{1,4})\.([0-9]{1,9})"
_PREFIX = re.compile(rf"\[ ?{_TIME}, ?{_TIME}(?:, ?([0-9A-Za-z_-]{{1,64}}))? ?\]")


class _Sentence(Struct, rename="pascal"):
    """What is read of a sentence; anything may stand in each field."""

    final_sentence: Any = None
    written_text: Any = None
    slice_sentence: Any = None
    start_ms: Any = None
    end_ms: Any = None
    speaker_id: Any = None
    lang_type: Any = None
    words: Any = None


_SENTENCE: json.Decoder[_Sentence | None] = json.Decoder(_Sentence | None)


class Speech(Struct, frozen=True):
    """What was said, in the vendor's order, and the language if there is one for all of it."""

    segments: tuple[Segment, ...] = ()
    language: str | None = None


def read_speech(detail: object, text: object) -> Speech:
    """Read the values of `resultDetail` and `text`, either of which may be anything.

    `text` is read where `resultDetail` is absent, cannot be read, or says nothing.

    Raises:
        NotUnderstood: `text` has more lines than any audio has sentences.
    """
    try:
        speech = _read_detail(detail)
    except NotUnderstood:
        speech = Speech()
    return speech if speech.segments else Speech(read_text(as_text(text) or ""))


def read_text(text: str) -> tuple[Segment, ...]:
    """Read `text`; a line without a prefix has no times, and blank lines are passed over.

    Raises:
        NotUnderstood: there are more lines than any audio has sentences.
    """
    lines = (line[0].strip() for line in _LINE.finditer(text))
    segments = [_read_line(line) for line in _bounded(line for line in lines if line)]
    return tuple(segment for segment in segments if segment.text)


def _read_line(line: str) -> Segment:
    prefix = _PREFIX.match(line)
    if prefix is None:
        return Segment(line)
    start, end = _prefix_ms(*prefix.group(1, 2, 3, 4)), _prefix_ms(*prefix.group(5, 6, 7, 8))
    return Segment(line[prefix.end() :].strip(), start, end, prefix[9])


def _prefix_ms(hours: str | None, minutes: str, seconds: str, fraction: str) -> int:
    whole_s = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole_s * 1000 + int(f"{fraction}00"[:3])


def _read_detail(detail: object) -> Speech:
    """Read sentence by sentence, so that other threads get their turn within a large detail."""
    raw = detail.encode() if isinstance(detail, str) else json.encode(detail)
    segments, languages = [], set()
    for sentence in _bounded(decode_elements(raw, _SENTENCE)):
        if sentence:
            segments.append(_read_sentence(sentence))
            languages.add(sentence.lang_type if isinstance(sentence.lang_type, str) else None)
    language = languages.pop() if len(languages) == 1 else None
    return Speech(tuple(segment for segment in segments if segment.text), language or None)


def _read_sentence(sentence: _Sentence) -> Segment:
    start_ms = as_ms(sentence.start_ms)
    words = tuple(_read_words(sentence.words, start_ms))
    return Segment(
        _sentence_text(sentence) or " ".join(word.text for word in words),
        start_ms=start_ms,
        end_ms=as_ms(sentence.end_ms),
        speaker=as_label(sentence.speaker_id),
        words=words,
    )


def _sentence_text(sentence: _Sentence) -> str:
    spellings = (sentence.final_sentence, sentence.written_text, sentence.slice_sentence)
    texts = ((as_text(spelling) or "").strip() for spelling in spellings)
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


def _bounded(sentences: Iterable[T]) -> Iterator[T]:
    for number, sentence in enumerate(sentences):
        if number == _MOST_SENTENCES:
            raise NotUnderstood(f"there are more than {_MOST_SENTENCES} sentences")
        yield sentence
