"""TLS contexts from an admin's files."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from asr_daemon.http.tls import load_tls


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
        ("certificate.pem", "other.pem", "KEY_VALUES_MISMATCH|key values mismatch"),
        ("missing.pem", "key.pem", "No such file"),
        ("authority.pem", "certificate.pem", "PEM"),
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
    with pytest.raises(OSError, match="the key is encrypted"):
        load_tls(files / "certificate.pem", files / "key.pem", None)
