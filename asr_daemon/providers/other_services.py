"""Bodies of other services, which come to a provider's path when a callback URL was mixed up.

Each vendor's package lists the bodies of its services (`other_services.py`). A kind is known by
names that its documents print, and by nothing else: no values are looked at.
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


class OtherService(Struct, frozen=True):
    """A kind of body."""

    what: str
    names: frozenset[str]
    """All of which it has, in lower case; `a.b` is the member `b` of the object `a`."""
    provider: str = ""
    """Whose result it is, if it is one."""
    taker: str = _NOBODY

    @property
    def is_taken(self) -> bool:
        """Say whether there is a path for it."""
        return self.taker != _NOBODY


def other_service(what: str, *names: str, provider: str = "", taker: str = _NOBODY) -> OtherService:
    """Return the kind `what`; `provider` takes it, or `taker` says who does."""
    taker = f"the provider {provider} takes at its path" if provider else taker
    return OtherService(what, frozenset(names), provider, taker)


OTHERS = (
    other_service("a result of iFLYTEK recording recognition", "content.orderresult"),
    other_service("a result of iFLYTEK recording recognition", "lattice"),
    other_service("a notice of iFLYTEK recording recognition", "orderid", "status"),
)
"""Bodies of vendors that have no provider here."""


class OtherServices(Struct, frozen=True):
    """The kinds of bodies that are known; the first that fits is it."""

    kinds: tuple[OtherService, ...] = ()

    def describe(self, body: bytes, provider: str) -> str | None:
        """Say in a sentence what a body is that is not a result of `provider`, if it is known.

        The sentence holds nothing of the body.
        """
        names = {name.lower() for name in _names(body.strip())}
        found = next((kind for kind in self.kinds if kind.names <= names), None)
        if found is None or found.provider == provider:
            return None
        return f"this looks like {found.what}, which {found.taker}"


NO_OTHER_SERVICES = OtherServices()


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
