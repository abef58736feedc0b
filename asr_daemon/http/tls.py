"""TLS for the callback listeners."""

import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and newer; with `client_ca`, clients must show a certificate.

    Raises:
        OSError: a file cannot be read, or (as `ssl.SSLError`) certificate and key do not match.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
