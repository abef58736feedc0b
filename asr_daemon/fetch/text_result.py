"""From the document of a callback without a text, and the text, to a result of its own. Pure."""

import os.path
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, structs

from asr_daemon.fetch.client import Download
from asr_daemon.index.queries import FollowUp
from asr_daemon.layout import Place, name_in
from asr_daemon.output.base import Result
from asr_daemon.renderers.document_reader import NoDocument, read_transcript
from asr_daemon.transcript import Fetched, Transcript

SUFFIX = "~text"
"""Of the name of a result that was fetched, behind that of its callback."""

MARKER = ".json"
"""Ends the name of a document."""


class PendingText(Struct, frozen=True):
    """A text to be fetched."""

    path: str
    """Of the document of its callback, relative to the root."""
    since_s: float
    """When that was committed, in Unix seconds."""
    transcript: Transcript
    """Of the callback."""
    url: str


class Origin(Struct, frozen=True):
    """Where the texts of one provider may be fetched from, and what becomes of them."""

    hosts: tuple[str, ...]
    with_text: Callable[[Transcript, bytes, str], Transcript]
    """Puts content, given its Content-Type, into a transcript; may raise `NotUnderstood`."""
    result: Callable[[Transcript, Place], Result]
    """Renders a transcript for its place."""

    def complete(self, pending: PendingText, download: Download, at: datetime) -> Result:
        """Return the result of a text that was fetched.

        Raises:
            NotUnderstood: it is no text.
        """
        directory, name = os.path.split(pending.path)
        transcript = self.with_text(pending.transcript, download.content, download.content_type)
        transcript = structs.replace(transcript, text_url=None, fetched=Fetched(name, at))
        return self.result(transcript, Place(directory, name.removesuffix(MARKER) + SUFFIX))


def read_pending(follow_up: FollowUp) -> PendingText | None:
    """Return what is to be fetched for a result; `None` if nothing is."""
    name = name_in(os.path.basename(follow_up.path).removesuffix(MARKER))
    try:
        transcript = read_transcript(follow_up.work.encode(), name)
    except NoDocument:
        return None
    if transcript.text_url is None:
        return None
    return PendingText(follow_up.path, follow_up.committed_at, transcript, transcript.text_url)
