"""Settings of Huawei, in the form of `config/model.py`."""

from typing import Annotated

from msgspec import Struct, field

from asr_daemon.config.values import (
    AnySecrets,
    CidrNetwork,
    Example,
    Name,
    TextEncoding,
    UrlPath,
    WholeSeconds,
)


class HuaweiClientSettings(Struct, frozen=True, kw_only=True):
    """One client of the provider `huawei`."""

    app_key: Annotated[Name, Example("ODFS_SYS_OPENAPI")]
    """The appKey that the sender uses."""

    app_secrets: Annotated[AnySecrets, Example("!file huawei.secret")] = field(name="app_secret")
    """The appSecret. A list contains several valid secrets while the sender changes from one to the
    next."""


class HuaweiSettings(Struct, frozen=True, kw_only=True):
    """Huawei CEC / OIAP, offline conversion: senders request a token first, then call back."""

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
