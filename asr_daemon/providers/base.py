"""What a provider is, and the plain values that it is a function of.

A provider knows its vendor's words and nothing else: no HTTP server, no clock, no disk. Each has a
package, and `vendor.py` says what else belongs into it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from asr_daemon.errors import CallbackError, Unauthorized
from asr_daemon.networks import Network, is_in
from asr_daemon.transcript import Transcript


class Head(Struct, frozen=True):
    """What is known of a request before its body is read."""

    path: bytes
    """The path as it came, still percent-encoded."""
    query: bytes
    """After the `?`, still percent-encoded; empty where there is none."""
    headers: Mapping[str, str]
    """By name in lower case."""
    address: str
    """The address of the sender, as text."""


class Callback(Struct, frozen=True):
    """One whole request: head, body, and when its last byte was there (aware, UTC)."""

    head: Head
    body: bytes
    received_at: datetime


class Answer(Struct, frozen=True):
    """What the vendor is answered: an HTTP status, a JSON body, and more header lines, if any."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=utf-8"


class Provider(Protocol):
    """A vendor whose callbacks are received."""

    @property
    def name(self) -> str:
        """The provider's name in paths, documents, logs and metrics: lower-case letters."""
        ...

    def admit(self, head: Head) -> None:
        """Judge a request by its head, before its body is read.

        Raises:
            Unauthorized: the key, token or address is refused; compared in constant time.
            NotFound: the path is below this provider's, and means nothing to it.
        """
        ...

    def parse(self, callback: Callback) -> Transcript:
        """Turn an admitted callback into a transcript; pure.

        Raises:
            NotUnderstood: this is not a result of this vendor.
            Unauthorized: the body shows that its sender is not one that is let in.
        """
        ...

    def query(self, head: Head) -> Mapping[str, str | list[str]]:
        """Return the parameters of an admitted request's URL, without any secret."""
        ...

    def acknowledge(self) -> Answer:
        """Word the answer for a result that is on stable storage."""
        ...

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a callback that is not acknowledged."""
        ...


def check_address(address: str, allow: tuple[Network, ...]) -> None:
    """Raise `Unauthorized` unless `address` is in one of `allow`, or `allow` is empty."""
    if allow and not is_in(address, allow):
        raise Unauthorized("this address is not allowed to send callbacks")
