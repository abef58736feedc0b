"""The configuration as frozen values, with every default.

Field names carry their unit; the name in the YAML file is given by `name=` where it differs. What
the values mean for an admin (units, reasons, consequences) stands in `etc/asr-daemon.yaml`.
"""

from datetime import tzinfo
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from asr_daemon.providers.base import Network
from asr_daemon.secret import Secret

Format = Literal["json", "txt"]
Speakers = Literal["auto", "always", "never"]
Durability = Literal["fsync", "none"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class TlsSettings(Struct, frozen=True, kw_only=True):
    """Files of a listener that speaks TLS."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class ListenSettings(Struct, frozen=True, kw_only=True):
    """One listener for callbacks."""

    address: str = "127.0.0.1"
    port: int = 8787
    tls: TlsSettings | None = None


class AdminSettings(Struct, frozen=True, kw_only=True):
    """The listener for the admin and for monitoring."""

    address: str = "127.0.0.1"
    port: int = 8788


class TencentSettings(Struct, frozen=True, kw_only=True):
    """The provider `tencent`."""

    enabled: bool = True
    path: str = "/callbacks/tencent"
    keys: tuple[Secret, ...] = field(default=(), name="key")
    allow: tuple[Network, ...] = ()
    appids: tuple[str, ...] = ()
    name_by: str = "request_id"
    text_encoding: str = "utf-8"
    allow_unauthenticated: bool = False


class HuaweiClientSettings(Struct, frozen=True, kw_only=True):
    """One client of the provider `huawei`."""

    app_key: str
    app_secrets: tuple[Secret, ...] = field(name="app_secret")


class HuaweiSettings(Struct, frozen=True, kw_only=True):
    """The provider `huawei`."""

    enabled: bool = True
    path: str = "/oifde/rest/sysapi/asrcallback"
    token_path: str = "/oifde/rest/api/gettoken"  # noqa: S105 - a path, not a secret
    token_lifetime_s: float = field(default=3600.0, name="token_lifetime")
    allow: tuple[Network, ...] = ()
    clients: tuple[HuaweiClientSettings, ...] = ()
    allow_unauthenticated: bool = False


class ProvidersSettings(Struct, frozen=True, kw_only=True):
    """All providers."""

    tencent: TencentSettings = TencentSettings()
    huawei: HuaweiSettings = HuaweiSettings()


class TextSettings(Struct, frozen=True, kw_only=True):
    """How plain text looks."""

    speakers: Speakers = "auto"
    timestamps: bool = False


class OutputSettings(Struct, frozen=True, kw_only=True):
    """The tree of results."""

    root: Path = Path("transcripts")
    layout: str = "{provider}/{year}/{month}/{day}/{id}"
    timezone: tzinfo = ZoneInfo("UTC")
    formats: tuple[Format, ...] = ("json", "txt")
    text: TextSettings = TextSettings()
    keep_payload: bool = True
    json_indent: int = 2
    durability: Durability = "fsync"
    duplicate_window_s: float = field(default=48 * 3600.0, name="duplicate_window")
    file_mode: int = 0o640
    directory_mode: int = 0o750


class LimitsSettings(Struct, frozen=True, kw_only=True):
    """What one sender, and all together, may ask of the machine."""

    body_bytes: int = field(default=64 * MIB, name="body")
    memory_bytes: int = field(default=256 * MIB, name="memory")
    connections: int = 1000
    connections_per_address: int = 200
    header_timeout_s: float = field(default=10.0, name="header_timeout")
    body_min_rate_bytes_per_s: int = field(default=16 * KIB, name="body_min_rate")
    free_space_bytes: int = field(default=256 * MIB, name="free_space")
    rejected_bytes: int = field(default=1 * GIB, name="rejected")
    shutdown_s: float = field(default=10.0, name="shutdown")


class LogSettings(Struct, frozen=True, kw_only=True):
    """What is said, and how."""

    level: LogLevel = "info"
    format: LogFormat = "text"


class Config(Struct, frozen=True, kw_only=True):
    """The whole configuration; `Config()` is what holds without any file."""

    listen: tuple[ListenSettings, ...] = (ListenSettings(),)
    trusted_proxies: tuple[Network, ...] = ()
    admin: AdminSettings = AdminSettings()
    providers: ProvidersSettings = ProvidersSettings()
    output: OutputSettings = OutputSettings()
    limits: LimitsSettings = LimitsSettings()
    state: Path = Path("state")
    log: LogSettings = LogSettings()
