"""Define the configuration: each setting with its type, default, unit, reason and consequence.

This is the one place where a setting is described. The text below a field is what people read about
it; `scripts/generate` makes the example, the JSON Schema and asr-daemon.yaml(5) of it. Fields on
successive lines share the text below the last of them; a section without a text of its own has
that of its class. A field without text is an error.

Field names carry their unit; `name=` gives the name in the YAML file where it differs. The types
say how a value is written and which values are valid (`values.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from asr_daemon.config.values import (
    AnySecrets,
    AppId,
    CidrNetwork,
    Count,
    CountOrNull,
    DirectoryMode,
    Duration,
    Example,
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
from asr_daemon.renderers.registry import FORMATS

if TYPE_CHECKING:
    Format = str
else:
    # What the registry has; type checkers want it written out.
    Format = Literal[FORMATS]
Speakers = Literal["auto", "always", "never"]
Durability = Literal["fsync", "none"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


REMOVED = {"limits.memory": "large bodies wait on disk: remove the line"}
"""Settings of earlier versions, which have no effect and do no harm, with what to do."""


class TlsSettings(Struct, frozen=True, kw_only=True):
    """The files of a listener that speaks HTTPS."""

    certificate: Annotated[ReadFile, Example("fullchain.pem")]
    """PEM: the certificate, followed by the intermediate ones up to the root."""

    key: Annotated[ReadFile, Example("privkey.pem")]
    """PEM, not encrypted."""

    client_ca: Annotated[ReadFile, Example("proxies.pem")] | None = None
    """PEM: only clients with a certificate of this authority may connect. No vendor is known to
    present one; this is for a proxy of your own."""


class ListenSettings(Struct, frozen=True, kw_only=True):
    """One listener for callbacks."""

    address: Host = "127.0.0.1"
    """An IP address or a host name. 0.0.0.0 is every IPv4 address of the machine, "::" every IPv6
    address. Beyond loopback, each enabled provider must have credentials or an allow list."""

    port: Port = 8787
    """0 picks any free port."""

    tls: TlsSettings | None = None
    """HTTPS. Tencent calls only servers whose certificate is publicly trusted. The files are loaded
    again when they change."""


class AdminSettings(Struct, frozen=True, kw_only=True):
    """The listener for the admin and for monitoring."""

    address: Host = "127.0.0.1"
    port: Port = 8788
    """Where to listen, as in listen."""


class TencentSettings(Struct, frozen=True, kw_only=True):
    """Tencent Cloud ASR, recording recognition."""

    credentials: ClassVar[str] = "key"

    enabled: bool = True
    """false turns this provider off: nothing is served at its path."""

    path: UrlPath = "/callbacks/tencent"
    """Callbacks are sent to this path; "/" is allowed. Paths are compared literally, so no ?, # or
    % in them."""

    keys: Annotated[UrlKeys, Example("!file tencent.key")] = field(default=(), name="key")
    """Tencent signs nothing: a key in the callback URL is the only proof of who calls. It consists
    of A-Z a-z 0-9 - . _ ~ and has at least 16 characters beyond loopback (openssl rand -hex 16
    makes a key). Give Tencent the URL https://HOST/callbacks/tencent?key=KEY or
    https://HOST/callbacks/tencent/KEY. A list contains several valid keys: to replace one, add the
    new key, change the URL, remove the old key."""

    allow: tuple[CidrNetwork, ...] = ()
    """Networks that may send; empty means any. Tencent does not publish its addresses."""

    appids: tuple[AppId, ...] = ()
    """App ids whose results are accepted; all others are refused. Empty means any."""

    name_by: NameBy = "request_id"
    """What {id} in output.layout is: request_id (Tencent's task id, which may be used again on
    another day), audio_key (your own id, in old versions of the API), or query:NAME (the parameter
    NAME of the callback URL, where you can put an id of your own)."""

    text_encoding: TextEncoding = "utf-8"
    """How bytes that are not UTF-8 are decoded: gb18030 or big5 if you asked Tencent for such text.
    A wrong one garbles the text, but keeps the result."""

    allow_unauthenticated: bool = False
    """true accepts results from anybody who can connect, also beyond loopback."""


class HuaweiClientSettings(Struct, frozen=True, kw_only=True):
    """One client of the provider `huawei`."""

    app_key: Annotated[Name, Example("ODFS_SYS_OPENAPI")]
    """The appKey that the sender uses."""

    app_secrets: Annotated[AnySecrets, Example("!file huawei.secret")] = field(name="app_secret")
    """The appSecret. A list contains several valid secrets while the sender changes from one to the
    next."""


class HuaweiSettings(Struct, frozen=True, kw_only=True):
    """Huawei CEC / OIAP, offline conversion: senders request a token first, then call back."""

    credentials: ClassVar[str] = "clients"

    enabled: bool = True
    """false turns this provider off: nothing is served at its paths."""

    path: UrlPath = "/oifde/rest/sysapi/asrcallback"
    token_path: UrlPath = "/oifde/rest/api/gettoken"  # noqa: S105 - a path, not a secret
    """The paths of the OIAP interfaces; many senders cannot change them."""

    token_lifetime_s: WholeSeconds = field(default=3600.0, name="token_lifetime")
    """How long a token is valid. Shorter: a stolen token is worth less, and senders request new
    ones more often."""

    allow: tuple[CidrNetwork, ...] = ()
    """Networks that may send; empty means any."""

    text_encoding: TextEncoding = "utf-8"
    """Fallback encoding of bodies that are not UTF-8, such as gb18030 from senders in Java on a
    Chinese Windows. A wrong one garbles the text, but keeps the result."""

    clients: tuple[HuaweiClientSettings, ...] = ()
    """Who may request a token: appKey and appSecret as agreed with the sender."""

    allow_unauthenticated: bool = False
    """true accepts results without a token, also beyond loopback."""


class ProvidersSettings(Struct, frozen=True, kw_only=True):
    """The vendors whose callbacks are accepted."""

    tencent: TencentSettings = TencentSettings()

    huawei: HuaweiSettings = HuaweiSettings()


class TextSettings(Struct, frozen=True, kw_only=True):
    """How .txt files look."""

    speakers: Speakers = "auto"
    """Whether "[speaker]: " starts each line: auto (if there are several speakers), always or
    never."""

    timestamps: bool = False
    """true puts the time of each line before it."""

    join_speaker: bool = False
    """true writes successive segments of one speaker as one line."""


class CaptionSettings(Struct, frozen=True, kw_only=True):
    """How .srt and .vtt are broken into lines and captions, as whisper's options of these names."""

    max_line_width: CountOrNull = None
    """Characters in a line. Without it each segment is one caption."""

    max_line_count: CountOrNull = None
    """Lines in a caption, where max_line_width is set."""


class OutputSettings(Struct, frozen=True, kw_only=True):
    """The directory tree of results."""

    root: WrittenFolder = Path("transcripts")
    """The directory of all results. .staging/ below it must be on the same file system. A change
    takes effect at a restart."""

    layout: LayoutText = "{provider}/{year}/{month}/{day}/{id}"
    """Path of a result below root, without the suffix. Fields: {provider} {year} {month} {day}
    {hour} {appid} ("none" where there is none) {id}. {id} must be in the last component. A change
    applies to new results only; nothing is moved."""

    timezone: TimeZone = ZoneInfo("UTC")
    """The time zone of {year} to {hour}, such as Asia/Shanghai. Where clocks are turned back in
    autumn, one {hour} contains the results of two."""

    formats: tuple[Format, ...] = ("json", "txt")
    """What is written for each result: json, txt, srt, vtt, tsv, ctm and rttm. json is required: it
    is written last, and its presence tells readers that the result is complete. A format that a
    transcript cannot have (srt without times, rttm without speakers) is left out, and .json says
    so."""

    text: TextSettings = TextSettings()

    captions: CaptionSettings = CaptionSettings()

    keep_payload: bool = True
    """Whether .json contains the vendor's own fields, untouched. false makes files much smaller,
    and what this daemon does not understand is then lost for good."""

    json_indent: Indent = 2
    """Spaces of indentation in .json, 0 to 8; 0 writes one line."""

    durability: Durability = "fsync"
    """fsync: success is answered when the files are on stable storage. none: when they are written,
    which is faster, and a power failure loses results that the vendor believes delivered. A change
    takes effect at a restart."""

    duplicate_window_s: Duration = field(default=12 * 3600.0, name="duplicate_window")
    """How long the same result is recognised when it is sent again, also after its files were
    moved. Vendors retry within minutes, and may use an id for another task on another day; longer
    takes some space in state."""

    file_mode: FileMode = 0o640
    directory_mode: DirectoryMode = 0o750
    """Octal, in quotes: who may read results. The owner must be able to write; others must not."""


class LimitsSettings(Struct, frozen=True, kw_only=True):
    """What senders may use of the machine."""

    body_bytes: Size = field(default=64 * MIB, name="body")
    """The largest callback. Five hours of audio with word times are tens of MiB; anything larger is
    refused, and the vendor drops the result after its second try."""

    large_bodies: Count = 1
    """Large bodies (above 4 MiB) that are processed at the same time, each in a child process. The
    others wait on disk, and none is refused."""

    connections: Count = 1000
    connections_per_address: Count = 200
    """Open connections, in all and from one address (of IPv6: from one /64). Beyond that the one
    that has been idle longest is evicted. While none of an address has been idle for half a second,
    its further connections wait in a queue, for at most header_timeout. Behind a proxy that is not
    in trusted_proxies, everybody has the proxy's address."""

    header_timeout_s: Duration = field(default=10.0, name="header_timeout")
    """How long the head of a request may take."""

    idle_timeout_s: Duration = field(default=75.0, name="idle_timeout")
    """How long a connection is kept between two requests."""

    body_min_rate_bytes_per_s: Size = field(default=16 * KIB, name="body_min_rate")
    """A second, over any 10 s: slower senders are cut off, and an upload that stalls ends after
    10 s. Lower it for senders with slow links."""

    free_space_bytes: SizeOrNone = field(default=256 * MIB, name="free_space")
    """Disk space that is left to others: below it callbacks are answered as failed, /readyz reports
    it, and monitoring has time to act. 0B goes on until the disk is full."""

    rejected_bytes: SizeOrNone = field(default=1 * GIB, name="rejected")
    """Disk space for rejected bodies in rejected/, kept for inspection and replay. When it is used
    up, further ones are refused without being kept, until somebody removes some. 0B keeps none."""

    shutdown_s: Duration = field(default=10.0, name="shutdown")
    """How long a stop waits for callbacks in flight. systemd's TimeoutStopSec= must be longer."""


class LogSettings(Struct, frozen=True, kw_only=True):
    """The log, on standard error."""

    level: LogLevel = "info"
    """debug, info, warning or error: this and anything more severe."""

    format: LogFormat = "text"
    """text for people and journald, json (one object a line) for collectors."""


class Config(Struct, frozen=True, kw_only=True):
    """The whole configuration; `Config()` applies without any file."""

    listen: tuple[ListenSettings, ...] = (ListenSettings(),)
    """Where callbacks are received; several entries are allowed."""

    trusted_proxies: tuple[CidrNetwork, ...] = ()
    """Networks of your reverse proxies. Only from them are X-Forwarded-For and X-Real-Ip believed,
    so that allow sees the real sender; and connections_per_address does not apply to them. Anybody
    in these networks can claim any address."""

    admin: AdminSettings = AdminSettings()
    """Health (/healthz, /readyz), metrics (/metrics) and a status page, without a password: keep it
    on loopback or in a network of your own."""

    providers: ProvidersSettings = ProvidersSettings()

    output: OutputSettings = OutputSettings()

    limits: LimitsSettings = LimitsSettings()

    state: WrittenFolder = Path("state")
    """What the daemon remembers between runs, such as which results it has seen. If the directory
    is lost, a result that is sent again is written again; nothing else. A change takes effect at a
    restart."""

    log: LogSettings = LogSettings()
