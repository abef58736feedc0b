"""The JSON Schema of the document that `document.py` writes: its types, and what the fields mean.

New fields may come within `schema_version` 1, so readers have to let unknown ones pass; the schema
does too. Of each field `x-source` says who states it (the vendor, asr-daemon, or the callback URL),
and `x-unit` in which unit it is.
"""

from typing import Any

import msgspec

from asr_daemon.renderers.document import Document

VERSION = 1
"""Of the document; `schema_version` in it."""


def _field(source: str, description: str, **more: Any) -> dict[str, Any]:
    return {"description": description, "x-source": source, **more}


_SECONDS = {"x-unit": "s"}
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_ESTIMATED = _field(
    "asr-daemon",
    "Which of start and end the vendor did not give. They are bounds then: as far apart as the "
    "order allows, from 0 to the duration at most. Left out where both are the vendor's.",
)
_FIELDS: dict[str, dict[str, dict[str, Any]]] = {
    "Document": {
        "schema_version": _field(
            "asr-daemon", "Changes when existing fields change their meaning."
        ),
        "provider": _field("asr-daemon", "The name of the provider in the configuration."),
        "id": _field("vendor", "Its id of the task or audio; null where it sent none."),
        "status": _field("vendor", "Whether it made a transcript."),
        "error": _field("vendor", "Why it made none; null where it did."),
        "received_at": _field(
            "asr-daemon",
            "When the whole callback was there, in UTC to the millisecond.",
            format="date-time",
            pattern=_MOMENT,
        ),
        "digest": _field(
            "asr-daemon",
            "SHA-256 of the vendor's fields, decoded and in canonical order: the same for the same "
            "result, however it was spelled on the wire.",
            pattern="^sha256:[0-9a-f]{64}$",
        ),
        "audio": _field("vendor", "What it says of the audio."),
        "language": _field("vendor", "The language; null where it does not say."),
        "text_url": _field(
            "vendor",
            "Where the text is, if it did not come with the callback; left out where it did.",
        ),
        "fetched": _field(
            "asr-daemon",
            "How a text was fetched that did not come with its callback; left out where it did.",
        ),
        "text": _field(
            "vendor", "All that was said, one segment a line; empty where there was silence."
        ),
        "segments": _field("vendor", "Sentences or turns in their order; none for silence."),
        "query": _field(
            "callback URL", "Its parameters without the key; a list where a name is repeated."
        ),
        "omitted": _field(
            "asr-daemon",
            "Configured formats that this transcript cannot have; left out where there are none.",
        ),
        "payload": _field(
            "vendor",
            "Its own fields, decoded once and otherwise untouched; left out if output.keep_payload "
            "is false.",
        ),
    },
    "FetchedEntry": {
        "document": _field(
            "asr-daemon",
            "The name of the callback's own document, in the same directory; its text_url says "
            "where the text is from.",
        ),
        "at": _field(
            "asr-daemon",
            "When, in UTC to the millisecond.",
            format="date-time",
            pattern=_MOMENT,
        ),
    },
    "OmittedEntry": {
        "format": _field("asr-daemon", "Its name in output.formats."),
        "reason": _field("asr-daemon", "Why it cannot be made, such as no times."),
    },
    "AudioEntry": {
        "duration": _field("vendor", "Its length; null where the vendor does not say.", **_SECONDS),
        "url": _field("vendor", "Where it fetched the audio; null where it does not say."),
        "key": _field("vendor", "Your own id of the audio; null where it does not send it back."),
    },
    "ErrorEntry": {
        "code": _field("vendor", "Its code."),
        "message": _field("vendor", "Its message."),
    },
    "SegmentEntry": {
        "id": _field("asr-daemon", "Counts from 0.", minimum=0),
        "start": _field("vendor", "On the audio's clock; see estimated.", **_SECONDS),
        "end": _field("vendor", "On the audio's clock; see estimated.", **_SECONDS),
        "text": _field("vendor", "What was said."),
        "estimated": _ESTIMATED,
        "speaker": _field("vendor", "Who said it; left out where it does not say."),
        "words": _field(
            "vendor",
            "Its words; left out where no segment has any, empty where only this has none.",
        ),
    },
    "WordEntry": {
        "word": _field("vendor", "What was said."),
        "start": _field("vendor", "On the audio's clock; see estimated.", **_SECONDS),
        "end": _field("vendor", "On the audio's clock; see estimated.", **_SECONDS),
        "estimated": _ESTIMATED,
    },
}
_ERROR_IF_FAILED = {
    "if": {"properties": {"status": {"const": "failed"}}},
    "then": {"properties": {"error": {"type": "object"}}},
    "else": {"properties": {"error": {"type": "null"}}},
}


def transcript_schema() -> dict[str, Any]:
    """Return the schema, in the words of draft 2020-12, as a value for a JSON encoder."""
    schema = msgspec.json.schema(Document)
    for name, definition in schema["$defs"].items():
        for field, facts in _FIELDS[name].items():
            definition["properties"][field].update(facts)
    head = {"$id": f"urn:asr-daemon:transcript:{VERSION}", "title": "A result of asr-daemon"}
    return {**head, **schema, **_ERROR_IF_FAILED}
