"""Addresses, networks, and the client that a proxy names."""

from ipaddress import ip_network

import pytest

from asr_daemon.networks import (
    Client,
    find_client,
    is_in,
    network_of,
    reachable,
    unmapped,
)

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
    ("listed", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("203.0.113.9,198.51.100.7,10.0.0.2:80,::ffff:10.0.0.3", "198.51.100.7"),
        ("unknown, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.9, 10.0.0.2", "10.0.0.9"),
        (" ,\t198.51.100.7\t, ,", "198.51.100.7"),
        ("198.51.100.7:51008", "198.51.100.7"),
        ('"198.51.100.7:51008"', "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("[::ffff:c633:6407]:443", "198.51.100.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ('"[2001:db8::7]:443"', "2001:db8::7"),
        ("2001:db8::7:443", "2001:db8::7:443"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
    ],
)
@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip", "cf-connecting-ip"])
def test_shapes_of_an_address(header: str, listed: str, address: str) -> None:
    """The client is the last address that is not a proxy's, without port, quotes and zone."""
    assert find_client("10.0.0.1", {header: listed}, PROXIES, header) == Client(address)


@pytest.mark.parametrize(
    ("listed", "address"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ("For=198.51.100.7;proto=https;by=203.0.113.43", "198.51.100.7"),
        ('by=203.0.113.43 ; for = "198.51.100.7:51008"', "198.51.100.7"),
        ('for="[2001:db8::7]:443"', "2001:db8::7"),
        ('for="[fe80::1%eth0]"', "fe80::1"),
        ("for=203.0.113.9, for=198.51.100.7;proto=http,for=10.0.0.2", "198.51.100.7"),
        ("for=unknown,, for=198.51.100.7 ,", "198.51.100.7"),
        ('for="198.51.100.7:_hidden"', "198.51.100.7"),
        # What a client wrote, and what a proxy quotes of it, does not hide what the proxy says.
        ('for="203.0.113.9, for=198.51.100.7', "198.51.100.7"),
        ('for=203.0.113.9", for="[2001:db8::7]:443"', "2001:db8::7"),
        ('for=198.51.100.7;host="x,for=203.0.113.9;for=203.0.113.9"', "198.51.100.7"),
        (r'for=198.51.100.7;host="x\",for=203.0.113.9,\""', "198.51.100.7"),
    ],
)
def test_forwarded(listed: str, address: str) -> None:
    """`Forwarded` is read by its grammar, from the end that trusted proxies write."""
    found = find_client("10.0.0.1", {"forwarded": listed}, PROXIES, "forwarded")
    assert found == Client(address)


@pytest.mark.parametrize(
    "listed",
    [
        "nonsense",
        "unknown",
        "_hidden",
        "client.example.com",
        "198.51.100.7:",
        "198.51.100.7:port",
        "198.51.100.300",
        "198.051.100.7",
        "[198.51.100.7]:443x",
        "[2001:db8::7",
        "2001:db8::7]:443",
        "for=198.51.100.7",
        "198.51.100.7, unknown",
        "198.51.100.7, _hidden, 10.0.0.2",
        "unix:",
        "%eth0",
        "1" * 100_000,
    ],
)
@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip", "forwarded"])
def test_no_usable_address(header: str, listed: str) -> None:
    """Where the header names nobody, the proxy's own address counts, with the reason."""
    headers: dict[str, str] = {header: f'for="{listed}"' if header == "forwarded" else listed}
    problem = f"the header {header} does not name the client by an IP address"
    assert find_client("10.0.0.1", headers, PROXIES, header) == Client("10.0.0.1", problem)


@pytest.mark.parametrize(
    "listed", ["for=", 'for=""', "proto=https", "198.51.100.7", "for=203.0.113.9;for=203.0.113.9"]
)
def test_forwarded_without_one_client(listed: str) -> None:
    """An element that does not name one client ends the list: nothing before it is believed."""
    headers = {"forwarded": f"for=203.0.113.9, {listed}"}
    assert find_client("10.0.0.1", headers, PROXIES, "forwarded") == Client(
        "10.0.0.1", "the header forwarded does not name the client by an IP address"
    )


@pytest.mark.parametrize(
    ("header", "headers", "instead"),
    [
        (
            "x-forwarded-for",
            {"x-real-ip": "198.51.100.7", "forwarded": "for=198.51.100.7"},
            "; this request has x-real-ip and forwarded",
        ),
        (
            "x-real-ip",
            {"x-forwarded-for": "198.51.100.7", "x-real-ip": ""},
            "; this request has x-forwarded-for",
        ),
        ("forwarded", {"x-client-ip": "198.51.100.7", "forwarded": ""}, ""),
        ("x-client-ip", {"x-client-ip": " , "}, ""),
    ],
)
def test_other_headers_are_ignored(header: str, headers: dict[str, str], instead: str) -> None:
    """Only the configured header is read: a proxy lets the others through as they came."""
    found = find_client("10.0.0.1", headers, PROXIES, header)
    assert found == Client("10.0.0.1", f"the header {header} is missing or empty{instead}")


@pytest.mark.parametrize("connected", ["192.0.2.1", "2001:db8::1", "", "unix:"])
def test_only_trusted_proxies_are_believed(connected: str) -> None:
    """The address of anybody else is its own, whatever its headers say."""
    headers = {"x-forwarded-for": "198.51.100.7"}
    assert find_client(connected, headers, PROXIES) == Client(connected)


def test_default_header() -> None:
    """Without a setting it is the header that most proxies send."""
    assert find_client("10.0.0.1", {"x-forwarded-for": "198.51.100.7"}, PROXIES) == Client(
        "198.51.100.7"
    )


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        (["127.0.0.1"], "::1", True),
        (["127.0.0.0/8"], "::1", True),
        (["::1"], "127.0.0.1", True),
        (["::1"], "::ffff:127.0.0.1", True),
        (["::1"], "127.0.0.2", False),
        (["127.0.0.2"], "::1", False),
        ([], "::1", False),
    ],
)
def test_localhost_has_two_addresses(networks: list[str], address: str, inside: bool) -> None:
    """Which of them a proxy on `localhost` connects from is up to its resolver."""
    assert is_in(address, tuple(map(ip_network, networks))) is inside


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:0:c000:207", "::ffff:0:c000:207"),
        ("2001:db8::7", "2001:db8::7"),
        ("", ""),
    ],
)
def test_unmapped(address: str, plain: str) -> None:
    """IPv4 clients of a socket for both have their IPv4 address, as elsewhere."""
    assert unmapped(address) == plain


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
