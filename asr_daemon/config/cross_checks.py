"""Check rules across settings, which no setting can check alone. Pure."""

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import combinations, product
from os.path import normpath
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from asr_daemon.config.model import Config
from asr_daemon.config.problems import Finding
from asr_daemon.config.values import AnySecret, UrlPath, kind_of
from asr_daemon.networks import CLIENT_HEADERS
from asr_daemon.providers.registry import UNAVAILABLE, VENDORS
from asr_daemon.providers.vendor import Vendor
from asr_daemon.secret import Secret

SHORTEST_PUBLIC_KEY = 16
"""Characters of a key that may be the only protection from the internet."""


STAGING = ".staging"
"""The directory below the root that holds what is being written."""

LONGEST_ROOT_BYTES = 1024
"""The kernel takes paths of 4095, of which the longest layout needs less than 3000."""


class Exposure(Struct, frozen=True):
    """Why senders beyond loopback reach the daemon."""

    key: str
    """The setting that lets them in."""
    reason: str


def check(config: Config) -> Iterator[Finding]:
    """Yield every rule that `config` breaks."""
    for rule in _RULES:
        yield from rule(config)
    exposure = _exposure(config)
    for vendor, settings in enabled_vendors(config):
        key = f"providers.{vendor.name}"
        if exposure is not None:
            yield from _protected(key, vendor, settings, exposure)
            yield from _long_keys(key, settings, exposure)
        yield from vendor.check(settings, key)


def enabled_vendors(config: Config) -> Iterator[tuple[Vendor, Any]]:
    """Yield each vendor whose callbacks are served, with its settings."""
    for vendor in VENDORS:
        settings = getattr(config.providers, vendor.name)
        if settings.enabled:
            yield vendor, settings


def is_loopback(host: str) -> bool:
    """Say whether a listener at `host` can be reached from this machine only."""
    addresses = _addresses(host)
    return bool(addresses) and all(
        (getattr(address, "ipv4_mapped", None) or address).is_loopback for address in addresses
    )


def _some_listener(config: Config) -> Iterator[Finding]:
    if not config.listen:
        wrong, right = "empty list", "write at least one listener, or remove the line"
        yield Finding("listen", wrong, right, ("listen",))


def _distinct_listeners(config: Config) -> Iterator[Finding]:
    listeners = [
        *((f"listen[{index}]", at.address, at.port) for index, at in enumerate(config.listen)),
        ("admin", config.admin.address, config.admin.port),
    ]
    for (first, first_address, first_port), (key, address, port) in combinations(listeners, 2):
        if port == first_port != 0 and _overlap(address, first_address):
            wrong = f"{address} port {port} is already used by {first} ({first_address})"
            depends = (f"{key}.address", f"{first}.port", f"{first}.address")
            yield Finding(f"{key}.port", wrong, "write another port or address", depends)


def _overlap(left: str, right: str) -> bool:
    pairs = product(_addresses(left), _addresses(right))
    return left.lower() == right.lower() or any(
        one == other
        or (one.version == other.version and (one.is_unspecified or other.is_unspecified))
        for one, other in pairs
    )


def _addresses(host: str) -> tuple[IPv4Address | IPv6Address, ...]:
    """Return the addresses of a host as far as known without a lookup: none of most names."""
    if host.lower() == "localhost":
        return (ip_address("127.0.0.1"), ip_address("::1"))
    try:
        return (ip_address(host),)
    except ValueError:
        return ()


def _available_providers(_config: Config) -> Iterator[Finding]:
    for vendor in UNAVAILABLE:
        wrong = f"provider {vendor.name} is installed but cannot be loaded ({vendor.reason})"
        right = "repair or uninstall the distribution that adds it"
        yield Finding("providers", wrong, right, ())


def _some_provider(config: Config) -> Iterator[Finding]:
    if not any(enabled_vendors(config)):
        keys = tuple(f"providers.{vendor.name}.enabled" for vendor in VENDORS)
        yield Finding(keys[0], "no provider is enabled", "write true for at least one", keys)


def _distinct_paths(config: Config) -> Iterator[Finding]:
    routes = [
        (f"providers.{vendor.name}.{field.encode_name}", getattr(settings, field.name))
        for vendor, settings in enabled_vendors(config)
        for field in structs.fields(settings)
        if field.type is UrlPath
    ]
    for (first, first_path), (key, path) in combinations(routes, 2):
        if path == first_path:
            wrong = f"{path} is already used by {first}"
            yield Finding(key, wrong, "write another path", (key, first))


def _exposure(config: Config) -> Exposure | None:
    for index, listener in enumerate(config.listen):
        if not is_loopback(listener.address):
            key = f"listen[{index}].address"
            return Exposure(key, f"{key} is {listener.address}")
    if config.trusted_proxies:
        return Exposure("trusted_proxies", "through trusted_proxies")
    return None


def _protected(key: str, vendor: Vendor, settings: Any, exposure: Exposure) -> Iterator[Finding]:
    credentials = vendor.credentials
    values = {
        field.encode_name: getattr(settings, field.name) for field in structs.fields(settings)
    }
    if values[credentials] or settings.allow or settings.allow_unauthenticated:
        return
    below = (credentials, "allow", "allow_unauthenticated", "enabled")
    yield Finding(
        key,
        f"accepts results from any machine without credentials ({exposure.reason})",
        f"write {credentials} or allow below it, or enabled: false, "
        "or allow_unauthenticated: true if that is intended",
        (exposure.key, *(f"{key}.{setting}" for setting in below)),
    )


def _long_keys(key: str, settings: Any, exposure: Exposure) -> Iterator[Finding]:
    if settings.allow:
        return
    for setting, kind, secrets in _secrets(settings, key):
        if _has_short(secrets):
            yield Finding(
                setting,
                f"too short to be the only protection from other machines ({exposure.reason})",
                f"write at least {SHORTEST_PUBLIC_KEY} characters "
                "(openssl rand -hex 16 makes a key)",
                (setting, exposure.key, f"{key}.allow"),
                # Valid in 0.1.0.
                is_warning=kind is AnySecret,
            )


def _secrets(settings: Any, key: str) -> Iterator[tuple[str, Any, tuple[Secret, ...]]]:
    """Yield the path, kind and value of each list of secrets, also of those in lists below."""
    for field in structs.fields(settings):
        item, value = kind_of(field.type).item, getattr(settings, field.name)
        path = f"{key}.{field.encode_name}"
        if item is None:
            continue
        if kind_of(item).base is Secret:
            yield path, item, value
        elif kind_of(item).is_section:
            for index, section in enumerate(value):
                yield from _secrets(section, f"{path}[{index}]")


def _has_short(keys: tuple[Secret, ...]) -> bool:
    return any(len(key.reveal()) < SHORTEST_PUBLIC_KEY for key in keys)


def _formats(config: Config) -> Iterator[Finding]:
    key, formats = "output.formats", config.output.formats
    if "json" not in formats:
        wrong = "json is required: its presence tells readers that a result is complete"
        yield Finding(key, wrong, "write [json, ...]", (key,))
    for name, times in Counter(formats).items():
        if times > 1:
            yield Finding(key, f"duplicate format {name}", "write it once", (key,))


def _root(config: Config) -> Iterator[Finding]:
    if len(bytes(config.output.root)) > LONGEST_ROOT_BYTES:
        wrong = f"longer than {LONGEST_ROOT_BYTES} bytes, which leaves too little for results"
        yield Finding("output.root", wrong, "write a shorter path", ("output.root",))


def _state(config: Config) -> Iterator[Finding]:
    root, state = (Path(normpath(path)) for path in (config.output.root, config.state))
    right, depends = "write a directory outside output.root", ("state", "output.root")
    if state.is_relative_to(root / STAGING):
        wrong = f"in {root / STAGING}, which is emptied at each start"
        yield Finding("state", wrong, right, depends)
    elif state.is_relative_to(root):
        wrong = "in output.root, where programs that read results find it too"
        yield Finding("state", wrong, right, depends, is_warning=True)


def _proxies_of_header(config: Config) -> Iterator[Finding]:
    key, depends = "client_address_header", ("client_address_header", "trusted_proxies")
    if config.client_address_header != CLIENT_HEADERS[0] and not config.trusted_proxies:
        right = "write the networks of your proxies there, or remove the line"
        wrong = "has no effect without trusted_proxies"
        yield Finding(key, wrong, right, depends, is_warning=True)


_RULES = (
    _some_listener,
    _distinct_listeners,
    _available_providers,
    _some_provider,
    _distinct_paths,
    _formats,
    _root,
    _state,
    _proxies_of_header,
)
