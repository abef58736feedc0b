"""TLS contexts from an admin's files."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from asr_daemon.web.tls import load_tls

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with a certificate, its key, another key, and an authority."""
    authority = trustme.CA()
    one, other = authority.issue_cert("one.example"), authority.issue_cert("other.example")
    one.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    one.private_key_pem.write_to_path(tmp_path / "key.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return tmp_path


def test_versions(files: Path) -> None:
    """TLS 1.2 and newer is spoken, and clients need no certificate."""
    context = load_tls(files / "certificate.pem", files / "key.pem", None).context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_NONE


def test_client_certificates(files: Path) -> None:
    """With an authority for clients they have to show a certificate."""
    tls = load_tls(files / "certificate.pem", files / "key.pem", files / "authority.pem")
    assert tls.context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("certificate", "key", "reason"),
    [
        ("certificate.pem", "other.pem", r"not that of \S+/certificate.pem: '\S+/other.pem'"),
        ("missing.pem", "key.pem", "No such file"),
        ("key.pem", "key.pem", r"no certificate in PEM in it: '\S+/key.pem'"),
        ("certificate.pem", "certificate.pem", r"no key in PEM in it: '\S+/certificate.pem'"),
    ],
)
def test_files_that_do_not_do(files: Path, certificate: str, key: str, reason: str) -> None:
    """A pair that does not match, or is not there, is an OSError that says so."""
    with pytest.raises(OSError, match=reason):
        load_tls(files / certificate, files / key, None)


def test_encrypted_key(files: Path) -> None:
    """A key with a password is refused with the reason; nobody is asked for it."""
    key = load_pem_private_key((files / "key.pem").read_bytes(), None)
    encryption = BestAvailableEncryption(b"password")
    (files / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    )
    with pytest.raises(OSError, match=r"the key is encrypted: '\S+/key.pem'"):
        load_tls(files / "certificate.pem", files / "key.pem", None)


def test_weak_key(files: Path) -> None:
    """OpenSSL refuses it, and it is the certificate's."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "one.example")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(1)
        .not_valid_before(BEGINNING)
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (files / "weak.pem").write_bytes(made.public_bytes(Encoding.PEM) + private)
    with pytest.raises(OSError, match=r"it is too weak for today's clients: '\S+/weak.pem'"):
        load_tls(files / "weak.pem", files / "weak.pem", None)


def test_expiry(files: Path) -> None:
    """The last second of the certificate is known, also when it is over."""
    for moment in (datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)):
        pair = trustme.CA().issue_cert("one.example", not_after=moment, not_before=BEGINNING)
        pair.private_key_and_cert_chain_pem.write_to_path(files / "both.pem")
        tls = load_tls(files / "both.pem", files / "both.pem", None)
        assert (tls.certificate, tls.expires_at_s) == (files / "both.pem", moment.timestamp())


def test_certificate_that_is_not_for_servers(files: Path) -> None:
    """One that no client takes is refused, whatever its key."""
    authority = trustme.CA()
    (files / "authority.pem").write_bytes(authority.cert_pem.bytes())
    key = authority.private_key_pem.bytes()
    template = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    made = (
        x509.CertificateBuilder(template.subject, template.subject, template.public_key())
        .serial_number(1)
        .not_valid_before(BEGINNING)
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(usage, critical=True)
        .sign(load_pem_private_key(key, None), SHA256())  # type: ignore[arg-type]
    )
    (files / "certificate.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (files / "key.pem").write_bytes(key)
    with pytest.raises(OSError, match=r"(?i)purpose|unsuitable"):
        load_tls(files / "certificate.pem", files / "key.pem", None)


@pytest.mark.parametrize("content", [b"", b"no certificate"])
def test_client_authority_that_is_none(files: Path, content: bytes) -> None:
    """A file without a certificate in it is refused; nobody could be let in."""
    (files / "authority.pem").write_bytes(content)
    with pytest.raises(OSError, match=r"no certificate in PEM in it: '\S+/authority.pem'"):
        load_tls(files / "certificate.pem", files / "key.pem", files / "authority.pem")
