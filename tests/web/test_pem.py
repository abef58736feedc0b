"""What a file holds instead of PEM is said in words, with the command that mends it."""

from collections.abc import Callable

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)
from cryptography.x509 import load_pem_x509_certificate

from asr_daemon.web.pem import Misfit, certificates, misfit

AUTHORITY = trustme.CA()
PAIR = AUTHORITY.create_child_ca().issue_cert("asr.example")
LEAF, INTERMEDIATE = (blob.bytes() for blob in PAIR.cert_chain_pems)
CHAIN = LEAF + INTERMEDIATE
KEY = PAIR.private_key_pem.bytes()
PARSED = load_pem_x509_certificate(LEAF)
PRIVATE = load_pem_private_key(KEY, None)


def to_pkcs12() -> bytes:
    """Return what `openssl pkcs12 -export` writes."""
    return pkcs12.serialize_key_and_certificates(
        b"asr",
        PRIVATE,  # type: ignore[arg-type]
        PARSED,
        None,
        NoEncryption(),
    )


@pytest.mark.parametrize(
    ("content", "wrong", "right"),
    [
        (
            LEAF.strip() + INTERMEDIATE,
            "an END and the next BEGIN stand on one line",
            r"run: sed -i 's/-----BEGIN /\n&/g' 'a file.pem'",
        ),
        (
            LEAF.strip() + b" # and the next " + INTERMEDIATE,
            "an END and the next BEGIN stand on one line",
            r"run: sed -i 's/-----BEGIN /\n&/g' 'a file.pem'",
        ),
        (
            CHAIN.replace(b"\n", b"\\n"),
            r"it has \n in place of line breaks",
            r"run: sed -i 's/\\n/\n/g' 'a file.pem'",
        ),
        (
            CHAIN.replace(b"\n", b"\r"),
            "its lines end with CR alone",
            r"run: sed -i 's/\r/\n/g' 'a file.pem'",
        ),
        (
            KEY.replace(b"\n", b" "),
            "it has no line break behind BEGIN",
            "copy it again with its line breaks",
        ),
        (
            b"  " + CHAIN.replace(b"\n", b"\n  "),
            "its lines are indented",
            r"run: sed -i 's/^[^-A-Za-z0-9+/=]*//' 'a file.pem'",
        ),
        (
            LEAF + b"\xc2\xa0" + INTERMEDIATE,
            "its lines are indented",
            r"run: sed -i 's/^[^-A-Za-z0-9+/=]*//' 'a file.pem'",
        ),
        (
            LEAF + b"issuer: " + INTERMEDIATE,
            "something stands before a BEGIN on its line",
            r"run: sed -i 's/-----BEGIN /\n&/g' 'a file.pem'",
        ),
        (
            CHAIN.decode().encode("utf-16"),
            "it is saved as UTF-16",
            "write the output of: iconv -f UTF-16 'a file.pem'",
        ),
        (
            PARSED.public_bytes(Encoding.DER),
            "it is DER",
            "run: openssl x509 -inform DER -in 'a file.pem' -out NEW.pem",
        ),
        (
            PRIVATE.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
            "it is a key in DER",
            "run: openssl pkey -inform DER -in 'a file.pem' -out NEW.pem",
        ),
        (
            to_pkcs12(),
            "it is PKCS#12",
            (
                "run: openssl pkcs12 -in 'a file.pem' -nodes -out NEW.pem "
                "(certificates and key may be one file)"
            ),
        ),
        (
            pkcs7.serialize_certificates([PARSED], Encoding.DER),
            "it is PKCS#7 in DER",
            "run: openssl pkcs7 -print_certs -inform DER -in 'a file.pem' -out NEW.pem",
        ),
        (
            pkcs7.serialize_certificates([PARSED], Encoding.PEM),
            "it is PKCS#7",
            "run: openssl pkcs7 -print_certs -in 'a file.pem' -out NEW.pem",
        ),
        (
            b"\xfe\xed\xfe\xed\x00\x00\x00\x02",
            "it is a Java key store",
            (
                "run: keytool -importkeystore -srckeystore 'a file.pem' -destkeystore NEW.p12 "
                "-deststoretype pkcs12"
            ),
        ),
        (
            LEAF.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST"),
            "it holds a certificate request",
            "write the certificate that the authority has made of it",
        ),
        (
            PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
            "its key is in the form of OpenSSH",
            "run: ssh-keygen -p -m PKCS8 -f 'a file.pem'",
        ),
    ],
)
def test_other_forms_are_named(content: bytes, wrong: str, right: str) -> None:
    assert misfit(content, "a file.pem") == Misfit(wrong, right)


TEXT = b"subject=CN = asr.example\nissuer=-----\n"
FORMS: list[Callable[[bytes, bytes], bytes]] = [
    lambda leaf, above: leaf + above,
    lambda leaf, above: (leaf + above).replace(b"\n", b"\r\n"),
    lambda leaf, above: b"\xef\xbb\xbf" + leaf + above,
    lambda leaf, above: leaf + b"\xef\xbb\xbf" + above,
    lambda leaf, above: b"# below -----BEGIN CERTIFICATE-----\n" + leaf + above,
    lambda leaf, above: TEXT + leaf + b"\n\n" + TEXT + above + TEXT,
    lambda leaf, above: KEY + leaf + above.strip(),
]


@pytest.mark.parametrize("form", FORMS)
def test_what_openssl_reads_is_read(form: Callable[[bytes, bytes], bytes]) -> None:
    content = form(LEAF, INTERMEDIATE)
    assert misfit(content, "a") is None
    assert certificates(content) == [LEAF.decode(), INTERMEDIATE.decode()]


@pytest.mark.parametrize("content", [b"", b"no certificate", b"0", KEY])
def test_a_file_without_certificates_has_none(content: bytes) -> None:
    assert misfit(content, "a") is None
    assert certificates(content) == []
