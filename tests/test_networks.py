"""Addresses, networks, and whose word on them is believed."""

from ipaddress import ip_network

import pytest

from asr_daemon.networks import client_address, is_in, network_of, reachable

PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("::1", True),
        ("11.1.2.3", False),
        ("fe80::1%eth0", False),
        ("not an address", False),
    ],
)
def test_is_in(address: str, inside: bool) -> None:
    """IPv4 in IPv6 is judged as IPv4; what is no address is nowhere."""
    assert is_in(address, PROXIES) is inside


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("192.0.2.1", {"x-forwarded-for": "198.51.100.7"}, "192.0.2.1"),
        ("10.0.0.1", {"x-forwarded-for": "198.51.100.7"}, "198.51.100.7"),
        ("10.0.0.1", {"x-forwarded-for": "203.0.113.9, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"),
        ("10.0.0.1", {"x-forwarded-for": "198.51.100.7, nonsense"}, "10.0.0.1"),
        ("10.0.0.1", {"x-forwarded-for": "10.0.0.9, 10.0.0.2"}, "10.0.0.9"),
        ("10.0.0.1", {"x-real-ip": "198.51.100.7"}, "198.51.100.7"),
        ("10.0.0.1", {"x-real-ip": "nonsense"}, "10.0.0.1"),
        ("10.0.0.1", {}, "10.0.0.1"),
    ],
)
def test_client_address(peer: str, headers: dict[str, str], address: str) -> None:
    """A trusted proxy is believed, anybody else is not, and nobody is beyond the last hop."""
    assert client_address(peer, headers, PROXIES) == address


@pytest.mark.parametrize(
    ("listened_on", "address"),
    [
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - nothing is bound
        ("::", "::1"),
        ("192.0.2.7", "192.0.2.7"),
        ("asr.example.net", "asr.example.net"),
    ],
)
def test_reachable(listened_on: str, address: str) -> None:
    """Who listens on every address is reached on loopback."""
    assert reachable(listened_on) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("unix", "unix"),
    ],
)
def test_network_of(address: str, network: str) -> None:
    """Of IPv6 a whole network belongs to one customer."""
    assert network_of(address) == network
