"""Internet addresses and the networks that they are in."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

IPV6_PREFIX = 64
"""What one customer of an internet provider has of IPv6, and so counts as one address."""


def is_in(address: str, networks: tuple[Network, ...]) -> bool:
    """Say whether an address is in one of the networks.

    An IPv4 address that reached an IPv6 socket (RFC 4291, 2.5.5.2) is judged as the IPv4 address.
    What is no address, such as the name of a Unix socket, is in none.
    """
    if not networks:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def client_address(peer: str, headers: Mapping[str, str], trusted: tuple[Network, ...]) -> str:
    """Return the address of the sender of a request, as text.

    It is the peer's own, unless the peer is a trusted proxy: then the last address of
    `X-Forwarded-For` that is not a trusted proxy too, or, where that header is missing,
    `X-Real-Ip`. What is no address is not believed.
    """
    if not is_in(peer, trusted):
        return peer
    forwarded = headers.get("x-forwarded-for") or headers.get("x-real-ip") or peer
    hops = [hop.strip() for hop in forwarded.split(",")]
    for hop in reversed(hops):
        if not is_in(hop, trusted):
            return hop if _is_address(hop) else peer
    return hops[0]


def network_of(address: str) -> str:
    """Return what an address counts against: itself, or the IPv6 network of its customer."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address) or parsed.ipv4_mapped is not None:
        return address
    return str(ip_network((int(parsed), IPV6_PREFIX), strict=False))


def reachable(address: str) -> str:
    """Return an address to connect to for one that is listened on: loopback stands for any."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not parsed.is_unspecified:
        return address
    return "127.0.0.1" if isinstance(parsed, IPv4Address) else "::1"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
