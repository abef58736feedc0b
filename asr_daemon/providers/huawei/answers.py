"""What Huawei's senders are answered: OIAP's common codes, in the words of each interface."""

from msgspec import json

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
from asr_daemon.providers.base import Answer


class UnknownKey(WrongCredentials):
    """The app key is not configured."""


class WrongSecret(WrongCredentials):
    """The app secret is not that of the app key."""


SUCCESS = Answer(200, b'{"retCode":"0","retMsg":"success"}')

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


def refuse_callback(error: CallbackError) -> Answer:
    """Return the answer for a callback that is not acknowledged."""
    status, code = _refusal(error)
    body = json.encode({"retCode": str(code), "retMsg": str(error)})
    return Answer(status, body, _CALLBACK_HEADERS.get(status, ()))


def refuse_token(error: CallbackError) -> Answer:
    """Return the answer for a request that gets no token."""
    status, code = _refusal(error)
    body = json.encode({"errorCode": code, "errorMsg": str(error)})
    return Answer(status, body, _TOKEN_HEADERS.get(status, ()))


def _refusal(error: CallbackError) -> tuple[int, int]:
    return next(_REFUSALS[base] for base in type(error).__mro__ if base in _REFUSALS)
