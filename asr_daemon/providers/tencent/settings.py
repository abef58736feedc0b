"""Settings of Tencent, in the form of `config/model.py`."""

from typing import Annotated, Literal

from msgspec import Struct, field

from asr_daemon.config.problems import Wrong, quote
from asr_daemon.config.values import (
    CidrNetwork,
    Example,
    HostPattern,
    Text,
    TextEncoding,
    UrlKeys,
    UrlPath,
)


def read_name_by(text: str) -> str:
    """Read what results are named by: `request_id`, `audio_key` or `query:NAME`."""
    if text in {"request_id", "audio_key"}:
        return text
    kind, colon, name = text.partition(":")
    if kind != "query" or not colon or not name.strip():
        right = "write request_id, audio_key or query:NAME (a parameter of the callback URL)"
        raise Wrong(f"{quote(text)} not supported", right)
    if name == "key":
        right = "write another parameter, such as query:job"
        raise Wrong("the parameter key is the secret and cannot name results", right)
    return text


AppId = Annotated[
    str,
    Text("an app id such as 1300000000", schema={"type": ["string", "integer"]}, numbers=True),
]
NameBy = Annotated[
    str,
    Text(
        "request_id, audio_key or query:NAME",
        read_name_by,
        schema={"anyOf": [{"enum": ["request_id", "audio_key"]}, {"pattern": r"^query:.*\S"}]},
    ),
]

FetchText = Literal["never", "when_empty"]


class TencentSettings(Struct, frozen=True, kw_only=True):
    """Tencent Cloud ASR, recording recognition."""

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

    fetch_text: FetchText = "never"
    """when_empty downloads the text of a callback that has none itself but the URL of one (textUrl,
    in old versions of the API), over https, for up to 24 h until it is there. It becomes a result
    of its own, <id>~text. Senders then choose what this machine asks for at fetch_hosts."""

    fetch_hosts: tuple[HostPattern, ...] = ("*.myqcloud.com",)
    """Where texts may be downloaded from: host names, or "*." and a name (in quotes) for all names
    below it. Whatever their names stand for, only public addresses are connected to, at port
    443."""

    allow_unauthenticated: bool = False
    """true accepts results from anybody who can connect, also beyond loopback."""
