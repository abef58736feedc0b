"""Huawei CEC/OIAP: the callback of offline conversion, and the tokens that its senders ask for.

This daemon stands where OIAP stands. A sender first posts its app key and secret to the token
interface, then each result with the token, and asks anew when the token is over.
"""

import time
from collections.abc import Callable
from datetime import datetime
from secrets import token_hex

from msgspec import json

from asr_daemon.config.model import HuaweiSettings
from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    CannotStore,
    MethodNotAllowed,
    NotFound,
    NotUnderstood,
    TokenExpired,
    Unauthorized,
    UnsupportedBody,
    WrongCredentials,
)
from asr_daemon.providers.base import Answer, Callback, Head, check_address
from asr_daemon.providers.digest import digest_json
from asr_daemon.providers.encodings import declared_encoding, json_to_utf8
from asr_daemon.providers.form import collect, decode_field, to_texts
from asr_daemon.providers.huawei_result import read_result
from asr_daemon.providers.json_body import decode_json
from asr_daemon.providers.scalars import look_up
from asr_daemon.providers.siblings import describe_sibling
from asr_daemon.providers.tokens import check_token, issue_token
from asr_daemon.providers.urls import split_fields, split_url
from asr_daemon.secret import Secret
from asr_daemon.transcript import Transcript


class UnknownKey(WrongCredentials):
    """The app key is not configured."""


class WrongSecret(WrongCredentials):
    """The app secret is not that of the app key."""


_PARAMETER = 10000002
_INTERNAL = 10000001
_REFUSALS: dict[type[BaseException], tuple[int, int]] = {
    CallbackError: (400, _PARAMETER),
    NotUnderstood: (400, _PARAMETER),
    BodyTooLarge: (400, _PARAMETER),
    UnsupportedBody: (400, _PARAMETER),
    TokenExpired: (401, 900001),
    Unauthorized: (401, 900002),
    UnknownKey: (401, 200800001),
    WrongSecret: (401, 200800002),
    NotFound: (404, _PARAMETER),
    MethodNotAllowed: (405, _PARAMETER),
    CannotStore: (500, _INTERNAL),
}
"""The HTTP status and OIAP's common code of each refusal; else those of its base."""

_ALLOW = ("Allow", "POST")
_CALLBACK_HEADERS = {401: (("WWW-Authenticate", 'Token realm="asrcallback"'),), 405: (_ALLOW,)}
_TOKEN_HEADERS = {401: (("WWW-Authenticate", 'AppKey realm="gettoken"'),), 405: (_ALLOW,)}
"""By status. RFC 9110, 15.5.2, wants a challenge with every 401; it names what OIAP asks for, for a
registered scheme would make a client send credentials that are not looked at."""


class Huawei:
    """Receives what third parties post to `settings.path`, with a token in the header.

    Without clients in the settings every request is admitted.
    """

    name = "huawei"

    def __init__(self, settings: HuaweiSettings, clock: Callable[[], float] = time.time) -> None:
        """Take the settings, and what tells the time in Unix seconds."""
        self._settings = settings
        self._secrets = _secrets_by_app_key(settings)
        self._clock = clock

    def admit(self, head: Head) -> None:
        """Judge the address, the path and the token.

        Raises:
            TokenExpired: there is no token, or its time is over.
            WrongCredentials: the user name or the token is wrong.
            Unauthorized: the address is refused.
            NotFound: the path is below `settings.path`.
        """
        check_address(head.address, self._settings.allow)
        _check_path(head, self._settings.path)
        if not self._secrets:
            return
        token = head.headers.get("token", "").strip()
        if not token:
            raise TokenExpired("the header has no token")
        # Header values come as Latin-1 (RFC 9110, 5.5), and senders mean UTF-8.
        sent = head.headers.get("username", "").encode("latin-1", "replace")
        app_key = sent.decode("utf-8", "replace").strip()
        check_token(token, app_key, self._secrets.get(app_key, ()), self._clock())

    def parse(self, callback: Callback) -> Transcript:
        """Parse a callback.

        Raises:
            NotUnderstood: there is no `aid`, the body does not have the documented shape, or its
                text is in none of the places that are known.
        """
        try:
            return self._parse(callback)
        except NotUnderstood as error:
            sibling = describe_sibling(callback.body, self.name)
            raise NotUnderstood(sibling or str(error)) from None

    def _parse(self, callback: Callback) -> Transcript:
        declared = declared_encoding(callback.head.headers.get("content-type", ""))
        encoding = declared or self._settings.text_encoding
        document = decode_json(json_to_utf8(callback.body, encoding, doubtful=False))
        result = read_result(document)
        return Transcript(
            provider=self.name,
            id=result.aid,
            name=result.aid,
            received_at=callback.received_at,
            digest=digest_json(document),
            error=result.error,
            segments=result.segments,
            query=self.query(callback.head),
            payload=document,
        )

    def query(self, head: Head) -> dict[str, str | list[str]]:
        """Return the parameters of an admitted request's URL."""
        _, query = split_url(head.path, head.query, self._settings.path)
        pairs = [decode_field(field) for field in split_fields(query) if field]
        return collect(to_texts(pairs, self._settings.text_encoding))

    def acknowledge(self) -> Answer:
        """Word the answer for a result that is on stable storage."""
        return Answer(200, b'{"retCode":"0","retMsg":"success"}')

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a callback that is not acknowledged."""
        status, code = _refusal(error)
        body = json.encode({"retCode": str(code), "retMsg": str(error)})
        return Answer(status, body, _CALLBACK_HEADERS.get(status, ()))


class HuaweiTokenInterface:
    """Issues the tokens that `Huawei` admits, at `settings.token_path`.

    Without clients in the settings any app key gets a token, for senders always ask first.
    """

    name = "huawei-token"
    anonymous_bytes = 16 * 1024
    """The credentials are in the body: nobody is let in by the head, so little is taken."""

    def __init__(self, settings: HuaweiSettings, clock: Callable[[], float] = time.time) -> None:
        """Take the settings, and what tells the time in Unix seconds."""
        self._settings = settings
        self._secrets = _secrets_by_app_key(settings)
        self._clock = clock
        self._decoy = Secret(token_hex())

    def admit(self, head: Head) -> None:
        """Judge the address and the path.

        Raises:
            Unauthorized: the address is refused.
            NotFound: the path is below `settings.token_path`.
        """
        check_address(head.address, self._settings.allow)
        _check_path(head, self._settings.token_path)

    async def respond(self, head: Head, body: object, received_at: datetime) -> Answer:
        """Do as `issue`; it has nothing to wait for, and no body so large that it is spooled."""
        return self.issue(body if isinstance(body, bytes) else b"")

    def issue(self, body: bytes) -> Answer:
        """Return the answer with a token for the credentials in the body.

        Raises:
            NotUnderstood: there are none.
            WrongCredentials: they are wrong.
        """
        token = self._issue(body)
        lifetime_s = int(self._settings.token_lifetime_s)
        issued = {"errorCode": 0, "errorMsg": "", "authToken": token, "expireTime": lifetime_s}
        return Answer(200, json.encode(issued))

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a request that gets no token."""
        status, code = _refusal(error)
        body = json.encode({"errorCode": code, "errorMsg": str(error)})
        return Answer(status, body, _TOKEN_HEADERS.get(status, ()))

    def _issue(self, body: bytes) -> str:
        """Return a token under the secret that was sent, so that it ends with that secret."""
        app_key, app_secret = _read_credentials(body)
        ends_at_s = self._clock() + self._settings.token_lifetime_s
        # An unknown key is compared with a secret as well: it takes the time of a known one.
        secrets = self._secrets.get(app_key, (self._decoy,))
        genuine = Secret.any_matches(secrets, app_secret.reveal())
        if self._secrets and app_key not in self._secrets:
            raise UnknownKey("this appKey does not exist")
        if self._secrets and not genuine:
            raise WrongSecret("this appSecret is wrong")
        return issue_token(app_key, app_secret, ends_at_s)


def _secrets_by_app_key(settings: HuaweiSettings) -> dict[str, tuple[Secret, ...]]:
    secrets: dict[str, tuple[Secret, ...]] = {}
    for client in settings.clients:
        secrets[client.app_key] = secrets.get(client.app_key, ()) + client.app_secrets
    return secrets


def _check_path(head: Head, path: str) -> None:
    rest, _ = split_url(head.path, head.query, path)
    if rest != b"":
        raise NotFound("nothing is served at this path")


def _read_credentials(body: bytes) -> tuple[str, Secret]:
    request = decode_json(body)
    if not isinstance(request, dict):
        raise NotUnderstood("the body is not a JSON object")
    app_key, app_secret = look_up(request, "appKey"), look_up(request, "appSecret")
    if not isinstance(app_key, str) or not isinstance(app_secret, str):
        raise NotUnderstood("appKey or appSecret is missing or not a string")
    return app_key, Secret(app_secret)


def _refusal(error: CallbackError) -> tuple[int, int]:
    return next(_REFUSALS[base] for base in type(error).__mro__ if base in _REFUSALS)
