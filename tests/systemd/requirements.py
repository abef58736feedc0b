"""What the tests of units and packages need from the machine."""

import shutil
from collections.abc import Sequence
from pathlib import Path


def systemd_analyze() -> str | None:
    """Ask for what judges units without running them."""
    return _programs(["systemd-analyze"], "systemd")


def debootstrap() -> str | None:
    """Ask for what makes a Debian tree."""
    return _programs(["debootstrap"], "debootstrap")


def nspawn() -> str | None:
    """Ask for what boots one."""
    return _programs(["systemd-nspawn", "nsenter"], "systemd-container util-linux")


def cgroup2() -> str | None:
    """Ask for control groups of the second version, to which one may be added."""
    mount = cgroup2_mount()
    if mount is None:
        return "a cgroup2 mount"
    trial = mount / "asr-daemon-trial"
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        return f"a cgroup2 mount that can be written ({error.strerror})"
    return None


def cgroup2_mount() -> Path | None:
    """Return where they are mounted, `None` if they are not."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    fields = (line.split() for line in mounts)
    return next((Path(where) for _, where, kind, *_ in fields if kind == "cgroup2"), None)


def _programs(names: Sequence[str], packages: str) -> str | None:
    missing = [name for name in names if shutil.which(name) is None]
    return f"{', '.join(missing)} (Debian: {packages})" if missing else None
