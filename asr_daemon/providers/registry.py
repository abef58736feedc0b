"""Every vendor: those of this package, and those that installed distributions add.

A distribution adds one by an entry point in the group `asr_daemon.providers` whose object is a
`Vendor`.
"""

from importlib.metadata import entry_points

from asr_daemon.providers.huawei.vendor import HUAWEI
from asr_daemon.providers.siblings import OTHERS, Siblings
from asr_daemon.providers.tencent.vendor import TENCENT
from asr_daemon.providers.vendor import Vendor

ENTRY_POINTS = "asr_daemon.providers"


def _added() -> tuple[Vendor, ...]:
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name)
    return tuple(entry.load() for entry in found)


VENDORS: tuple[Vendor, ...] = (TENCENT, HUAWEI, *_added())
"""In the order of the configuration."""

_KINDS = (*(kind for vendor in VENDORS for kind in vendor.siblings), *OTHERS)
SIBLINGS = Siblings(tuple(sorted(_KINDS, key=lambda kind: not kind.is_taken)))
"""What may come to the wrong path: bodies that some vendor here takes, then the others."""
