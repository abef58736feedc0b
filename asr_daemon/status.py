"""The status of a running daemon, as its admin listener reports it.

`GET /` answers with a `Status` in JSON where that is accepted, the status page shows it to people,
and the command `status` reads it. Daemon and command are of one version: nothing is optional.
"""

from collections.abc import Mapping

from msgspec import Struct


class ConfigurationStatus(Struct, frozen=True, kw_only=True):
    """The configuration file, and whether it is applied."""

    file: str | None
    """`None`: the built-in defaults."""
    valid: bool
    """Whether the file as it is now is the active configuration."""
    problems: tuple[str, ...]
    """Why it is not: the lines that `check` prints."""
    loaded_at: str
    """When the active configuration was read, in UTC."""


class CertificateStatus(Struct, frozen=True, kw_only=True):
    """An active certificate."""

    file: str
    expires_at: str


class OutputStatus(Struct, frozen=True, kw_only=True):
    """The tree of results."""

    root: str
    free_bytes: int | None
    """`None` while it is unknown."""


class Status(Struct, frozen=True, kw_only=True):
    """The status of a running daemon."""

    version: str
    up_s: float
    ready: bool
    obstacles: tuple[str, ...]
    """Why results cannot be stored, a sentence each."""
    configuration: ConfigurationStatus
    needs_restart: tuple[str, ...]
    """Settings whose change takes effect at the next restart."""
    warnings: tuple[str, ...]
    """What is wrong although results are stored, such as a certificate that was not loaded."""
    listeners: tuple[str, ...]
    """Where callbacks are received: scheme, address and port."""
    certificates: tuple[CertificateStatus, ...]
    output: OutputStatus
    callbacks: Mapping[str, Mapping[str, int]]
    """Callbacks since the start, by provider and outcome."""
    pending_texts: int = 0
    """Texts that lie elsewhere and are still to be fetched."""
