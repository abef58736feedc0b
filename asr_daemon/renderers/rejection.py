"""Why a body was not understood: the document beside the raw bytes in `rejected/`."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from asr_daemon.providers.base import Callback
from asr_daemon.renderers.json import timestamp


class RejectionDocument(Struct, frozen=True):
    """What is known of a rejected request; secrets are not in it."""

    schema_version: Literal[1]
    provider: str
    status: Literal["rejected"]
    reason: str
    received_at: str
    digest: str
    bytes: int
    content_type: str | None
    query: Mapping[str, str | list[str]]


def render_rejection(
    callback: Callback,
    *,
    provider: str,
    reason: str,
    digest: str,
    query: Mapping[str, str | list[str]],
) -> bytes:
    """Return the document in UTF-8.

    Args:
        callback: the request; of its head only the Content-Type is shown.
        provider: who was asked.
        reason: what the sender was told.
        digest: of the body.
        query: the parameters of the URL without the key.
    """
    document = RejectionDocument(
        schema_version=1,
        provider=provider,
        status="rejected",
        reason=reason,
        received_at=timestamp(callback.received_at),
        digest=digest,
        bytes=len(callback.body),
        content_type=callback.head.headers.get("content-type"),
        query=query,
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
