"""What the rest of the package knows of a vendor: one value, in `providers/<vendor>/vendor.py`.

Configuration, `check`, `send`, metrics, help and documents ask `registry.py` for these values; no
vendor is named anywhere else.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from asr_daemon.config.problems import Finding
from asr_daemon.errors import CallbackError
from asr_daemon.providers.base import Answer, Head, Provider
from asr_daemon.providers.other_services import OtherService, OtherServices
from asr_daemon.providers.simulator import Simulator
from asr_daemon.transcript import Transcript


class Interface(Protocol):
    """What a vendor's senders ask for besides callbacks, at a path of its own."""

    name: str
    anonymous_bytes: int
    """The largest body."""

    def admit(self, head: Head) -> None:
        """Judge a request by its head, as `Provider.admit`."""
        ...

    async def respond(self, head: Head, body: object, received_at: datetime) -> Answer:
        """Return the answer, or raise a `CallbackError`."""
        ...

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a request that is refused."""
        ...


class TextSource(Struct, frozen=True):
    """How texts are had that a callback only has the URL of."""

    hosts: tuple[str, ...]
    """Where from: names, or `*.` and a name for all names below it."""
    with_text: Callable[[Transcript, bytes, str], Transcript]
    """Returns a transcript with what was fetched for it, given that and its Content-Type; raises
    `NotUnderstood` if that is no text."""


def _no_text_source(_settings: Any) -> TextSource | None:
    return None


def _no_interfaces(_settings: Any) -> Mapping[str, Interface]:
    return {}


def _no_findings(_settings: Any, _key: str) -> Iterator[Finding]:
    return iter(())


class Vendor(Struct, frozen=True, kw_only=True):
    """One vendor; the functions get its settings."""

    name: str
    """In the configuration, paths, documents, logs and metrics: lower-case letters."""
    title: str
    """For people."""
    settings: type[Struct]
    """Has defaults throughout, and `enabled`, `path`, `allow` and `allow_unauthenticated`. Every
    setting of type `UrlPath` is a path that is served."""
    credentials: str
    """The setting, as the file has it, without which anybody is let in."""
    make_provider: Callable[[Any, OtherServices], Provider]
    """Makes the provider; it may name bodies of other services that come to its path."""
    make_interfaces: Callable[[Any], Mapping[str, Interface]] = _no_interfaces
    """Makes what is served besides callbacks, by path."""
    make_text_source: Callable[[Any], TextSource | None] = _no_text_source
    """Makes what fetches texts; `None` if there are none to be fetched."""
    make_simulator: Callable[[Any, str, str | None], Simulator]
    """Makes what posts to a URL, or without one to the daemon at an origin (`http://host:port`)."""
    callback_url: Callable[[Any, str], str]
    """Returns where the daemon at an origin receives callbacks, with its key if it has one."""
    sample: Callable[[int], bytes]
    """Returns the documented callback as task N of a series; 0 is the example itself."""
    check: Callable[[Any, str], Iterator[Finding]] = _no_findings
    """Yields the broken rules across settings of this vendor alone, whose path is the key."""
    other_services: tuple[OtherService, ...] = ()
    """The bodies of the vendor's services, its results among them."""
