"""Reads documents of the tree back, as far as the index has to know them."""

from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from asr_daemon.index.index import Entry
from asr_daemon.layout import encode_name
from asr_daemon.renderers.document import Facts, read_facts, render_follow_up
from asr_daemon.renderers.document_reader import NoDocument, read_transcript
from asr_daemon.transcript import identity_of

_REJECTED = "rejected"


def read_entry(file: BinaryIO, path: str) -> Entry | None:
    """Return the result of a marker, `None` of anything else.

    Args:
        file: open at its start.
        path: relative to the root.
    """
    facts = read_facts(file)
    if facts is None:
        return None
    identity = identity_of(facts.provider, facts.id, _name_of(facts, path), facts.fingerprint)
    follow_up = None if facts.text_url is None else _follow_up(file)
    return Entry(identity, facts.provider, facts.id, facts.digest, path, facts.status, follow_up)


def _follow_up(file: BinaryIO) -> str | None:
    file.seek(0)
    with suppress(NoDocument):
        return render_follow_up(read_transcript(file.read(), None))
    return None


def _name_of(facts: Facts, path: str) -> str | None:
    """Return what a result was named by: the first of what it may be that its path has.

    With a wrong guess a retry is found by its path alone.
    """
    if facts.status == _REJECTED:
        return _REJECTED
    names = path.rpartition("/")[2]
    return next((name for name in _candidates(facts) if name and encode_name(name) in names), None)


def _candidates(facts: Facts) -> Iterator[str | None]:
    yield facts.id
    yield facts.audio_key
    for value in facts.query.values():
        yield value if isinstance(value, str) else value[0]
