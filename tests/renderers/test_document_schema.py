"""The schema of documents, as a real validator sees what is rendered."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from msgspec import structs

from asr_daemon.providers.huawei.provider import Huawei
from asr_daemon.providers.huawei.samples import HUAWEI_CALLBACK
from asr_daemon.providers.huawei.settings import HuaweiSettings
from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.samples import TENCENT_CALLBACK
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.renderers.document import JsonRenderer
from asr_daemon.renderers.document_schema import transcript_schema
from asr_daemon.transcript import Segment, Transcript, VendorError
from tests.providers.callbacks import (
    HUAWEI_EXAMPLE,
    TENCENT_2017,
    TENCENT_2019,
    TENCENT_2020,
    TENCENT_CURRENT,
    TENCENT_DETAILED,
    callback,
)
from tests.renderers.transcripts import TIMES, any_segments, transcript_of

SCHEMA = transcript_schema()
TENCENT = Tencent(TencentSettings())
HUAWEI = Huawei(HuaweiSettings())
TENCENT_SAMPLES = (
    TENCENT_2017,
    TENCENT_2019,
    TENCENT_2020,
    TENCENT_CURRENT,
    TENCENT_DETAILED,
    TENCENT_CALLBACK,
    b"code=10001&message=failed&requestId=1",
    b"code=0&requestId=1&text=",
)
HUAWEI_SAMPLES = (
    HUAWEI_EXAMPLE,
    HUAWEI_CALLBACK,
    b'{"body": {"state": {"code": 1, "success": false}, "body": {"aid": "a"}}}',
)
TRANSCRIPTS = [
    *(TENCENT.parse(callback(body, query=b"job=1&job=2&key=x")) for body in TENCENT_SAMPLES),
    *(HUAWEI.parse(callback(body)) for body in HUAWEI_SAMPLES),
]
SUCCEEDED = HUAWEI.parse(callback(HUAWEI_EXAMPLE))


def strict() -> dict[str, Any]:
    """Return the schema with fields refused that it does not name."""
    schema = deepcopy(SCHEMA)
    for definition in schema["$defs"].values():
        definition["additionalProperties"] = False
    return schema


STRICT = Draft202012Validator(strict())


def rendered(transcript: Transcript, *, keep_payload: bool = True) -> dict[str, Any]:
    """Return the document of a transcript."""
    document = json.loads(JsonRenderer(keep_payload=keep_payload, indent=0).render(transcript))
    assert isinstance(document, dict)
    return document


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every field with what is said of it."""
    for name, definition in SCHEMA["$defs"].items():
        for field, said in definition["properties"].items():
            yield f"{name}.{field}", said


def test_it_is_a_schema() -> None:
    """In which every field is described, with its source."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "urn:asr-daemon:transcript:1"
    assert [name for name, said in fields() if not {"description", "x-source"} <= said.keys()] == []


@given(segments=any_segments(), duration_ms=TIMES)
def test_any_transcript_is_valid(segments: list[Segment], duration_ms: int | None) -> None:
    document = rendered(transcript_of(*segments, duration_ms=duration_ms))
    STRICT.validate(document)
    assert document["text"] == "\n".join(segment["text"] for segment in document["segments"])


def test_times_have_a_unit() -> None:
    assert {name for name, said in fields() if said.get("x-unit") == "s"} == {
        "AudioEntry.duration",
        "SegmentEntry.start",
        "SegmentEntry.end",
        "WordEntry.start",
        "WordEntry.end",
    }


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_samples_are_valid(transcript: Transcript) -> None:
    """Everything that is rendered of the vendors' examples is named, with payload and without."""
    STRICT.validate(rendered(transcript))
    STRICT.validate(rendered(transcript, keep_payload=False))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", 2),
        ("id", 4000048858),
        ("status", "rejected"),
        ("error", {"code": "1", "message": "of a result that succeeded"}),
        ("received_at", "2026-11-21 12:34:56"),
        ("digest", "md5:0"),
        ("segments", [{"id": 0, "text": "a"}]),
        ("segments", [{"id": 0, "start": None, "end": 1.0, "text": "a"}]),
        ("query", {"job": 42}),
    ],
)
def test_other_documents_are_not(field: str, value: object) -> None:
    """One wrong field is enough."""
    document = {**rendered(SUCCEEDED), field: value}
    assert not Draft202012Validator(SCHEMA).is_valid(document)


def test_a_failure_has_an_error() -> None:
    """A success has none."""
    failed = rendered(structs.replace(SUCCEEDED, error=VendorError("1", "no")))
    validator = Draft202012Validator(SCHEMA)
    assert validator.is_valid(failed)
    assert not validator.is_valid({**failed, "error": None})


def test_fields_to_come_are_let_pass() -> None:
    """They do not change what is there."""
    assert Draft202012Validator(SCHEMA).is_valid({**rendered(SUCCEEDED), "mood": "good"})
