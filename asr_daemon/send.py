"""Sends callbacks the way the vendors do, for trying out a daemon."""

import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from asr_daemon.config.model import Config, TencentSettings
from asr_daemon.errors import AsrDaemonError
from asr_daemon.networks import reachable

ANSWER_TIMEOUT_S = 5.0
"""What a sibling of Tencent's callback waits for an answer; how long this one does is unknown."""

TENCENT_TRIES = 2
"""Tencent tries a callback at most twice."""


class SendError(AsrDaemonError):
    """No answer came; the message says why and what to look at."""


class Reply(Struct, frozen=True):
    """The answer to one try."""

    status: int
    body: bytes


class _Token(Struct, rename="camel"):
    """Huawei's answer to a request for a token."""

    auth_token: str


class TencentSender:
    """Posts form pairs, once more if they are not acknowledged."""

    def __init__(self, url: str) -> None:
        """Take the callback URL as it would be given to the vendor, with the key."""
        self._post = _Poster(url).post

    def send(self, body: bytes, content_type: str | None = None) -> list[Reply]:
        """Return the answer of each try; the last one counts."""
        replies: list[Reply] = []
        headers = {"Content-Type": content_type or "application/x-www-form-urlencoded"}
        while len(replies) < TENCENT_TRIES and not (replies and self.accepted(replies[-1])):
            replies.append(self._post(body, headers))
        return replies

    def accepted(self, reply: Reply) -> bool:
        """Say whether the vendor would take the callback as delivered."""
        return _says(reply.body, "code", 0)


class HuaweiSender:
    """Gets a token, then posts JSON with it; a token that has expired is got anew."""

    def __init__(self, url: str, token_url: str, app_key: str, app_secret: bytes) -> None:
        """Take the addresses of both interfaces, and the credentials that were agreed on."""
        self._post = _Poster(url).post
        self._post_for_token = _Poster(token_url).post
        self._credentials = {"appKey": app_key, "appSecret": app_secret.decode()}
        self._token: str | None = None

    def send(self, body: bytes, content_type: str | None = None) -> list[Reply]:
        """Return the answer to the callback, or to the request for a token if that is refused."""
        if self._token is None:
            refusal = self._get_token()
            if refusal is not None:
                return [refusal]
        reply = self._post(body, self._headers(content_type))
        if _says(reply.body, "retCode", "900001"):
            self._token = None
        return [reply]

    def accepted(self, reply: Reply) -> bool:
        """Say whether the vendor would take the callback as delivered."""
        return _says(reply.body, "retCode", "0")

    def _headers(self, content_type: str | None) -> dict[str, str]:
        return {
            "Content-Type": content_type or "application/json; charset=UTF-8",
            "userName": self._credentials["appKey"],
            "token": self._token or "",
        }

    def _get_token(self) -> Reply | None:
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        reply = self._post_for_token(msgspec.json.encode(self._credentials), headers)
        try:
            self._token = msgspec.json.decode(reply.body, type=_Token).auth_token
        except msgspec.DecodeError:
            return reply
        return None


def callback_url(config: Config, provider: str) -> str:
    """Return where the daemon that `config` describes receives callbacks, with the key."""
    settings = config.providers.tencent if provider == "tencent" else config.providers.huawei
    keys = settings.keys if isinstance(settings, TencentSettings) else ()
    key = f"?key={quote(keys[0].reveal())}" if keys else ""
    return f"{_origin(config)}{settings.path}{key}"


def tencent_sender(config: Config, url: str | None) -> TencentSender:
    """Return a sender to `url`, or to the daemon that `config` describes."""
    return TencentSender(url or callback_url(config, "tencent"))


def huawei_sender(config: Config, url: str | None) -> HuaweiSender:
    """Return a sender to `url`, or to the daemon that `config` describes.

    The token comes from the same host, at the path and with the credentials of `config`.
    """
    settings = config.providers.huawei
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url)) if url else _origin(config)
    client = settings.clients[0] if settings.clients else None
    return HuaweiSender(
        url or callback_url(config, "huawei"),
        f"{origin}{settings.token_path}",
        client.app_key if client else "ODFS_SYS_OPENAPI",
        client.app_secrets[0].reveal() if client else b"",
    )


class _Poster:
    """Posts to one URL over a connection that is kept."""

    def __init__(self, url: str) -> None:
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


def _origin(config: Config) -> str:
    listen = config.listen[0]
    address = reachable(listen.address)
    host = f"[{address}]" if ":" in address else address
    return f"{'http' if listen.tls is None else 'https'}://{host}:{listen.port}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _says(body: bytes, name: str, value: object) -> bool:
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(answer, dict) and answer.get(name) == value
