"""What the index gets to know of documents of the tree."""

from io import BytesIO

from asr_daemon.index.index import Entry
from asr_daemon.index_entry import read_entry
from asr_daemon.renderers.document import JsonRenderer, render_follow_up
from asr_daemon.renderers.document_reader import read_transcript
from asr_daemon.transcript import Segment, Transcript
from tests.renderers.transcripts import transcript_of


def entry_of(transcript: Transcript, path: str) -> Entry:
    document = JsonRenderer(keep_payload=False, indent=2).render(transcript)
    entry = read_entry(BytesIO(document), path)
    assert entry is not None
    return entry


def test_document_of_a_result() -> None:
    transcript = transcript_of(Segment("a"))
    entry = entry_of(transcript, "day/4000048858.json")
    path = "day/4000048858.json"
    id_, digest = transcript.id, transcript.digest
    assert entry == Entry(transcript.identity, "tencent", id_, digest, path, "succeeded")


def test_document_whose_text_lies_elsewhere_is_to_be_followed_up() -> None:
    transcript = transcript_of(text_url="https://example.com/t", query={"job": "42"})
    entry = entry_of(transcript, "4000048858.json")
    assert entry.follow_up == render_follow_up(transcript)
    assert read_transcript((entry.follow_up or "").encode(), transcript.name) == transcript


def test_document_of_a_fetched_text_is_named_as_that_of_its_callback() -> None:
    transcript = transcript_of(Segment("a"))
    assert entry_of(transcript, "4000048858~text.json").identity == transcript.identity
