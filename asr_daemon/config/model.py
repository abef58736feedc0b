"""Define the configuration: each setting with its type, default, unit, reason and consequence.

This is the one place where a setting is described; those of a vendor are in its package, in
`providers/<vendor>/settings.py`. The text below a field is what people read about
it; `scripts/generate` makes the example, the JSON Schema and asr-daemon.yaml(5) of it. Fields on
successive lines share the text below the last of them; a section without a text of its own has
that of its class. A field without text is an error.

Field names carry their unit; `name=` gives the name in the YAML file where it differs. The types
say how a value is written and which values are valid (`values.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct, defstruct, field

from asr_daemon.config.values import (
    CidrNetwork,
    Count,
    CountOrNull,
    DirectoryMode,
    Duration,
    Example,
    FileMode,
    HeaderName,
    Host,
    HostName,
    Indent,
    LayoutText,
    Port,
    ReadFile,
    Size,
    SizeOrNone,
    TimeZone,
    WrittenDirectory,
)
from asr_daemon.networks import CLIENT_HEADERS
from asr_daemon.providers.registry import VENDORS
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
    address and none of IPv4: for both write two entries. Beyond loopback, each enabled provider
    must have credentials or an allow list."""

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

    hosts: tuple[HostName, ...] = ()
    """Names under which browsers and scrapers reach this listener, besides localhost, address and
    every IP address. Requests for any other host are refused with 421: a page in a browser could
    make them for an attacker, by a name that leads here (DNS rebinding)."""


if TYPE_CHECKING:

    class ProvidersSettings(Struct):
        """A field for the settings of each vendor, by its name."""

        def __init__(self, **settings: Any) -> None: ...
        def __getattr__(self, vendor: str) -> Any: ...  # noqa: D105 - as the class says

else:
    ProvidersSettings = defstruct(
        "ProvidersSettings",
        [(vendor.name, vendor.settings, vendor.settings()) for vendor in VENDORS],
        frozen=True,
        kw_only=True,
        module=__name__,
        namespace={"__doc__": "The vendors whose callbacks are accepted."},
    )


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

    root: WrittenDirectory = Path("transcripts")
    """The directory of all results. .staging/ below it must be on the same file system. A change
    takes effect at a restart."""

    layout: LayoutText = "{provider}/{year}/{month}/{day}/{id}"
    """Path of a result below root, without the suffix. Fields: {provider} {year} {month} {day}
    {hour} {appid} ("none" where there is none) {id}. {id} must be in the last component. What gets
    longer than 240 bytes between two / is cut and ends with a digest. A change applies to new
    results only; nothing is moved."""

    timezone: TimeZone = ZoneInfo("UTC")
    """The time zone of {year} to {hour}, such as Asia/Shanghai. Where clocks are turned back in
    autumn, one {hour} contains the results of two."""

    formats: tuple[Format, ...] = ("json", "txt")
    """What is written for each result: json, txt, srt, vtt, tsv, ctm and rttm. json is required: it
    is written last, and its presence shows readers that the result is complete. A format that a
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
    """How long a connection is kept between two requests. It must be longer than a load balancer in
    front keeps its idle connections: write 620s for one that keeps them for 600 s."""

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
    """Networks of your reverse proxies. Only their client_address_header is believed, so that allow
    sees the real sender; and connections_per_address does not apply to them. Anybody in these
    networks can claim any address. 127.0.0.1 stands for ::1 too: a proxy on localhost may use
    either."""

    client_address_header: HeaderName = CLIENT_HEADERS[0]
    """The header in which your proxies name the sender: x-forwarded-for, x-real-ip, forwarded or
    another one. No other is read. The proxy must set it, or append to it: what only passes through
    it was written by the sender. While it is missing or names no IP address, the proxy's address
    counts, and the log says so once a day."""

    admin: AdminSettings = AdminSettings()
    """Health (/healthz, /readyz), metrics (/metrics) and a status page, without a password: keep it
    on loopback or in a network of your own."""

    providers: ProvidersSettings = ProvidersSettings()

    output: OutputSettings = OutputSettings()

    limits: LimitsSettings = LimitsSettings()

    history_s: Duration = field(default=30 * 86400.0, name="history")
    """How far back results are found: list and the status page show no older ones, follow without a
    cursor begins there, and an index that was lost is filled again from the tree as far."""

    state: WrittenDirectory = Path("state")
    """What the daemon remembers between runs, such as which results it has seen. If the directory
    is lost, a result that is sent again is written again; nothing else. A change takes effect at a
    restart."""

    log: LogSettings = LogSettings()
