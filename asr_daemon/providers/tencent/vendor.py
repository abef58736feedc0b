"""What the rest of the package uses of Tencent."""

from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.samples import tencent_callback
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.providers.tencent.siblings import SIBLINGS
from asr_daemon.providers.tencent.simulator import callback_url, make_simulator
from asr_daemon.providers.vendor import Vendor

TENCENT = Vendor(
    name=Tencent.name,
    title="Tencent Cloud ASR",
    settings=TencentSettings,
    credentials="key",
    make_provider=Tencent,
    make_simulator=make_simulator,
    callback_url=callback_url,
    sample=tencent_callback,
    siblings=SIBLINGS,
)
