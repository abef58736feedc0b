"""A network of one's own: whatever addresses a test wants, and nobody else in it."""

import ctypes
import os
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


def secluded(folder: Path, names: Mapping[str, str], test: Callable[[], T]) -> T:
    """Run a test on a thread in which this machine has the addresses of these names.

    Processes and threads that it starts share its network, which leads nowhere else.

    Args:
        folder: for what takes the place of /etc/hosts.
        names: and their addresses.
        test: what to run.
    """

    def run() -> T:
        if _libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "no namespace")
        hosts = folder / "hosts"
        hosts.write_text("".join(f"{address} {name}\n" for name, address in names.items()))
        _do("mount", "--make-rprivate", "/")
        _do("mount", "--bind", str(hosts), "/etc/hosts")
        _do("ip", "link", "set", "lo", "up")
        for address in {*names.values()} - {"127.0.0.1", "::1"}:
            _do("ip", "address", "add", address, "dev", "lo")
        return test()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def _do(*command: str) -> None:
    subprocess.run(command, check=True, env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
