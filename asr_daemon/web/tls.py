"""TLS for the callback listeners."""

import errno
import ssl
from pathlib import Path

from msgspec import Struct

WARN_AHEAD_S = 14 * 86_400.0
"""How long before a certificate expires there is reason to say so."""

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""

_MOST_FLIGHTS = 10
"""A handshake takes two or three."""


class Tls(Struct, frozen=True):
    """What a listener needs to speak TLS, from files that were tried."""

    context: ssl.SSLContext
    certificate: Path
    """The file, as an admin knows it."""
    expires_at_s: float
    """When the certificate is no longer valid, in Unix seconds."""


def load_tls(certificate: Path, key: Path, client_ca: Path | None) -> Tls:
    """Return what speaks TLS 1.2 and newer; with `client_ca`, clients must show a certificate.

    A handshake with the certificate is tried in memory. That it has expired is no error: a client
    may still take it, and will not take a closed port.

    Raises:
        OSError: a file cannot be read, certificate and key do not match or (as `ssl.SSLError`) are
            not for a server, or the key is encrypted; it names the file.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_pair(context, certificate, key)
    expires_at_s = _expiry(context, certificate)
    if client_ca is not None:
        _load_authorities(context, client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return Tls(context, certificate, expires_at_s)


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    def no_password() -> str:
        """Keep OpenSSL from asking for one on a terminal that a daemon does not have."""
        raise OSError(errno.EINVAL, "the key is encrypted", str(key))

    try:
        context.load_cert_chain(certificate, key, password=no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise OSError(
                errno.EINVAL, f"the key is not that of {certificate}", str(key)
            ) from error
        _load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)
        raise OSError(errno.EINVAL, _unfit(error, "key"), str(key)) from error


def _load_authorities(context: ssl.SSLContext, certificates: Path) -> None:
    try:
        context.load_verify_locations(certificates)
    except ssl.SSLError as error:
        raise OSError(errno.EINVAL, _unfit(error, "certificate"), str(certificates)) from error


def _unfit(error: ssl.SSLError, what: str) -> str:
    """Return in words why OpenSSL does not take a file; it is at a loss for most."""
    if error.reason in (None, "NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE") or "PEM" in str(
        error
    ):
        return f"there is no {what} in PEM in it"
    return f"OpenSSL does not take it: {error.reason.lower().replace('_', ' ')}"


def _expiry(context: ssl.SSLContext, certificate: Path) -> float:
    """Shake hands with a client that trusts just this certificate, and return its last second."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.load_verify_locations(certificate)
    trusting.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    trusting.verify_flags |= _NO_CHECK_TIME
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(downward, upward)
    server = context.wrap_bio(upward, downward, server_side=True)
    for _ in range(_MOST_FLIGHTS):
        if _proceeds(client):
            shown = client.getpeercert() or {}
            return float(ssl.cert_time_to_seconds(str(shown["notAfter"])))
        _proceeds(server)
    raise OSError("no handshake is possible with it")


def _proceeds(side: ssl.SSLObject) -> bool:
    """Take one side as far as it comes; say whether it is done."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
