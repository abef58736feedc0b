"""Certificates with their keys, the ways they are put in place of others, and who looks at them."""

import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from itertools import count
from pathlib import Path
from typing import NamedTuple

import trustme
from cryptography import x509

from tests.daemon.clients import ANSWER_TIMEOUT_S
from tests.daemon.load import Connect

ADDRESS = "127.0.0.1"


class Pair(NamedTuple):
    """A certificate and its key, as texts."""

    certificate: bytes
    key: bytes
    serial: str
    """The number of the certificate, as a client is told it."""


class Files(NamedTuple):
    """Where a listener finds its certificate and key."""

    certificate: Path
    key: Path

    def settings(self) -> dict[str, str]:
        """Return the `tls` of a listener."""
        return {"certificate": str(self.certificate), "key": str(self.key)}


class Authority:
    """Issues certificates for this machine."""

    def __init__(self) -> None:
        """Make another authority than any before."""
        self._authority = trustme.CA()

    @property
    def certificate(self) -> bytes:
        """Its own certificate."""
        return self._authority.cert_pem.bytes()

    def issue(self, days: float = 90.0) -> Pair:
        """Return another pair, which holds for so many days; fewer than none if it has expired."""
        not_after = datetime.now(UTC) + timedelta(days=days)
        not_before = min(not_after, datetime.now(UTC)) - timedelta(days=30)
        issued = self._authority.issue_cert(ADDRESS, not_after=not_after, not_before=not_before)
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        return Pair(chain, issued.private_key_pem.bytes(), _serial_of(chain))

    def context(self, client: Pair | None = None, folder: Path | None = None) -> ssl.SSLContext:
        """Return what trusts it, and shows a certificate of its own if there is one."""
        context = ssl.create_default_context(cadata=self.certificate.decode())
        if client is not None and folder is not None:
            shown = folder / f"client-{client.serial}.pem"
            shown.write_bytes(client.certificate + client.key)
            context.load_cert_chain(shown)
        return context


def secure(port: int, context: ssl.SSLContext) -> Connect:
    """Return what connects to a port of this machine with TLS."""
    return lambda: HTTPSConnection(ADDRESS, port, timeout=ANSWER_TIMEOUT_S, context=context)


def serial_at(port: int) -> str:
    """Shake hands, and return the number of the certificate that is shown, be it expired."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((ADDRESS, port), ANSWER_TIMEOUT_S) as connection,
        context.wrap_socket(connection) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    assert shown is not None
    return _serial_of(ssl.DER_cert_to_PEM_cert(shown).encode())


Replace = Callable[[Path, bytes], None]
"""Puts other content in place of a file."""


def in_place(file: Path, content: bytes) -> None:
    """Write into it."""
    file.write_bytes(content)


def by_rename(file: Path, content: bytes) -> None:
    """Rename another file to it."""
    fresh = file.with_suffix(".fresh")
    fresh.write_bytes(content)
    fresh.rename(file)


def by_link(file: Path, content: bytes) -> None:
    """Have a link lead to another file, as certbot does."""
    archive = file.parent / "archive"
    archive.mkdir(exist_ok=True)
    kept = next(path for n in count() if not (path := archive / f"{file.stem}{n}.pem").exists())
    kept.write_bytes(content)
    fresh = file.with_suffix(".link")
    fresh.symlink_to(f"archive/{kept.name}")
    fresh.rename(file)


def both_by_link(files: Files, pair: Pair) -> None:
    """Have a link lead to another folder with both files, as a volume of Kubernetes does."""
    folder = files.certificate.parent
    version = folder / f"..{pair.serial}"
    version.mkdir()
    (version / files.certificate.name).write_bytes(pair.certificate)
    (version / files.key.name).write_bytes(pair.key)
    _lead(folder / "..data", version.name)
    for file in files:
        if not file.is_symlink() or not str(file.readlink()).startswith("..data"):
            _lead(file, f"..data/{file.name}")


def one_by_one(
    files: Files, pair: Pair, replace: Replace, *, key_first: bool, pause_s: float
) -> None:
    """Put both files in place, one a little after the other."""
    steps = [(files.certificate, pair.certificate), (files.key, pair.key)]
    first, second = reversed(steps) if key_first else steps
    replace(*first)
    time.sleep(pause_s)
    replace(*second)


def _lead(at: Path, target: str) -> None:
    fresh = at.with_name(f".{at.name}.link")
    fresh.symlink_to(target)
    fresh.rename(at)


def _serial_of(chain: bytes) -> str:
    """Return the number of the first certificate in a file."""
    return f"{x509.load_pem_x509_certificate(chain).serial_number:X}"
