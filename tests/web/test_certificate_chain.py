"""A chain is tried as clients do it, and what they may refuse is said in words."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from asr_daemon.web.tls import load_tls

BEGINNING, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
TOMORROW = datetime(2900, 1, 1, tzinfo=UTC)
EXPIRED = datetime(2021, 9, 30, 14, 1, 15, tzinfo=UTC)
WHOLE = "write the whole chain that the authority gives now (often called fullchain.pem)"


@dataclass
class Issued:
    """A certificate with its key, of another issuer or signed by itself."""

    name: str
    issuer: "Issued | None" = None
    is_authority: bool = True
    not_before: datetime = BEGINNING
    not_after: datetime = END
    url: str = ""
    """Where its issuer's certificate is."""
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    names_key: bool = True
    """Whether it says which key of its issuer has signed it."""

    @property
    def subject(self) -> x509.Name:
        """Its name as X.509 has it."""
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])

    @cached_property
    def pem(self) -> bytes:
        """The certificate."""
        above, public = self.issuer or self, self.key.public_key()
        extensions: list[x509.ExtensionType] = [x509.SubjectKeyIdentifier.from_public_key(public)]
        if self.names_key:
            signed_by = above.key.public_key()
            extensions.append(x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by))
        if self.url:
            place = x509.UniformResourceIdentifier(self.url)
            access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
            extensions.append(x509.AuthorityInformationAccess([access]))
        builder = (
            x509.CertificateBuilder(above.subject, self.subject, public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
            .add_extension(x509.BasicConstraints(self.is_authority, None), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(above.key, SHA256()).public_bytes(Encoding.PEM)

    @property
    def private(self) -> bytes:
        """Its key in PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


Doubts = Callable[..., tuple[str, ...]]
ROOT = Issued("Root")
UPPER = Issued("Upper", ROOT)
LOWER = Issued("Lower", UPPER)
LEAF = Issued("asr.example", LOWER, is_authority=False)


@pytest.fixture
def doubts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doubts:
    """Return what is doubted of a file, on a machine that trusts some roots."""

    def load(leaf: Issued, *above: Issued, trusted: tuple[Issued, ...] = ()) -> tuple[str, ...]:
        roots, file, key = (tmp_path / name for name in ("roots.pem", "c.pem", "k.pem"))
        roots.write_bytes(b"".join(one.pem for one in trusted))
        monkeypatch.setenv("SSL_CERT_FILE", str(roots))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
        file.write_bytes(b"".join(one.pem for one in (leaf, *above)))
        key.write_bytes(leaf.private)
        found = load_tls(file, key, None).doubts
        return tuple(sentence.replace(str(file), "FILE") for sentence in found)

    return load


def test_a_chain_to_a_trusted_root_is_not_doubted(doubts: Doubts) -> None:
    assert doubts(LEAF, LOWER, UPPER, trusted=(ROOT,)) == ()
    assert doubts(LEAF, LOWER, UPPER, ROOT, trusted=(ROOT,)) == ()


def test_a_chain_with_its_private_root_is_not_doubted(doubts: Doubts) -> None:
    assert doubts(LEAF, LOWER, UPPER, ROOT) == ()


def test_a_certificate_that_signed_itself_is_not_doubted(doubts: Doubts) -> None:
    assert doubts(Issued("asr.example", is_authority=False)) == ()


def test_a_leaf_without_its_intermediates(doubts: Doubts) -> None:
    missing = (
        (
            "Lower, which issued the certificate of asr.example, is neither in FILE nor trusted by "
            "this machine: clients that do not know it cannot connect; "
            "append its certificate to FILE"
        ),
    )
    assert doubts(LEAF, trusted=(ROOT,)) == missing
    assert doubts(LEAF) == missing


def test_where_the_intermediate_is_found_is_said(doubts: Doubts) -> None:
    leaf = Issued("asr.example", LOWER, is_authority=False, url="http://ca.example/r3.der")
    [doubt] = doubts(leaf, trusted=(ROOT,))
    assert doubt.endswith("; run: curl http://ca.example/r3.der | openssl x509 -inform DER >>FILE")


def test_an_intermediate_is_missing_in_the_middle(doubts: Doubts) -> None:
    [doubt] = doubts(LEAF, LOWER, ROOT, trusted=(ROOT,))
    assert doubt.startswith("Upper, which issued the certificate of Lower, is neither in FILE")


def test_intermediates_in_the_wrong_order(doubts: Doubts) -> None:
    """A client that sorts them needs no word."""
    assert doubts(LEAF, UPPER, LOWER, ROOT) == (
        (
            "the chain in FILE is in the wrong order, which some clients refuse: "
            "write asr.example, Lower, Upper, Root"
        ),
    )


def test_an_expired_intermediate(doubts: Doubts) -> None:
    expired = Issued("Expired", ROOT, not_after=EXPIRED)
    leaf = Issued("asr.example", expired, is_authority=False)
    said = f"Expired, a certificate of the chain, expired at 2021-09-30T14:01:15+00:00: {WHOLE}"
    assert doubts(leaf, expired, trusted=(ROOT,)) == (said,)
    assert doubts(leaf, expired, ROOT) == (said,)


def test_an_expired_cross_signature_that_nobody_needs(doubts: Doubts) -> None:
    """As of Let's Encrypt, whose root others had signed before."""
    old = Issued("Old Root", not_after=EXPIRED)
    crossed = Issued("Root", old, not_after=EXPIRED, key=ROOT.key)
    assert doubts(LEAF, LOWER, UPPER, crossed, trusted=(ROOT,)) == ()


def test_an_expired_leaf_is_known_by_its_date(doubts: Doubts, tmp_path: Path) -> None:
    leaf = Issued("asr.example", LOWER, is_authority=False, not_after=EXPIRED)
    assert doubts(leaf, LOWER, UPPER, trusted=(ROOT,)) == ()
    tls = load_tls(tmp_path / "c.pem", tmp_path / "k.pem", None)
    assert tls.expiry(EXPIRED.timestamp()) == "a certificate has expired: renew it"
    assert tls.expiry(EXPIRED.timestamp() - 60) == "a certificate expires soon: renew it"
    assert tls.expiry(EXPIRED.timestamp() - 15 * 86_400) is None


def test_a_certificate_of_tomorrow(doubts: Doubts) -> None:
    """Such as on a machine whose clock is not set."""
    leaf = Issued("asr.example", LOWER, is_authority=False, not_before=TOMORROW)
    assert doubts(leaf, LOWER, UPPER, trusted=(ROOT,)) == (
        "the certificate in FILE is valid from 2900-01-01T00:00:00+00:00 on: check the clock",
    )


def test_an_intermediate_of_the_same_name_with_another_key(doubts: Doubts) -> None:
    other = Issued("Lower", ROOT)
    assert doubts(LEAF, other, trusted=(ROOT,)) == (
        f"the certificates in FILE have not signed each other: {WHOLE}",
    )
    leaf = Issued("asr.example", LOWER, is_authority=False, names_key=False)
    with pytest.raises(OSError, match="the certificates in it have not signed each other"):
        doubts(leaf, other, trusted=(ROOT,))


def test_a_key_of_a_certificate_further_down(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_bytes(UPPER.pem + LOWER.pem + LEAF.pem)
    (tmp_path / "k.pem").write_bytes(LEAF.private)
    with pytest.raises(OSError, match=r"wrong order: the key is that of certificate 3: '.*c.pem'"):
        load_tls(tmp_path / "c.pem", tmp_path / "k.pem", None)


def test_a_private_authority_that_issues_directly(tmp_path: Path) -> None:
    """It is served, and doubted."""
    authority = trustme.CA()
    pair = authority.issue_cert("asr.example")
    pair.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    tls = load_tls(tmp_path / "both.pem", tmp_path / "both.pem", None)
    [doubt] = tls.doubts
    assert "is neither in" in doubt
