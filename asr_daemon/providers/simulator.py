"""What simulators of vendors share: they post to a daemon as the vendor does, to try it out."""

import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from asr_daemon.errors import AsrDaemonError

ANSWER_TIMEOUT_S = 5.0
"""How long a similar callback of Tencent's waits; for others it is not documented."""


class SendError(AsrDaemonError):
    """No answer came; the message says why and what to look at."""


class Reply(Struct, frozen=True):
    """The answer to one try."""

    status: int
    body: bytes


class Simulator(Protocol):
    """Sends callbacks as a vendor does."""

    def send(self, body: bytes, content_type: str | None = None) -> list[Reply]:
        """Return the answer of each try; the last one counts.

        Args:
            body: of the callback.
            content_type: by default the vendor's own.

        Raises:
            SendError: no answer came.
        """
        ...

    def accepted(self, reply: Reply) -> bool:
        """Say whether the vendor would take the callback as delivered."""
        ...


class Poster:
    """Posts to one URL over a connection that is kept."""

    def __init__(self, url: str) -> None:
        """Connect at the first request.

        Raises:
            SendError: `url` is not a URL.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise SendError(f"{url} is not a URL: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SendError(f"{url} is not an http:// or https:// URL")
        self._where = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self._target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        self._connection = _connect(parts.scheme, parts.hostname, port)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Return the answer.

        Raises:
            SendError: there is none.
        """
        try:
            self._connection.request("POST", self._target, body, dict(headers))
            response = self._connection.getresponse()
            return Reply(response.status, response.read())
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise SendError(
                f"no answer from {self._where}: {error or type(error).__name__}"
            ) from error


def _connect(scheme: str, host: str, port: int | None) -> HTTPConnection:
    if scheme == "http":
        return HTTPConnection(host, port, timeout=ANSWER_TIMEOUT_S)
    context = ssl.create_default_context()
    if _is_loopback(host):
        # The daemon's own certificate is made out to a name, not to this address.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=ANSWER_TIMEOUT_S, context=context)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def says(body: bytes, name: str, value: object) -> bool:
    """Say whether a body is a JSON object in which `name` is `value`."""
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(answer, dict) and answer.get(name) == value
