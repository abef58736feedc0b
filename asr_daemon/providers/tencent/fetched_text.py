"""Texts that callbacks of 2017 only have the URL of, in `textUrl`.

What is at that URL is not documented. It is read as the field `text`, or, if it is JSON, as
`resultDetail`; what is neither is text without times, so that nothing of it is lost.
"""

from functools import partial

from msgspec import structs

from asr_daemon.providers.digest import digest_pairs
from asr_daemon.providers.tencent.segments import read_speech
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.providers.text_encoding import declared_encoding, to_text
from asr_daemon.providers.vendor import TextSource
from asr_daemon.transcript import Transcript

_BOM = b"\xef\xbb\xbf"


def make_text_source(settings: TencentSettings) -> TextSource | None:
    """Return how texts are fetched and read, `None` if they are not to be."""
    if settings.fetch_text == "never":
        return None
    return TextSource(settings.fetch_hosts, partial(_with_text, encoding=settings.text_encoding))


def _with_text(
    transcript: Transcript, content: bytes, content_type: str, *, encoding: str
) -> Transcript:
    text = to_text(content.removeprefix(_BOM), declared_encoding(content_type) or encoding)
    speech = read_speech(text, text)
    return structs.replace(
        transcript,
        digest=digest_pairs([(b"text", content)]),
        segments=speech.segments,
        language=speech.language,
        text_url=None,
        payload={"text": text},
    )
