"""IP addresses and networks, and the address of a client that a proxy names."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

Network = IPv4Network | IPv6Network

IPV6_PREFIX = 64
"""The network that one customer of an internet provider has, which counts as one address."""

CLIENT_HEADERS = ("x-forwarded-for", "x-real-ip", "forwarded")
"""The headers in which most proxies name the client of a request, in lower case."""

_LOOPBACK = (ip_address("127.0.0.1"), ip_address("::1"))
"""Either is the address of `localhost`: which of them a connection has is up to its client."""

_MAPPED = "::ffff:"
_BLANKS = " \t"
_UNKNOWN = "unknown"
_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_ZONE = r"(?:%[^]\s]*)?"
_NODE = re.compile(
    rf"(?P<ipv4>[0-9.]+){_PORT}"
    rf"|\[(?P<bracketed>[0-9A-Fa-f:.]+){_ZONE}\]{_PORT}"
    rf"|(?P<ipv6>[0-9A-Fa-f:.]+){_ZONE}"
)
_QUOTED_PAIR = re.compile(r"\\[\"\\]")
_SEPARATORS = re.compile(r"[,;=]")


class Client(Struct, frozen=True):
    """The client of a request."""

    address: str
    problem: str | None = None
    """Why this is the address of a trusted proxy and not of its client; `None` if it is not."""


def is_in(address: str, networks: tuple[Network, ...]) -> bool:
    """Return whether an address is in one of the networks.

    An IPv4 address mapped to IPv6 (RFC 4291, 2.5.5.2) is judged as the IPv4 address; 127.0.0.1 and
    ::1 are in the networks of each other. Anything else, such as the name of a Unix socket, is in
    none.
    """
    if not networks:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    addresses = _LOOPBACK if parsed in _LOOPBACK else (parsed,)
    return any(address in network for network in networks for address in addresses)


def unmapped(address: str) -> str:
    """Return the address of a connection, without the prefix of IPv4 on an IPv6 socket."""
    is_mapped = address.startswith(_MAPPED) and "." in address
    return address.removeprefix(_MAPPED) if is_mapped else address


def find_client(
    connected: str,
    headers: Mapping[str, str],
    trusted: tuple[Network, ...],
    header: str = CLIENT_HEADERS[0],
) -> Client:
    """Return the address of the client of a request, as text.

    It is the address that is connected, unless that is a trusted proxy: then it is the last address
    in the header that is not a trusted proxy too. An address is written in its canonical form,
    without port and zone. If the header has none, the proxy's address counts, and `problem` is why.

    Args:
        connected: the address at the other end of the connection.
        headers: by name in lower case; lines of one name are joined with commas.
        trusted: the networks of proxies whose header is believed.
        header: the only header that is read, in lower case; all but `forwarded` list addresses.
    """
    if not is_in(connected, trusted):
        return Client(connected)
    listed = headers.get(header, "")
    hops = _forwarded_hops(listed) if header == "forwarded" else listed.split(",")
    hops = [hop.strip(_BLANKS) for hop in hops if hop.strip(_BLANKS)]
    if not hops:
        return Client(connected, _missing(header, headers))
    farthest = connected
    for hop in reversed(hops):
        address = _read_hop(hop)
        if address is None:
            return Client(
                connected, f"the header {header} does not name the client by an IP address"
            )
        farthest = address
        if not is_in(address, trusted):
            break
    return Client(farthest)


def network_of(address: str) -> str:
    """Return what an address counts against in limits: itself, or of IPv6 its /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address) or parsed.ipv4_mapped is not None:
        return address
    return str(ip_network((int(parsed), IPV6_PREFIX), strict=False))


def reachable(address: str) -> str:
    """Return the address to connect to for a listener: loopback for 0.0.0.0 and ::."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not parsed.is_unspecified:
        return address
    return "127.0.0.1" if isinstance(parsed, IPv4Address) else "::1"


def _missing(header: str, headers: Mapping[str, str]) -> str:
    sent = [name for name in CLIENT_HEADERS if headers.get(name)]
    instead = f"; this request has {' and '.join(sent)}" if sent else ""
    return f"the header {header} is missing or empty{instead}"


def _read_hop(hop: str) -> str | None:
    """Return the address in one element of the header, `None` for `unknown`, `_hidden` and such.

    Proxies add a port, and then brackets to IPv6; quotes, or a zone.
    """
    node = _NODE.fullmatch(hop.strip(_BLANKS + '"'))
    if node is None:
        return None
    try:
        parsed = ip_address(node["ipv4"] or node["bracketed"] or node["ipv6"])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def _forwarded_hops(listed: str) -> list[str]:
    """Return the value of `for=` in each element of `Forwarded` (RFC 7239, 4).

    Quotes are paired from the end, where the trusted proxies write: one that a client left open
    swallows nothing of theirs. What a proxy quotes, such as the client's Host, separates nothing.
    """
    parts = _QUOTED_PAIR.sub("_", listed).split('"')
    for quoted in range(len(parts) - 2, -1, -2):
        parts[quoted] = _SEPARATORS.sub("_", parts[quoted])
    return [_for_of(element) for element in "".join(parts).split(",") if element.strip(_BLANKS)]


def _for_of(element: str) -> str:
    pairs = [pair.partition("=") for pair in element.split(";")]
    nodes = [node for name, _, node in pairs if name.strip(_BLANKS).lower() == "for"]
    return (nodes[0].strip(_BLANKS) if len(nodes) == 1 else "") or _UNKNOWN
