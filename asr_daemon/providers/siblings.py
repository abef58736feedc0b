"""Bodies of other services, which come to a provider's path when a callback URL was mixed up.

Each is known by names that its documents print, and by nothing else: no values are looked at.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.form import split_pairs
from asr_daemon.providers.json_body import decode_json

_NOBODY = "no provider takes"
_START_BYTES = 64 * 1024
"""Of a form or XML, whose first names tell what it is."""
_TAG = re.compile(rb"<([A-Za-z]++)>")


class Sibling(Struct, frozen=True):
    """A kind of body."""

    what: str
    names: frozenset[str]
    """All of which it has, in lower case; `a.b` is the member `b` of the object `a`."""
    provider: str = ""
    """Whose result it is, if it is one."""
    taker: str = _NOBODY


def _sibling(what: str, *names: str, provider: str = "", taker: str = _NOBODY) -> Sibling:
    taker = f"the provider {provider} takes at its path" if provider else taker
    return Sibling(what, frozenset(names), provider, taker)


_RECORDING = "a result of Tencent recording recognition"

SIBLINGS = (
    _sibling("a result of Huawei offline conversion", "body.body", provider="huawei"),
    _sibling(
        "a request for a token",
        *("appkey", "appsecret"),
        taker="the provider huawei takes at its token_path",
    ),
    _sibling(_RECORDING, "requestid", "code", provider="tencent"),
    _sibling(_RECORDING, "requestid", "text", provider="tencent"),
    _sibling("a result of Tencent real-time recognition", "voice_id"),
    _sibling("a result of Tencent stream recognition", "taskid", "result"),
    _sibling("a result of Tencent flash recognition", "request_id", "flash_result"),
    _sibling("a result of Tencent sentence recognition", "response.result"),
    _sibling("an answer of a Tencent Cloud API", "response.requestid"),
    _sibling("a callback of Tencent Cloud Infinite", "eventname", "jobsdetail"),
    _sibling("a result of Huawei SIS recording recognition", "job_id", "segments"),
    _sibling("a result of Huawei SIS recording recognition", "job_id", "status"),
    _sibling("a result of Huawei SIS real-time recognition", "resp_type", "trace_id"),
    _sibling("a result of Huawei SIS flash recognition", "trace_id", "flash_result"),
    _sibling("a result of Huawei SIS sentence recognition", "trace_id", "result"),
    _sibling("a result of iFLYTEK recording recognition", "content.orderresult"),
    _sibling("a result of iFLYTEK recording recognition", "lattice"),
    _sibling("a notice of iFLYTEK recording recognition", "orderid", "status"),
)
"""What is known; the first that fits is it."""


def describe_sibling(body: bytes, provider: str) -> str | None:
    """Say in a sentence what a body looks like that is not a result of `provider`, if it is known.

    The sentence holds nothing of the body.
    """
    names = {name.lower() for name in _names(body.strip())}
    found = (sibling for sibling in SIBLINGS if sibling.names <= names)
    sibling = next(found, None)
    if sibling is None or sibling.provider == provider:
        return None
    return f"this looks like {sibling.what}, which {sibling.taker}"


def _names(body: bytes) -> Iterator[str]:
    start = body[:_START_BYTES]
    if start.startswith(b"{"):
        yield from _json_names(body)
    elif start.startswith(b"<"):
        yield from (tag.decode() for tag in _TAG.findall(start))
    else:
        yield from (name.decode("utf-8", "replace") for name, _ in split_pairs(start))


def _json_names(body: bytes) -> Iterator[str]:
    document: Mapping[str, Any] = {}
    with suppress(NotUnderstood):
        document = decode_json(body)
    for name, value in document.items():
        yield name
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
