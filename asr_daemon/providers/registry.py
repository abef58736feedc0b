"""Every vendor: those of this package, and those that installed distributions add.

A distribution adds one by an entry point in the group `asr_daemon.providers` whose object is a
`Vendor`.
"""

from importlib.metadata import EntryPoint, entry_points

from msgspec import Struct

from asr_daemon.providers.huawei.vendor import HUAWEI
from asr_daemon.providers.other_services import OTHERS, OtherServices
from asr_daemon.providers.tencent.vendor import TENCENT
from asr_daemon.providers.vendor import Vendor

ENTRY_POINTS = "asr_daemon.providers"


class Unavailable(Struct, frozen=True):
    """A vendor that a distribution adds and that cannot be loaded."""

    name: str
    reason: str


def _load(entry: EntryPoint) -> Vendor | Unavailable:
    try:
        vendor = entry.load()
    except Exception as error:  # noqa: BLE001 - whatever it is, commands report it in a sentence
        return Unavailable(entry.name, f"{type(error).__name__}: {error}")
    if isinstance(vendor, Vendor):
        return vendor
    return Unavailable(entry.name, f"{entry.value} is not a Vendor")


_ADDED = tuple(map(_load, sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name)))

UNAVAILABLE = tuple(added for added in _ADDED if isinstance(added, Unavailable))
"""An error of every configuration: callbacks of such a vendor would be refused."""

VENDORS: tuple[Vendor, ...] = (
    TENCENT,
    HUAWEI,
    *(added for added in _ADDED if isinstance(added, Vendor)),
)
"""In the order of the configuration."""

_KINDS = (*(kind for vendor in VENDORS for kind in vendor.other_services), *OTHERS)
OTHER_SERVICES = OtherServices(tuple(sorted(_KINDS, key=lambda kind: not kind.is_taken)))
"""What may come to the wrong path: bodies that some vendor here takes, then the others."""
