"""The configuration as frozen values, with every default.

Field names carry their unit; the name in the YAML file is given by `name=` where it differs. The
types say how a value is written and which values are taken (`kinds.py`). What the values mean for
an admin (units, reasons, consequences) stands in `etc/asr-daemon.yaml`.
"""

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from asr_daemon.config.kinds import (
    AnySecrets,
    AppId,
    CidrNetwork,
    Count,
    DirectoryMode,
    Duration,
    FileMode,
    Host,
    Indent,
    LayoutText,
    Name,
    NameBy,
    Port,
    ReadFile,
    Size,
    SizeOrNone,
    TextEncoding,
    TimeZone,
    UrlKeys,
    UrlPath,
    WholeSeconds,
    WrittenFolder,
)

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

    certificate: ReadFile
    key: ReadFile
    client_ca: ReadFile | None = None


class ListenSettings(Struct, frozen=True, kw_only=True):
    """One listener for callbacks."""

    address: Host = "127.0.0.1"
    port: Port = 8787
    tls: TlsSettings | None = None


class AdminSettings(Struct, frozen=True, kw_only=True):
    """The listener for the admin and for monitoring."""

    address: Host = "127.0.0.1"
    port: Port = 8788


class TencentSettings(Struct, frozen=True, kw_only=True):
    """The provider `tencent`."""

    enabled: bool = True
    path: UrlPath = "/callbacks/tencent"
    keys: UrlKeys = field(default=(), name="key")
    allow: tuple[CidrNetwork, ...] = ()
    appids: tuple[AppId, ...] = ()
    name_by: NameBy = "request_id"
    text_encoding: TextEncoding = "utf-8"
    allow_unauthenticated: bool = False


class HuaweiClientSettings(Struct, frozen=True, kw_only=True):
    """One client of the provider `huawei`."""

    app_key: Name
    app_secrets: AnySecrets = field(name="app_secret")


class HuaweiSettings(Struct, frozen=True, kw_only=True):
    """The provider `huawei`."""

    enabled: bool = True
    path: UrlPath = "/oifde/rest/sysapi/asrcallback"
    token_path: UrlPath = "/oifde/rest/api/gettoken"  # noqa: S105 - a path, not a secret
    token_lifetime_s: WholeSeconds = field(default=3600.0, name="token_lifetime")
    allow: tuple[CidrNetwork, ...] = ()
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

    root: WrittenFolder = Path("transcripts")
    layout: LayoutText = "{provider}/{year}/{month}/{day}/{id}"
    timezone: TimeZone = ZoneInfo("UTC")
    formats: tuple[Format, ...] = ("json", "txt")
    text: TextSettings = TextSettings()
    keep_payload: bool = True
    json_indent: Indent = 2
    durability: Durability = "fsync"
    duplicate_window_s: Duration = field(default=12 * 3600.0, name="duplicate_window")
    file_mode: FileMode = 0o640
    directory_mode: DirectoryMode = 0o750


class LimitsSettings(Struct, frozen=True, kw_only=True):
    """What one sender, and all together, may ask of the machine."""

    body_bytes: Size = field(default=64 * MIB, name="body")
    large_bodies: Count = 1
    connections: Count = 1000
    connections_per_address: Count = 200
    header_timeout_s: Duration = field(default=10.0, name="header_timeout")
    idle_timeout_s: Duration = field(default=75.0, name="idle_timeout")
    body_min_rate_bytes_per_s: Size = field(default=16 * KIB, name="body_min_rate")
    free_space_bytes: SizeOrNone = field(default=256 * MIB, name="free_space")
    rejected_bytes: SizeOrNone = field(default=1 * GIB, name="rejected")
    shutdown_s: Duration = field(default=10.0, name="shutdown")


class LogSettings(Struct, frozen=True, kw_only=True):
    """What is said, and how."""

    level: LogLevel = "info"
    format: LogFormat = "text"


class Config(Struct, frozen=True, kw_only=True):
    """The whole configuration; `Config()` is what holds without any file."""

    listen: tuple[ListenSettings, ...] = (ListenSettings(),)
    trusted_proxies: tuple[CidrNetwork, ...] = ()
    admin: AdminSettings = AdminSettings()
    providers: ProvidersSettings = ProvidersSettings()
    output: OutputSettings = OutputSettings()
    limits: LimitsSettings = LimitsSettings()
    history_s: Duration = field(default=30 * 86400.0, name="history")
    state: WrittenFolder = Path("state")
    log: LogSettings = LogSettings()
