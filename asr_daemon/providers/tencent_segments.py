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
from asr_daemon.long import STEP_BYTES, Again, LongList, LongObject, LongText
from asr_daemon.long_segments import LongSegments
from asr_daemon.providers.json_body import decode_elements, elements_as
from asr_daemon.providers.scalars import as_label, as_ms, as_number, as_speech, as_text
from asr_daemon.transcript import Segment, Word

T = TypeVar("T")

_MOST_PREFIX = 256
"""Characters, of times and a speaker."""

_MOST_SENTENCES = 1_000_000
"""Twelve hours with a sentence every 43 ms; what holds more is made to eat memory."""

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


class Speech(Struct, frozen=True):
    """What was said, in the vendor's order, and the language if there is one for all of it."""

    segments: Iterable[Segment] = ()
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
    if speech.segments:
        return speech
    return Speech(read_text(text if isinstance(text, LongText) else as_text(text) or ""))


def read_text(text: str | LongText) -> Iterable[Segment]:
    """Read `text`; a line without a prefix has no times, and blank lines are passed over.

    Raises:
        NotUnderstood: there are more lines than any audio has sentences.
    """
    if isinstance(text, str):
        return tuple(_read_lines(text.split("\n")))
    return LongSegments(_read_lines(_long_lines(text)))


def _long_lines(text: LongText) -> Iterator[str | LongText]:
    """Yield the lines of a text, as long texts those that are."""
    begin = end = 0
    held: list[str] = []
    for piece in text:
        *lines, last = piece.split("\n")
        for line in lines:
            held.append(line)
            end += len(line)
            yield _line(text, begin, end, held)
            begin = end = end + 1
            held = []
        end += len(last)
        if end - begin <= STEP_BYTES:
            held.append(last)
    yield _line(text, begin, end, held)


def _line(text: LongText, begin: int, end: int, held: list[str]) -> str | LongText:
    return "".join(held) if end - begin <= STEP_BYTES else text.between(begin, end)


def _read_lines(lines: Iterable[str | LongText]) -> Iterator[Segment]:
    for line in _bounded(line for line in map(_stripped, lines) if line):
        segment = _read_line(line)
        if segment.text:
            yield segment


def _read_line(line: str | LongText) -> Segment:
    prefix = _PREFIX.match(line if isinstance(line, str) else line.between(0, _MOST_PREFIX).whole())
    if prefix is None:
        return Segment(line)
    *times, speaker = prefix.groups()
    text = line[prefix.end() :] if isinstance(line, str) else line.between(prefix.end())
    return Segment(_stripped(text), _prefix_ms(*times[:4]), _prefix_ms(*times[4:]), speaker)


def _stripped(line: str | LongText) -> str | LongText:
    return line.strip() if isinstance(line, str) else as_speech(line)


def _prefix_ms(hours: str | None, minutes: str, seconds: str, fraction: str) -> int:
    whole_s = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole_s * 1000 + int(f"{fraction}00"[:3])


def _read_detail(detail: object) -> Speech:
    sentences = _sentences(detail)
    languages: set[str | None] = set()

    def segments() -> Iterator[Segment]:
        for sentence in _bounded(sentences):
            if sentence:
                languages.add(_language(sentence))
                yield _read_sentence(sentence)

    said = (segment for segment in segments() if segment.text)
    read = tuple(said) if isinstance(sentences, list) else LongSegments(said)
    return Speech(read, languages.pop() if len(languages) == 1 else None)


def _language(sentence: _Sentence) -> str | None:
    language = sentence.lang_type
    return language if isinstance(language, str) and language else None


def _sentences(detail: object) -> list[_Sentence | None] | Again[_Sentence | None]:
    match detail:
        case LongList() | LongObject():
            return elements_as(detail, _Sentence | None)  # type: ignore[arg-type]
        case LongText():
            raw = detail.utf8()
        case str():
            raw = detail.encode()
        case _:
            raw = json.encode(detail)
    return decode_elements(raw, _Sentence | None)  # type: ignore[arg-type]


def _read_sentence(sentence: _Sentence) -> Segment:
    start_ms = as_ms(sentence.start_ms)
    words = _words(sentence.words, start_ms)
    return Segment(
        _sentence_text(sentence) or " ".join(word.text for word in words),
        start_ms=start_ms,
        end_ms=as_ms(sentence.end_ms),
        speaker=as_label(sentence.speaker_id),
        words=words,
    )


def _sentence_text(sentence: _Sentence) -> str | LongText:
    spellings = (sentence.final_sentence, sentence.written_text, sentence.slice_sentence)
    texts = (as_speech(spelling) for spelling in spellings)
    return next((text for text in texts if text), "")


def _words(words: object, base_ms: int | None) -> Iterable[Word]:
    if isinstance(words, list):
        return tuple(_read_words(words, base_ms))
    return Again(lambda: _read_words(words, base_ms)) if isinstance(words, LongList) else ()


def _read_words(words: Iterable[Any], base_ms: int | None) -> Iterator[Word]:
    for word in words:
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
