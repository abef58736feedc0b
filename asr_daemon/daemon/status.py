"""What a running daemon says of itself.

The admin listener answers `GET /` with a `Status` in JSON to whoever accepts that, and the command
`status` reads it. Both are of one version, so that nothing in it is optional.
"""

from collections.abc import Mapping

from msgspec import Struct


class ConfigurationStatus(Struct, frozen=True, kw_only=True):
    """The configuration, as it is in the file by now."""

    file: str | None
    """`None`: the built-in defaults."""
    valid: bool
    """Whether what the file says now is in force."""
    problems: list[str]
    """Why it is not: the lines that `check` prints."""
    loaded_at: str
    """When what is in force was read, in UTC."""


class CertificateStatus(Struct, frozen=True, kw_only=True):
    """A certificate that is shown to senders."""

    file: str
    expires_at: str


class OutputStatus(Struct, frozen=True, kw_only=True):
    """The tree of results."""

    root: str
    free_bytes: int | None
    """`None` while it cannot be told."""


class Status(Struct, frozen=True, kw_only=True):
    """What a running daemon says of itself."""

    version: str
    ready: bool
    obstacles: list[str]
    """What keeps it from storing results, a sentence each."""
    warnings: list[str]
    """What is wrong although results are stored, such as a certificate that expires soon."""
    configuration: ConfigurationStatus
    up_s: float
    listeners: list[str]
    """Where callbacks are received: scheme, address and port."""
    certificates: list[CertificateStatus]
    output: OutputStatus
    callbacks: Mapping[str, Mapping[str, int]]
    """How many callbacks of each provider had each outcome since the start."""
    pending_texts: int = 0
    """Texts that lie elsewhere and are still to be fetched."""
    needs_restart: list[str]
    """Settings whose change takes effect at the next start only."""
