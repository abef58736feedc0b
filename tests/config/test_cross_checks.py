"""Rules across settings."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from msgspec.structs import replace

from asr_daemon.config.cross_checks import check, is_loopback
from asr_daemon.config.model import (
    AdminSettings,
    Config,
    ListenSettings,
    OutputSettings,
    ProvidersSettings,
)
from asr_daemon.providers.huawei.settings import HuaweiClientSettings, HuaweiSettings
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.secret import Secret

ALL_IPV4 = "0.0.0.0"  # noqa: S104 - nothing is bound here
KEY = Secret("0123456789abcdef")
PUBLIC = (ListenSettings(address="192.0.2.7"),)
OFF = HuaweiSettings(enabled=False)
NETWORKS = (ip_network("10.0.0.0/8"),)


def told(config: Config) -> list[str]:
    """Return the rules that are broken as `key: wrong; right`."""
    return [
        f"{finding.key}: {finding.wrong}; {finding.right}"
        for finding in check(config)
        if not finding.is_warning
    ]


def warned(config: Config) -> list[str]:
    """Return what is doubtful, in the same form."""
    return [
        f"{finding.key}: {finding.wrong}; {finding.right}"
        for finding in check(config)
        if finding.is_warning
    ]


def listening(*places: tuple[str, int]) -> Config:
    """Return a configuration with these listeners and the admin on port 8788."""
    listen = tuple(ListenSettings(address=address, port=port) for address, port in places)
    opened = ProvidersSettings(tencent=TencentSettings(keys=(KEY,)), huawei=OFF)
    return Config(listen=listen, providers=opened)


def test_the_defaults_break_no_rule() -> None:
    """They are for loopback only."""
    assert told(Config()) == []


def test_a_listener_is_needed() -> None:
    """A daemon that listens nowhere is a mistake."""
    assert told(listening()) == [
        "listen: empty list; write at least one listener, or remove the line"
    ]


@pytest.mark.parametrize(
    "places",
    [
        [("127.0.0.1", 80), ("127.0.0.1", 80)],
        [("127.0.0.1", 80), (ALL_IPV4, 80)],
        [("::", 80), ("::1", 80)],
        [("::1", 80), ("0:0:0:0:0:0:0:1", 80)],
        [("localhost", 80), ("127.0.0.1", 80)],
        [("asr.example.org", 80), ("ASR.example.org", 80)],
    ],
)
def test_listeners_do_not_overlap(places: list[tuple[str, int]]) -> None:
    """The system would refuse the second."""
    (address, _), (other, _) = places
    assert told(listening(*places)) == [
        (
            f"listen[1].port: {other} port 80 is already used by listen[0] ({address}); "
            "write another port or address"
        )
    ]


@pytest.mark.parametrize(
    "places",
    [
        [("127.0.0.1", 80), ("127.0.0.1", 81)],
        [("127.0.0.1", 80), ("127.0.0.2", 80)],
        [("127.0.0.1", 80), ("::1", 80)],
        [(ALL_IPV4, 80), ("::", 80)],
        [("127.0.0.1", 0), ("127.0.0.1", 0)],
        [("one.example.org", 80), ("two.example.org", 80)],
    ],
)
def test_listeners_beside_each_other_are_fine(places: list[tuple[str, int]]) -> None:
    """Port 0 is another one each time."""
    assert told(listening(*places)) == []


def test_the_admin_listener_needs_a_place_too() -> None:
    """It is told at the admin's port."""
    config = replace(Config(), admin=AdminSettings(port=8787))
    assert told(config) == [
        (
            "admin.port: 127.0.0.1 port 8787 is already used by listen[0] (127.0.0.1); "
            "write another port or address"
        )
    ]


def test_a_provider_is_needed() -> None:
    """A daemon that receives nothing is a mistake."""
    providers = ProvidersSettings(tencent=TencentSettings(enabled=False), huawei=OFF)
    assert told(Config(providers=providers)) == [
        "providers.tencent.enabled: no provider is enabled; write true for at least one"
    ]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (HuaweiSettings(path="/callbacks/tencent"), "providers.huawei.path"),
        (HuaweiSettings(token_path="/callbacks/tencent"), "providers.huawei.token_path"),
    ],
)
def test_paths_differ(settings: HuaweiSettings, key: str) -> None:
    """One path cannot mean two things."""
    assert told(Config(providers=ProvidersSettings(huawei=settings))) == [
        f"{key}: /callbacks/tencent is already used by providers.tencent.path; write another path"
    ]


def test_paths_of_a_disabled_provider_are_free() -> None:
    """Nothing is served there."""
    disabled = HuaweiSettings(enabled=False, path="/callbacks/tencent")
    assert told(Config(providers=ProvidersSettings(huawei=disabled))) == []


def test_an_open_door_is_told_for_each_provider() -> None:
    """Reached from elsewhere, without credentials."""
    assert told(Config(listen=PUBLIC)) == [
        (
            "providers.tencent: accepts results from any machine without credentials "
            "(listen[0].address is 192.0.2.7); write key or allow below it, or enabled: false, "
            "or allow_unauthenticated: true if that is intended"
        ),
        (
            "providers.huawei: accepts results from any machine without credentials "
            "(listen[0].address is 192.0.2.7); write clients or allow below it, or enabled: false, "
            "or allow_unauthenticated: true if that is intended"
        ),
    ]


def test_trusted_proxies_are_a_door() -> None:
    """A proxy on loopback brings in the world."""
    config = Config(trusted_proxies=NETWORKS, providers=ProvidersSettings(huawei=OFF))
    assert "without credentials (through trusted_proxies); write key or allow" in told(config)[0]


@pytest.mark.parametrize(
    "settings",
    [
        TencentSettings(keys=(KEY,)),
        TencentSettings(allow=NETWORKS),
        TencentSettings(allow_unauthenticated=True),
    ],
)
def test_a_guarded_door_is_fine(settings: TencentSettings) -> None:
    """By a key, by networks, or by the admin's own word."""
    assert (
        told(Config(listen=PUBLIC, providers=ProvidersSettings(tencent=settings, huawei=OFF))) == []
    )


def test_a_short_key_is_no_guard() -> None:
    """What can be guessed does not do beyond loopback; on loopback, or with networks, it does."""
    short = TencentSettings(keys=(KEY, Secret("fifteen-letters")))
    providers = ProvidersSettings(tencent=short, huawei=OFF)
    [said] = told(Config(listen=PUBLIC, providers=providers))
    assert said == (
        "providers.tencent.key: too short to be the only protection from other machines "
        "(listen[0].address is 192.0.2.7); write at least 16 characters (openssl rand -hex 16 "
        "makes a key)"
    )
    assert told(Config(providers=providers)) == []
    listed = TencentSettings(keys=short.keys, allow=NETWORKS)
    assert (
        told(Config(listen=PUBLIC, providers=ProvidersSettings(tencent=listed, huawei=OFF))) == []
    )


def test_clients_are_guards_too() -> None:
    """Huawei's credentials are its clients."""
    client = HuaweiClientSettings(app_key="A", app_secrets=(KEY,))
    providers = ProvidersSettings(
        tencent=TencentSettings(enabled=False), huawei=HuaweiSettings(clients=(client,))
    )
    assert told(Config(listen=PUBLIC, providers=providers)) == []


def test_a_short_secret_of_a_client_is_doubtful() -> None:
    """Version 0.1.0 took it."""
    clients = (
        HuaweiClientSettings(app_key="A", app_secrets=(KEY,)),
        HuaweiClientSettings(app_key="B", app_secrets=(KEY, Secret("fifteen-letters"))),
    )
    disabled = TencentSettings(enabled=False)
    settings = HuaweiSettings(clients=clients)
    config = Config(listen=PUBLIC, providers=ProvidersSettings(tencent=disabled, huawei=settings))
    assert told(config) == []
    assert warned(config) == [
        (
            "providers.huawei.clients[1].app_secret: too short to be the only protection from "
            "other machines (listen[0].address is 192.0.2.7); write at least 16 characters "
            "(openssl rand -hex 16 makes a key)"
        )
    ]
    assert warned(replace(config, listen=Config().listen)) == []
    listed = replace(settings, allow=NETWORKS)
    providers = ProvidersSettings(tencent=disabled, huawei=listed)
    assert warned(replace(config, providers=providers)) == []


def test_clients_differ() -> None:
    """Two secrets of one client belong into one entry."""
    clients = tuple(HuaweiClientSettings(app_key=key, app_secrets=(KEY,)) for key in "ABA")
    config = Config(providers=ProvidersSettings(huawei=HuaweiSettings(clients=clients)))
    assert told(config) == [
        (
            "providers.huawei.clients[2].app_key: same app_key as clients[0]; "
            "write another, or put both secrets of one client into a list at app_secret"
        )
    ]


def test_json_is_among_the_formats() -> None:
    """Without it no reader would know that a result is whole."""
    assert told(Config(output=OutputSettings(formats=("txt",)))) == [
        (
            "output.formats: json is required: its presence tells readers that a result is "
            "complete; write [json, ...]"
        )
    ]


def test_formats_differ() -> None:
    """Each is written once."""
    assert told(Config(output=OutputSettings(formats=("json", "txt", "txt")))) == [
        "output.formats: duplicate format txt; write it once"
    ]


def test_texts_are_fetched_from_somewhere() -> None:
    nowhere = TencentSettings(fetch_text="when_empty", fetch_hosts=())
    assert told(Config(providers=ProvidersSettings(tencent=nowhere))) == [
        (
            "providers.tencent.fetch_hosts: nothing may be fetched, and fetch_text is when_empty; "
            'write the hosts of your texts, such as ["*.myqcloud.com"], or fetch_text: never'
        )
    ]


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("LOCALHOST", True),
        (ALL_IPV4, False),
        ("::", False),
        ("192.0.2.7", False),
        ("localhost.example.org", False),
    ],
)
def test_what_is_loopback(host: str, answer: bool) -> None:
    """A name that nobody has looked up is not."""
    assert is_loopback(host) is answer


def test_a_root_that_leaves_no_room_for_results() -> None:
    told_of = [told(Config(output=OutputSettings(root=Path("/" + "x" * n)))) for n in (1023, 1024)]
    wrong = "longer than 1024 bytes, which leaves too little for results; write a shorter path"
    assert told_of == [[], [f"output.root: {wrong}"]]


@pytest.mark.parametrize(
    ("root", "state", "wrong"),
    [
        ("/srv/r", "/srv/r/.staging", "in /srv/r/.staging, which is emptied at each start"),
        ("r", "./r/x/../.staging/x", "in r/.staging, which is emptied at each start"),
    ],
)
def test_a_state_in_staging_is_reported(root: str, state: str, wrong: str) -> None:
    config = Config(output=OutputSettings(root=Path(root)), state=Path(state))
    assert told(config) == [f"state: {wrong}; write a directory outside output.root"]
    assert warned(config) == []


@pytest.mark.parametrize(("root", "state"), [("/srv/r", "/srv/r"), ("/srv/r", "/srv/r/state")])
def test_a_state_among_results_is_doubtful(root: str, state: str) -> None:
    """Version 0.1.0 took it."""
    config = Config(output=OutputSettings(root=Path(root)), state=Path(state))
    assert told(config) == []
    assert warned(config) == [
        (
            "state: in output.root, where programs that read results find it too; "
            "write a directory outside output.root"
        )
    ]


@pytest.mark.parametrize(("root", "state"), [("/srv/r/state/x", "/srv/r/state"), ("/a", "/ab")])
def test_a_state_elsewhere_is_fine(root: str, state: str) -> None:
    config = Config(output=OutputSettings(root=Path(root)), state=Path(state))
    assert list(check(config)) == []


def test_a_header_of_no_proxy_is_doubtful() -> None:
    config = Config(client_address_header="x-real-ip")
    assert told(config) == []
    assert warned(config) == [
        (
            "client_address_header: has no effect without trusted_proxies; "
            "write the networks of your proxies there, or remove the line"
        )
    ]
    assert warned(replace(config, trusted_proxies=NETWORKS)) == []
