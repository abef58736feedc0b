"""Try the chain of a certificate as clients do, and say why they may refuse it."""

import shlex
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""

_MOST_FLIGHTS = 10
"""A handshake takes two or three."""

WHOLE_CHAIN = "write the whole chain that the authority gives now (often called fullchain.pem)"

Names = tuple[tuple[tuple[str, str], ...], ...]


class Link(Struct, frozen=True):
    """A certificate of a chain, as far as clients judge it by."""

    subject: Names
    issuer: Names
    begins_at_s: float
    expires_at_s: float
    issuer_urls: tuple[str, ...]
    pem: str

    @property
    def is_root(self) -> bool:
        """Whether it has signed itself."""
        return self.subject == self.issuer


def try_certificate(context: ssl.SSLContext, pem: str) -> Link:
    """Shake hands with a client that trusts just this one, and return what it sees.

    Raises:
        ssl.SSLError: no client takes it.
    """
    facts = _shake_hands(_client(pem), context) or {}
    return _link(facts, pem)


def doubts(
    context: ssl.SSLContext, leaf: Link, others: Sequence[str], file: str, now_s: float
) -> tuple[str, ...]:
    """Return why clients may refuse a chain, a sentence each with what to do.

    A chain that leads to a root which this machine trusts is not doubted.

    Args:
        context: shows the chain.
        leaf: the certificate that the key belongs to.
        others: the certificates behind it in the file, in PEM.
        file: where they stand.
        now_s: Unix seconds.
    """
    if now_s < leaf.begins_at_s:
        begin = _iso(leaf.begins_at_s)
        return (f"the certificate in {file} is valid from {begin} on: check the clock",)
    if leaf.is_root or _is_trusted(context, check_time=True):
        return ()
    authorities = [found for pem in others if (found := _authority(pem))]
    path = _path(leaf, authorities)
    if not _accepts(_client(path[-1].pem), context):
        return (f"the certificates in {file} have not signed each other: {WHOLE_CHAIN}",)
    sentences = (
        _out_of_order(path, authorities, file),
        *(_expired(one, now_s) for one in path[1:]),
        _incomplete(context, path, file),
    )
    return tuple(sentence for sentence in sentences if sentence)


def _path(leaf: Link, authorities: Sequence[Link]) -> list[Link]:
    """Return the certificates from the leaf on, each issued by the next, as far as there is one."""
    path = [leaf]
    while not path[-1].is_root:
        above = [one for one in authorities if one.subject == path[-1].issuer and one not in path]
        if not above:
            break
        path.append(above[0])
    return path


def _out_of_order(path: Sequence[Link], authorities: Sequence[Link], file: str) -> str | None:
    places = [authorities.index(one) for one in path[1:]]
    if places == sorted(places):
        return None
    order = ", ".join(common_name(one.subject) for one in path)
    return f"the chain in {file} is in the wrong order, which some clients refuse: write {order}"


def _expired(one: Link, now_s: float) -> str | None:
    if now_s < one.expires_at_s:
        return None
    end = _iso(one.expires_at_s)
    return (
        f"{common_name(one.subject)}, a certificate of the chain, expired at {end}: {WHOLE_CHAIN}"
    )


def _incomplete(context: ssl.SSLContext, path: Sequence[Link], file: str) -> str | None:
    last = path[-1]
    if last.is_root or _is_trusted(context, check_time=False):
        return None
    issuer = common_name(last.issuer)
    append = f"append its certificate to {file}"
    if last.issuer_urls:
        url = shlex.quote(last.issuer_urls[0])
        append = f"run: curl {url} | openssl x509 -inform DER >>{shlex.quote(file)}"
    return (
        f"{issuer}, which issued the certificate of {common_name(last.subject)}, is neither in "
        f"{file} nor trusted by this machine: clients that do not know it cannot connect; {append}"
    )


def common_name(names: Names) -> str:
    """Return how people call a certificate."""
    attributes = dict(attribute for part in names for attribute in part)
    return attributes.get("commonName") or ", ".join(attributes.values()) or "an unnamed authority"


def _link(facts: Mapping[str, Any], pem: str) -> Link:
    begins_at_s, expires_at_s = (
        float(ssl.cert_time_to_seconds(facts[name])) for name in ("notBefore", "notAfter")
    )
    urls = facts.get("caIssuers", ())
    return Link(facts["subject"], facts["issuer"], begins_at_s, expires_at_s, urls, pem)


def _iso(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="seconds")


def _authority(pem: str) -> Link | None:
    """Return a certificate that may issue others, `None` if it is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except ssl.SSLError:
        return None
    found = context.get_ca_certs()
    return _link(found[0], pem) if found else None


def _client(pem: str) -> ssl.SSLContext:
    """Return a client that trusts just this certificate, whatever the time and the host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=pem)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags |= _NO_CHECK_TIME
    return context


def _is_trusted(server: ssl.SSLContext, *, check_time: bool) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_default_certs()
    if not check_time:
        context.verify_flags |= _NO_CHECK_TIME
    return _accepts(context, server)


def _accepts(client: ssl.SSLContext, server: ssl.SSLContext) -> bool:
    try:
        _shake_hands(client, server)
    except ssl.SSLError:
        return False
    return True


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> Mapping[str, Any] | None:
    """Connect them in memory; return what the client knows of the certificate."""
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(downward, upward)
    answering = server.wrap_bio(upward, downward, server_side=True)
    for _ in range(_MOST_FLIGHTS):
        if _proceeds(asking):
            return asking.getpeercert()
        _proceeds(answering)
    raise ssl.SSLError("no handshake is possible with it")


def _proceeds(side: ssl.SSLObject) -> bool:
    """Take one side as far as it comes; say whether it is done."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
