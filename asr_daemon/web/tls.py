"""TLS for the callback listeners."""

import errno
import shlex
import ssl
import time
from pathlib import Path
from tempfile import NamedTemporaryFile

from msgspec import Struct

from asr_daemon.web.certificate_chain import WHOLE_CHAIN, Link, doubts, try_certificate
from asr_daemon.web.pem import certificates, misfit

WARN_AHEAD_S = 14 * 86_400.0
"""How long before a certificate expires there is reason to say so."""

_TOO_WEAK = ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK")

_BAD_SIGNATURE = 7
"""X509_V_ERR_CERT_SIGNATURE_FAILURE of OpenSSL."""

BETTER_FILES = "write a certificate (PEM, the whole chain) and the key that belongs to it"


class Tls(Struct, frozen=True):
    """What a listener needs to speak TLS, from files that were tried."""

    context: ssl.SSLContext
    certificate: Path
    """The file, as an admin knows it."""
    expires_at_s: float
    """When the certificate is no longer valid, in Unix seconds."""
    doubts: tuple[str, ...] = ()
    """Why senders may refuse it, a sentence each with what to do."""

    def expiry(self, now_s: float) -> str | None:
        """Say that the certificate has expired, or will within 14 days; `None` if neither."""
        if self.expires_at_s - now_s >= WARN_AHEAD_S:
            return None
        verb = "has expired" if self.expires_at_s <= now_s else "expires soon"
        return f"a certificate {verb}: renew it"


class UnfitFile(OSError):
    """A file that OpenSSL does not take; `right` is what to do."""

    def __init__(self, wrong: str, file: Path, right: str = BETTER_FILES) -> None:
        super().__init__(errno.EINVAL, wrong, str(file))
        self.right = right


def load_tls(certificate: Path, key: Path, client_ca: Path | None) -> Tls:
    """Return what speaks TLS 1.2 and newer; with `client_ca`, clients must show a certificate.

    Handshakes with the certificate are tried in memory. That it has expired, or that its chain
    does not lead to a root of this machine, is no error but a doubt: a client may still take it,
    and will not take a closed port.

    Raises:
        OSError: a file cannot be read, certificate and key do not match or (as `ssl.SSLError`) are
            not for a server, or the key is encrypted; it names the file.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _check_forms(certificate, key)
    _load_pair(context, certificate, key)
    chain = certificates(certificate.read_bytes())
    if not chain:
        raise UnfitFile("there is no certificate in PEM in it", certificate)
    leaf = _try(context, chain[0], certificate)
    found = doubts(context, leaf, chain[1:], str(certificate), time.time())
    if client_ca is not None:
        _check_forms(client_ca)
        _load_authorities(context, client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return Tls(context, certificate, leaf.expires_at_s, found)


def _check_forms(*files: Path) -> None:
    for file in files:
        if found := misfit(file.read_bytes(), str(file)):
            raise UnfitFile(found.wrong, file, found.right)


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    quoted = shlex.quote(str(key))

    def no_password() -> str:
        """Keep OpenSSL from asking for one on a terminal that a daemon does not have."""
        right = f"run: openssl pkey -in {quoted} -out NEW.pem, and let only the daemon read it"
        raise UnfitFile("the key is encrypted", key, right)

    try:
        context.load_cert_chain(certificate, key, password=no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _mismatch(certificate, key) from error
        if error.reason in _TOO_WEAK:
            right = "let it be issued for a key of RSA 2048 bits or EC P-256, signed with SHA-256"
            raise UnfitFile("it is too weak for today's clients", certificate, right) from error
        _load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)
        raise UnfitFile(_unfit(error, "key"), key) from error


def _mismatch(certificate: Path, key: Path) -> UnfitFile:
    """Return whether the key is that of another certificate in the file, or of none."""
    for number, pem in enumerate(certificates(certificate.read_bytes()), start=1):
        if number > 1 and _is_pair(pem, key):
            wrong = f"the chain is in the wrong order: the key is that of certificate {number}"
            return UnfitFile(
                wrong, certificate, "write that one first, then the one that issued it"
            )
    compare = f"openssl pkey -pubout -in {shlex.quote(str(key))}"
    other = f"openssl x509 -noout -pubkey -in {shlex.quote(str(certificate))}"
    right = f"write the pair that belongs together ({compare} and {other} print the same then)"
    return UnfitFile(f"the key is not that of {certificate}", key, right)


def _is_pair(pem: str, key: Path) -> bool:
    # The `ssl` module takes a certificate with a key from a file alone.
    try:
        with NamedTemporaryFile(suffix=".pem") as file:
            file.write(pem.encode())
            file.flush()
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file.name, key)
    except OSError:
        return False
    return True


def _try(context: ssl.SSLContext, pem: str, certificate: Path) -> Link:
    try:
        return try_certificate(context, pem)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _BAD_SIGNATURE:
            wrong = "the certificates in it have not signed each other"
            raise UnfitFile(wrong, certificate, WHOLE_CHAIN) from error
        wrong = f"clients do not take it: {error.verify_message}"
        raise UnfitFile(wrong, certificate) from error


def _load_authorities(context: ssl.SSLContext, certificates: Path) -> None:
    try:
        context.load_verify_locations(certificates)
    except ssl.SSLError as error:
        raise UnfitFile(_unfit(error, "certificate"), certificates) from error


def _unfit(error: ssl.SSLError, what: str) -> str:
    """Return in words why OpenSSL does not take a file; it is at a loss for most."""
    if error.reason in (None, "NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE") or "PEM" in str(
        error
    ):
        return f"there is no {what} in PEM in it"
    return f"OpenSSL does not take it: {error.reason.lower().replace('_', ' ')}"
