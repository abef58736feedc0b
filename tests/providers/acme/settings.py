"""Settings of Acme."""

from typing import Annotated

from msgspec import Struct, field

from asr_daemon.config.values import CidrNetwork, Example, UrlKeys, UrlPath


class AcmeSettings(Struct, frozen=True, kw_only=True):
    """Acme Dictation."""

    enabled: bool = False
    """true serves this provider."""

    path: UrlPath = "/callbacks/acme"
    """Callbacks are sent to this path."""

    keys: Annotated[UrlKeys, Example("!file acme.key")] = field(default=(), name="key")
    """The query of the callback URL."""

    allow: tuple[CidrNetwork, ...] = ()
    """Networks that may send; empty means any."""

    allow_unauthenticated: bool = False
    """true accepts results from anybody who can connect, also beyond loopback."""
