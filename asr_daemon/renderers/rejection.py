"""Why a body was rejected: the document next to the raw bytes in `rejected/`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from asr_daemon.renderers.document import timestamp
from asr_daemon.transcript import fingerprint_of, identity_of


class RejectionDocument(Struct, frozen=True):
    """What is known of a rejected body; secrets are not in it."""

    schema_version: Literal[1]
    provider: str
    status: Literal["rejected"]
    reason: str
    received_at: str
    digest: str
    bytes: int
    content_type: str | None
    query: Mapping[str, str | list[str]]


class Rejection(Struct, frozen=True, kw_only=True):
    """One rejected body."""

    provider: str
    """Whose path it was sent to."""
    reason: str
    """What the sender was answered."""
    received_at: datetime
    """When the whole body was there; aware, UTC."""
    digest: str
    """`sha256:` and the hex digest of the body as it came."""
    size_bytes: int
    content_type: str | None
    query: Mapping[str, str | list[str]]
    """The parameters of the URL without the key."""

    @property
    def fingerprint(self) -> str:
        """Tell rejected bodies of one name apart, see `fingerprint_of`."""
        return fingerprint_of(None, self.digest, self.query)

    @property
    def identity(self) -> str:
        """Be the same for two rejected bodies if one is a duplicate of the other."""
        return identity_of(self.provider, None, "rejected", self.fingerprint)

    def render(self) -> bytes:
        """Return the document in UTF-8."""
        document = RejectionDocument(
            schema_version=1,
            provider=self.provider,
            status="rejected",
            reason=self.reason,
            received_at=timestamp(self.received_at),
            digest=self.digest,
            bytes=self.size_bytes,
            content_type=self.content_type,
            query=self.query,
        )
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
