"""Tokens that hold their own meaning, so that nothing about them has to be stored.

A token holds the app key that it was issued for, when it ends, and a nonce, under an HMAC-SHA256
made with a key that is derived from the app secret. So it survives restarts, holds on every daemon
that has the same secrets, and ends when its secret is taken away. It consists of `A-Z a-z 0-9 _ -`.
"""

import hmac
import struct
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable
from os import urandom

from asr_daemon.errors import TokenExpired, WrongCredentials
from asr_daemon.secret import Secret

_PURPOSE = b"asr-daemon token 1"
_HASH = "sha256"
_MAC_BYTES = 32
_CLAIMS = struct.Struct(">d16s")
"""When the token ends, in Unix seconds, and the nonce; the app key follows."""


def issue_token(app_key: str, secret: Secret, ends_at_s: float) -> str:
    """Return a new token for `app_key` that ends at `ends_at_s`, in Unix seconds."""
    claims = _CLAIMS.pack(ends_at_s, urandom(16)) + app_key.encode()
    return _to_base64(claims + _mac(secret, claims))


def check_token(token: str, app_key: str, secrets: Iterable[Secret], now_s: float) -> None:
    """Check that a token was issued for `app_key` with one of `secrets`, and has not ended.

    Raises:
        TokenExpired: it was, and is over.
        WrongCredentials: it was not, or is no token.
    """
    signed = _from_base64(token)
    claims, mac = signed[:-_MAC_BYTES], signed[-_MAC_BYTES:]
    genuine = False
    for secret in secrets:
        genuine |= hmac.compare_digest(_mac(secret, claims), mac)
    if not genuine or claims[_CLAIMS.size :] != app_key.encode():
        raise WrongCredentials("the token is not one of this userName")
    ends_at_s: float = _CLAIMS.unpack_from(claims)[0]
    if now_s >= ends_at_s:
        raise TokenExpired("the token has expired")


def _mac(secret: Secret, claims: bytes) -> bytes:
    key = hmac.digest(secret.reveal(), _PURPOSE, _HASH)
    return hmac.digest(key, claims, _HASH)


def _from_base64(token: str) -> bytes:
    try:
        signed = b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except ValueError:
        raise WrongCredentials("the token is not one of this userName") from None
    if _to_base64(signed) != token:  # its last character has bits that mean nothing
        raise WrongCredentials("the token is not one of this userName")
    return signed


def _to_base64(signed: bytes) -> str:
    return urlsafe_b64encode(signed).rstrip(b"=").decode()
