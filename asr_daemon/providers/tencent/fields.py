"""Where Tencent's fields are: in the body, in the URL's query, or in the path.

Four generations of the callback are about. The fields come as a form, as a JSON object, or as
pairs behind the URL; names are matched without regard to case, as the vendor's pages spell
`cosAppId` and `cosAppid`, and `projecteid` and `projectid`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from asr_daemon.errors import NotUnderstood
from asr_daemon.providers.digest import digest_json, digest_pairs
from asr_daemon.providers.form import (
    Pair,
    collect,
    split_pairs,
    to_texts,
)
from asr_daemon.providers.json_body import decode_json
from asr_daemon.providers.other_services import NO_OTHER_SERVICES, OtherServices
from asr_daemon.providers.text_encoding import json_to_utf8

VENDOR_NAMES = frozenset(
    [
        *("code", "message", "requestid", "appid", "projectid", "text", "audiourl", "audiotime"),
        *("projecteid", "cosappid", "audiokey", "audiobucket", "resultcospath", "texturl"),
        "resultdetail",
    ]
)
"""Every documented name of any generation, in lower case."""

_TELLING_NAMES = ("code", "requestid", "text")
_MOST_PAIRS = 10_000
_BOM = b"\xef\xbb\xbf"
_JSON_START = re.compile(rb'\{\s*["}]')


class Fields(Struct, frozen=True):
    """The fields of one callback."""

    payload: dict[str, Any]
    """As the vendor spells them: strings from a form, JSON values as they came."""
    first: dict[str, Any]
    """By lower-case name; of a repeated name the first, which is the one that means."""
    digest: str

    def get(self, name: str) -> Any:
        """Return the value of a lower-case name, or `None`."""
        return self.first.get(name)

    @property
    def is_result(self) -> bool:
        """Say whether there is a field without which nothing is a result."""
        return any(name in self.first for name in _TELLING_NAMES)

    @property
    def has_text_or_id(self) -> bool:
        """Say whether there is more than an outcome."""
        return "text" in self.first or "requestid" in self.first


def read_fields(
    body: bytes,
    parameters: Sequence[Pair],
    path_pairs: bytes,
    encoding: str,
    other_services: OtherServices = NO_OTHER_SERVICES,
) -> tuple[Fields, Sequence[Pair]]:
    """Return the vendor's fields, and those of the URL's `parameters` that are none of them.

    The body has them unless it is blank; then the query has them, or else the path.

    Raises:
        NotUnderstood: there is none of `code`, `requestId` and `text`.
    """
    body = body.strip().removeprefix(_BOM).lstrip()
    if body:
        return _read_body(body, encoding, other_services), parameters
    ours = [pair for pair in parameters if is_vendor_name(pair[0])]
    others = [pair for pair in parameters if not is_vendor_name(pair[0])]
    for pairs, remaining in ((ours, others), (split_pairs(path_pairs), parameters)):
        fields = _from_pairs(pairs, encoding)
        if fields.is_result:
            return fields, remaining
    raise NotUnderstood("the body is empty, and the URL holds none of code, requestId and text")


def is_vendor_name(name: bytes) -> bool:
    """Say whether a decoded name is one that the vendor documents."""
    return name.lower().decode("latin-1") in VENDOR_NAMES


def is_pairs(rest: bytes) -> bool:
    """Say whether the rest of a path starts with pairs, one of which the vendor documents."""
    element = rest.partition(b"/")[0]
    return b"=" in element and any(is_vendor_name(name) for name, _ in split_pairs(element))


def _read_body(body: bytes, encoding: str, other_services: OtherServices) -> Fields:
    """Read a body by what it looks like, whatever its Content-Type says.

    A brace and a quote start JSON and no form. A form made of broken JSON would be worse than
    none: an `&code=` within a URL that it quotes would pass for the outcome.
    """
    if _JSON_START.match(body):
        fields = _from_json(decode_json(json_to_utf8(body, encoding, doubtful=True)))
    elif body.count(b"&") <= _MOST_PAIRS:
        fields = _from_pairs(split_pairs(body), encoding)
    else:
        raise NotUnderstood(f"the body has more than {_MOST_PAIRS} fields")
    # Some have a code and a message as well, and their text in another place.
    other_service = None if fields.has_text_or_id else other_services.describe(body, "tencent")
    if other_service or not fields.is_result:
        reason = "the body holds none of the fields code, requestId and text"
        raise NotUnderstood(other_service or reason)
    return fields


def _from_pairs(pairs: Iterable[Pair], encoding: str) -> Fields:
    listed = list(pairs)
    texts = to_texts(listed, encoding)
    first = {name.lower(): value for name, value in reversed(texts)}
    return Fields(collect(texts), first, digest_pairs(listed))


def _from_json(payload: dict[str, Any]) -> Fields:
    first = {name.lower(): payload[name] for name in reversed(payload)}
    return Fields(payload, first, digest_json(payload))
