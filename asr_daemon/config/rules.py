"""What no setting can judge alone: rules across settings. Pure."""

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import combinations, product

from msgspec import Struct

from asr_daemon.config.model import Config

SHORTEST_PUBLIC_KEY = 16
"""Characters of a key that may be the only thing between the internet and the tree."""


class Finding(Struct, frozen=True):
    """A rule that is broken: at which setting, and in which words (see `Problem`)."""

    key: str
    wrong: str
    right: str
    depends: tuple[str, ...]
    """The settings that the rule looked at, those first that are likely to be the mistake."""


def check(config: Config) -> Iterator[Finding]:
    """Yield every rule that `config` breaks."""
    for rule in _RULES:
        yield from rule(config)


def is_loopback(host: str) -> bool:
    """Say whether nobody outside the machine reaches a listener at `host`."""
    addresses = _addresses(host)
    return bool(addresses) and all(
        (getattr(address, "ipv4_mapped", None) or address).is_loopback for address in addresses
    )


def _some_listener(config: Config) -> Iterator[Finding]:
    if not config.listen:
        wrong, right = "is an empty list", "write at least one listener, or remove the line"
        yield Finding("listen", wrong, right, ("listen",))


def _distinct_listeners(config: Config) -> Iterator[Finding]:
    listeners = [
        *((f"listen[{index}]", at.address, at.port) for index, at in enumerate(config.listen)),
        ("admin", config.admin.address, config.admin.port),
    ]
    for (first, first_address, first_port), (key, address, port) in combinations(listeners, 2):
        if port == first_port != 0 and _overlap(address, first_address):
            wrong = f"{address} port {port} is taken by {first} ({first_address}) already"
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
    """Return what is known of a host without asking anybody: nothing of most names."""
    if host.lower() == "localhost":
        return (ip_address("127.0.0.1"), ip_address("::1"))
    try:
        return (ip_address(host),)
    except ValueError:
        return ()


def _some_provider(config: Config) -> Iterator[Finding]:
    if not (config.providers.tencent.enabled or config.providers.huawei.enabled):
        keys = ("providers.tencent.enabled", "providers.huawei.enabled")
        yield Finding(keys[0], "no provider is enabled", "write true here or there", keys)


def _distinct_paths(config: Config) -> Iterator[Finding]:
    tencent, huawei = config.providers.tencent, config.providers.huawei
    routes = []
    if tencent.enabled:
        routes += [("providers.tencent.path", tencent.path)]
    if huawei.enabled:
        routes += [
            ("providers.huawei.path", huawei.path),
            ("providers.huawei.token_path", huawei.token_path),
        ]
    for (first, first_path), (key, path) in combinations(routes, 2):
        if path == first_path:
            yield Finding(key, f"{path} is {first} too", "write another path", (key, first))


def _no_open_door(config: Config) -> Iterator[Finding]:
    door = _door_to_the_world(config)
    tencent, huawei = config.providers.tencent, config.providers.huawei
    guards = (
        ("tencent", "key", tencent, tencent.keys),
        ("huawei", "clients", huawei, huawei.clients),
    )
    for name, setting, provider, credentials in guards:
        guarded = credentials or provider.allow or provider.allow_unauthenticated
        if door is None or guarded or not provider.enabled:
            continue
        key, what = door
        below = (setting, "allow", "allow_unauthenticated", "enabled")
        yield Finding(
            f"providers.{name}",
            f"anybody beyond this machine may send results here ({what})",
            f"write {setting} or allow below it, or enabled: false, "
            "or allow_unauthenticated: true if that is meant",
            (key, *(f"providers.{name}.{setting}" for setting in below)),
        )


def _no_key_to_guess(config: Config) -> Iterator[Finding]:
    door = _door_to_the_world(config)
    tencent = config.providers.tencent
    short = any(len(key.reveal()) < SHORTEST_PUBLIC_KEY for key in tencent.keys)
    if door is not None and short and tencent.enabled and not tencent.allow:
        key = "providers.tencent.key"
        wrong = f"is so short that anybody beyond this machine could guess it ({door[1]})"
        right = (
            f"write at least {SHORTEST_PUBLIC_KEY} characters (openssl rand -hex 16 makes a key)"
        )
        yield Finding(key, wrong, right, (key, door[0], "providers.tencent.allow"))


def _door_to_the_world(config: Config) -> tuple[str, str] | None:
    """Return the setting that lets in senders from beyond loopback, and its value in words."""
    for index, listener in enumerate(config.listen):
        if not is_loopback(listener.address):
            return f"listen[{index}].address", f"listen[{index}].address is {listener.address}"
    if config.trusted_proxies:
        return "trusted_proxies", "through trusted_proxies"
    return None


def _distinct_clients(config: Config) -> Iterator[Finding]:
    clients = config.providers.huawei.clients
    for (first, one), (index, other) in combinations(enumerate(clients), 2):
        if one.app_key == other.app_key:
            key = f"providers.huawei.clients[{index}].app_key"
            wrong = f"is the app_key of clients[{first}] too"
            right = "write another, or put both secrets of one client into a list at app_secret"
            yield Finding(key, wrong, right, ("providers.huawei.clients",))


def _formats(config: Config) -> Iterator[Finding]:
    key, formats = "output.formats", config.output.formats
    if "json" not in formats:
        wrong = "json is missing, whose presence tells readers that a result is whole"
        yield Finding(key, wrong, "write [json, ...]", (key,))
    for name, times in Counter(formats).items():
        if times > 1:
            yield Finding(key, f"{name} stands there twice", "write it once", (key,))


_RULES = (
    _some_listener,
    _distinct_listeners,
    _some_provider,
    _distinct_paths,
    _no_open_door,
    _no_key_to_guess,
    _distinct_clients,
    _formats,
)
