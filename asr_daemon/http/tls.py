"""TLS for the callback listeners."""

import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and newer; with `client_ca`, clients must show a certificate.

    Raises:
        OSError: a file cannot be read, (as `ssl.SSLError`) certificate and key do not match, or
            the key is encrypted.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key, password=_no_password)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    """Keep OpenSSL from asking for one on a terminal that a daemon does not have."""
    raise OSError("the key is encrypted")
