"""The JSON Schema of the document that `json.py` writes: its types, and what the fields mean.

New fields may come within `schema_version` 1, so readers have to let unknown ones pass; the schema
does too.
"""

from typing import Any

import msgspec

from asr_daemon.renderers.json import Document

_SECONDS = "Seconds on the audio's clock; null where the vendor gave no times."
_SAYS: dict[str, dict[str, dict[str, Any]]] = {
    "Document": {
        "schema_version": {"description": "Changes when existing fields change their meaning."},
        "provider": {"description": "The name of the provider in the configuration."},
        "id": {"description": "The vendor's id of the task or audio; null where it sent none."},
        "status": {"description": "Whether the vendor made a transcript."},
        "error": {"description": "Why it made none; null where it did."},
        "received_at": {
            "description": "When the whole callback was there, in UTC to the millisecond.",
            "format": "date-time",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        },
        "digest": {
            "description": "SHA-256 of the vendor's fields, decoded and in canonical order: the "
            "same for the same result, however it was spelled on the wire.",
            "pattern": "^sha256:[0-9a-f]{64}$",
        },
        "audio": {"description": "What the vendor told of the audio."},
        "language": {"description": "The language, where the vendor told it."},
        "text": {
            "description": "All that was said, one segment a line; empty where there was silence."
        },
        "segments": {"description": "Sentences or turns in their order; none for silence."},
        "query": {
            "description": "The parameters of the callback URL without the key; a list where a "
            "name is repeated."
        },
        "omitted": {
            "description": "Configured formats that this transcript cannot have; only there where "
            "there are any."
        },
        "payload": {
            "description": "The vendor's own fields, decoded once and otherwise untouched; left "
            "out if output.keep_payload is false."
        },
    },
    "OmittedEntry": {
        "format": {"description": "Its name in output.formats."},
        "reason": {"description": "Why it cannot be made, such as no times."},
    },
    "AudioEntry": {
        "duration": {"description": "Its length in seconds; null where the vendor told none."},
        "url": {"description": "Where the vendor fetched it, if told."},
        "key": {"description": "Your own id of it, if the vendor sent it back."},
    },
    "ErrorEntry": {
        "code": {"description": "The vendor's code."},
        "message": {"description": "The vendor's message."},
    },
    "SegmentEntry": {
        "id": {"description": "Counts from 0.", "minimum": 0},
        "start": {"description": _SECONDS},
        "end": {"description": _SECONDS},
        "text": {"description": "What was said."},
        "speaker": {"description": "Who said it; left out where the vendor does not tell."},
        "words": {"description": "Its words; left out where the vendor gave none."},
    },
    "WordEntry": {
        "word": {"description": "What was said."},
        "start": {"description": _SECONDS},
        "end": {"description": _SECONDS},
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
        for field, said in _SAYS[name].items():
            definition["properties"][field].update(said)
    return {"title": "A result of asr-daemon", **schema, **_ERROR_IF_FAILED}
