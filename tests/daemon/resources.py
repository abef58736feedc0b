"""What a daemon has of the machine."""

import re
from pathlib import Path
from typing import NamedTuple

from tests.daemon.process import Daemon


class Resources(NamedTuple):
    """As the kernel counts them."""

    memory_kib: int
    threads: int
    descriptors: int


def resources(daemon: Daemon) -> Resources:
    """Look at what a daemon has now."""
    process = Path(f"/proc/{daemon.process.pid}")
    resident = re.search(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
    assert resident
    threads, descriptors = (len(list((process / each).iterdir())) for each in ("task", "fd"))
    return Resources(int(resident[1]), threads, descriptors)
