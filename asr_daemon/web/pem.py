"""Say why a file that should hold certificates or a key in PEM does not. Pure."""

import re
import shlex

from msgspec import Struct

_PEM = re.compile(rb"^(?:\xef\xbb\xbf)?-----BEGIN ", re.MULTILINE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CERTIFICATE = re.compile(
    r"^-----BEGIN (?P<label>(?:X509 |TRUSTED )?CERTIFICATE)-----.*?^-----END (?P=label)-----",
    re.MULTILINE | re.DOTALL,
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_JAVA = b"\xfe\xed\xfe\xed"
_DER = re.compile(rb"\A\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)", re.DOTALL)
_VERSION_3 = b"\x02\x01\x03"
_SIGNED_DATA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"


class Misfit(Struct, frozen=True):
    """What a file holds instead, and what mends it."""

    wrong: str
    right: str


def misfit(content: bytes, file: str) -> Misfit | None:
    """Return why OpenSSL would not read all of a file, `None` if its form is right."""
    file = shlex.quote(file)
    if content.startswith(_UTF_16):
        return Misfit("it is saved as UTF-16", f"write the output of: iconv -f UTF-16 {file}")
    if not _PEM.search(content) and (other := _binary(content, file)):
        return other
    for pattern, wrong, right in _BROKEN:
        if re.search(pattern, content, re.MULTILINE):
            return Misfit(wrong, right.replace("FILE", file))
    return None


def certificates(content: bytes) -> list[str]:
    """Return the certificates in PEM, one by one, as the file has them."""
    text = content.replace(_BYTE_ORDER_MARK, b"").decode("ascii", "replace").replace("\r\n", "\n")
    return [f"{match[0]}\n" for match in _CERTIFICATE.finditer(text)]


def _binary(content: bytes, file: str) -> Misfit | None:
    head = _DER.match(content)
    if content.startswith(_JAVA):
        to_pkcs12 = f"keytool -importkeystore -srckeystore {file} -destkeystore NEW.p12"
        return Misfit("it is a Java key store", f"run: {to_pkcs12} -deststoretype pkcs12")
    if head is None:
        return None
    inside = content[head.end() :]
    if inside.startswith(_VERSION_3):
        both = f"openssl pkcs12 -in {file} -nodes -out NEW.pem"
        return Misfit("it is PKCS#12", f"run: {both} (certificates and key may be one file)")
    if inside.startswith(_SIGNED_DATA):
        return Misfit("it is PKCS#7 in DER", _run("pkcs7 -print_certs -inform DER", file))
    if inside.startswith(b"\x02\x01"):
        return Misfit("it is a key in DER", _run("pkey -inform DER", file))
    return Misfit("it is DER", _run("x509 -inform DER", file))


def _run(command: str, file: str) -> str:
    return f"run: openssl {command} -in {file} -out NEW.pem"


_BEGIN = rb"-----BEGIN [A-Z0-9 ]+-----"
_BROKEN = (
    (_BEGIN + rb"\\n", r"it has \n in place of line breaks", r"run: sed -i 's/\\n/\n/g' FILE"),
    (_BEGIN + rb"\r(?!\n)", "its lines end with CR alone", r"run: sed -i 's/\r/\n/g' FILE"),
    (
        _BEGIN + rb"[ \t]*[A-Za-z0-9+/]{40}",
        "it has no line break behind BEGIN",
        "copy it again with its line breaks",
    ),
    (
        rb"-----END [A-Z0-9 ]+-----[^\r\n]*-----BEGIN ",
        "an END and the next BEGIN stand on one line",
        r"run: sed -i 's/-----BEGIN /\n&/g' FILE",
    ),
    (
        rb"^(?:[ \t]|\xc2\xa0)+" + _BEGIN,
        "its lines are indented",
        r"run: sed -i 's/^[^-A-Za-z0-9+/=]*//' FILE",
    ),
    (
        # OpenSSL passes over such a block without a word, but not for a byte order mark.
        rb"^(?!\xef\xbb\xbf-)[^\r\n]+" + _BEGIN + rb"\r?\n[A-Za-z0-9+/]{40}",
        "something stands before a BEGIN on its line",
        r"run: sed -i 's/-----BEGIN /\n&/g' FILE",
    ),
    (
        rb"^-----BEGIN (?:PKCS7|CMS)-----",
        "it is PKCS#7",
        "run: openssl pkcs7 -print_certs -in FILE -out NEW.pem",
    ),
    (
        rb"^-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----",
        "it holds a certificate request",
        "write the certificate that the authority has made of it",
    ),
    (
        rb"^-----BEGIN OPENSSH PRIVATE KEY-----",
        "its key is in the form of OpenSSH",
        "run: ssh-keygen -p -m PKCS8 -f FILE",
    ),
)
"""What is wrong with text, how it shows, and what mends it."""
