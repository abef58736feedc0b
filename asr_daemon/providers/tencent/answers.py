"""What Tencent is answered: any answer but `{"code":0,...}` is a failure to it."""

from msgspec import json

from asr_daemon.errors import (
    BodyTooLarge,
    CallbackError,
    CannotStore,
    MethodNotAllowed,
    NotFound,
    NotUnderstood,
    Unauthorized,
    UnsupportedBody,
)
from asr_daemon.providers.base import Answer

SUCCESS = Answer(200, b'{"code":0,"message":"success"}')

_STATUSES: dict[type[BaseException], int] = {
    CallbackError: 400,
    NotUnderstood: 400,
    Unauthorized: 401,
    NotFound: 404,
    MethodNotAllowed: 405,
    BodyTooLarge: 413,
    UnsupportedBody: 415,
    CannotStore: 503,
}
"""The HTTP status of each refusal, which is the answer's `code` too; else that of its base."""

_HEADERS = {
    # RFC 9110, 15.5.2, wants a challenge. No registered scheme stands for a key in the URL, and one
    # of these would make a client ask for a password.
    401: (("WWW-Authenticate", 'Key realm="callback URL"'),),
    405: (("Allow", "POST"),),
    503: (("Retry-After", "30"),),
}


def refusal(error: CallbackError) -> Answer:
    """Return the answer for a callback that is not acknowledged."""
    status = next(_STATUSES[base] for base in type(error).__mro__ if base in _STATUSES)
    body = json.encode({"code": status, "message": str(error)})
    return Answer(status, body, _HEADERS.get(status, ()))
