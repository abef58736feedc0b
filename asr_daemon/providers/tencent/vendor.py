"""What the rest of the package uses of Tencent."""

from collections.abc import Iterator

from asr_daemon.config.problems import Finding
from asr_daemon.providers.tencent.fetched_text import make_text_source
from asr_daemon.providers.tencent.other_services import OTHER_SERVICES
from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.samples import tencent_callback
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.providers.tencent.simulator import callback_url, make_simulator
from asr_daemon.providers.vendor import Vendor


def _some_hosts(settings: TencentSettings, key: str) -> Iterator[Finding]:
    if settings.fetch_text != "never" and not settings.fetch_hosts:
        yield Finding(
            f"{key}.fetch_hosts",
            f"nothing may be fetched, and fetch_text is {settings.fetch_text}",
            'write the hosts of your texts, such as ["*.myqcloud.com"], or fetch_text: never',
            (f"{key}.fetch_hosts", f"{key}.fetch_text"),
        )


TENCENT = Vendor(
    name=Tencent.name,
    title="Tencent Cloud ASR",
    settings=TencentSettings,
    credentials="key",
    make_provider=Tencent,
    make_text_source=make_text_source,
    make_simulator=make_simulator,
    callback_url=callback_url,
    sample=tencent_callback,
    check=_some_hosts,
    other_services=OTHER_SERVICES,
)
