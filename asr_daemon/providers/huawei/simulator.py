"""Simulates a sender of Huawei's callbacks."""

import msgspec
from msgspec import Struct

from asr_daemon.providers.huawei.settings import HuaweiSettings
from asr_daemon.providers.simulator import Poster, Reply, says


class _Token(Struct, rename="camel"):
    """Huawei's answer to a request for a token."""

    auth_token: str


class HuaweiSimulator:
    """Gets a token, then posts JSON with it; a token that has expired is requested again."""

    def __init__(self, url: str, token_url: str, app_key: str, app_secret: bytes) -> None:
        self._post = Poster(url).post
        self._post_for_token = Poster(token_url).post
        self._credentials = {"appKey": app_key, "appSecret": app_secret.decode()}
        self._token: str | None = None

    def send(self, body: bytes, content_type: str | None = None) -> list[Reply]:
        """Return the answer to the callback, or to the request for a token if that is refused."""
        if self._token is None:
            refusal = self._get_token()
            if refusal is not None:
                return [refusal]
        reply = self._post(body, self._headers(content_type))
        if says(reply.body, "retCode", "900001"):
            self._token = None
        return [reply]

    def accepted(self, reply: Reply) -> bool:
        """Say whether the vendor would take the callback as delivered."""
        return says(reply.body, "retCode", "0")

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


def callback_url(settings: HuaweiSettings, origin: str) -> str:
    """Return where the daemon at `origin` receives callbacks."""
    return f"{origin}{settings.path}"


def make_simulator(settings: HuaweiSettings, origin: str, url: str | None) -> HuaweiSimulator:
    """Return a simulator that posts to `url`, or to the daemon at `origin`.

    The token comes from `origin`, with the configured credentials.
    """
    client = settings.clients[0] if settings.clients else None
    return HuaweiSimulator(
        url or callback_url(settings, origin),
        f"{origin}{settings.token_path}",
        client.app_key if client else "ODFS_SYS_OPENAPI",
        client.app_secrets[0].reveal() if client else b"",
    )
