"""What the rest of the package uses of Huawei."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from asr_daemon.config.problems import Finding
from asr_daemon.providers.huawei.other_services import OTHER_SERVICES
from asr_daemon.providers.huawei.provider import Huawei
from asr_daemon.providers.huawei.samples import huawei_callback
from asr_daemon.providers.huawei.settings import HuaweiSettings
from asr_daemon.providers.huawei.simulator import callback_url, make_simulator
from asr_daemon.providers.huawei.token_interface import TokenInterface
from asr_daemon.providers.vendor import Vendor


def _interfaces(settings: HuaweiSettings) -> Mapping[str, TokenInterface]:
    return {settings.token_path: TokenInterface(settings)}


def _distinct_clients(settings: HuaweiSettings, key: str) -> Iterator[Finding]:
    for (first, one), (index, other) in combinations(enumerate(settings.clients), 2):
        if one.app_key == other.app_key:
            wrong = f"same app_key as clients[{first}]"
            right = "write another, or put both secrets of one client into a list at app_secret"
            yield Finding(f"{key}.clients[{index}].app_key", wrong, right, (f"{key}.clients",))


HUAWEI = Vendor(
    name=Huawei.name,
    title="Huawei CEC/OIAP",
    settings=HuaweiSettings,
    credentials="clients",
    make_provider=Huawei,
    make_interfaces=_interfaces,
    make_simulator=make_simulator,
    callback_url=callback_url,
    sample=huawei_callback,
    check=_distinct_clients,
    other_services=OTHER_SERVICES,
)
