"""TLS for the callback listeners."""

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
        OSError: a file cannot be read, (as `ssl.SSLError`) certificate and key do not match or are
            not for a server, or the key is encrypted.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key, password=_no_password)
    expires_at_s = _expiry(context, certificate)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return Tls(context, certificate, expires_at_s)


def _no_password() -> str:
    """Keep OpenSSL from asking for one on a terminal that a daemon does not have."""
    raise OSError("the key is encrypted")


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
