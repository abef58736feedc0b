"""Decide what may be fetched: which URL, and which address its name may stand for. Pure.

A URL comes from outside and is fetched from inside the network: without these rules any sender of
callbacks could read what only this machine reaches. So a URL is taken apart once, by the strictest
reading, and put together again of the parts that were checked: no other parser has a say.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network
from urllib.parse import quote, urlsplit

from msgspec import Struct

from asr_daemon.errors import AsrDaemonError

HTTPS_PORT = 443
LONGEST_URL = 8192

_ANY_BELOW = "*."
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
# The last label has a letter first: `0x7f.1` and `2130706433` are IPv4 addresses to some resolvers.
_HOST = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?=[a-z]){_LABEL}")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
_SAFE = "%/:@!$&'()*+,;=~?-._"

_PUBLIC_V6 = ip_network("2000::/3")
"""All that was ever given out. IPv4 addresses that are mapped or compatible, NAT64, unique local,
link-local, multicast, loopback and the unspecified address are outside."""

_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # Teredo and ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address, which may be a private one
        "3fff::/20",  # documentation
    )
)
"""By IANA's registries of special-purpose addresses. `is_global` of the standard library differs
from one version of Python to the next."""


class FetchRefused(AsrDaemonError):
    """It must not be fetched; the message says why, without what may be secret in the URL."""


class Policy(Struct, frozen=True):
    """What holds for every URL, whatever the configuration; tests have one of their own."""

    is_allowed: Callable[[str], bool]
    """Says of an address whether it may be connected to."""
    port: int = HTTPS_PORT

    def check_url(self, url: str, hosts: tuple[str, ...]) -> str:
        """Return a URL that may be fetched, put together of its checked parts.

        Args:
            url: as it came.
            hosts: names, or `*.` and a name for all names below it.

        Raises:
            FetchRefused: it is not `https`, or of none of the hosts, or no plain URL.
        """
        if len(url) > LONGEST_URL or _UNPRINTABLE.search(url):
            raise FetchRefused("the URL is too long, or has blanks or backslashes in it")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise FetchRefused("the URL is invalid") from None
        if parts.scheme != "https":
            raise FetchRefused("the URL is not https")
        if "@" in parts.netloc:
            raise FetchRefused("the URL has a user name")
        if port not in (None, self.port):
            raise FetchRefused(f"the URL has a port other than {self.port}")
        host = (parts.hostname or "").lower()
        if not is_host(host):
            raise FetchRefused("the URL names no host by a plain name")
        if not any(_matches(host, allowed) for allowed in hosts):
            raise FetchRefused(f"{host} is not in fetch_hosts")
        origin = f"https://{host}" if self.port == HTTPS_PORT else f"https://{host}:{self.port}"
        query = f"?{quote(parts.query, _SAFE)}" if parts.query else ""
        return f"{origin}{quote(parts.path, _SAFE) or '/'}{query}"


def is_host(name: str) -> bool:
    """Say whether this is a host name of several labels in lower case, and no address."""
    return _HOST.fullmatch(name) is not None


def is_public(address: str) -> bool:
    """Say whether an address is one of the public internet, of either family."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if not isinstance(parsed, IPv4Address) and (parsed.scope_id or parsed not in _PUBLIC_V6):
        return False
    return not any(parsed in network for network in _NOT_PUBLIC)


def _matches(host: str, allowed: str) -> bool:
    allowed = allowed.lower()
    if allowed.startswith(_ANY_BELOW):
        return host.endswith(allowed[1:])
    return host == allowed
