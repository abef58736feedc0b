"""The JSON document."""

import json
from io import BytesIO

import pytest

from asr_daemon.renderers.document import HEAD_BYTES, JsonRenderer, read_fingerprint
from asr_daemon.transcript import Segment, Transcript, VendorError, Word
from tests.conftest import MakeTranscript

RENDERER = JsonRenderer(keep_payload=True, indent=0)

WHOLE = (
    '{"schema_version":1,"provider":"tencent","id":"4000048858","status":"succeeded","error":null,'
    '"received_at":"2026-11-21T12:34:56.789Z","digest":"sha256:' + "ab" * 32 + '",'
    '"audio":{"duration":8.42,"url":null,"key":null},"language":null,"text":"first sentence",'
    '"segments":[{"id":0,"start":1.64,"end":4.6,"text":"first sentence","speaker":"0",'
    '"words":[{"word":"first","start":1.64,"end":1.9}]}],'
    '"query":{"job":"42"},"payload":{"code":"0","requestId":"4000048858"}}\n'
)


def render(transcript: Transcript, renderer: JsonRenderer = RENDERER) -> bytes:
    """Return the whole document."""
    return renderer.render(transcript)


def test_whole_document(make_transcript: MakeTranscript) -> None:
    """Every field stands in its place, in its order."""
    words = (Word("first", 1640, 1900),)
    transcript = make_transcript(
        duration_ms=8420,
        segments=(Segment("first sentence", 1640, 4600, "0", words),),
        query={"job": "42"},
        payload={"code": "0", "requestId": "4000048858"},
    )
    assert render(transcript).decode() == WHOLE


def test_what_the_vendor_did_not_give(make_transcript: MakeTranscript) -> None:
    """Times that are not known are bounds; speaker and words are not there at all."""
    document = render(make_transcript(segments=(Segment("hello"),), duration_ms=8420))
    segment = b'{"id":0,"start":0.0,"end":8.42,"text":"hello","estimated":["start","end"]}'
    assert b'"segments":[%b]' % segment in document


def test_bounds_are_as_narrow_as_the_order_allows(make_transcript: MakeTranscript) -> None:
    """A time of the vendor's is never changed, also where it is out of order."""
    words = (Word("b", None, None), Word("c", 1500, None))
    segments = (
        Segment("a", None, 900),
        Segment("b c", 1000, 2000, None, words),
        Segment("d"),
        Segment("e"),
        Segment("f", 3000, 2500),
        Segment("g", 4000, None),
    )
    document = json.loads(render(make_transcript(segments=segments, duration_ms=5000)))
    assert [
        (segment["start"], segment["end"], segment.get("estimated"))
        for segment in document["segments"]
    ] == [
        (0.0, 0.9, ["start"]),
        (1.0, 2.0, None),
        (2.0, 3.0, ["start", "end"]),
        (2.0, 3.0, ["start", "end"]),
        (3.0, 2.5, None),
        (4.0, 5.0, ["end"]),
    ]
    assert document["segments"][1]["words"] == [
        {"word": "b", "start": 1.0, "end": 1.5, "estimated": ["start", "end"]},
        {"word": "c", "start": 1.5, "end": 2.0, "estimated": ["end"]},
    ]
    assert document["segments"][0]["words"] == []


def test_failed_task(make_transcript: MakeTranscript) -> None:
    """A failure carries the vendor's code and message, and no segments."""
    failed = make_transcript(segments=(), error=VendorError("10001", "recognition failed"))
    document = render(failed)
    assert b'"status":"failed","error":{"code":"10001","message":"recognition failed"}' in document
    assert b'"text":"","segments":[]' in document


def test_payload_can_be_left_out(make_transcript: MakeTranscript) -> None:
    """Without `keep_payload` the vendor's own fields are not in the document."""
    document = render(make_transcript(), JsonRenderer(keep_payload=False, indent=0))
    assert document.endswith(b'"query":{}}\n')


def test_indent(make_transcript: MakeTranscript) -> None:
    """The document is indented by as many blanks as asked for."""
    document = render(make_transcript(), JsonRenderer(keep_payload=True, indent=2))
    assert document.startswith(b'{\n  "schema_version": 1,\n  "provider": "tencent",\n')


@pytest.mark.parametrize("id_", ["42", None])
def test_fingerprint_can_be_read_back(make_transcript: MakeTranscript, id_: str | None) -> None:
    """What tells a result from others of its name is found in its document."""
    transcript = make_transcript(id=id_, query={"job": "1", "also": ["a", "b"]})
    assert read_fingerprint(BytesIO(render(transcript))) == transcript.fingerprint


@pytest.mark.parametrize("indent", [0, 2])
@pytest.mark.parametrize("text", ["words ", "\N{CJK UNIFIED IDEOGRAPH-4F60}"])
def test_only_the_head_of_a_long_document_is_read(
    make_transcript: MakeTranscript, indent: int, text: str
) -> None:
    """Wherever it is cut; what is behind is not even valid."""
    transcript = make_transcript(id="42", segments=(Segment(text * HEAD_BYTES),))
    renderer = JsonRenderer(keep_payload=True, indent=indent)
    document = renderer.render(transcript)
    file = BytesIO(document[: HEAD_BYTES + 7])
    assert read_fingerprint(file) == transcript.fingerprint
    assert file.tell() == HEAD_BYTES


def test_long_document_without_an_id_is_read_to_its_query(make_transcript: MakeTranscript) -> None:
    """Only the parameters of the callback URL tell which task it is of."""
    segments = (Segment("words " * HEAD_BYTES),)
    transcript = make_transcript(id=None, query={"job": "1"}, segments=segments)
    assert read_fingerprint(BytesIO(render(transcript))) == transcript.fingerprint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"digest": 1}',
        b"{" * 100_000,
        b'{"id":"42",' + b" " * 100_000,
        b'{"id" ' * 20_000,
        b"\xff",
        b'{"digest":"\xff"}',
    ],
)
def test_no_fingerprint_in_anything_else(content: bytes) -> None:
    """What was not rendered here has none."""
    assert read_fingerprint(BytesIO(content)) is None
